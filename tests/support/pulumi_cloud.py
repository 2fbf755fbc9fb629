"""As much of Pulumi Cloud's HTTP interface as the real CLI asks for: login, stacks, secrets, and a whole update.

It was written from what the CLI asked of it, one request after the other, until it went on; `ROUTES` is the record of
them. What it never asks for is not here and is answered with 404. Whoever has no token is answered with 401, as there.
"""

import base64
import gzip
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN, USER, ORGANIZATION = "pul-0123456789abcdef", "me", "acme"
SEAL = b"sealed by the cloud: "
Answer = tuple[int, Any]
MISSING: Answer = (404, {"code": 404, "message": "Not Found"})


@dataclass
class CloudStack:
    """One stack there."""

    organization: str
    project: str
    name: str
    deployment: dict[str, Any] | None = None
    operation: str = ""
    """What is going on with it: update, preview, destroy, import; empty where nothing is."""
    done: list[str] = field(default_factory=list[str])
    """What was completed."""

    def described(self) -> dict[str, Any]:
        """As the interface has it."""
        return {
            "id": self.name,
            "orgName": self.organization,
            "projectName": self.project,
            "stackName": self.name,
            "activeUpdate": "",
            "tags": {"pulumi:project": self.project},
            "version": len(self.done),
        }


@dataclass
class Cloud:
    """The service, its stacks, and what it was asked."""

    url: str = ""
    stacks: dict[tuple[str, str, str], CloudStack] = field(default_factory=dict[tuple[str, str, str], CloudStack])
    asked: list[str] = field(default_factory=list[str])
    """Method and route of each request that had a token."""
    unknown: list[str] = field(default_factory=list[str])
    """Requests of which there is no record."""

    def answer(self, method: str, path: str, body: dict[str, Any]) -> Answer:
        """Answer a request."""
        for route, act in ROUTES.items():
            wanted, _, form = route.partition(" ")
            form = form.replace("{kind}", KINDS)
            found = re.fullmatch(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", form), path)
            if wanted == method and found:
                self.asked.append(route)
                return act(self, found.groupdict(), body)
        self.unknown.append(f"{method} {path}")
        return MISSING

    def stack_of(self, at: dict[str, str]) -> CloudStack | None:
        """The stack that a path names."""
        return self.stacks.get((at["org"], at["project"], at["stack"]))


Act = Callable[[Cloud, dict[str, str], dict[str, Any]], Answer]


def _user(cloud: Cloud, at: dict[str, str], body: dict[str, Any]) -> Answer:
    organizations = [{"githubLogin": login, "name": login} for login in (USER, ORGANIZATION)]
    return 200, {"githubLogin": USER, "name": USER, "email": "", "organizations": organizations}


def _create(cloud: Cloud, at: dict[str, str], body: dict[str, Any]) -> Answer:
    name = str(body["stackName"])
    cloud.stacks[at["org"], at["project"], name] = CloudStack(at["org"], at["project"], name)
    return 200, {}


def _project(cloud: Cloud, at: dict[str, str], body: dict[str, Any]) -> Answer:
    return (204, {}) if any(key[:2] == (at["org"], at["project"]) for key in cloud.stacks) else MISSING


def _of_stack(act: Callable[[CloudStack, dict[str, str], dict[str, Any]], Any]) -> Act:
    def answer(cloud: Cloud, at: dict[str, str], body: dict[str, Any]) -> Answer:
        stack = cloud.stack_of(at)
        return MISSING if stack is None else (200, act(stack, at, body))

    return answer


def _delete(cloud: Cloud, at: dict[str, str], body: dict[str, Any]) -> Answer:
    del cloud.stacks[at["org"], at["project"], at["stack"]]
    return 204, {}


def _export(stack: CloudStack, at: dict[str, str], body: dict[str, Any]) -> Any:
    return {"version": 3, "deployment": stack.deployment}


def _import(stack: CloudStack, at: dict[str, str], body: dict[str, Any]) -> Any:
    stack.deployment = body["deployment"]
    stack.done.append("import")
    return {"updateId": "import"}


def _begin(stack: CloudStack, at: dict[str, str], body: dict[str, Any]) -> Any:
    stack.operation = at["kind"]
    return {"updateID": f"{at['kind']}-{len(stack.done)}"}


def _start(stack: CloudStack, at: dict[str, str], body: dict[str, Any]) -> Any:
    return {"version": len(stack.done) + 1, "token": "lease"}


def _checkpoint(stack: CloudStack, at: dict[str, str], body: dict[str, Any]) -> Any:
    stack.deployment = body.get("deployment") or body.get("untypedDeployment", {}).get("deployment")
    return {}


def _complete(stack: CloudStack, at: dict[str, str], body: dict[str, Any]) -> Any:
    stack.done.append(f"{stack.operation} {body['status']}")
    stack.operation = ""
    return {}


def _history(stack: CloudStack, at: dict[str, str], body: dict[str, Any]) -> Any:
    """All of it, newest first; the service also has pages."""
    done = [entry.partition(" ") for entry in reversed(stack.done)]
    updates = [
        {"kind": kind, "result": result or "succeeded", "startTime": 0, "endTime": 1} for kind, _, result in done
    ]
    return {"updates": updates}


def _encrypt(stack: CloudStack, at: dict[str, str], body: dict[str, Any]) -> Any:
    return {"ciphertext": _sealed(body["plaintext"])}


def _encrypt_all(stack: CloudStack, at: dict[str, str], body: dict[str, Any]) -> Any:
    return {"ciphertexts": [_sealed(plaintext) for plaintext in body["plaintexts"]]}


def _decrypt(stack: CloudStack, at: dict[str, str], body: dict[str, Any]) -> Any:
    return {"plaintext": _opened(body["ciphertext"])}


def _decrypt_all(stack: CloudStack, at: dict[str, str], body: dict[str, Any]) -> Any:
    return {"plaintexts": {ciphertext: _opened(ciphertext) for ciphertext in body["ciphertexts"]}}


def _sealed(text: str) -> str:
    return base64.b64encode(SEAL + base64.b64decode(text)[::-1]).decode()


def _opened(text: str) -> str:
    return base64.b64encode(base64.b64decode(text).removeprefix(SEAL)[::-1]).decode()


def _nothing(cloud: Cloud, at: dict[str, str], body: dict[str, Any]) -> Answer:
    return 200, {}


KINDS = "(?P<kind>preview|update|refresh|destroy)"
STACK = "/api/stacks/{org}/{project}/{stack}"
ROUTES: dict[str, Act] = {
    "GET /api/capabilities": lambda cloud, at, body: (200, {"capabilities": []}),
    "GET /api/user": _user,
    "GET /api/user/organizations/default": lambda cloud, at, body: (200, {"githubLogin": ORGANIZATION}),
    "HEAD /api/stacks/{org}/{project}": _project,
    "POST /api/stacks/{org}/{project}": _create,
    f"GET {STACK}": _of_stack(lambda stack, at, body: stack.described()),
    f"DELETE {STACK}": _delete,
    f"GET {STACK}/export": _of_stack(_export),
    f"POST {STACK}/import": _of_stack(_import),
    f"POST {STACK}/encrypt": _of_stack(_encrypt),
    f"POST {STACK}/decrypt": _of_stack(_decrypt),
    f"POST {STACK}/decrypt/log-decryption": _nothing,
    f"POST {STACK}/decrypt/log-batch-decryption": _nothing,
    f"POST {STACK}/batch-encrypt": _of_stack(_encrypt_all),
    f"POST {STACK}/batch-decrypt": _of_stack(_decrypt_all),
    f"GET {STACK}/updates": _of_stack(_history),
    f"POST {STACK}/{{kind}}": _of_stack(_begin),
    f"GET {STACK}/update/{{id}}": lambda cloud, at, body: (200, {"status": "succeeded", "events": []}),
    f"POST {STACK}/{{kind}}/{{id}}": _of_stack(_start),
    f"PATCH {STACK}/{{kind}}/{{id}}/checkpoint": _of_stack(_checkpoint),
    f"POST {STACK}/{{kind}}/{{id}}/events/batch": _nothing,
    f"POST {STACK}/{{kind}}/{{id}}/renew_lease": _of_stack(_start),
    f"POST {STACK}/{{kind}}/{{id}}/complete": _of_stack(_complete),
}


@contextmanager
def pulumi_cloud() -> Iterator[Cloud]:
    """The service, on loopback."""
    cloud = Cloud()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if self.headers.get("Content-Encoding") == "gzip":
                raw = gzip.decompress(raw)
            if self.headers.get("Authorization") in (f"token {TOKEN}", "update-token lease"):
                status, document = cloud.answer(
                    self.command, self.path.partition("?")[0], json.loads(raw) if raw.strip() else {}
                )
            else:
                status, document = 401, {"code": 401, "message": "Unauthorized: No credentials provided."}
            answer = b"" if status == 204 or self.command == "HEAD" else json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        do_HEAD = do_POST = do_PATCH = do_PUT = do_DELETE = do_GET  # noqa: N815 - the names that the server looks for

        def log_message(self, *args: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *args: Any) -> None:
            """The CLI ends without closing its connections."""

    server = Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    cloud.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield cloud
    finally:
        server.shutdown()
        server.server_close()
