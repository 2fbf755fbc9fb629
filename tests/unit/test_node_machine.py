"""What `make node` installs for the tests of the real node, and that it never fails a machine that cannot have one."""

import os
import shutil

import pytest

from base.process import ProcessError
from embedded.node import NodeError
from tests.support import node_machine


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What it runs, on a machine of root with apt that lacks runc and the plugins until they are installed."""
    ran: list[list[str]] = []

    def check() -> None:
        if not ran:
            raise NodeError("a real node needs the program runc, not found here")

    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(node_machine, "missing_here", lambda: {} if ran else {"runc": "runc", "ctr": "containerd"})
    monkeypatch.setattr(node_machine, "check", check)
    monkeypatch.setattr(node_machine, "run", lambda words, **options: ran.append(words))
    return ran


def test_only_missing_packages_are_installed_and_none_is_removed(commands: list[list[str]]) -> None:
    assert node_machine.main() == 0
    assert commands[-1][-2:] == ["containerd", "runc"]
    assert "--no-remove" in commands[-1]


def test_nothing_is_installed_where_all_is_there(commands: list[list[str]]) -> None:
    node_machine.main()
    before = list(commands)
    assert node_machine.main() == 0
    assert commands == before


@pytest.mark.parametrize("lacking", ["root", "apt"])
def test_a_user_or_a_system_that_cannot_install_hears_the_reason(
    commands: list[list[str]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], lacking: str
) -> None:
    if lacking == "root":
        monkeypatch.setattr(os, "geteuid", lambda: 1000)
    else:
        monkeypatch.setattr(shutil, "which", lambda name: None)
    assert node_machine.main() == 0
    assert commands == []
    assert capsys.readouterr().out == (
        "real node: its tests are skipped (a real node needs the program runc, not found here)\n"
    )


def test_packages_that_apt_refuses_fail_nothing(
    commands: list[list[str]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(words: list[str], **options: object) -> None:
        raise ProcessError("apt-get install failed with exit code 100: Packages need to be removed")

    monkeypatch.setattr(node_machine, "run", refuse)
    assert node_machine.main() == 0
    assert "Packages need to be removed" in capsys.readouterr().out
