"""What the driver writes and asks before the engine does anything; the CLI is a script that keeps what it is asked."""

import json
from pathlib import Path
from typing import Any

import pytest

from meshlab.engine import driver as driver_module
from meshlab.engine.backends import Backend, Source
from meshlab.engine.driver import EngineDriver, InlineStack
from meshlab.engine.programs import LAUNCHER, Engine, Part
from meshlab.recording.recorder import ROOT
from meshlab.stack import Stack
from meshlab.stackfile.reading import read_project
from meshlab.target import LabError, Target
from tests.support import pretended_pulumi

KUBERNETES = Part("kubernetes", "4.34.2", "on PATH", Path("/plugins"), "4.34.2")
OLDER = Part("kubernetes", "4.25.0", "built here", Path("/built"), "4.34.2")
STATE = {"deployment": {"resources": [{"urn": "urn:pulumi:dev::meshlab::x::kept", "type": "x", "protect": True}]}}


class Machine:
    """A CLI and a state folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def driver(self, *providers: Part, **over: Any) -> EngineDriver:
        # It exports a state with a protected resource, and answers everything else with an empty document.
        answer = f"case \"$*\" in *export*) echo '{json.dumps(STATE)}';; *) echo '{{}}';; esac"
        cli = pretended_pulumi.engine(self.folder / "bin", otherwise=f'echo "$*" >> {self.folder}/asked\n{answer}').cli
        target = Target(self.folder / "kubeconfig", embedded=True, label="test")
        engine = Engine(cli, providers or (KUBERNETES,))
        return EngineDriver(engine, target, Stack.load("dev", overlay=over), print, self.folder / "state")

    def without_state(self, said: str) -> EngineDriver:
        """A driver whose backend refuses to give the state."""
        answer = f"case \"$*\" in *export*) echo '{said}' >&2; exit 1;; *) echo '{{}}';; esac"
        cli = pretended_pulumi.engine(self.folder / "bin", otherwise=answer).cli
        target = Target(self.folder / "kubeconfig", embedded=True, label="test")
        return EngineDriver(Engine(cli, (KUBERNETES,)), target, Stack.load("dev"), print, self.folder / "state")

    def written(self, name: str) -> dict[str, Any]:
        return read_project(self.folder / "state" / "stacks" / "dev" / name)

    def asked(self) -> list[str]:
        return (self.folder / "asked").read_text(encoding="utf-8").splitlines()


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    for name in ("PULUMI_BACKEND_URL", "PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE"):
        monkeypatch.delenv(name, raising=False)
    return Machine(tmp_path)


def test_the_project_is_the_committed_one_led_back_to_the_program(machine: Machine) -> None:
    machine.driver()
    committed = read_project(ROOT / "Pulumi.yaml")
    written = machine.written("Pulumi.yaml")
    assert written["requiredPulumiVersion"] == committed["requiredPulumiVersion"]
    assert {key: written[key] for key in ("name", "config")} == {key: committed[key] for key in ("name", "config")}
    assert (machine.folder / "state" / "stacks" / "dev" / written["main"]).resolve() == ROOT


def test_the_project_shows_the_engine_its_providers(machine: Machine) -> None:
    machine.driver(KUBERNETES, Part("random", "4.21.4", "downloaded", Path("/downloads"), "4.21.4"))
    assert machine.written("Pulumi.yaml")["plugins"]["providers"] == [
        {"name": "kubernetes", "path": "/plugins"},
        {"name": "pulumi-python", "path": str(LAUNCHER)},
        {"name": "random", "path": "/downloads"},
    ]


def test_the_engine_does_not_repeat_that_a_provider_is_older(machine: Machine) -> None:
    assert "PULUMI_DEV" not in machine.driver(KUBERNETES).stack.workspace.env_vars
    assert machine.driver(OLDER).stack.workspace.env_vars["PULUMI_DEV"] == "true"


def test_the_engine_and_the_program_are_for_the_targets_cluster_alone(machine: Machine) -> None:
    stack = machine.driver().stack
    kubeconfig = str(machine.folder / "kubeconfig")
    assert stack.workspace.env_vars["KUBECONFIG"] == kubeconfig
    assert stack.environment["KUBECONFIG"] == kubeconfig


def test_the_stack_file_has_the_settings_in_force_and_keeps_its_salt(machine: Machine) -> None:
    before = (ROOT / "Pulumi.dev.yaml").read_bytes()
    machine.driver()
    file = machine.folder / "state" / "stacks" / "dev" / "Pulumi.dev.yaml"
    with file.open("a", encoding="utf-8") as written:
        # Whatever the settings of the last run look like: they are replaced.
        written.write("  meshlab:kiali: {spec: {.nan: .inf}}\nencryptionsalt: of-the-engine\n")
    machine.driver(kiali={"awaitReady": False})
    assert machine.written("Pulumi.dev.yaml")["encryptionsalt"] == "of-the-engine"
    assert machine.written("Pulumi.dev.yaml")["config"]["meshlab:kiali"]["awaitReady"] is False
    assert file.stat().st_mode & 0o777 == 0o600
    assert (ROOT / "Pulumi.dev.yaml").read_bytes() == before


def test_the_stack_file_keeps_texts_that_look_like_something_else(machine: Machine) -> None:
    values = {"commit": "1234e56", "build": "0899", "mode": "off", "at": "12:30", "since": "2023-11-05", "y": None}
    machine.driver(kiali={"values": values})
    assert machine.written("Pulumi.dev.yaml")["config"]["meshlab:kiali"]["values"] == values


@pytest.mark.parametrize("operation", ["up", "preview"])
def test_wrong_settings_are_a_line_each_and_nothing_is_asked_of_the_engine(
    machine: Machine, operation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(InlineStack, operation, lambda stack, **options: pytest.fail("the engine was asked"))
    driver = machine.driver(envoyDemo={"scenario": "x"}, monitoring={"replicas": 0})
    before = machine.asked()
    with pytest.raises(LabError) as caught:
        getattr(driver, operation)()
    *faults, last = str(caught.value).splitlines()
    assert len(faults) == 2
    assert all(fault.startswith("Pulumi.dev.yaml: meshlab:") for fault in faults)
    assert last == "nothing was changed"
    assert machine.asked() == before


def test_a_protected_stack_is_refused_before_anything_goes(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(InlineStack, "destroy", lambda stack, **options: pytest.fail("destroy began"))
    with pytest.raises(LabError, match="protected: kept; nothing was removed"):
        machine.driver().down()
    assert not [words for words in machine.asked() if "stack rm" in words]


@pytest.mark.parametrize("said", ["organization name must be ...", "failed to decrypt: incorrect passphrase"])
def test_a_state_that_the_backend_does_not_give_is_one_line(machine: Machine, said: str) -> None:
    driver = machine.without_state(f"error: {said}")
    with pytest.raises(LabError) as caught:
        driver.passwords()
    backend = f"{(machine.folder / 'state' / 'pulumi').as_uri()} (the embedded cluster's own)"
    assert str(caught.value) == f"{backend}: the state of dev cannot be read: {said}"


def test_a_destroy_that_leaves_resources_is_no_success(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(STATE["deployment"]["resources"][0], "protect", False)
    with pytest.raises(LabError) as refused:
        machine.driver().down()
    assert str(refused.value) == (
        "the engine stopped before its end; resources left in the state: 1, such as kept "
        "(to go on: meshlab down --stack dev)"
    )
    assert not [line for line in machine.asked() if line.startswith("stack rm")]


def test_a_callers_backend_is_asked_once_for_its_last_operation(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    monkeypatch.setattr(driver_module, "last_is_destroy", asked.append)
    driver = machine.driver()
    driver.backend = Backend("https://pulumi.example.com", Source.ENVIRONMENT)
    driver.settle()
    driver.settle()
    assert asked == [driver.stack]
