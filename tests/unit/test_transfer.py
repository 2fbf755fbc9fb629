"""One file by HTTP from a server on loopback: whole and right or not at all, whatever the network does."""

import hashlib
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from embedded.tools import transfer
from embedded.tools.transfer import DigestError, NoAnswerError, Transfer, TransferError
from tests.support.release_server import ReleaseServer, Served, serving

CONTENT = bytes(range(256)) * 1200
HALF = len(CONTENT) // 2


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A caller without proxies, who does not wait long."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setattr(transfer, "PAUSE_SECONDS", 0.01)


@pytest.fixture
def server() -> Iterator[ReleaseServer]:
    with serving() as running:
        yield running


def transfer_of(url: str, folder: Path, content: bytes = CONTENT) -> Transfer:
    return Transfer(url, hashlib.sha256(content).hexdigest(), folder / "part")


def ranges(server: ReleaseServer) -> list[str]:
    return [span for _, span in server.asked]


def test_a_file_comes_whole(server: ReleaseServer, tmp_path: Path) -> None:
    server.files["/tool"] = Served(CONTENT)
    one = transfer_of(f"{server.base}/tool", tmp_path)
    assert one.run().read_bytes() == CONTENT
    assert (one.received, one.total, one.answered) == (len(CONTENT), len(CONTENT), True)
    assert ranges(server) == [""]


def test_a_file_is_asked_for_as_it_is(server: ReleaseServer, tmp_path: Path) -> None:
    server.files["/tool"] = Served(CONTENT)
    transfer_of(f"{server.base}/tool", tmp_path).run()
    assert server.headers[0]["Accept-Encoding"] == "identity"


def test_another_digest_is_refused_with_both_and_nothing_is_kept(server: ReleaseServer, tmp_path: Path) -> None:
    server.files["/tool"] = Served(b"another")
    with pytest.raises(DigestError) as caught:
        transfer_of(f"{server.base}/tool", tmp_path).run()
    wanted, got = (hashlib.sha256(content).hexdigest() for content in (CONTENT, b"another"))
    assert str(caught.value) == f"{server.base}/tool: expected sha256 {wanted}, got {got}; it was not kept"
    assert list(tmp_path.iterdir()) == []


def test_a_break_is_resumed_where_it_was(server: ReleaseServer, tmp_path: Path) -> None:
    server.files["/tool"] = Served(CONTENT, cuts=[HALF, 1000])
    assert transfer_of(f"{server.base}/tool", tmp_path).run().read_bytes() == CONTENT
    assert ranges(server) == ["", f"bytes={HALF}-", f"bytes={HALF + 1000}-"]


def test_a_break_without_ranges_starts_again(server: ReleaseServer, tmp_path: Path) -> None:
    server.files["/tool"] = Served(CONTENT, cuts=[HALF], ranges=False)
    assert transfer_of(f"{server.base}/tool", tmp_path).run().read_bytes() == CONTENT
    assert ranges(server) == ["", f"bytes={HALF}-"]


def test_a_break_with_another_range_starts_again(server: ReleaseServer, tmp_path: Path) -> None:
    server.files["/tool"] = Served(CONTENT, cuts=[HALF], wrong_range=True)
    assert transfer_of(f"{server.base}/tool", tmp_path).run().read_bytes() == CONTENT
    assert ranges(server) == ["", f"bytes={HALF}-", ""]


def test_silence_in_the_middle_is_a_break(
    server: ReleaseServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfer, "ANSWER_SECONDS", 1.0)
    server.files["/tool"] = Served(CONTENT, stalls=[HALF])
    assert transfer_of(f"{server.base}/tool", tmp_path).run().read_bytes() == CONTENT
    assert ranges(server) == ["", f"bytes={HALF // transfer.PIECE * transfer.PIECE}-"]


def test_slow_is_not_silent(server: ReleaseServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "ANSWER_SECONDS", 2.0)
    server.files["/tool"] = Served(CONTENT, piece=len(CONTENT) // 6, pause=0.5)
    assert transfer_of(f"{server.base}/tool", tmp_path).run().read_bytes() == CONTENT
    assert ranges(server) == [""]


def test_breaks_without_end_are_told_and_what_came_is_kept_for_the_next_time(
    server: ReleaseServer, tmp_path: Path
) -> None:
    server.files["/tool"] = Served(CONTENT, cuts=[HALF, *[0] * transfer.TRIES])
    with pytest.raises(TransferError, match=rf"^{server.base}/tool: broke off after {HALF} bytes: "):
        transfer_of(f"{server.base}/tool", tmp_path).run()
    assert transfer_of(f"{server.base}/tool", tmp_path).run().read_bytes() == CONTENT
    assert ranges(server) == ["", *[f"bytes={HALF}-"] * (transfer.TRIES + 1)]


def test_a_transfer_that_takes_too_long_ends(
    server: ReleaseServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfer, "LIMIT_SECONDS", 0.3)
    server.files["/tool"] = Served(CONTENT, piece=40_000, pause=0.2)
    with pytest.raises(TransferError, match=r"not done after 0 s$"):
        transfer_of(f"{server.base}/tool", tmp_path).run()


def test_the_beginning_of_something_else_is_thrown_away(server: ReleaseServer, tmp_path: Path) -> None:
    server.files["/tool"] = Served(CONTENT)
    (tmp_path / "part").write_bytes(b"of another time")
    assert transfer_of(f"{server.base}/tool", tmp_path).run().read_bytes() == CONTENT
    assert ranges(server) == ["bytes=15-", ""]


def test_more_than_the_file_has_is_thrown_away(server: ReleaseServer, tmp_path: Path) -> None:
    server.files["/tool"] = Served(CONTENT)
    (tmp_path / "part").write_bytes(CONTENT + b"more")
    assert transfer_of(f"{server.base}/tool", tmp_path).run().read_bytes() == CONTENT
    assert ranges(server) == [f"bytes={len(CONTENT) + 4}-", ""]


def test_what_is_whole_already_is_not_asked_for(server: ReleaseServer, tmp_path: Path) -> None:
    (tmp_path / "part").write_bytes(CONTENT)
    assert transfer_of(f"{server.base}/tool", tmp_path).run().read_bytes() == CONTENT
    assert server.asked == []


@pytest.mark.parametrize("status", [403, 404])
def test_a_file_that_is_not_there_is_told_at_once(server: ReleaseServer, tmp_path: Path, status: int) -> None:
    server.files["/tool"] = Served(CONTENT, statuses=[status])
    with pytest.raises(TransferError, match=rf"^{server.base}/tool: HTTP {status}$"):
        transfer_of(f"{server.base}/tool", tmp_path).run()
    assert list(tmp_path.iterdir()) == []


def test_a_server_in_trouble_is_asked_again(server: ReleaseServer, tmp_path: Path) -> None:
    server.files["/tool"] = Served(CONTENT, statuses=[503, 502])
    assert transfer_of(f"{server.base}/tool", tmp_path).run().read_bytes() == CONTENT


def test_a_server_that_stays_in_trouble_is_told(server: ReleaseServer, tmp_path: Path) -> None:
    server.files["/tool"] = Served(CONTENT, statuses=[503] * 9)
    with pytest.raises(TransferError, match=r"HTTP 503$"):
        transfer_of(f"{server.base}/tool", tmp_path).run()
    assert len(server.asked) == transfer.TRIES


def test_a_redirect_is_followed_to_another_host(server: ReleaseServer, tmp_path: Path) -> None:
    with serving() as other:
        other.files["/there"] = Served(CONTENT, cuts=[HALF])
        server.files["/tool"] = Served(redirect=f"{other.base}/there")
        assert transfer_of(f"{server.base}/tool", tmp_path).run().read_bytes() == CONTENT
        assert ranges(other) == ["", f"bytes={HALF}-"]


def test_nobody_there_is_no_answer(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        base = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(NoAnswerError, match=rf"^{base}: Connection refused$"):
            transfer_of(f"{base}/tool", tmp_path).run()
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_says_nothing_is_no_answer(
    server: ReleaseServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfer, "ANSWER_SECONDS", 0.2)
    server.files["/tool"] = Served(silent=True)
    with pytest.raises(NoAnswerError, match=rf"^{server.base}: no answer within 0.2 s$"):
        transfer_of(f"{server.base}/tool", tmp_path).run()


def test_a_proxy_is_asked_where_the_environment_names_one(
    server: ReleaseServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", server.base)
    server.files["/tool"] = Served(CONTENT, cuts=[HALF])
    assert transfer_of("http://releases.invalid/tool", tmp_path).run().read_bytes() == CONTENT
    assert server.asked == [("http://releases.invalid/tool", ""), ("http://releases.invalid/tool", f"bytes={HALF}-")]


def test_a_host_that_is_not_for_the_proxy_is_asked_itself(
    server: ReleaseServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://proxy.invalid:1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    server.files["/tool"] = Served(CONTENT)
    assert transfer_of(f"{server.base}/tool", tmp_path).run().read_bytes() == CONTENT


def test_a_proxy_that_does_not_answer_is_no_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{taken.getsockname()[1]}")
        with pytest.raises(NoAnswerError, match=r"^http://releases\.invalid: Connection refused$"):
            transfer_of("http://releases.invalid/tool", tmp_path).run()
