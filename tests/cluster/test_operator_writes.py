"""What the real operator makes of the program's objects: pods that are all held to limits, rules but for wrong ones."""

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from embedded.cluster import CLUSTER_TOOLS, EmbeddedCluster
from embedded.cluster.layout import LOOPBACK, free_ports
from embedded.tools import toolchain
from meshlab.stack import Stack
from policy.pack.rules import requests_and_limits
from policy.pack.settings import PackSettings
from policy.pack.subjects import object_of
from settings.alert_rules import AlertThresholds, load_rules
from tests.support.inventory import objects
from tests.support.prometheus import PROGRAMS, operator
from tests.support.rendering import TARGET, renderer_of
from tests.support.waiting import eventually

NAMESPACE, STACK = "prometheus", "prod"
PROMETHEUS = "prom-kube-prometheus-stack-prometheus"
RELOADER = "--config-reloader-"
WRONG = ("mesh-certificate-alerts", "IstioCACertificateExpiring")
"""An object and one of its three alerts, which is made wrong."""


@pytest.fixture(scope="module")
def rendered() -> list[dict[str, Any]]:
    """What prod's charts bring."""
    found = Stack.load(STACK, renderer=renderer_of([STACK])).rendered(TARGET)
    return [dict(object_.manifest) for object_ in found.objects if object_.release]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory, rendered: list[dict[str, Any]]) -> Iterator[EmbeddedCluster]:
    """A cluster with prod's Prometheus and Alertmanager, rules with a wrong one, an operator as prod runs it."""
    try:
        toolchain.ensure([*CLUSTER_TOOLS, *PROGRAMS])
    except toolchain.ToolsMissingError as missing:
        pytest.skip(str(missing))
    folder = tmp_path_factory.mktemp("operator-writes")
    crds = [
        manifest for manifest in rendered if manifest["kind"] == "CustomResourceDefinition" and _is_monitoring(manifest)
    ]
    owned = [manifest for manifest in rendered if manifest["kind"] in ("Prometheus", "Alertmanager")]
    with EmbeddedCluster.up("operator-writes", state_dir=folder) as running:
        _apply(running, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}, *crds)
        running.kubectl("wait", "--for=condition=Established", "crd", *(crd["metadata"]["name"] for crd in crds))
        _apply(running, *owned, *with_a_wrong_one())
        web = f"--web.listen-address={LOOPBACK}:{free_ports(1)[0]}"
        with operator(running, folder, web, *reloader_options(rendered)):
            yield running


def _is_monitoring(crd: dict[str, Any]) -> bool:
    return crd["spec"]["group"] == "monitoring.coreos.com"


def _apply(cluster: EmbeddedCluster, *manifests: dict[str, Any]) -> None:
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(manifests)})
    cluster.kubectl("apply", "--server-side", "-f", "-", stdin=text)


def reloader_options(rendered: list[dict[str, Any]]) -> list[str]:
    """What the chart tells the operator of the containers that it puts beside Prometheus and Alertmanager."""
    (deployment,) = [
        manifest
        for manifest in rendered
        if manifest["kind"] == "Deployment" and manifest["metadata"]["name"] == "prom-kube-prometheus-stack-operator"
    ]
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    told = [option for option in container["args"] if option.startswith(RELOADER)]
    assert len(told) == 4
    return told


def rules() -> list[dict[str, Any]]:
    return load_rules(AlertThresholds(), "prom", NAMESPACE, "1-30")


def with_a_wrong_one() -> list[dict[str, Any]]:
    """The program's rules, one of which asks for what is no PromQL."""
    found = copy.deepcopy(rules())
    for entry in found:
        if entry["metadata"]["name"] == WRONG[0]:
            (rule,) = [rule for rule in entry["spec"]["groups"][0]["rules"] if rule["alert"] == WRONG[1]]
            rule["expr"] = "sum("
    assert found != rules()
    return found


def stateful_sets(cluster: EmbeddedCluster) -> list[dict[str, Any]]:
    return [
        {**object_, "apiVersion": "apps/v1", "kind": "StatefulSet"}
        for object_ in objects(cluster, "sts", "-n", NAMESPACE)
    ]


def test_every_container_that_the_operator_makes_has_requests_and_limits(cluster: EmbeddedCluster) -> None:
    eventually(lambda: len(stateful_sets(cluster)) == 2, "the operator's two StatefulSets")
    for made in stateful_sets(cluster):
        pods = made["spec"]["template"]["spec"]
        names = {container["name"] for container in (*pods["containers"], *pods["initContainers"])}
        assert {"config-reloader", "init-config-reloader"} <= names
        assert list(requests_and_limits.RULE.check(object_of(made), PackSettings())) == []


def test_a_wrong_rule_costs_its_object_and_nothing_else(cluster: EmbeddedCluster) -> None:
    def written() -> dict[str, list[str]]:
        """Groups by the object that they are of."""
        found = objects(cluster, "configmaps", "-n", NAMESPACE, "-l", f"prometheus-name={PROMETHEUS}")
        files = {name: yaml.safe_load(text) for secret in found for name, text in secret.get("data", {}).items()}
        return {name: [group["name"] for group in content["groups"]] for name, content in files.items()}

    eventually(lambda: len(written()) >= 11, "the operator's files of rules")
    groups = {name for names in written().values() for name in names}
    expected = {
        group["name"] for entry in rules() for group in entry["spec"]["groups"] if entry["metadata"]["name"] != WRONG[0]
    }
    assert groups == expected
    assert len(expected) == len(rules()) - 1
