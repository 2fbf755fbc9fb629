"""Known secrets on the real engine: none is in clear in the state, in outputs, or in a log that was redacted.

At -v9 the engine and its providers trace their calls in clear, which no program of theirs can keep them from. The tests
are one story, in file order.
"""

import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from pulumi import automation as auto

from base import process
from bench.loopback import serving
from embedded.cluster import EmbeddedCluster
from embedded.tools.pulumi_download import pulumi_home
from embedded.tools.toolchain import ToolsMissingError
from meshlab.cli import main as cli
from meshlab.cli.commands import redact as redact
from meshlab.engine.driver import EngineDriver
from meshlab.engine.programs import find_engine
from meshlab.engine.secrets import PASSPHRASE
from meshlab.redact.redaction import REDACTED
from tests.support.canary import CANARY, files_below, sightings
from tests.support.inventory import objects
from tests.support.lab import Lab
from tests.support.lab import driver as engine_driver
from tests.support.stacks import with_config

LOGGED: dict[str, Any] = {"log_verbosity": 9, "log_to_std_err": True, "log_flow": True, "debug": True, "color": "never"}
# What the password passes through, from where it is made to the Secret and the stack's output.
THROUGH = ("cluster", "monitoring", "monitoring-namespace", "monitoring-grafana-password", "monitoring-grafana-admin")


@dataclass
class Run:
    """The lab, and all that the engine said so far, by where it said it."""

    lab: Lab
    began: float = field(default_factory=time.time)
    said: dict[str, str] = field(default_factory=dict)
    password: str = ""

    def driver(self, **over: Any) -> EngineDriver:
        return engine_driver(self.lab, **over)

    def operate(self, name: str, operation: Any, **options: Any) -> Any:
        """Run an operation of the Automation API; its output, log and events are kept."""
        out, log, events = list[str](), list[str](), list[str]()
        try:
            return operation(
                on_output=out.append,
                on_error=log.append,
                on_event=lambda event: events.append(repr(event.__dict__)),
                **LOGGED,
                **options,
            )
        finally:
            for what, lines in (("output", out), ("log", log), ("events", events)):
                self.said[f"{what} of {name}"] = "\n".join(map(str, lines))

    def cli(self, *words: str) -> None:
        """Run the CLI as a person would, without asking it to show secrets."""
        stack = self.driver().stack
        done = process.run(
            [stack.workspace.pulumi_command.command, "--non-interactive", *words, "--stack", stack.name],
            timeout=120,
            cwd=Path(stack.workspace.work_dir),
            env=stack.workspace.env_vars,
        )
        self.said[f"pulumi {' '.join(words)}"] = done.stdout + done.stderr

    def seen(self) -> dict[str, str | bytes]:
        """Everything in which a secret could stand: what was said, the state, and what the engine wrote elsewhere."""
        logs = files_below(*(pulumi_home() / name for name in ("logs", "workspaces")), since=self.began)
        state = files_below(self.lab.folder / "pulumi", self.lab.folder / "stacks")
        return {**self.said, **state, **logs, "said by meshlab": "\n".join(self.lab.lines)}


@contextmanager
def vault() -> Iterator[tuple[str, list[str]]]:
    """A key service on loopback: as much of Vault as the CLI asks for. Yields where it is, and what it was asked."""
    asked: list[str] = []

    class Transit(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            asked.append(self.path)
            mark = "vault:v1:"
            data = (
                {"ciphertext": mark + body["plaintext"][::-1]}
                if "/encrypt/" in self.path
                else {"plaintext": body["ciphertext"].removeprefix(mark)[::-1]}
            )
            answer = json.dumps({"data": data}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        do_POST = do_PUT  # noqa: N815 - the name that the server looks for

        def log_message(self, *args: Any) -> None:
            pass

    with serving(Transit) as address:
        yield address, asked


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    folder = tmp_path_factory.mktemp("canary")
    try:
        cluster = EmbeddedCluster.up("canary", state_dir=folder)
    except ToolsMissingError as missing:
        pytest.skip(str(missing))
    with cluster, pytest.MonkeyPatch.context() as patch:
        patch.setenv(PASSPHRASE, CANARY)
        yield Run(Lab(cluster, folder, "dev"))


def urns(stack: auto.Stack) -> list[str]:
    """The URNs of THROUGH, as the engine will make them."""
    found: list[str] = []
    stack.preview(
        on_event=lambda event: found.extend([event.resource_pre_event.metadata.urn] if event.resource_pre_event else [])
    )
    return [urn for urn in found if urn.rsplit("::", 1)[-1] in THROUGH or "pulumi:pulumi:Stack" in urn]


def test_a_generated_password_goes_through_preview_and_up(run: Run) -> None:
    stack = run.driver().stack
    targets = urns(stack)
    assert len(targets) > len(THROUGH)
    run.operate("preview", stack.preview, diff=True, target=targets)
    run.operate("up", stack.up, target=targets)
    outputs = stack.outputs()
    assert outputs["grafanaPassword"].secret
    run.password = outputs["grafanaPassword"].value
    assert len(run.password) == 24
    admin = objects(run.lab.cluster, "secrets", "-n", "prometheus")
    assert [record for record in admin if "admin-password" in record.get("data", {})]
    # The logs are as talkative as they can be, and the state has the resources.
    assert len(run.said["log of up"].splitlines()) > 1000
    assert any(b"monitoring-grafana-admin" in content for content in files_below(run.lab.folder / "pulumi").values())


def test_looking_at_the_stack_shows_no_secret(run: Run) -> None:
    for words in (
        ("stack", "output"),
        ("stack", "output", "--json"),
        ("stack", "export"),
        ("stack", "history"),
        ("config",),
    ):
        run.cli(*words)
    assert "[secret]" in run.said["pulumi stack output"]
    stack = run.driver().stack
    run.operate("second preview", stack.preview, diff=True, target=urns(stack))
    run.operate("refresh", stack.refresh)


# The engine's and the providers' trace of their calls, and its echo as debug events: the only places, at -v9 alone.
TRACE = re.compile(
    r'arshaling property for RPC|"msg":"eventSink::Debug|^\{"time":"[^"]+","level":"\w+","msg":"\{\\"time'
)


def test_the_password_is_in_no_state_no_output_and_no_history(run: Run) -> None:
    seen = {place: content for place, content in run.seen().items() if " of " not in place}
    assert len(seen) > 15
    assert sightings(run.password, seen) == []


def test_at_v9_nothing_but_the_trace_of_calls_has_the_password(run: Run) -> None:
    lines = [line for place in run.seen() if " of " in place for line in str(run.said[place]).splitlines()]
    told = [line for line in lines if not TRACE.search(line)]
    assert len(told) > 500
    assert sightings(run.password, {"untraced": "\n".join(told)}) == []
    # Should an engine stop to trace it in clear, docs/secrets.md has less to say.
    assert sightings(run.password, {"traced": "\n".join(line for line in lines if TRACE.search(line))})


def test_a_log_of_v9_that_was_scrubbed_has_no_secret_in_clear(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redact, "STATE", run.lab.folder)
    files = [tmp_path / name.replace(" ", "-") for name in run.said]
    for file, text in zip(files, run.said.values(), strict=True):
        file.write_text(text, encoding="utf-8")
    assert cli.main(["redact", "--stack", "dev", *map(str, files)]) == 0
    assert sum(file.read_text(encoding="utf-8").count(REDACTED) for file in files) > 20
    assert sightings(run.password, files_below(tmp_path)) == []


def test_below_v9_the_password_is_nowhere_at_all(run: Run) -> None:
    run.said.clear()
    stack = run.driver().stack
    options = {**LOGGED, "log_verbosity": 8}
    log: list[str] = []
    stack.preview(diff=True, target=urns(stack), on_output=log.append, on_error=log.append, **options)
    stack.refresh(on_output=log.append, on_error=log.append, **options)
    assert len(log) > 500
    assert sightings(run.password, {"log": "\n".join(log), **run.seen()}) == []


def test_the_passphrase_is_nowhere_in_clear(run: Run) -> None:
    assert sightings(CANARY, run.seen()) == []


def test_a_secret_in_the_stack_file_is_refused_and_shown_nowhere(run: Run) -> None:
    secret = f"other {CANARY}"
    stack = run.driver().stack
    stack.set_config("meshlab:monitoring.values.token", auto.ConfigValue(secret, secret=True), path=True)
    with pytest.raises(auto.CommandError) as caught:
        run.operate("refused preview", stack.preview, diff=True)
    expected = "Pulumi.dev.yaml: meshlab:monitoring: expected plain values (a secret goes into a Secret of the cluster"
    assert expected in str(caught.value)
    assert sightings(secret, {"error": str(caught.value), **run.seen()}) == []


def test_a_key_service_locks_a_stack_that_names_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Run) -> None:
    with vault() as (address, asked):
        monkeypatch.setenv("VAULT_ADDR", address)
        monkeypatch.setenv("VAULT_TOKEN", "token")
        monkeypatch.setenv("VAULT_SERVER_URL", address)
        monkeypatch.setenv("VAULT_SERVER_TOKEN", "token")
        monkeypatch.setenv(PASSPHRASE, "")
        dev = with_config("dev", run.lab.config())
        committed = {**dev.file.content, "secretsprovider": "hashivault://meshlab"}
        dev = replace(dev, file=replace(dev.file, content=committed))
        stack = EngineDriver(find_engine(run.lab.say), run.lab.target, dev, run.lab.say, state=tmp_path).stack
        stack.set_config("other:password", auto.ConfigValue(CANARY, secret=True))
        assert stack.get_config("other:password").value == CANARY
    written = files_below(tmp_path)
    own = written[str(tmp_path / "stacks" / "dev" / "Pulumi.dev.yaml")]
    assert b"secretsprovider: hashivault://meshlab" in own
    assert b"encryptedkey: " in own
    assert b"encryptionsalt" not in own
    assert "encrypt" in " ".join(asked)
    assert sightings(CANARY, written) == []
