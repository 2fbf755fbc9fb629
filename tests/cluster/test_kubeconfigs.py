"""Each kubeconfig is read as the real kubectl reads it: the same server, as the same one, or refused by both."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import kube.cluster
from base import process
from base.environment import reaching
from embedded.cluster import EmbeddedCluster
from embedded.tools import pins, toolchain
from kube.kubeconfig import AccessError
from kube.sign_in import KEY
from meshlab.target import named_target
from tests.support.kubeconfigs import Parts, helper, http_proxy, identity, parts_of, pem, simple, who_is_python, write

ARN = "arn:aws:eks:eu-north-1:111122223333:cluster/shop"
ONE, OTHER = "system:serviceaccount:default:one", "system:serviceaccount:default:other"
ADMIN = "kwok-admin"

ACTOR = {
    "apiVersion": "rbac.authorization.k8s.io/v1",
    "kind": "ClusterRole",
    "metadata": {"name": "actor"},
    "rules": [
        {"apiGroups": [group], "resources": resources, "verbs": ["impersonate"]}
        for group, resources in (("", ["users", "groups"]), ("authentication.k8s.io", ["uids", "userextras/why"]))
    ],
}

Case = Callable[[Path, Parts], str]
"""Writes kubeconfigs into a folder and gives what KUBECONFIG is to say."""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedCluster]:
    try:
        made = EmbeddedCluster.up("kubeconfigs", state_dir=tmp_path_factory.mktemp("kubeconfigs"))
    except toolchain.ToolsMissingError as missing:
        pytest.skip(str(missing))
    with made:
        yield made


@pytest.fixture(scope="module")
def parts(cluster: EmbeddedCluster) -> Parts:
    made = parts_of(cluster, "one", "other")
    cluster.kubectl("create", "-f", "-", stdin=json.dumps(ACTOR))
    cluster.kubectl("create", "clusterrolebinding", "actor", "--clusterrole=actor", "--serviceaccount=default:one")
    return made


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that programs run in, which no relative path is meant for."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.chdir(home)
    # Where our own programs lie stays.
    monkeypatch.setenv("XDG_CACHE_HOME", str(pins.cache_folder().parent.parent))
    monkeypatch.setenv("HOME", str(home))
    return home


def an_eks_arn(folder: Path, parts: Parts) -> str:
    return str(simple(folder / "k", ARN, parts.cluster, {"token": parts.tokens["one"]}))


def certificates_beside_their_file(folder: Path, parts: Parts) -> str:
    there = folder / "deep" / "er"
    names = {kind: pem(parts.admin, kind, there / "pki" / kind) for kind in ("client-certificate", "client-key")}
    authority = pem(parts.cluster, "certificate-authority", there / "ca.crt")
    cluster = {"server": parts.cluster["server"], "certificate-authority": authority}
    return str(simple(there / "k", ARN, cluster, {kind: f"./pki/{name}" for kind, name in names.items()}))


def several_files_of_which_one_is_missing(folder: Path, parts: Parts) -> str:
    # The first file to name something counts, and each path is relative to its own file.
    (folder / "b").mkdir()
    (folder / "b" / "token").write_text(f"{parts.tokens['one']}\n")
    write(folder / "a" / "k", contexts={ARN: {"cluster": "c", "user": "u"}}, users={"v": {}})
    write(folder / "b" / "k", users={"u": {"tokenFile": "token"}}, contexts={ARN: {"cluster": "x", "user": "x"}})
    write(folder / "c" / "k", clusters={"c": parts.cluster}, users={"u": {"token": parts.tokens["other"]}})
    files = [folder / "none", folder / "a" / "k", folder / "b" / "k", folder / "c" / "k", folder / "a" / "k"]
    return os.pathsep.join(["", *(os.path.relpath(file) for file in files)])


def a_token_file_beats_the_token_beside_it(folder: Path, parts: Parts) -> str:
    (folder / "t").write_text(f"  {parts.tokens['one']}\n\n")
    return str(simple(folder / "k", ARN, parts.cluster, {"tokenFile": "t", "token": parts.tokens["other"]}))


def a_token_stands_in_for_a_file_that_is_gone(folder: Path, parts: Parts) -> str:
    return str(simple(folder / "k", ARN, parts.cluster, {"tokenFile": "gone", "token": parts.tokens["one"]}))


def a_helper_beside_its_file(folder: Path, parts: Parts) -> str:
    helper(folder / "bin" / "sign-in", parts.tokens["one"])
    exec_ = {"apiVersion": "client.authentication.k8s.io/v1", "command": "./bin/sign-in", "interactiveMode": "Never"}
    return str(simple(folder / "k", ARN, parts.cluster, {"exec": exec_}))


def a_helper_that_is_told_of_the_cluster(folder: Path, parts: Parts) -> str:
    helper(folder / "sign-in", parts.tokens["one"])
    script = folder / "sign-in"
    told = 'case "$KUBERNETES_EXEC_INFO" in *certificate-authority-data*7-11*) ;; *) exit 3 ;; esac\n'
    script.write_text(script.read_text().replace("#!/bin/sh\n", f"#!/bin/sh\n{told}"))
    authority = pem(parts.cluster, "certificate-authority", folder / "ca.crt")
    shown = {"name": "client.authentication.k8s.io/exec", "extension": {"audience": "7-11"}}
    cluster = {"server": parts.cluster["server"], "certificate-authority": authority, "extensions": [shown]}
    api = "client.authentication.k8s.io/v1"
    exec_ = {"apiVersion": api, "command": "./sign-in", "interactiveMode": "Never", "provideClusterInfo": True}
    return str(simple(folder / "k", ARN, cluster, {"exec": exec_}))


def another_name_in_the_certificate(folder: Path, parts: Parts) -> str:
    cluster = {**parts.cluster, "tls-server-name": "kubernetes.default.svc"}
    return str(simple(folder / "k", ARN, cluster, {"token": parts.tokens["one"]}))


def an_authority_that_nobody_looks_at(folder: Path, parts: Parts) -> str:
    cluster = {"server": f"{parts.cluster['server']}/", "insecure-skip-tls-verify": True}
    return str(simple(folder / "k", ARN, cluster, {"token": parts.tokens["one"]}))


def somebody_else(folder: Path, parts: Parts) -> str:
    user = {"token": parts.tokens["one"], "as": "boss@shop.example", "as-groups": ["a", "b"]}
    return str(simple(folder / "k", ARN, parts.cluster, {**user, "as-user-extra": {"why": ["x", "y"]}, "as-uid": "7"}))


BOSS = "boss@shop.example"
READ_ALIKE: dict[Case, str] = {
    an_eks_arn: ONE,
    certificates_beside_their_file: ADMIN,
    several_files_of_which_one_is_missing: ONE,
    a_token_file_beats_the_token_beside_it: ONE,
    a_token_stands_in_for_a_file_that_is_gone: ONE,
    a_helper_beside_its_file: ONE,
    a_helper_that_is_told_of_the_cluster: ONE,
    another_name_in_the_certificate: ONE,
    an_authority_that_nobody_looks_at: ONE,
    somebody_else: BOSS,
}


def named(case: object) -> str:
    return str(getattr(case, "__name__", case))


def who_is_kubectl(env: dict[str, str]) -> dict[str, object]:
    kubectl = toolchain.ensure(["kubectl"])["kubectl"]
    said = process.run([kubectl, "--context", ARN, "auth", "whoami", "-o", "json"], timeout=30, env=env)
    return identity(json.loads(said.stdout))


@pytest.mark.parametrize("case", READ_ALIKE, ids=named)
def test_every_program_acts_as_the_one_as_whom_kubectl_acts(
    case: Case, parts: Parts, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", case(tmp_path, parts))
    kubectl = who_is_kubectl({"KUBECONFIG": os.environ["KUBECONFIG"]})
    copy = named_target(ARN, state=tmp_path / "state").kubeconfig
    assert kubectl["name"] == READ_ALIKE[case]
    assert who_is_python(kube.cluster.Cluster(context=ARN)) == kubectl
    # Away from where relative paths would lead to the same files by chance.
    monkeypatch.chdir("/")
    assert who_is_python(kube.cluster.Cluster(copy)) == kubectl
    assert who_is_kubectl(reaching(copy)) == kubectl
    assert helm(copy) == kubectl["name"]


def helm(kubeconfig: Path) -> str:
    """As whom helm asks: its refusal names the one, and who may ask is the administrator."""
    program = toolchain.ensure(["helm"])["helm"]
    done = process.run([program, "list"], timeout=30, env=reaching(kubeconfig), check=False)
    return ADMIN if done.code == 0 else done.stderr.partition('User "')[2].partition('"')[0]


def test_a_proxy_of_the_kubeconfig_is_asked_even_for_loopback(
    parts: Parts, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with http_proxy() as (address, asked):
        cluster = {**parts.cluster, "proxy-url": address}
        file = simple(tmp_path / "k", ARN, cluster, {"token": parts.tokens["one"]})
        monkeypatch.setenv("KUBECONFIG", str(file))
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        kubectl = who_is_kubectl({"KUBECONFIG": str(file)})
        by_kubectl = len(asked)
        assert who_is_python(kube.cluster.Cluster(context=ARN)) == kubectl
        assert 0 < by_kubectl < len(asked)


def test_no_proxy_of_the_environment_is_asked_for_loopback(
    parts: Parts, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = simple(tmp_path / "k", ARN, parts.cluster, {"token": parts.tokens["one"]})
    monkeypatch.setenv("NO_PROXY", "shop.example")
    with http_proxy() as (address, asked):
        for name in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "https_proxy", "http_proxy", "all_proxy"):
            monkeypatch.setenv(name, address)
        assert who_is_python(kube.cluster.Cluster(file))["name"] == ONE
        assert who_is_kubectl({"KUBECONFIG": str(file)})["name"] == ONE
        assert helm(file) == ONE
        assert asked == []


def test_a_context_needs_no_current_one_beside_it_and_none_needs_a_name(
    parts: Parts, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entries = {"clusters": {"c": parts.cluster}, "users": {"u": {"token": parts.tokens["one"]}}}
    context = {ARN: {"cluster": "c", "user": "u"}}
    monkeypatch.delenv("KUBECONFIG")
    write(home / ".kube" / "config", contexts=context, **entries)
    assert who_is_python(kube.cluster.Cluster(context=ARN)) == who_is_kubectl({"KUBECONFIG": ""})
    with pytest.raises(
        AccessError, match=rf"^kubeconfig: expected a current context, got none \(the contexts are: .*{ARN}; .*\)$"
    ):
        kube.cluster.Cluster()
    write(home / ".kube" / "config", contexts=context, **entries, current=ARN)
    assert who_is_python(kube.cluster.Cluster())["name"] == ONE


CA = "certificate-authority-data"
V1 = "client.authentication.k8s.io/v1"
REFUSED: dict[str, tuple[dict[str, object], dict[str, object]]] = {
    "groups of nobody": ({}, {"as-groups": ["system:masters"]}),
    "two ways to sign in": ({}, {"username": "boss", "password": "p"}),
    "a certificate without its key": ({}, {"client-certificate": "gone"}),
    "an authority and none": ({"insecure-skip-tls-verify": True}, {}),
    "an authority twice": ({"certificate-authority": "ca.crt"}, {}),
    "no server": ({"server": ""}, {}),
    "a token file that is gone": ({}, {"token": "", "tokenFile": "gone"}),
    "a helper that is gone": ({}, {"token": "", "exec": {"apiVersion": V1, "command": "./gone"}}),
    "a helper that fails": ({}, {"token": "", "exec": {"apiVersion": V1, "command": "false"}}),
    "a provider of former times": ({}, {"token": "", "auth-provider": {"name": "gcp"}}),
    "a proxy of no kind": ({"proxy-url": "ftp://127.0.0.1:1"}, {}),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_kubectl_refuses_is_refused(
    case: str, parts: Parts, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster, user = REFUSED[case]
    if "exec" in user:
        user = {**user, "exec": {**user["exec"], "interactiveMode": "Never"}}
    file = simple(tmp_path / "k", ARN, {**parts.cluster, **cluster}, {"token": parts.tokens["one"], **user})
    monkeypatch.setenv("KUBECONFIG", str(file))
    with pytest.raises(process.CommandFailedError):
        who_is_kubectl({"KUBECONFIG": str(file)})
    with pytest.raises(AccessError, match=r"^kubeconfig: [^\n]+$"):
        kube.cluster.Cluster(context=ARN)


@pytest.mark.parametrize(
    "text",
    ["contexts: [", "- a", "users: [x]", "clusters: {a: b}", f"contexts: [{{name: '{ARN}'}}, {{name: '{ARN}'}}]"],
)
def test_a_file_that_kubectl_cannot_read_is_refused_by_name(
    text: str, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "broken"
    file.write_text(f"{{apiVersion: v1, kind: Config}}\n---\n{text}" if text.startswith("-") else text)
    monkeypatch.setenv("KUBECONFIG", str(file))
    with pytest.raises(process.CommandFailedError):
        who_is_kubectl({"KUBECONFIG": str(file)})
    with pytest.raises(AccessError, match=rf"^kubeconfig: {file}[: ][^\n]+$"):
        kube.cluster.Cluster(context=ARN)


def test_a_server_without_tls_gets_no_secret(tmp_path: Path) -> None:
    file = simple(tmp_path / "k", ARN, {"server": "http://127.0.0.1:1"}, {"token": "secret", "as": "boss"})
    cluster = kube.cluster.Cluster(file)
    assert KEY not in cluster._configuration.api_key
    assert cluster._impersonation == [("Impersonate-User", "boss")]
