"""One real run of the lab, and all that was seen of it: what the tests of scraping, injection and mutations judge.

Everything happens in a network namespace of its own, in which the addresses of simulated pods answer. The program's own
resources are brought up by the driver that `make up` uses; the real operator reads the Prometheus object, the monitors
and the rules among them, and a real Prometheus runs the configuration that it generates.
"""

import json
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pytest
import yaml

from base import process
from base.assets import load_manifests
from components.objects import in_namespace
from embedded.cluster import CLUSTER_TOOLS, EmbeddedCluster, Network
from embedded.cluster.istiod import PROGRAM
from embedded.tools import toolchain
from embedded.tools.toolchain import ToolsMissingError
from meshlab.engine.programs import EngineMissingError, find_engine
from meshlab.recording.recorder import record
from tests.support.stacks import overlaid

from . import claims, monitor_mutants
from .apart import up_apart
from .charts import chart_folder
from .claims import Object
from .inventory import objects
from .netns import network_namespace
from .pod_servers import envoy_program, pod_servers
from .prometheus import (
    PROGRAMS,
    Prometheus,
    generated,
    jobs,
    operator,
    outside_a_pod,
    prometheus,
    write_rules,
)
from .shapes import CHART_TAG, IPV6_PODS, LAB_ORDER, MESHED, NEW, OLD, OUTSIDE, SHAPES, TAG, VERSIONS
from .waiting import eventually, patiently

NETWORK = Network(services="10.96.0.0/16", pods="10.244.0.0/16")
MONITORS = {
    "istio-component-monitor": "serviceMonitor",
    "envoy-stats-monitor": "podMonitor",
    "envoy-demo-monitor": "serviceMonitor",
}
NAMESPACE = "prometheus"
SETTLED_SECONDS = 60.0
"""After which a state that should have come is taken as it is; the test that judges it says what is wrong with it."""

T = TypeVar("T")


@dataclass
class Evidence:
    """What was seen, step by step. Objects are as the API server had them."""

    seconds: dict[str, float] = field(default_factory=dict[str, float])
    """How long each step took."""
    history: list[tuple[str, Object]] = field(default_factory=list[tuple[str, Object]])
    """Events of pods in default, namespaces and injectors, while the lab came up."""
    pods: list[Object] = field(default_factory=list[Object])
    """All pods of the whole lab, up."""
    services: list[Object] = field(default_factory=list[Object])
    there: set[str] = field(default_factory=set[str])
    """Everything that Kiali may be told of, as `<kind> <namespace>/<name>`."""
    kiali: Object = field(default_factory=dict[str, Any])
    registry: set[str] = field(default_factory=set[str])
    """Host names that istiod knows."""
    validators: list[Object] = field(default_factory=list[Object])
    refusal: str = ""
    """What the API server said to a broken VirtualService."""
    acceptance: str = ""
    """And to a good one."""
    pools: dict[str, list[claims.Target]] = field(default_factory=dict[str, list[claims.Target]])
    """Active targets by the monitor that they come from."""
    metrics: dict[str, list[dict[str, Any]]] = field(default_factory=dict[str, list[dict[str, Any]]])
    """Series by the query that gave them."""
    rules: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    """Every rule that Prometheus has loaded, those of the stack's chart included."""
    rule_objects: list[Object] = field(default_factory=list[Object])
    """The program's own PrometheusRules."""
    mutated_pools: dict[str, list[claims.Target]] = field(default_factory=dict[str, list[claims.Target]])
    """Active targets by the mutated monitor that they come from; the untouched monitors are among them."""
    behind: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    """Revisions of the istiods behind a Service, by the Service's name."""
    rendered_validators: dict[str, Object] = field(default_factory=dict[str, Object])
    """The program's validator, and the base chart's without a default revision, after istiod saw both."""
    with_sidecars_of_its_own: list[Object] = field(default_factory=list[Object])
    """Pods of the standalone Envoy in the mesh, without its label that keeps it out."""
    moved: list[Object] = field(default_factory=list[Object])
    """Pods after namespace default has changed its revision."""
    lab_order: list[Object] = field(default_factory=list[Object])
    """Pods after the label was put on a namespace with running pods by hand, as the lab has it, and nothing rolled."""

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Times one step."""
        started = time.monotonic()
        yield
        self.seconds[name] = time.monotonic() - started


QUERIES = {
    "up": 'up{job=~"pilot|envoy-stats|envoy"}',
    "istiods": 'count by (istio_rev) (pilot_info{job="pilot"})',
    "sidecars": 'envoy_server_live{job="envoy-stats"}',
    "standalone": 'envoy_cluster_membership_total{job="envoy",envoy_cluster_name="httpbin_service"}',
}


def gather(folder: Path) -> Evidence:
    """Runs it all, and takes it all away again. Skips the test where this machine cannot do it, with the reason."""
    try:
        toolchain.ensure([*CLUSTER_TOOLS, "helm", PROGRAM, *PROGRAMS])
        find_engine(print)
    except (ToolsMissingError, EngineMissingError) as missing:
        pytest.skip(str(missing))
    envoy_program()
    evidence = Evidence()
    # Charts may have to come over the network, which there is none of inside.
    charts = chart_folder("dev", settings())
    with network_namespace(NETWORK.pods, IPV6_PODS):
        with evidence.step("cluster"):
            cluster = EmbeddedCluster.up("proof", state_dir=folder, network=NETWORK, injection=True)
        with cluster:
            _Run(cluster, folder, charts, evidence).all()
    return evidence


def settings(**default_namespace: str) -> dict[str, Any]:
    """The settings of the run over those of the stack dev: two revisions, of which the second has two tags, namespaces
    in both, and everything scraped and evaluated often, since the run waits for it."""
    often = "2s"
    revisions = {revision: {"version": version} for revision, version in VERSIONS.items()}
    revisions[NEW] |= {"values": {"revisionTags": [CHART_TAG]}}
    return {
        "istio": {"revisions": revisions, "defaultRevision": OLD, "tags": {TAG: NEW}},
        "mesh": {"namespaces": {**default_namespace, "istioinaction": TAG}},
        "meshMonitors": {"interval": often},
        "monitoring": {"values": {"prometheus": {"prometheusSpec": {"evaluationInterval": often}}}},
        "kiali": {"awaitReady": False},
    }


class _Run:
    """The steps, in their order."""

    def __init__(self, cluster: EmbeddedCluster, folder: Path, charts: Path, evidence: Evidence) -> None:
        self.cluster, self.folder, self.charts, self.evidence = cluster, folder, charts, evidence

    def all(self) -> None:
        evidence = self.evidence
        with evidence.step("up"), self._watched():
            self._up(default=OLD)
        with evidence.step("shapes"):
            self._add_shapes()
        evidence.pods, evidence.services = self._get("pods", "-A"), self._get("services", "-A")
        with evidence.step("istiod"):
            self._look_at_istiod()
        self._look_at_kiali()
        with evidence.step("scrape"), operator(self.cluster, self.folder), pod_servers(self.cluster, self.folder):
            self._look_at_prometheus()
            with evidence.step("mutated monitors"):
                self._look_at_mutated_monitors()
        with evidence.step("other mutations"):
            self._mutate_the_rest()
        with evidence.step("change of revision"):
            self._up(default=NEW)
            evidence.moved = self._settled_pods()
        with evidence.step("order of the lab"):
            self._lab_order()

    # --- bringing things about

    def _up(self, **default_namespace: str) -> None:
        up_apart(self.cluster.kubeconfig, self._config(**default_namespace), self.folder)

    def _config(self, **default_namespace: str) -> dict[str, Any]:
        return overlaid("dev", {**settings(**default_namespace), "charts": {"source": str(self.charts)}})

    def _add_shapes(self) -> None:
        for namespace, labels in {MESHED: {"istio.io/rev": OLD}, OUTSIDE: {}}.items():
            self._apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace, "labels": labels}})
            # A pod needs its namespace's default service account, which a controller makes.
            eventually(
                lambda namespace=namespace: self._get(
                    "serviceaccounts", "-n", namespace, "--field-selector=metadata.name=default"
                ),
                f"the service account of {namespace}",
            )
        self._apply(*(shape.manifest() for shape in SHAPES))
        eventually(
            lambda: all(shape["status"].get("podIP") for shape in self._shapes()),
            "an address for each pod of the tests",
        )
        for shape in SHAPES:
            if shape.ipv6:
                status = {"status": {"podIP": shape.ipv6, "podIPs": [{"ip": shape.ipv6}]}}
                self.cluster.kubectl(
                    *("patch", "pod", shape.name, "-n", shape.namespace),
                    *("--subresource=status", "--type=merge", "-p", json.dumps(status)),
                )

    def _shapes(self) -> list[Object]:
        return [pod for namespace in (MESHED, OUTSIDE) for pod in self._get("pods", "-n", namespace)]

    @contextmanager
    def _watched(self) -> Iterator[None]:
        """Keeps what happens meanwhile to the pods of default, to namespaces and to injectors."""
        kubectl = toolchain.ensure(["kubectl"])["kubectl"]
        logs = {name: self.folder / f"watched-{name}.json" for name in ("namespaces", "mutatingwebhookconfigurations")}
        pods = self.folder / "watched-pods.json"
        command = [kubectl, f"--kubeconfig={self.cluster.kubeconfig}", "get"]
        options = ["--watch", "--output-watch-events", "-o", "json"]
        with (
            process.background([*command, "pods", "-n", "default", *options], log=pods),
            process.background([*command, "namespaces", *options], log=logs["namespaces"]),
            process.background(
                [*command, "mutatingwebhookconfigurations", *options], log=logs["mutatingwebhookconfigurations"]
            ),
        ):
            eventually(lambda: logs["namespaces"].stat().st_size, "the first event of a watch")
            yield
        for file in (pods, *logs.values()):
            self.evidence.history += [(event["type"], event["object"]) for event in _documents(file.read_text())]

    # --- looking

    def _look_at_istiod(self) -> None:
        evidence = self.evidence
        page = f"/api/v1/namespaces/istio-system/services/istiod-{OLD}:http-monitoring/proxy/debug/registryz"

        def registry() -> set[str]:
            answer = self.cluster.kubectl("get", "--raw", page, check=False).stdout
            return {entry["hostname"] for entry in json.loads(answer or "[]")}

        evidence.registry = settled(
            registry, lambda names: claims.the_registry_has_every_service(names, evidence.services)
        )
        evidence.validators = settled(self._validators, self._all_are_served)
        evidence.refusal = settled(lambda: self._create_virtual_service("broken", [{}]), _refused)
        evidence.acceptance = self._create_virtual_service("good", [{"route": [{"destination": {"host": "httpbin"}}]}])

    def _validators(self) -> list[Object]:
        return [
            webhook
            for webhook in self._get("validatingwebhookconfigurations")
            if "istio.io/rev" in webhook["metadata"].get("labels", {})
        ]

    def _all_are_served(self, validators: Iterable[Object]) -> None:
        for validator in validators:
            claims.the_validator_is_served(validator, self.evidence.services)

    def _create_virtual_service(self, name: str, http: list[dict[str, Any]]) -> str:
        manifest = {
            "apiVersion": "networking.istio.io/v1beta1",
            "kind": "VirtualService",
            "metadata": {"name": name, "namespace": "default"},
            "spec": {"hosts": ["httpbin"], "http": http},
        }
        # Nothing stays behind, whatever the answer is; webhooks are asked all the same.
        done = self.cluster.kubectl(
            "create", "--dry-run=server", "-f", "-", stdin=json.dumps(manifest), check=False, timeout=60
        )
        return done.stdout + done.stderr

    def _look_at_kiali(self) -> None:
        kinds = "configmaps,services,deployments"
        self.evidence.there = {
            f"{item['kind']} {item['metadata']['namespace']}/{item['metadata']['name']}"
            for item in self._get(kinds, "-A")
        }
        (self.evidence.kiali,) = self._get("kialis.kiali.io", "-n", "istio-system")

    def _look_at_prometheus(self) -> None:
        evidence = self.evidence
        rules = self._get("prometheusrules", "-n", NAMESPACE, "-l", "release=prom")
        evidence.rule_objects = [rule for rule in rules if rule["metadata"]["name"].startswith("mesh-")]
        configuration = self._generated(set(MONITORS))
        write_rules(self.cluster, NAMESPACE, self.folder / "proof")
        with prometheus(outside_a_pod(configuration, self.cluster, self.folder / "proof"), self.folder / "proof") as it:
            evidence.pools = settled(lambda: _pools(it), self._all_is_scraped)
            evidence.metrics = settled(lambda: {name: it.query(text) for name, text in QUERIES.items()}, _is_whole)
            evidence.rules = settled(it.rules, lambda rules: claims.all_rules_are_loaded(rules, evidence.rule_objects))

    def _look_at_mutated_monitors(self) -> None:
        """Puts each mutated monitor beside the untouched ones. They are all read at once by one Prometheus, each into
        a pool of targets of its own; the untouched ones say when everything has been found."""
        originals = {
            item["metadata"]["name"]: item for item in self._get("servicemonitors,podmonitors", "-n", NAMESPACE)
        }
        mutated = [mutant.applied_to(originals[mutant.monitor]) for mutant in monitor_mutants.MUTANTS]
        self._apply(*mutated)
        names = {item["metadata"]["name"] for item in mutated if item["metadata"]["labels"].get("release") == "prom"}
        configuration = self._generated({*MONITORS, *names})
        ours = {*MONITORS, *(item["metadata"]["name"] for item in mutated)}
        # Without rules and without the stack's own monitors, of which the first Prometheus has shown that they load.
        for part in ("rule_files", "alerting"):
            configuration.pop(part, None)
        configuration["scrape_configs"] = [
            job for job in configuration["scrape_configs"] if job["job_name"].split("/")[2] in ours
        ]
        folder = self.folder / "mutated"
        with prometheus(outside_a_pod(configuration, self.cluster, folder), folder) as it:

            def found(pools: Mapping[str, list[claims.Target]]) -> None:
                self._all_is_scraped(pools)
                assert not [target for pool in pools.values() for target in pool if target["health"] == "unknown"]

            self.evidence.mutated_pools = settled(lambda: _pools(it), found)

    def _generated(self, monitors: set[str]) -> dict[str, Any]:
        """What the operator writes, once it has all of these monitors."""

        def named(configuration: dict[str, Any]) -> set[str]:
            return {job.split("/")[2] for job in jobs(configuration) if job.split("/")[1] == NAMESPACE}

        return eventually(
            lambda: (
                (read := generated(self.cluster, NAMESPACE, claims.PROMETHEUS)) and named(read) >= monitors and read
            ),
            f"the operator's configuration has {sorted(monitors)}",
        )

    def _all_is_scraped(self, pools: Mapping[str, list[claims.Target]]) -> None:
        for monitor, claim in monitor_mutants.CLAIMS.items():
            claim(pools.get(monitor, []), self.evidence.pods)
            claims.all_are_healthy(pools.get(monitor, []))

    def _mutate_the_rest(self) -> None:
        """What one more object beside the program's shows, where it is like that but for one correction."""
        (alias,) = self._copies("service", "istiod", "istio-system", "mutant-alias")
        del alias["spec"]["selector"]["istio.io/rev"]
        (envoy,) = self._copies("deployment", "envoy", "default", "mutant-envoy", MESHED)
        del envoy["spec"]["template"]["metadata"]["labels"]["sidecar.istio.io/inject"]
        for key in ("serviceAccountName", "serviceAccount"):  # there is none of that name here
            del envoy["spec"]["template"]["spec"][key]
        self._apply(alias, envoy, *self._other_validators())
        self.evidence.behind = settled(
            lambda: {name: self._behind(name) for name in ("istiod", "mutant-alias")}, _has_endpoints
        )
        self._available("mutant-envoy", MESHED)
        self.evidence.with_sidecars_of_its_own = self._get("pods", "-n", MESHED, "-l", "app=envoy")
        self.evidence.rendered_validators = settled(
            lambda: {webhook["metadata"]["name"]: webhook for webhook in self._get("validatingwebhookconfigurations")},
            lambda found: claims.the_validator_is_served(found["copied-validator"], self.evidence.services),
        )

    def _copies(self, kind: str, name: str, namespace: str, called: str, into: str = "") -> list[dict[str, Any]]:
        """The program's object under another name, without what the API server has added."""
        return [
            {
                "apiVersion": item["apiVersion"],
                "kind": item["kind"],
                "metadata": {"name": called, "namespace": into or namespace},
                "spec": {key: value for key, value in item["spec"].items() if not key.startswith(("clusterIP", "ip"))},
            }
            for item in self._get(kind, name, "-n", namespace)
        ]

    def _other_validators(self) -> list[dict[str, Any]]:
        """The program's validator once more, and the base chart's where nobody asks it for a revision."""
        dev = record("dev", config=self._config(default=OLD))
        base = dev.named("istio-base").inputs
        without = {key: value for key, value in base["values"].items() if key != "defaultRevision"}
        (mutant,) = templated(base, without, "ValidatingWebhookConfiguration")
        copied = dict(dev.named("mesh-rollout-default-validator").inputs)
        copied["metadata"] = {**copied["metadata"], "name": "copied-validator"}
        mutant["metadata"]["name"] = "mutant-validator"
        return [copied, mutant]

    def _behind(self, service: str) -> list[str]:
        slices = self._get("endpointslices", "-n", "istio-system", "-l", f"kubernetes.io/service-name={service}")
        of_pod = {
            pod["metadata"]["name"]: pod["metadata"]["labels"].get("istio.io/rev", "")
            for pod in self._get("pods", "-n", "istio-system")
        }
        return [of_pod[endpoint["targetRef"]["name"]] for slice_ in slices for endpoint in slice_["endpoints"] or []]

    def _lab_order(self) -> None:
        """Runs httpbin in a namespace that is then labelled, as the lab has it. That the label works is shown by a pod
        that comes after it."""
        self._apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": LAB_ORDER}})
        self._apply(*(in_namespace(manifest, LAB_ORDER) for manifest in load_manifests("envoy_demo", "httpbin.yaml")))
        self._available("httpbin", LAB_ORDER)
        self.cluster.kubectl("label", "namespace", LAB_ORDER, f"istio.io/rev={OLD}")
        self.cluster.kubectl("create", "deployment", "late", "-n", LAB_ORDER, "--image=example/app")
        self._available("late", LAB_ORDER)
        self.evidence.lab_order = self._settled_pods()

    def _available(self, deployment: str, namespace: str) -> None:
        limit = ("--timeout=60s",)
        self.cluster.kubectl("rollout", "status", f"deployment/{deployment}", "-n", namespace, *limit, timeout=70)

    def _settled_pods(self) -> list[Object]:
        """All pods, once none is on its way out."""
        return eventually(
            lambda: (
                (pods := self._get("pods", "-A"))
                and not [pod for pod in pods if "deletionTimestamp" in pod["metadata"]]
                and pods
            ),
            "no pod is being deleted",
        )

    def _get(self, *what: str) -> list[Object]:
        return objects(self.cluster, *what)

    def _apply(self, *manifests: Object) -> None:
        everything = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(manifests)})
        apply = ("apply", "--server-side", "-f", "-")
        patiently(lambda: self.cluster.kubectl(*apply, stdin=everything, timeout=120))


def templated(release: Mapping[str, Any], values: Mapping[str, Any], kind: str) -> list[dict[str, Any]]:
    """The objects of a kind that helm makes of a recorded release's chart with these values."""
    helm = toolchain.ensure(["helm"])["helm"]
    done = process.run(
        [helm, "template", release["name"], release["chart"], "--namespace", release["namespace"], "--values", "-"],
        timeout=60,
        stdin=json.dumps(values),
    )
    # Only these are parsed: the base chart's CRDs would take PyYAML many seconds.
    documents = re.split(r"^---$", done.stdout, flags=re.MULTILINE)
    return [yaml.safe_load(text) for text in documents if re.search(rf"^kind: {kind}$", text, re.MULTILINE)]


def settled(look: Callable[[], T], claim: Callable[[T], object]) -> T:
    """What is seen once the claim holds, or at last. It is the tests that judge."""
    end = time.monotonic() + SETTLED_SECONDS
    while True:
        seen = look()
        try:
            claim(seen)
        except AssertionError:
            if time.monotonic() > end:
                return seen
            time.sleep(0.5)
        else:
            return seen


def _pools(running: Prometheus) -> dict[str, list[claims.Target]]:
    """Targets by the name of their monitor."""
    pools: dict[str, list[claims.Target]] = {}
    for target in running.targets():
        pools.setdefault(target["scrapePool"].split("/")[2], []).append(target)
    return pools


def _refused(answer: str) -> None:
    assert "denied the request" in answer


def _is_whole(series: Mapping[str, list[dict[str, Any]]]) -> None:
    assert all(series.values())


def _has_endpoints(behind: Mapping[str, list[str]]) -> None:
    assert len(behind["mutant-alias"]) >= len(VERSIONS)
    assert behind["istiod"]


def _documents(text: str) -> Iterator[dict[str, Any]]:
    """JSON documents that follow each other; the last may be cut off."""
    decoder, at = json.JSONDecoder(), 0
    while start := text[at:].lstrip():
        at = len(text) - len(start)
        try:
            document, at = decoder.raw_decode(text, at)
        except json.JSONDecodeError:
            return
        yield document
