"""The program's certificate is one that a real API server takes from a real operator, which then has its say."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from embedded.cluster import CLUSTER_TOOLS, EmbeddedCluster
from embedded.tools import toolchain
from meshlab.engine.programs import EngineMissingError, find_engine
from tests.support.apart import up_apart
from tests.support.charts import chart_folder
from tests.support.evidence import NAMESPACE, NETWORK
from tests.support.inventory import objects
from tests.support.netns import network_namespace
from tests.support.prometheus import PROGRAMS, operator
from tests.support.stacks import overlaid
from tests.support.waiting import eventually

WRONG = "could not parse expression"
SECRET = "prom-kube-prometheus-stack-admission"
# Monitoring alone: nothing of the mesh answers here, and its injector would keep pods from being created.
SETTINGS = {"mesh": {"namespaces": {}}, "sampleApps": {"enabled": False}, "kiali": {"awaitReady": False}}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedCluster]:
    """The lab, up, in a network namespace in which the addresses of its Services are this machine's."""
    try:
        toolchain.ensure([*CLUSTER_TOOLS, "helm", *PROGRAMS])
        find_engine(print)
    except (toolchain.ToolsMissingError, EngineMissingError) as missing:
        pytest.skip(str(missing))
    folder = tmp_path_factory.mktemp("webhooks")
    charts = {"charts": {"source": str(chart_folder("dev", SETTINGS))}}
    with (
        network_namespace(NETWORK.services),
        EmbeddedCluster.up("webhooks", state_dir=folder, network=NETWORK) as running,
    ):
        up_apart(running.kubeconfig, overlaid("dev", {**SETTINGS, **charts}), folder)
        yield running


@pytest.fixture
def answering(cluster: EmbeddedCluster, tmp_path: Path) -> Iterator[EmbeddedCluster]:
    """The same with an operator that serves what its Secret says, as its pod would."""
    with operator(cluster, tmp_path, *serving(cluster, tmp_path)):
        # Fail-open: until it answers, what is wrong gets in.
        eventually(lambda: WRONG in said(cluster, rule("probe", "sum(")), "the operator answers the API server", 30)
        yield cluster


def serving(cluster: EmbeddedCluster, folder: Path) -> list[str]:
    """The options that the chart gives the operator's container, with the Secret in a folder of this test."""
    (secret,) = objects(cluster, "secret", SECRET, "-n", NAMESPACE)
    for name in ("cert", "key"):
        (folder / name).write_bytes(base64.b64decode(secret["data"][name]))
    files = (f"--web.{name}-file={folder / name}" for name in ("cert", "key"))
    return ["--web.enable-tls=true", "--web.listen-address=0.0.0.0:443", *files]


def rule(name: str, expression: str) -> dict[str, Any]:
    group = {"name": "of-a-team", "rules": [{"record": "a:b:sum", "expr": expression}]}
    return custom("monitoring.coreos.com/v1", "PrometheusRule", name, {"groups": [group]})


def receivers(name: str, receiver: str) -> dict[str, Any]:
    spec = {"route": {"receiver": receiver}, "receivers": [{"name": "team"}]}
    return custom("monitoring.coreos.com/v1alpha1", "AlertmanagerConfig", name, spec)


def custom(version: str, kind: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": version,
        "kind": kind,
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": spec,
    }


def said(cluster: EmbeddedCluster, manifest: dict[str, Any]) -> str:
    """What the API server answers, in a dry run: nothing is kept."""
    done = cluster.kubectl(
        "apply", "--dry-run=server", "-o", "json", "-f", "-", stdin=json.dumps(manifest), check=False
    )
    return done.stdout + done.stderr


def test_a_rule_that_is_none_is_refused_by_the_operator(answering: EmbeddedCluster) -> None:
    answer = said(answering, rule("broken", "sum("))
    assert answer.startswith('The  "prometheusrules" is invalid')
    assert WRONG in answer


def test_a_good_rule_has_been_seen_by_the_operator(answering: EmbeddedCluster) -> None:
    answer = json.loads(said(answering, rule("good", "sum(up)")))
    assert answer["metadata"]["annotations"]["prometheus-operator-validated"] == "true"


def test_alerts_to_a_receiver_that_is_not_there_are_refused(answering: EmbeddedCluster) -> None:
    answer = said(answering, receivers("broken", "nobody"))
    assert answer.startswith('The  "alertmanagerconfigs" is invalid')
    assert json.loads(said(answering, receivers("good", "team")))["spec"]["route"]["receiver"] == "team"


def test_without_an_operator_nobody_is_kept_from_writing_rules(cluster: EmbeddedCluster) -> None:
    assert json.loads(said(cluster, rule("unchecked", "sum(")))["metadata"]["name"] == "unchecked"
