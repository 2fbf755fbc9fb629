"""Faults that checks of Lab 01 must see."""

from meshlab.verify.envoy_file import EXPECTED
from tests.verify.faults import Fault, changed, gone, not_ready, pods_of
from tests.verify.good_lab import config_map
from tests.verify.running_pods import World, told


def _envoy_config(world: World) -> str:
    (name,) = [name for kind, _, name in world.cluster.objects if kind == "ConfigMap" and name.startswith("envoy-")]
    return name


def _edit_envoy_file(old: str, new: str):
    def run(world: World) -> None:
        data = world.cluster.of("ConfigMap", _envoy_config(world), "default")["data"]
        assert old in data["envoy.yaml"]
        data["envoy.yaml"] = data["envoy.yaml"].replace(old, new)

    return run


def _sidecar_in_envoy(world: World) -> None:
    world.pod("envoy")["spec"]["containers"].append({"name": "istio-proxy"})


def _old_config_left(world: World) -> None:
    left = config_map("envoy-0123456789", "default", {"envoy.yaml": "admin: {}"})
    left["metadata"]["labels"] = {"app": "envoy"}
    world.cluster.add(left)


def _pod_of_old_config(world: World) -> None:
    for volume in world.pod("envoy")["spec"]["volumes"]:
        if volume["name"] == "envoy":
            volume["configMap"] = {"name": "envoy-of-yesterday"}


def _nothing_ready(world: World) -> None:
    for pod in pods_of(world, "default"):
        pod["status"]["conditions"][0]["status"] = "False"


def _answers(url: str, status: int, seconds: float, body: str):
    def run(world: World) -> None:
        world.answers[url] = (status, seconds, body)

    return run


def _refuses(url: str):
    return lambda world: world.answers.pop(url)


def _counts(name: str, more: int):
    def run(world: World) -> None:
        world.counted_per_failing_call[name] = more

    return run


def _no_curl(world: World) -> None:
    world.cluster.commands = None


FAULTS = [
    Fault("lab01.httpbin", "no Service", gone("Service", "httpbin", "default"), r"Service httpbin is not there"),
    Fault(
        "lab01.httpbin",
        "another port",
        changed("Service", "httpbin", "default", "spec", "ports", 0, "port", to=80),
        r"spec\.ports\[0\]\.port: expected 8000, got 80",
    ),
    Fault("lab01.httpbin", "no ready pod", not_ready("httpbin", "default"), r"httpbin: 0 of 1 pods ready"),
    Fault(
        "lab01.httpbin",
        "another image",
        changed("Deployment", "httpbin", "default", "spec", "template", "spec", "containers", 0, "image", to="x:1"),
        r"containers\[0\]\.image: expected docker\.io/kong/httpbin\S*, got x:1",
    ),
    Fault("lab01.sleep", "no account", gone("ServiceAccount", "sleep", "default"), r"ServiceAccount sleep is not"),
    Fault(
        "lab01.sleep",
        "a change that its controller has not seen",
        changed("Deployment", "sleep", "default", "metadata", "generation", to=7),
        r"sleep: its last change has not been seen",
    ),
    Fault("lab01.sleep-calls", "httpbin refuses", _refuses("http://httpbin:8000/headers"), r"Failed to connect"),
    Fault("lab01.sleep-calls", "httpbin fails", _answers("http://httpbin:8000/headers", 503, 0.1, ""), r"answers 503"),
    Fault("lab01.sleep-calls", "no pod to call from", _nothing_ready, r"no ready pod of sleep"),
    Fault("lab01.sleep-calls", "exec is refused", _no_curl, r"exec in default/sleep-0: nothing runs there"),
    Fault(
        "lab01.envoy",
        "no admin port",
        changed("Service", "envoy", "default", "spec", "ports", 1, to=None),
        r"spec\.ports: expected 2 entries, got 1",
    ),
    Fault("lab01.envoy", "a sidecar beside it", _sidecar_in_envoy, r"pod envoy-0 has a sidecar"),
    Fault(
        "lab01.envoy-config",
        "another listener",
        _edit_envoy_file(EXPECTED["listener"].partition(" ")[0], "other-listener"),
        r"listener other-listener \[::\]:15001, expected httpbin-listener",
    ),
    Fault("lab01.envoy-config", "no YAML", _edit_envoy_file("admin:", "admin: ]"), r"admin -, expected \[::\]:15000"),
    Fault(
        "lab01.envoy-config",
        "a comment more",
        _edit_envoy_file("admin:", "# edited by hand\nadmin:"),
        r"is not scenarios/base\.yaml",
    ),
    Fault(
        "lab01.envoy-rolled",
        "a pod with the file of yesterday",
        _pod_of_old_config,
        r"its pods mount envoy-of-yesterday",
    ),
    Fault(
        "lab01.envoy-rolled",
        "a file that is left",
        _old_config_left,
        r"expected the ConfigMap envoy-\S+ alone, got envoy-",
    ),
    Fault("lab01.envoy-rolled", "no pod", _nothing_ready, r"no ready pod of envoy"),
    Fault(
        "lab01.scenario-base",
        "another timeout",
        _answers("http://envoy/headers", 200, 0.1, told(1000)),
        r"is 1000, expected 15000",
    ),
    Fault(
        "lab01.scenario-base",
        "no such header",
        _answers("http://envoy/headers", 200, 0.1, '{"headers": {}}'),
        r"is not there, expected 15000",
    ),
    Fault(
        "lab01.scenario-base",
        "no JSON",
        _answers("http://envoy/headers", 503, 0.1, "no healthy upstream"),
        r"answers 503 and no headers: 'no healthy upstream'",
    ),
    Fault(
        "lab01.scenario-timeout",
        "the slow answer comes",
        _answers("http://envoy/delay/5", 200, 5.01, "{}"),
        r"/delay/5 answers 200 after 5\.01 s",
        "timeout",
    ),
    Fault(
        "lab01.scenario-timeout",
        "a 504 too early",
        _answers("http://envoy/delay/5", 504, 0.2, "upstream request timeout"),
        r"answers 504 after 0\.20 s",
        "timeout",
    ),
    Fault(
        "lab01.scenario-timeout",
        "a 504 of somebody else",
        _answers("http://envoy/delay/5", 504, 1.0, "gateway"),
        r"body 'gateway'",
        "timeout",
    ),
    Fault(
        "lab01.scenario-timeout",
        "the base file in force",
        _answers("http://envoy/headers", 200, 0.1, told(15000)),
        r"is 15000, expected 1000",
        "timeout",
    ),
    Fault(
        "lab01.scenario-retry",
        "no retries",
        _counts("upstream_rq_retry", 0),
        r"upstream_rq_retry \+0, not \+3",
        "retry",
    ),
    Fault(
        "lab01.scenario-retry",
        "a retry that succeeds",
        _counts("upstream_rq_retry_success", 1),
        r"upstream_rq_retry_success \+1, not \+0",
        "retry",
    ),
    Fault(
        "lab01.scenario-retry",
        "an answer after all",
        _answers("http://envoy/status/500", 200, 0.1, ""),
        r"/status/500 answers 200; statistics as expected",
        "retry",
    ),
]
