"""The webhooks of the Prometheus operator, and the certificate that they know it by."""

import base64
import ssl
import tempfile
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from components.operator_webhooks import are_ours
from components.webhook_certificate import self_signed
from meshlab.recording.recorder import Recording, record, stack_config

SECRET = "k" * 44
HOSTS = ["prom-kube-prometheus-stack-operator.prometheus.svc", "prom-kube-prometheus-stack-operator"]
VALIDATING = "monitoring-admission-validatingwebhookconfiguration"
MUTATING = "monitoring-admission-mutatingwebhookconfiguration"


@pytest.fixture(scope="module")
def known() -> Recording:
    return record("dev", generated=SECRET)


def webhooks(recording: Recording, name: str) -> list[dict[str, Any]]:
    return recording.named(name).inputs["webhooks"]


def with_operator(**values: Any) -> Recording:
    monitoring = stack_config("dev")["meshlab:monitoring"]
    return record("dev", config={"meshlab:monitoring": {**monitoring, "values": {"prometheusOperator": values}}})


def test_the_same_secret_gives_the_same_certificate_and_another_gives_another() -> None:
    assert self_signed(SECRET, HOSTS) == self_signed(SECRET, HOSTS)
    other = self_signed("l" * 44, HOSTS)
    assert other.key != self_signed(SECRET, HOSTS).key
    assert other.certificate != self_signed(SECRET, HOSTS).certificate


def test_the_certificate_is_a_servers_for_the_service_and_no_authority() -> None:
    certificate = x509.load_pem_x509_certificate(self_signed(SECRET, HOSTS).certificate.encode())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == HOSTS
    assert not certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    certificate.verify_directly_issued_by(certificate)


def test_the_certificate_is_valid_now_and_for_longer_than_the_lab_will_live() -> None:
    certificate = x509.load_pem_x509_certificate(self_signed(SECRET, HOSTS).certificate.encode())
    now = datetime.now(UTC)
    assert certificate.not_valid_before_utc < now
    assert certificate.not_valid_after_utc > now + timedelta(days=365 * 50)


def test_the_key_is_that_of_the_certificate() -> None:
    made = self_signed(SECRET, HOSTS)
    key = serialization.load_pem_private_key(made.key.encode(), password=None)
    certificate = x509.load_pem_x509_certificate(made.certificate.encode())
    assert key.public_key() == certificate.public_key()


def test_a_certificate_for_nobody_is_refused() -> None:
    with pytest.raises(ValueError, match="expected a DNS name, got none"):
        self_signed(SECRET, [])


def test_a_client_that_trusts_the_bundle_alone_takes_the_operators_answer(known: Recording) -> None:
    secret = known.named("monitoring-admission-certificate").inputs["data"]
    for webhook in [*webhooks(known, VALIDATING), *webhooks(known, MUTATING)]:
        client = webhook["clientConfig"]
        host = f"{client['service']['name']}.{client['service']['namespace']}.svc"
        assert shaken_hands(secret, client["caBundle"], host)


def shaken_hands(secret: dict[str, str], bundle: str, host: str) -> bool:
    """Whether a TLS client and server with these come to terms; both in memory. Raises ssl.SSLError where not."""
    trusting = ssl.create_default_context(cadata=base64.b64decode(bundle).decode())
    # A certificate that is trusted by itself needs no authority above it: as the API server has it.
    trusting.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    ends = [ssl.MemoryBIO() for _ in range(2)]
    client = trusting.wrap_bio(ends[0], ends[1], server_hostname=host)
    server = serving(secret).wrap_bio(ends[1], ends[0], server_side=True)
    left = {client, server}
    for _ in range(20):
        for name in list(left):
            try:
                name.do_handshake()
                left.discard(name)
            except ssl.SSLWantReadError:
                pass
    return not left


def serving(secret: dict[str, str]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.NamedTemporaryFile("wb") as file:
        file.write(base64.b64decode(secret["cert"]) + base64.b64decode(secret["key"]))
        file.flush()
        context.load_cert_chain(file.name)
    return context


def test_the_key_is_in_one_secret_and_nowhere_else(known: Recording) -> None:
    key = known.named("monitoring-admission-certificate").inputs["data"]["key"]
    holders = [resource.name for resource in known.resources if key in str(resource.inputs)]
    assert holders == ["monitoring-admission-certificate"]
    shown = record("dev", generated=SECRET, masked=True)
    assert not [resource.name for resource in shown.resources if key in str(resource.inputs)]
    assert key not in str(known.outputs)


def test_the_certificate_takes_over_what_the_charts_job_wrote(dev: Recording) -> None:
    metadata = dev.named("monitoring-admission-certificate").inputs["metadata"]
    assert metadata["annotations"] == {"pulumi.com/patchForce": "true"}


def test_a_webhook_that_nobody_answers_lets_everything_pass(known: Recording) -> None:
    assert {webhook["failurePolicy"] for name in (VALIDATING, MUTATING) for webhook in webhooks(known, name)} == {
        "Ignore"
    }


def test_the_release_makes_no_webhook_and_runs_no_job_for_one(dev: Recording) -> None:
    values = dev.named("monitoring-stack").inputs["values"]
    assert values["prometheusOperator"]["admissionWebhooks"] == {"enabled": False}


@pytest.mark.parametrize(
    "operator",
    [
        {"admissionWebhooks": {"enabled": True}},
        {"tls": {"enabled": False}},
        {"enabled": False},
    ],
)
def test_our_webhooks_are_absent_if_the_chart_makes_them_or_no_operator_runs(
    operator: dict[str, Any],
) -> None:
    recording = with_operator(**operator)
    assert not [resource.name for resource in recording.resources if "admission" in resource.name]


def test_other_values_of_the_operator_leave_the_webhooks_ours() -> None:
    assert are_ours(with_operator(logLevel="debug").named("monitoring-stack").inputs["values"])
