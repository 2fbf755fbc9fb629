"""Which cluster a run works with, and where its state lies."""

import re
import shlex
from pathlib import Path
from typing import Any, cast

import pytest
import yaml

from kube.api_objects import AccessError
from kube.kubeconfig import read
from meshlab import state_folder, target
from meshlab.cli.main import main
from meshlab.recording.recorder import ROOT
from meshlab.session import Session
from meshlab.stack import Stack

KUBECONFIG = {
    "apiVersion": "v1",
    "kind": "Config",
    "contexts": [{"name": name, "context": {"cluster": name, "user": name}} for name in ("alpha", "beta")],
    "clusters": [{"name": name, "cluster": {"server": f"https://127.0.0.1/{name}"}} for name in ("alpha", "beta")],
    "users": [{"name": name, "user": {"token": f"{name}-token"}} for name in ("alpha", "beta")],
    "current-context": "alpha",
}


@pytest.fixture
def kubeconfig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "config"
    path.write_text(yaml.safe_dump(KUBECONFIG), encoding="utf-8")
    monkeypatch.setenv("KUBECONFIG", str(path))
    return path


@pytest.mark.usefixtures("kubeconfig")
def test_a_context_that_does_not_exist_is_refused_with_the_ones_that_do(tmp_path: Path) -> None:
    with pytest.raises(AccessError) as caught:
        target.named_target("gamma", state=tmp_path)
    assert str(caught.value) == (
        "kubeconfig: expected a context named gamma, got none of that name (the contexts are: alpha, beta; "
        "kubectl config get-contexts lists them with their clusters)"
    )


def test_a_named_context_is_copied_alone_and_privately_and_the_users_file_stays(
    kubeconfig: Path, tmp_path: Path
) -> None:
    before = kubeconfig.read_bytes()
    named = target.named_target("beta", state=tmp_path)
    copied = yaml.safe_load(named.kubeconfig.read_text(encoding="utf-8"))
    assert [context["name"] for context in copied["contexts"]] == ["beta"]
    assert copied["current-context"] == "beta"
    assert "alpha" not in named.kubeconfig.read_text(encoding="utf-8")
    assert named.kubeconfig.stat().st_mode & 0o777 == 0o600
    assert kubeconfig.read_bytes() == before


@pytest.mark.parametrize(
    "name", ["arn:aws:eks:eu-north-1:1:cluster/shop", "group/project:agent", "a/b", "../up", "a b"]
)
def test_no_context_gives_a_path_its_name(name: str, kubeconfig: Path, tmp_path: Path) -> None:
    kubeconfig.write_text(kubeconfig.read_text(encoding="utf-8").replace("alpha", name), encoding="utf-8")
    file = target.named_target(name, state=tmp_path).kubeconfig
    assert file.parent == tmp_path / "contexts"
    assert re.fullmatch(r"[0-9a-f]{16}\.yaml", file.name)
    assert read(file=file).name == name
    assert shlex.split(target.named_target(name, state=tmp_path).option) == ["--cluster", name]


def test_contexts_of_like_names_have_files_of_their_own(kubeconfig: Path, tmp_path: Path) -> None:
    text = kubeconfig.read_text(encoding="utf-8")
    kubeconfig.write_text(text.replace("alpha", "a/b").replace("beta", "a_b"), encoding="utf-8")
    files = {target.named_target(name, state=tmp_path).kubeconfig for name in ("a/b", "a_b", "a/b")}
    assert len(files) == 2


def test_a_state_folder_that_a_list_of_paths_would_split_is_refused(tmp_path: Path) -> None:
    with pytest.raises(target.LabError, match=r"^MESHLAB_STATE: expected a folder without ':', got /.*a:b$"):
        target.Target(tmp_path / "a:b" / "kubeconfig", embedded=True, label="x")


def test_state_lies_in_the_checkout_or_where_a_variable_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(state_folder.STATE_VARIABLE)
    assert state_folder.state_folder() == ROOT / ".state"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(state_folder.STATE_VARIABLE, "mine")
    assert state_folder.state_folder() == tmp_path / "mine"


def test_the_tests_keep_their_state_outside_the_checkout() -> None:
    assert not state_folder.STATE.is_relative_to(ROOT)
    assert state_folder.STATE.is_dir()


@pytest.mark.parametrize("command", ["up", "preview", "doctor", "recover", "down", "drift", "verify", "rollback"])
def test_an_empty_name_is_no_context(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "--cluster", ""]) == 1
    assert capsys.readouterr().err == "--cluster: expected a context of your kubeconfig, got an empty name\n"


@pytest.mark.parametrize(
    ("context", "charts", "options"),
    [
        ("", None, ""),
        ("", "/my charts", " --charts '/my charts'"),
        ("east", "charts", " --cluster east --charts charts"),
    ],
)
def test_a_command_to_type_next_means_the_same_cluster_and_charts(
    context: str, charts: str | None, options: str, tmp_path: Path
) -> None:
    on = target.Target(tmp_path / "kubeconfig", embedded=not context, label="test", context=context)
    assert Session(on, cast(Any, None), Stack.load("dev", charts=charts)).options == options
