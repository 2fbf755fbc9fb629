"""How the start of an embedded cluster waits for what its API server still lacks."""

import os
from pathlib import Path

import pytest

from base.errors import MeshlabError
from base.process import CommandTimeoutError, ProcessError
from embedded.cluster import boot
from embedded.cluster.record import ClusterRecord


@pytest.fixture
def mine(tmp_path: Path) -> ClusterRecord:
    return ClusterRecord(tmp_path / "mine", "identifier", None)


def refuse(how: str) -> None:
    raise MeshlabError(how)


def test_an_api_server_that_refuses_is_asked_again(mine: ClusterRecord) -> None:
    refusals = ["GET /api/v1/nodes: HTTP 429 try again later", "2 of 3 nodes are ready"]

    def act() -> None:
        if refusals:
            refuse(refusals.pop())

    boot._patiently(mine, act)
    assert not refusals


def test_what_lacks_for_too_long_is_said(mine: ClusterRecord, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boot, "START_LIMIT", 0.0)
    with pytest.raises(CommandTimeoutError, match=r"^2 of 3 nodes are ready, after 0 s$"):
        boot._patiently(mine, lambda: refuse("2 of 3 nodes are ready"))


def test_a_part_that_has_ended_is_named_and_not_the_refusal(mine: ClusterRecord) -> None:
    ended = os.posix_spawn("/bin/true", ["true"], {})
    os.waitpid(ended, 0)
    for path, text in {"pids/etcd.pid": str(ended), "logs/etcd.log": "starting\ndisk is on fire\n"}.items():
        file = boot._home(mine) / path
        file.parent.mkdir(parents=True)
        file.write_text(text, encoding="utf-8")

    with pytest.raises(ProcessError, match=r"^etcd ended: disk is on fire$"):
        boot._patiently(mine, lambda: refuse("POST /api/v1/nodes: Remote end closed connection"))
