"""What a program finds in its environment, whatever the caller's says."""

import os
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from base import process
from base.environment import PLACES, settled
from meshlab.engine.inline import program

CALLER = {
    "PATH": "/bin",
    "AWS_PROFILE": "shop",
    "HELM_DRIVER": "configmap",
    "HELM_KUBECONTEXT": "prod-eu",
    "HELM_KUBEASUSER": "boss",
    "HELM_NAMESPACE": "elsewhere",
    "KUBECTL_EXTERNAL_DIFF": "meld",
    "KUBECTL_KUBERC": "true",
    "KUBERC": "/home/somebody/kuberc",
    "PULUMI_OPTION_REFRESH": "true",
    "PULUMI_PARALLEL": "1",
    "PULUMI_K8S_DELETE_UNREACHABLE": "true",
    "PULUMI_STACK": "prod",
}


def test_preferences_are_gone_and_all_else_is_as_it_was() -> None:
    found = settled(CALLER)
    assert {key: found[key] for key in ("PATH", "AWS_PROFILE")} == {"PATH": "/bin", "AWS_PROFILE": "shop"}
    assert found["KUBERC"] == "off"
    assert found["KUBECTL_KUBERC"] == "false"
    assert [key for key in found if key.startswith(("HELM_", "PULUMI_"))] == []
    assert "KUBECTL_EXTERNAL_DIFF" not in found


def test_what_says_where_things_lie_and_opens_them_stays() -> None:
    caller = dict.fromkeys(PLACES, "x")
    assert {key: value for key, value in settled(caller).items() if key in PLACES} == caller


@pytest.mark.parametrize("name", ["PULUMI_DIY_BACKEND_GZIP", "PULUMI_SELF_MANAGED_STATE_LEGACY_LAYOUT"])
def test_how_a_bucket_keeps_its_states_stays(name: str) -> None:
    assert settled({name: "true"})[name] == "true"


def test_the_same_again_is_the_same() -> None:
    assert settled(settled(CALLER)) == settled(CALLER)


@pytest.mark.parametrize("name", ["NO_PROXY", "no_proxy"])
def test_loopback_is_beside_what_needs_no_proxy_already(name: str) -> None:
    found = settled({name: "shop.example, 10.0.0.0/8,127.0.0.1"})
    expected = "shop.example, 10.0.0.0/8,127.0.0.1,localhost,::1"
    assert (found["NO_PROXY"], found["no_proxy"]) == (expected, expected)


def test_each_of_two_lists_keeps_its_own_and_every_host_stays_every_host() -> None:
    found = settled({"NO_PROXY": "*", "no_proxy": "shop.example"})
    assert (found["NO_PROXY"], found["no_proxy"]) == ("*", "shop.example,localhost,127.0.0.1,::1")


def test_every_program_gets_it_and_what_it_is_given_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in CALLER.items():
        monkeypatch.setenv(name, value)
    said = process.run(
        [sys.executable, "-c", "import os; print(dict(os.environ))"], timeout=30, env={"HELM_DRIVER": "x"}
    )
    found = eval(said.stdout)
    assert found["HELM_DRIVER"] == "x"
    assert found["KUBERC"] == "off"
    assert "PULUMI_PARALLEL" not in found


def test_the_program_gets_it_and_the_caller_gets_his_own_back(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PULUMI_K8S_DELETE_UNREACHABLE", "true")
    before = dict(os.environ)
    with program({"MINE": "1"}, tmp_path):
        assert "PULUMI_K8S_DELETE_UNREACHABLE" not in os.environ
        assert os.environ["MINE"] == "1"
    assert dict(os.environ) == before


def test_the_command_line_gives_it_to_its_own_process() -> None:
    # As `python -m meshlab --help` does, and then what it has become.
    code = "import runpy, os, atexit; atexit.register(lambda: print(dict(os.environ))); "
    code += "runpy.run_module('meshlab', run_name='__main__')"
    caller = {**os.environ, **CALLER, "PATH": os.environ["PATH"]}
    done = subprocess.run(
        [sys.executable, "-c", code, "--help"], env=caller, capture_output=True, text=True, check=True
    )
    found = eval(done.stdout.splitlines()[-1])
    assert found == settled(found)
    assert found["KUBERC"] == "off"


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_python_asks_no_proxy_for_loopback_then(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.test:3128")
    assert not urllib.request.proxy_bypass(host)
    for name, value in settled(os.environ).items():
        monkeypatch.setenv(name, value)
    assert urllib.request.proxy_bypass(host)
    assert not urllib.request.proxy_bypass("shop.example")
