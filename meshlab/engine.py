"""The real Pulumi engine, by its Automation API: found or downloaded, with a local backend that needs no account."""

import json
import os
import re
import shutil
import threading
import time
from collections.abc import Collection, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import yaml
from pulumi import automation as auto
from pulumi.automation import events
from semver import VersionInfo

from policy.pack.settings import PROJECT, SECTION, settings_of

from . import process, toolchain
from .engine_secrets import BACKEND, key_service, passphrase_environment
from .event_log import EventLog, log_file
from .lab import STATE, LabError, Outcome, Say, Step, Target, write_private
from .recorder import PASSWORD, ROOT

PULUMI_VERSION = "3.260.0"  # renovate: datasource=github-releases depName=pulumi/pulumi
PROVIDERS = ("kubernetes", "random")
POLICY_PACKS = [str(ROOT / "policy")]
DOWNLOAD_LIMIT_SECONDS = 600.0
STATE_LIMIT_SECONDS = 60.0
"""How long the backend may take to answer."""
_NOTHING_SAID = ("update failed", "preview failed", "an unhandled error occurred: program exited with non-zero")
_COLOURS = re.compile(r"<\{%[^%]*%\}>")


class EngineMissingError(Exception):
    """No Pulumi engine can be had here; the message says what was tried."""


def find_command(say: Say) -> auto.PulumiCommand:
    """The Pulumi CLI with the program's providers.

    Raises EngineMissingError where one of them is neither there nor to be downloaded.
    """
    command = find_cli(say)
    for provider in PROVIDERS:
        _ensure_provider(command, provider, pulumi_home())
    return command


def find_cli(say: Say) -> auto.PulumiCommand:
    """The Pulumi CLI: from PATH, else downloaded once by the Automation API's installer at a pinned version.

    Raises EngineMissingError where there is neither.
    """
    try:
        return auto.PulumiCommand(skip_version_check=True)
    except Exception:  # the SDK raises whatever its first run of the CLI raises
        say(f"engine: no pulumi on PATH; downloading {PULUMI_VERSION}")
    try:
        return auto.PulumiCommand.install(
            root=str(pulumi_home() / "versions" / PULUMI_VERSION), version=VersionInfo.parse(PULUMI_VERSION)
        )
    except Exception as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[-1]
        raise EngineMissingError(f"no pulumi on PATH, and its download failed ({reason})") from None


def engine_environment(state: Path) -> dict[str, str]:
    """Where the engine keeps state and plugins. A backend that the caller's environment names goes before our own."""
    backend = state / "pulumi"
    backend.mkdir(parents=True, exist_ok=True)
    return {
        BACKEND: os.environ.get(BACKEND) or backend.as_uri(),
        "PULUMI_HOME": str(pulumi_home()),
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        # A machine that has not run the stack before, as each of CI's, takes the salt or the key from the state.
        "PULUMI_FALLBACK_TO_STATE_SECRETS_MANAGER": "true",
    }


def pulumi_home() -> Path:
    """Where plugins and a downloaded CLI lie: with the other tools, so that the user's own ~/.pulumi stays as it is."""
    return toolchain.cache_folder().parent / "pulumi"


def _ensure_provider(command: auto.PulumiCommand, provider: str, home: Path) -> None:
    if shutil.which(f"pulumi-resource-{provider}") or any((home / "plugins").glob(f"resource-{provider}-v*")):
        return
    try:
        process.run(
            [command.command, "plugin", "install", "resource", provider],
            timeout=DOWNLOAD_LIMIT_SECONDS,
            env={"PULUMI_HOME": str(home), "PULUMI_SKIP_UPDATE_CHECK": "true"},
        )
    except process.ProcessError as error:
        raise EngineMissingError(f"no provider {provider} for pulumi, and its download failed ({error})") from None


class EngineDriver:
    """One stack on the real engine. State, passphrase and the effective stack file lie in the state folder."""

    def __init__(
        self,
        command: auto.PulumiCommand,
        target: Target,
        stack: str,
        config: Mapping[str, Any],
        say: Say,
        state: Path = STATE,
    ) -> None:
        self._say = say
        self._folder = state / "stacks" / stack
        self._log = log_file(stack, state)
        source = self._write_project(stack, config)
        env = {**engine_environment(state), "KUBECONFIG": str(target.kubeconfig)}
        service = key_service(source)
        env |= passphrase_environment(stack, service, state)
        workspace = auto.LocalWorkspace(
            work_dir=str(self._folder), pulumi_command=command, env_vars=env, secrets_provider=service
        )
        self.stack = auto.Stack.create_or_select(stack, workspace)
        self._strict = settings_of(config.get(f"{PROJECT}:{SECTION}")).enforcement == "mandatory"

    def up(self) -> Outcome:
        """Run `pulumi up`, and keep when each resource was begun and done.

        Raises LabError with what the engine reported where it fails.
        """
        if self._strict:
            # A broken rule that only `up` meets would stop it half-way.
            check = _Watch(None)
            with check.failures("preview"):
                self.stack.preview(on_event=check.see, color="never", policy_packs=POLICY_PACKS)
        with EventLog(self._log) as log:
            watch = _Watch(self._say, log)
            with watch.failures("up"):
                result = self.stack.up(on_event=watch.see, color="never", policy_packs=POLICY_PACKS)
        return Outcome(watch.steps(), {name: output.value for name, output in result.outputs.items()})

    def preview(self) -> Outcome:
        """Run `pulumi preview`, with what changes inside each resource where there is something to compare with."""
        watch = _Watch(None)
        with watch.failures("preview"):
            result = self.stack.preview(
                on_event=watch.see, color="never", diff=self._was_up(), policy_packs=POLICY_PACKS
            )
        self._say(result.stdout)
        return Outcome(watch.steps(), {})

    def down(self) -> Outcome:
        """Run `pulumi destroy` and forget the stack, whose state is empty then."""
        self._refuse_protected()
        watch = _Watch(self._say)
        with watch.failures("destroy"):
            self.stack.destroy(on_event=watch.see, color="never")
        self.stack.workspace.remove_stack(self.stack.name)
        return Outcome(watch.steps(), {})

    def restore(self, names: Collection[str]) -> Outcome:
        """Put resources back, by their logical names, that other hands have changed or deleted in the cluster."""
        watch = _Watch(self._say)
        with watch.failures("up"):
            self.stack.up(target=self._urns(names), refresh=True, on_event=watch.see, color="never")
        return Outcome(watch.steps(), {})

    def passwords(self) -> dict[str, str]:
        """What the stack's state has of generated passwords, in clear, by the logical names of their resources."""
        found = {one["urn"].rsplit("::", 1)[-1]: one for one in self._resources() if one["type"] == PASSWORD}
        return {name: json.loads(one["outputs"]["result"]["plaintext"]) for name, one in found.items()}

    def _was_up(self) -> bool:
        """Whether there is something to compare with. The SDK would ask twice, for what is secret as well."""
        workspace = self.stack.workspace
        asked = [workspace.pulumi_command.command, "stack", "output", "--json", "--stack", self.stack.name]
        answer = process.run(asked, timeout=STATE_LIMIT_SECONDS, cwd=Path(workspace.work_dir), env=workspace.env_vars)
        return bool(json.loads(answer.stdout))

    def _refuse_protected(self) -> None:
        """The engine stops at a protected resource only when it comes to it, with half of the others gone."""
        protected = [one["urn"].rsplit("::", 1)[-1] for one in self._resources() if one.get("protect")]
        if protected:
            raise LabError(
                f"{self.stack.name}: protected: {', '.join(protected)}; nothing was removed "
                "(to remove them: set cluster.protectNamespaces to false, bring the stack up once, then again)"
            )

    def _resources(self) -> list[dict[str, Any]]:
        return cast(list[dict[str, Any]], (self.stack.export_stack().deployment or {}).get("resources") or [])

    def _urns(self, names: Collection[str]) -> list[str]:
        return [one["urn"] for one in self._resources() if one["urn"].rsplit("::", 1)[-1] in names]

    def _write_project(self, stack: str, config: Mapping[str, Any]) -> dict[str, Any]:
        """A project folder that leads back to the program, so that the committed stack file is never written to.

        Returns what the committed file says.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        program = self._folder / "program"
        if not program.is_symlink():
            program.symlink_to(ROOT)
        project = cast(dict[str, Any], yaml.safe_load((ROOT / "Pulumi.yaml").read_text(encoding="utf-8")))
        project["main"] = "program"
        project["runtime"] = {"name": "python", "options": {"toolchain": "pip", "virtualenv": str(ROOT / ".venv")}}
        (self._folder / "Pulumi.yaml").write_text(yaml.safe_dump(project, sort_keys=False), encoding="utf-8")
        own = self._folder / f"Pulumi.{stack}.yaml"
        # The salt of the secrets is the engine's: it writes it into the stack file and needs it again.
        before = cast(dict[str, Any], yaml.safe_load(own.read_text(encoding="utf-8"))) if own.is_file() else {}
        source = cast(dict[str, Any], yaml.safe_load((ROOT / own.name).read_text(encoding="utf-8")))
        write_private(own, yaml.safe_dump({**before, **source, "config": dict(config)}, sort_keys=False))
        return source


def _lines_of(error: auto.CommandError) -> list[str]:
    """What the CLI wrote as its reason, where the engine did not come so far as to report any: a lock, a full disk."""
    reason = str(error).partition("\n stderr: ")[2] or str(error)
    return [line.strip().removeprefix("error: ") for line in reason.splitlines() if line.strip()]


def _note(log: EventLog, event: events.EngineEvent) -> None:
    """Keep of an event what times need: never the inputs and outputs that it carries."""
    if event.resource_pre_event is not None:
        log.begun(event.resource_pre_event.metadata.urn, event.resource_pre_event.metadata.op.value)
    if event.res_outputs_event is not None:
        log.done(event.res_outputs_event.metadata.urn, event.res_outputs_event.metadata.op.value)
    if event.res_op_failed_event is not None:
        log.failed(event.res_op_failed_event.metadata.urn, event.res_op_failed_event.metadata.op.value)


class _Watch:
    """Follows an operation by the engine's events: times each resource, tells of it, keeps what went wrong."""

    def __init__(self, say: Say | None, log: EventLog | None = None) -> None:
        self._say, self._log = say, log
        self._started: dict[str, float] = {}
        self._steps: dict[str, Step] = {}
        self._errors: list[str] = []
        self._advice: list[str] = []
        self._lock = threading.Lock()

    def see(self, event: events.EngineEvent) -> None:
        """Take in one event; called from the SDK's own thread."""
        with self._lock:
            if self._log is not None:
                _note(self._log, event)
            if event.resource_pre_event is not None:
                self._started.setdefault(event.resource_pre_event.metadata.urn, time.monotonic())
            if event.res_outputs_event is not None:
                self._finished(event.res_outputs_event.metadata)
            diagnostic = event.diagnostic_event
            if diagnostic is not None and diagnostic.severity == "error":
                self._errors.append(_COLOURS.sub("", diagnostic.message).strip())
            if event.policy_event is not None:
                self._broken(event.policy_event)

    def steps(self) -> tuple[Step, ...]:
        """Every resource that the operation has dealt with, in the order of completion."""
        with self._lock:
            return tuple(self._steps.values())

    @contextmanager
    def failures(self, operation: str) -> Generator[None]:
        """Turn the SDK's error, which repeats all output, into what the engine reported as errors."""
        try:
            yield
        except auto.CommandError as error:
            with self._lock:
                told = list(dict.fromkeys(self._errors)) or _lines_of(error)
            # The engine's own closing lines say only that there was an error.
            told = [line for line in told if not line.startswith(_NOTHING_SAID)] or told
            raise LabError("\n".join([*told, f"pulumi {operation} stopped; what was done so far is kept"])) from None

    def _broken(self, violation: events.PolicyEvent) -> None:
        # The message begins with the policy's description; what is wrong is its last line.
        line = f"{violation.policy_name}: {_COLOURS.sub('', violation.message).strip().splitlines()[-1].strip()}"
        if violation.enforcement_level == "mandatory":
            self._errors.append(line)
        elif self._say is not None and line not in self._advice:
            self._advice.append(line)
            self._say(f"  policy (advisory) {line}")

    def _finished(self, metadata: events.StepEventMetadata) -> None:
        name, action = metadata.urn.rsplit("::", 1)[-1], str(metadata.op.value)
        seconds = time.monotonic() - self._started.get(metadata.urn, time.monotonic())
        self._steps[metadata.urn] = Step(name, action, seconds)
        if self._say is not None and action != "same":
            self._say(f"  {action:14} {name} ({seconds:.1f} s)")
