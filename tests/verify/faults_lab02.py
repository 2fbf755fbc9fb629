"""Faults that checks of Lab 02 must see."""

import json
from collections.abc import Sequence

from tests.verify import good_lab
from tests.verify.answers import Reply
from tests.verify.faults import Break, Fault, all_break, answers, changed, gone, not_ready, pods_of, put
from tests.verify.running_pods import CHAIN, World

ISTIO = "istio-system"
INJECTOR = "istio-sidecar-injector-1-17"
VALIDATOR = "istiod-default-validator"
DEAD = {"service": {"name": "istiod-1-16", "namespace": ISTIO, "port": 443}, "caBundle": "Q0E="}


def _registry_without(*names: str) -> Break:
    def run(world: World) -> None:
        known = world.routes["istiod"]["/debug/registryz"]
        world.routes["istiod"]["/debug/registryz"] = [
            service for service in known if service["Attributes"]["Name"] not in names
        ]

    return run


def _old_istiod(world: World) -> None:
    """A canary's other istiod, which the alias must not lead to."""
    labels = {"app": "istiod", "istio": "pilot", "istio.io/rev": "1-16"}
    good_lab.roll_out(world.cluster, good_lab.deployment("istiod-1-16", ISTIO, labels))
    del world.cluster.of("Service", "istiod", ISTIO)["spec"]["selector"]["istio.io/rev"]
    good_lab.connect(world.cluster)


def _behind_alias(world: World) -> None:
    """Endpoints that were left from another revision, under a Service that is right."""
    _old_istiod(world)
    world.cluster.of("Service", "istiod", ISTIO)["spec"]["selector"]["istio.io/rev"] = "1-17"


def _not_ready_pod(name: str, namespace: str) -> Break:
    def run(world: World) -> None:
        world.cluster.of("Pod", name, namespace)["status"]["conditions"][0]["status"] = "False"
        good_lab.connect(world.cluster)

    return run


def _webhook_of_another_revision(world: World) -> None:
    """The injector's Service leads to an istiod of a revision that it is not for."""
    world.cluster.of("Pod", "istiod-1-17-0", ISTIO)["metadata"]["labels"]["istio.io/rev"] = "1-16"


def _without_sidecar(app: str) -> Break:
    def run(world: World) -> None:
        world.pod(app)["spec"]["containers"].pop()

    return run


def _injected_by(app: str, status: str) -> Break:
    def run(world: World) -> None:
        world.pod(app)["metadata"]["annotations"]["sidecar.istio.io/status"] = status

    return run


def _no_pods(namespace: str) -> Break:
    def run(world: World) -> None:
        for pod in list(pods_of(world, namespace)):
            world.cluster.remove("Pod", pod["metadata"]["name"], namespace)

    return run


def _proxy_of_httpbin(*path: str, to: object) -> Break:
    def run(world: World) -> None:
        for proxy in world.routes["istiod"]["/debug/syncz"]:
            if proxy["proxy"].startswith("httpbin"):
                put(proxy, *path, to=to)

    return run


def _web_api(status: int, body: str) -> Break:
    def run(world: World) -> None:
        world.answers["http://web-api:8080/"] = (status, 0.1, body)

    return run


def _mesh(text: str) -> Break:
    return changed("ConfigMap", "istio-1-17", ISTIO, "data", "mesh", to=text)


def _webhook(kind: str, name: str, *path: str | int, to: object) -> Break:
    return changed(kind, name, "", "webhooks", 0, *path, to=to)


def _applications(names: Sequence[str]) -> list[Fault]:
    return [
        Fault(
            f"lab02.{name}",
            "another environment",
            changed(
                "Deployment",
                name,
                "istioinaction",
                *("spec", "template", "spec", "containers", 0, "env", 0, "value"),
                to="127.0.0.1:1",
            ),
            rf"Deployment {name}: .*env\[0\]\.value",
        )
        for name in names
    ]


MUTATING, VALIDATING = "MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"

FAULTS = [
    Fault("lab02.istiod-1-17", "not there", gone("Deployment", "istiod-1-17", ISTIO), r"istiod-1-17 is not there"),
    Fault("lab02.istiod-1-17", "not ready", not_ready("istiod-1-17", ISTIO), r"istiod-1-17: 0 of 1 pods ready"),
    Fault(
        "lab02.istiod-1-17",
        "another version",
        changed(
            "Deployment",
            "istiod-1-17",
            ISTIO,
            *("spec", "template", "spec", "containers", 0, "image", to := "docker.io/istio/pilot:1.16.0")[:-1],
            to=to,
        ),
        r"runs docker\.io/istio/pilot:1\.16\.0",
    ),
    Fault(
        "lab02.istiod-1-17",
        "no label of its revision",
        changed("Deployment", "istiod-1-17", ISTIO, "metadata", "labels", "istio.io/rev", to="default"),
        r"has label istio\.io/rev=default",
    ),
    Fault(
        "lab02.istiod-1-17-mesh",
        "no merge of metrics",
        _mesh("enablePrometheusMerge: false"),
        r"enablePrometheusMerge false",
    ),
    Fault(
        "lab02.istiod-1-17-mesh", "no DNS capture", _mesh("enablePrometheusMerge: true"), r"ISTIO_META_DNS_CAPTURE none"
    ),
    Fault(
        "lab02.istiod-1-17-registry",
        "two unknown",
        _registry_without("web-api", "envoy"),
        r"2 of \d+ are missing: envoy\.default",
    ),
    Fault(
        "lab02.istiod-1-17-registry",
        "no list",
        answers("istiod", "/debug/registryz", {"error": "x"}),
        r"expected a list",
    ),
    Fault(
        "lab02.istiod-1-17-registry",
        "no JSON",
        answers("istiod", "/debug/registryz", "<html>"),
        r"expected JSON, got <html>",
    ),
    Fault("lab02.istiod-1-17-registry", "refused", all_break("istiod", Reply("", 401)), r"HTTP 401"),
    Fault(
        "lab02.istiod-1-17-registry",
        "no ready istiod",
        _not_ready_pod("istiod-1-17-0", ISTIO),
        r"no ready pod of istiod-1-17",
    ),
    Fault("lab02.alias", "not there", gone("Service", "istiod", ISTIO), r"Service istiod is not there"),
    Fault("lab02.alias", "of no revision", _old_istiod, r"spec\.selector\.istio\.io/rev: expected 1-17, got nothing"),
    Fault("lab02.alias", "left endpoints", _behind_alias, r"also leads to pod istiod-1-16-0 of revision 1-16"),
    Fault("lab02.alias", "leads nowhere", _not_ready_pod("istiod-1-17-0", ISTIO), r"leads to no ready pod"),
    Fault(
        "lab02.webhooks",
        "dead revision's Service",
        _webhook(MUTATING, INJECTOR, "clientConfig", to=DEAD),
        r"Service istiod-1-16 .* leads to no ready pod",
    ),
    Fault(
        "lab02.webhooks",
        "label of a dead revision",
        changed(MUTATING, INJECTOR, "", "metadata", "labels", "istio.io/rev", to="1-16"),
        r"of revision 1-16, which the stack does not have",
    ),
    Fault(
        "lab02.webhooks",
        "pods of another revision",
        _webhook_of_another_revision,
        r"leads to pod istiod-1-17-0 of revision 1-16, not 1-17",
    ),
    Fault("lab02.webhooks", "no injector", gone(MUTATING, INJECTOR), rf"not there: {INJECTOR}"),
    Fault("lab02.webhooks", "no validator", gone(VALIDATING, VALIDATOR), rf"not there: {VALIDATOR}"),
    Fault(
        "lab02.webhooks-trusted",
        "no CA",
        _webhook(VALIDATING, VALIDATOR, "clientConfig", "caBundle", to=None),
        rf"no caBundle: {VALIDATOR}",
    ),
    Fault(
        "lab02.webhooks-trusted",
        "no webhooks",
        lambda world: [world.cluster.remove(MUTATING, INJECTOR), world.cluster.remove(VALIDATING, VALIDATOR)],
        r"Istio has no webhooks",
    ),
    Fault(
        "lab02.declared",
        "no namespace",
        gone("Namespace", ISTIO),
        r"Namespace istio-system is not there",
    ),
    Fault(
        "lab02.namespace-default",
        "no label",
        changed("Namespace", "default", "", "metadata", "labels", to={}),
        r"^istio\.io/rev=\(none\)$",
    ),
    Fault(
        "lab02.namespace-default",
        "another revision",
        changed("Namespace", "default", "", "metadata", "labels", "istio.io/rev", to="1-16"),
        r"^istio\.io/rev=1-16$",
    ),
    Fault(
        "lab02.namespace-default",
        "the old label too",
        changed("Namespace", "default", "", "metadata", "labels", "istio-injection", to="enabled"),
        r"istio-injection=enabled",
    ),
    Fault(
        "lab02.sidecar-httpbin",
        "none",
        _without_sidecar("httpbin"),
        r"pod httpbin-0 has no container istio-proxy: httpbin",
    ),
    Fault(
        "lab02.sidecar-httpbin",
        "another revision's",
        _injected_by("httpbin", json.dumps({"revision": "1-16"})),
        r"sidecar of revision 1-16, not 1-17",
    ),
    Fault("lab02.sidecar-httpbin", "written by hand", _injected_by("httpbin", "no JSON"), r"of revision \(unknown\)"),
    Fault("lab02.sidecar-sleep", "no pod", _no_pods("default"), r"no ready pod of sleep"),
    Fault(
        "lab02.in-sync",
        "not connected",
        _proxy_of_httpbin("proxy", to="other.default"),
        r"httpbin-0\.default is not connected",
    ),
    Fault("lab02.in-sync", "behind", _proxy_of_httpbin("route_acked", to="n0"), r"has not acknowledged: route"),
    Fault(
        "lab02.in-sync",
        "never acknowledged",
        _proxy_of_httpbin("listener_acked", to=None),
        r"has not acknowledged: listener",
    ),
    *_applications(("web-api", "recommendation", "purchase-history-v1")),
    Fault("lab02.sleep", "gone", gone("Deployment", "sleep", "istioinaction"), r"Deployment sleep is not there"),
    Fault(
        "lab02.chain", "an error behind", _web_api(500, json.dumps(CHAIN)), r"web-api answers 500, from web-api -> rec"
    ),
    Fault(
        "lab02.chain", "the chain is cut", _web_api(200, '{"name": "web-api"}'), r"web-api answers 200, from web-api$"
    ),
    Fault("lab02.chain", "no JSON", _web_api(503, "upstream connect error"), r"answers 503: 'upstream connect error'"),
]
