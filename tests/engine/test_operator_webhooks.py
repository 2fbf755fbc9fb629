"""Who makes the operator's webhooks can change within one `up`, in both directions. One story, in file order."""

import base64
from collections.abc import Iterator
from typing import Any

import pytest
from cryptography import x509

from meshlab.engine.outcome import Outcome
from tests.support.inventory import objects
from tests.support.lab import Lab, changed, driver, running_lab

THE_CHARTS = {"monitoring": {"values": {"prometheusOperator": {"admissionWebhooks": {"enabled": True}}}}}
CONFIGURATIONS = "validatingwebhookconfigurations,mutatingwebhookconfigurations"
OURS, OF_THE_CHART = "prom-operator-admission", "prom-kube-prometheus-stack-admission"
SECRET = OF_THE_CHART
OUR_RESOURCES = {
    "monitoring-admission-secret",
    "monitoring-admission-certificate",
    "monitoring-admission-validatingwebhookconfiguration",
    "monitoring-admission-mutatingwebhookconfiguration",
}


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with running_lab(tmp_path_factory.mktemp("webhooks"), "webhooks") as lab:
        yield lab


def up(lab: Lab, **over: Any) -> set[str]:
    """Which resources an `up` changed, after which a preview has nothing to say."""
    one = driver(lab, **over)
    outcome: Outcome = one.up()
    assert not one.preview().changed
    return changed(outcome)


def configurations(lab: Lab) -> list[str]:
    """Names of the operator's webhook configurations, one for each kind."""
    found = [object_["metadata"]["name"] for object_ in objects(lab.cluster, CONFIGURATIONS)]
    return sorted(name for name in found if name.startswith("prom-"))


def secret(lab: Lab) -> dict[str, str]:
    (found,) = objects(lab.cluster, "secret", SECRET, "-n", "prometheus")
    return found["data"]


def test_a_stack_whose_chart_makes_the_webhooks_has_a_certificate_by_its_job(lab: Lab) -> None:
    assert not up(lab, **THE_CHARTS) & OUR_RESOURCES
    assert configurations(lab) == [OF_THE_CHART] * 2
    # No Job's pod runs here: what it would have made, under the name by which it writes.
    keys = (f"--from-literal={key}=by-a-job" for key in ("ca", "cert", "key"))
    create = ("create", "secret", "generic", SECRET, "-n", "prometheus", "--field-manager=kube-webhook-certgen")
    lab.cluster.kubectl(*create, *keys)


def test_the_program_takes_its_place_and_its_secret(lab: Lab) -> None:
    assert up(lab) == {*OUR_RESOURCES, "monitoring-stack"}
    assert configurations(lab) == [OURS] * 2
    certificate = secret(lab)["cert"]
    assert x509.load_pem_x509_certificate(base64.b64decode(certificate))
    for object_ in objects(lab.cluster, CONFIGURATIONS):
        if object_["metadata"]["name"] == OURS:
            assert {webhook["clientConfig"]["caBundle"] for webhook in object_["webhooks"]} == {certificate}


def test_another_secret_is_another_certificate_everywhere_and_rolls_nothing(lab: Lab) -> None:
    before, one = secret(lab)["cert"], driver(lab)
    one.stack.up(replace=one._urns(["monitoring-admission-secret"]), color="never")
    last = one.stack.info()
    changes = (last and last.resource_changes) or {}
    assert {what: number for what, number in changes.items() if what != "same"} == {"replace": 1, "update": 3}
    assert secret(lab)["cert"] != before
    assert not one.preview().changed


def test_the_charts_jobs_find_the_certificate_that_the_operator_serves(lab: Lab) -> None:
    before = secret(lab)
    assert up(lab, **THE_CHARTS) >= {"monitoring-stack"}
    assert configurations(lab) == [OF_THE_CHART] * 2
    assert secret(lab) == before


def test_and_forth_again(lab: Lab) -> None:
    assert up(lab) >= OUR_RESOURCES
    assert configurations(lab) == [OURS] * 2
