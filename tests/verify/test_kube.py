"""The cluster by the official client, against an API server's documented protocols on loopback."""

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection

from kube.api_objects import AccessError, MissingError
from kube.cluster import Cluster
from kube.objects import PODS
from meshlab.verify.web import AnswerError, Web
from tests.verify.api_server import ERRORS, OUT, STATUS, answer, api_server, ended, kubeconfig, port_opened, status_of

Asked = Mapping[str, list[str]]


def nothing(connection: ServerConnection, asked: Asked) -> None:
    """A session that ends at once."""


def test_a_command_gives_its_output_its_errors_and_its_exit_code(tmp_path: Path) -> None:
    seen: list[Asked] = []

    def session(connection: ServerConnection, asked: Asked) -> None:
        seen.append(asked)
        for text in ("half ", "an answer\n"):
            connection.send(bytes([OUT]) + text.encode())
        connection.send(bytes([ERRORS]) + b"a warning\n")
        connection.send(bytes([STATUS]) + ended(7))

    with api_server(session) as server:
        cluster = Cluster(kubeconfig(tmp_path, server, "here"))
        done = cluster.execute("default", "sleep-0", "sleep", ["sh", "-c", "echo; exit 7"], 10)
    assert (done.code, done.stdout, done.stderr) == (7, "half an answer\n", "a warning\n")
    assert seen[0]["command"] == ["sh", "-c", "echo; exit 7"]
    assert seen[0]["container"] == ["sleep"]


def test_a_command_that_ends_well_has_code_0(tmp_path: Path) -> None:
    def session(connection: ServerConnection, asked: Asked) -> None:
        connection.send(bytes([STATUS]) + ended(0))

    with api_server(session) as server:
        assert Cluster(kubeconfig(tmp_path, server, "here")).execute("n", "p", "c", ["true"], 10).code == 0


def test_a_command_that_cannot_start_is_an_error_with_its_reason(tmp_path: Path) -> None:
    def session(connection: ServerConnection, asked: Asked) -> None:
        connection.send(bytes([STATUS]) + json.dumps(status_of(500, 'exec: "curl": not found in $PATH')).encode())

    with api_server(session) as server:
        cluster = Cluster(kubeconfig(tmp_path, server, "here"))
        with pytest.raises(AccessError, match=r'^exec in n/p: exec: "curl": not found in \$PATH$'):
            cluster.execute("n", "p", "c", ["curl"], 10)


def test_a_command_that_hangs_is_given_up_on(tmp_path: Path) -> None:
    def session(connection: ServerConnection, asked: Asked) -> None:
        connection.recv()

    with api_server(session) as server:
        cluster = Cluster(kubeconfig(tmp_path, server, "here"))
        with pytest.raises(AccessError, match=r"^exec in n/p: the command was not done after 0\.3 s$"):
            cluster.execute("n", "p", "c", ["sleep", "60"], 0.3)


def test_a_command_that_is_refused_is_one_line(tmp_path: Path) -> None:
    with api_server(nothing) as server:
        cluster = Cluster(_without_token(tmp_path, server))
        with pytest.raises(AccessError, match=r"^exec in n/p: Unauthorized$"):
            cluster.execute("n", "p", "c", ["true"], 5)


@pytest.mark.parametrize(
    ("refusal", "told"),
    [
        (answer(404, status_of(404, 'pods "p" not found')), 'pods "p" not found'),
        (
            answer(404, "pod does not exist"),
            "pod does not exist, as the node's kubelet says: one that has just started",
        ),
        (answer(502, "no gateway"), "Handshake status 502 Bad Gateway: no gateway"),
        (answer(500, ""), "Handshake status 500 Internal Server Error"),
    ],
)
def test_a_session_that_does_not_open_has_its_reason(tmp_path: Path, refusal: Response, told: str) -> None:
    with api_server(nothing, refusal=refusal) as server:
        cluster = Cluster(kubeconfig(tmp_path, server, "here"))
        with pytest.raises(AccessError) as caught:
            cluster.execute("n", "p", "c", ["true"], 5)
    assert str(caught.value).startswith(f"exec in n/p: {told}")
    assert "\n" not in str(caught.value)


def http_of_a_pod(body: bytes) -> Any:
    """A session that forwards a port to something that answers every request so."""

    def session(connection: ServerConnection, asked: Asked) -> None:
        for message in port_opened(int(asked["ports"][0])):
            connection.send(message)
        with suppress(ConnectionClosed):
            while True:
                connection.recv()
                head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n".encode()
                # In two pieces, as it comes over a network.
                connection.send(b"\x00" + head + body[:3])
                connection.send(b"\x00" + body[3:])

    return session


def test_a_port_is_forwarded_for_one_request_after_the_other(tmp_path: Path) -> None:
    with api_server(http_of_a_pod(b'{"status": "success"}')) as server:
        cluster = Cluster(kubeconfig(tmp_path, server, "here"))
        web = Web("Prometheus", lambda: cluster.tunnel("prometheus", "prometheus-0", 9090, 5))
        assert [web.json("/api/v1/targets") for _ in range(3)] == [{"status": "success"}] * 3
        web.close()


def test_a_port_behind_which_nobody_listens_is_an_error_with_its_reason(tmp_path: Path) -> None:
    def session(connection: ServerConnection, asked: Asked) -> None:
        for message in port_opened(int(asked["ports"][0])):
            connection.send(message)
        connection.send(b"\x01" + b"connect: connection refused")
        with suppress(ConnectionClosed):
            connection.recv()

    with api_server(session) as server:
        cluster = Cluster(kubeconfig(tmp_path, server, "here"))
        web = Web("Kiali", lambda: cluster.tunnel("istio-system", "kiali-0", 20001, 5))
        with pytest.raises(AnswerError, match=r"^Kiali does not answer: .*connection refused"):
            web.ask("/kiali/healthz")


def test_a_port_that_never_answers_is_given_up_on(tmp_path: Path) -> None:
    def session(connection: ServerConnection, asked: Asked) -> None:
        for message in port_opened(int(asked["ports"][0])):
            connection.send(message)
        with suppress(ConnectionClosed):
            while True:
                connection.recv()

    with api_server(session) as server:
        cluster = Cluster(kubeconfig(tmp_path, server, "here"))
        web = Web("Grafana", lambda: cluster.tunnel("prometheus", "grafana-0", 3000, 0.3))
        with pytest.raises(AnswerError, match=r"^Grafana does not answer: timed out$"):
            web.ask("/api/search")


def test_objects_are_read_and_a_missing_one_is_told_from_a_refused_one(tmp_path: Path) -> None:
    paths: list[str] = []

    def plain(request: Request) -> tuple[int, Any]:
        paths.append(request.path)
        if request.path.startswith("/api/v1/namespaces/default/pods?"):
            return 200, {"items": [{"metadata": {"name": "sleep-0"}}]}
        if request.path == "/version":
            return 200, {"gitVersion": "v1.34.4"}
        if request.path.endswith("/proxy/debug/registryz"):
            return 200, []
        if request.path.endswith("/secret"):
            return 403, status_of(403, 'pods "secret" is forbidden')
        return 404, status_of(404, "not found")

    with api_server(nothing, plain) as server:
        cluster = Cluster(kubeconfig(tmp_path, server, "here"))
        assert cluster.list(PODS, "default", {"app": "sleep", "x": "y"}) == [{"metadata": {"name": "sleep-0"}}]
        assert paths == ["/api/v1/namespaces/default/pods?labelSelector=app%3Dsleep%2Cx%3Dy"]
        assert cluster.version() == "v1.34.4"
        assert cluster.proxied("istio-system", "istiod-1-17", 15014, "/debug/registryz") == "[]"
        with pytest.raises(MissingError, match=r"^/api/v1/namespaces/default/pods/gone is not there$"):
            cluster.get(PODS, "gone", "default")
        with pytest.raises(AccessError, match=r'^GET \S+/secret: HTTP 403: pods "secret" is forbidden$'):
            cluster.get(PODS, "secret", "default")


def test_requests_commands_and_forwarded_ports_act_as_whom_the_kubeconfig_says(tmp_path: Path) -> None:
    sent: list[list[str]] = []

    def note(request: Request | None) -> None:
        assert request
        sent.append(sorted(f"{key}: {value}" for key, value in request.headers.raw_items() if key.startswith("Imp")))

    def session(connection: ServerConnection, asked: Asked) -> None:
        note(connection.request)
        for message in [bytes([STATUS]) + ended(0)] if "command" in asked else port_opened(80):
            connection.send(message)

    def plain(request: Request) -> tuple[int, Any]:
        note(request)
        return 200, {"gitVersion": "v1.34.4"}

    boss = {"as": "boss", "as-uid": "7", "as-groups": ["a", "b"], "as-user-extra": {"why": ["x"]}}
    with api_server(session, plain) as server:
        cluster = Cluster(kubeconfig(tmp_path, server, "here", **boss))
        cluster.version()
        cluster.execute("n", "p", "c", ["true"], 10)
        cluster.tunnel("n", "p", 80, 5).close()
        Cluster(kubeconfig(tmp_path, server, "here")).execute("n", "p", "c", ["true"], 10)
    wanted = ["Extra-why: x", "Group: a", "Group: b", "Uid: 7", "User: boss"]
    assert sent == [[f"Impersonate-{header}" for header in wanted]] * 3 + [[]]


def test_a_server_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    # Port 1 of loopback: nobody may listen there without being root, and nobody does.
    cluster = Cluster(kubeconfig(tmp_path, "http://127.0.0.1:1", "here"))
    with pytest.raises(AccessError, match=r"^http://127\.0\.0\.1:1 does not answer: .*refused[^\n]*$"):
        cluster.version()


def test_a_context_is_chosen_by_name_and_never_guessed(tmp_path: Path) -> None:
    file = kubeconfig(tmp_path, "http://127.0.0.1:1", "here", "there")
    assert Cluster(file, "there").server == "http://127.0.0.1:1"
    with pytest.raises(
        AccessError, match=r"^kubeconfig: expected a context named nowhere, got none .*: here, there; [^\n]*$"
    ):
        Cluster(file, "nowhere")
    with pytest.raises(AccessError, match=r"^kubeconfig: expected a file \S+/none, got none$"):
        Cluster(tmp_path / "none", "here")


def _without_token(folder: Path, server: str) -> Path:
    path = kubeconfig(folder, server, "here")
    path.write_text(path.read_text(encoding="utf-8").replace("token-of", "no-token-of"), encoding="utf-8")
    return path
