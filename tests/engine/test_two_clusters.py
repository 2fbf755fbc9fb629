"""One stack on two clusters, by the commands themselves, for a caller who has preferences and acts as somebody else.

The second cluster's context is called as EKS calls them. Its account may do nothing there but act as the one who may:
whatever any program did as the account itself would be refused. In file order.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from base import process
from embedded.cluster import EmbeddedCluster
from embedded.tools import toolchain
from tests.support.charts import chart_folder
from tests.support.command_apart import meshlab
from tests.support.inventory import objects
from tests.support.kubeconfigs import http_proxy, parts_of, simple

CONTEXT, BOSS = "arn:aws:eks:eu-north-1:111122223333:cluster/shop", "boss@shop.example"
PREFERENCES = {
    "HELM_DRIVER": "configmap",
    "HELM_KUBECONTEXT": "prod-eu",
    "HELM_NAMESPACE": "elsewhere",
    "PULUMI_K8S_HELM_DRIVER": "configmap",
    "PULUMI_OPTION_REFRESH": "true",
    "NO_PROXY": "shop.example",
    "no_proxy": None,
}
KUBERC = """apiVersion: kubectl.config.k8s.io/v1beta1
kind: Preference
defaults: [{command: delete, options: [{name: interactive, default: "true"}]}]
"""
RULES = [{"apiGroups": [""], "resources": ["users"], "resourceNames": [BOSS], "verbs": ["impersonate"]}]


@dataclass(frozen=True)
class Desk:
    """Where somebody types."""

    two: EmbeddedCluster
    state: Path
    env: dict[str, str | None]
    proxied: list[str]

    def run(self, command: str, *words: str, **env: str) -> process.Completed:
        charts = ("--charts", str(chart_folder("dev")))
        return meshlab(command, "--stack", "dev", *charts, *words, env={**self.env, **env})

    def deployments(self) -> set[str]:
        found = objects(self.two, "deployments", "-A")
        return {item["metadata"]["name"] for item in found}


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    folder = tmp_path_factory.mktemp("desk")
    try:
        toolchain.ensure(["pilot-discovery", "helm"])
        two = EmbeddedCluster.up("two", state_dir=folder / "two", injection=True)
    except toolchain.ToolsMissingError as missing:
        pytest.skip(str(missing))
    with two, http_proxy() as (proxy, asked):
        parts = parts_of(two, "carrier")
        role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "actor"}}
        two.kubectl("create", "-f", "-", stdin=json.dumps({**role, "rules": RULES}))
        account = "--serviceaccount=default:carrier"
        two.kubectl("create", "clusterrolebinding", "actor", "--clusterrole=actor", account)
        two.kubectl("create", "clusterrolebinding", "boss", "--clusterrole=cluster-admin", f"--user={BOSS}")
        user = {"token": parts.tokens["carrier"], "as": BOSS}
        kubeconfig = simple(folder / "a:b.yaml", CONTEXT, parts.cluster, user).rename(folder / "kubeconfig")
        (folder / "kuberc").write_text(KUBERC)
        proxies = dict.fromkeys(("HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy"), proxy)
        places = {"MESHLAB_STATE": str(folder / "state"), "KUBERC": str(folder / "kuberc")}
        env = {**PREFERENCES, **proxies, **places, "KUBECONFIG": f"{folder}/none:{kubeconfig}"}
        yield Desk(two, folder / "state", env, asked)
        meshlab("cluster", "down", env={"MESHLAB_STATE": places["MESHLAB_STATE"]})


def up(desk: Desk, *where: str) -> None:
    done = desk.run("up", *where)
    assert done.code == 0, done.stdout + done.stderr


def test_the_stack_comes_up_on_the_embedded_cluster(desk: Desk) -> None:
    up(desk)


@pytest.mark.parametrize("command", ["preview", "up", "drift", "down", "recover"])
def test_a_state_of_another_cluster_is_refused_with_what_to_do(desk: Desk, command: str) -> None:
    backend = (desk.state / "pulumi").as_uri()
    shared = {"PULUMI_BACKEND_URL": backend, "PULUMI_CONFIG_PASSPHRASE_FILE": str(desk.state / "passphrase")}
    words = ("--yes",) if command == "recover" else ()
    done = (
        meshlab(command, "--stack", "dev", "--cluster", CONTEXT, *words, env={**desk.env, **shared})
        if command == "recover"
        else desk.run(command, "--cluster", CONTEXT, **shared)
    )
    assert done.code == 1
    line = done.stderr.splitlines()[-1]
    assert line.startswith(
        f"stack dev: its state in {backend} (PULUMI_BACKEND_URL) is of another cluster than the context {CONTEXT}, "
    )
    assert "pulumi stack rm dev --force" in line
    assert desk.deployments() == set()


def test_then_it_comes_up_on_another(desk: Desk) -> None:
    up(desk, "--cluster", CONTEXT)
    assert "istiod-1-17" in desk.deployments()


def test_no_proxy_was_asked_for_anything_on_this_machine(desk: Desk) -> None:
    assert [place for place in desk.proxied if place.startswith(("127.", "localhost", "[::1]"))] == []


def test_helms_records_are_where_they_are_for_everybody(desk: Desk) -> None:
    assert objects(desk.two, "secrets", "-A", "-l", "owner=helm")
    assert objects(desk.two, "configmaps", "-A", "-l", "owner=helm") == []


def test_each_cluster_has_a_state_of_its_own(desk: Desk) -> None:
    (kube_system,) = objects(desk.two, "namespace", "kube-system")
    assert [place.name for place in (desk.state / "on").iterdir()] == [kube_system["metadata"]["uid"]]
    for where in ((), ("--cluster", CONTEXT)):
        assert " 0 would change" in desk.run("preview", *where).stdout


def test_a_cluster_that_was_made_anew_gets_all_of_it_anew(desk: Desk) -> None:
    assert meshlab("cluster", "down", env=desk.env).code == 0
    total, changed = _figures(desk.run("up"))
    assert changed >= total - 20  # all but components, which are in no cluster


def test_what_leaves_the_embedded_cluster_stays_on_the_other(desk: Desk) -> None:
    before = desk.deployments()
    done = desk.run("down")
    assert done.code == 0, done.stdout + done.stderr
    assert "the embedded cluster is gone" in done.stdout
    assert desk.deployments() == before


def test_then_it_leaves_the_other_and_nothing_of_it_is_left(desk: Desk) -> None:
    done = desk.run("down", "--cluster", CONTEXT)
    assert done.code == 0, done.stdout + done.stderr
    assert ", 0 left over" in done.stdout
    assert desk.deployments() == set()
    assert list((desk.state / "on").iterdir()) == []
    total, changed = _figures(desk.run("preview", "--cluster", CONTEXT))
    assert changed == total, "all of it would come anew"


def _figures(done: process.Completed) -> list[int]:
    """How many resources a run has, and how many of them it changed or would change."""
    assert done.code == 0, done.stdout + done.stderr
    line = next(line for line in done.stdout.splitlines() if " resources, " in line)
    return [int(part.split()[0]) for part in line.split(", ")[:2]]
