"""The real Pulumi engine, by its Automation API: found or downloaded, with a local backend that needs no account."""

import os
import re
import secrets
import shutil
import threading
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import yaml
from pulumi import automation as auto
from pulumi.automation import events
from semver import VersionInfo

from . import process, toolchain
from .lab import STATE, LabError, Outcome, Say, Step, Target, write_private
from .recorder import ROOT

PULUMI_VERSION = "3.260.0"  # renovate: datasource=github-releases depName=pulumi/pulumi
PROVIDERS = ("kubernetes", "random")
DOWNLOAD_LIMIT_SECONDS = 600.0
_NOTHING_SAID = ("update failed", "preview failed", "an unhandled error occurred: program exited with non-zero")
_COLOURS = re.compile(r"<\{%[^%]*%\}>")


class EngineMissingError(Exception):
    """No Pulumi engine can be had here; the message says what was tried."""


def find_command(say: Say) -> auto.PulumiCommand:
    """The Pulumi CLI: from PATH, else downloaded once by the Automation API's installer at a pinned version.

    Raises EngineMissingError where there is neither, or where its providers are neither there nor to be downloaded.
    """
    home = pulumi_home()
    try:
        command = auto.PulumiCommand(skip_version_check=True)
    except Exception:  # the SDK raises whatever its first run of the CLI raises
        say(f"engine: no pulumi on PATH; downloading {PULUMI_VERSION}")
        try:
            command = auto.PulumiCommand.install(
                root=str(home / "versions" / PULUMI_VERSION), version=VersionInfo.parse(PULUMI_VERSION)
            )
        except Exception as error:
            reason = (str(error).strip() or type(error).__name__).splitlines()[-1]
            raise EngineMissingError(f"no pulumi on PATH, and its download failed ({reason})") from None
    for provider in PROVIDERS:
        _ensure_provider(command, provider, home)
    return command


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
        self._write_project(stack, config)
        backend = state / "pulumi"
        backend.mkdir(parents=True, exist_ok=True)
        env = {
            "PULUMI_BACKEND_URL": backend.as_uri(),
            "PULUMI_HOME": str(pulumi_home()),
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "KUBECONFIG": str(target.kubeconfig),
        }
        if "PULUMI_CONFIG_PASSPHRASE" not in os.environ and "PULUMI_CONFIG_PASSPHRASE_FILE" not in os.environ:
            env["PULUMI_CONFIG_PASSPHRASE_FILE"] = str(_passphrase_file(state))
        workspace = auto.LocalWorkspace(work_dir=str(self._folder), pulumi_command=command, env_vars=env)
        self.stack = auto.Stack.create_or_select(stack, workspace)

    def up(self) -> Outcome:
        """Run `pulumi up`. Raises LabError with what the engine reported where it fails."""
        watch = _Watch(self._say)
        with watch.failures("up"):
            result = self.stack.up(on_event=watch.see, color="never")
        return Outcome(watch.steps(), {name: output.value for name, output in result.outputs.items()})

    def preview(self) -> Outcome:
        """Run `pulumi preview`, with what changes inside each resource where there is something to compare with."""
        watch = _Watch(None)
        with watch.failures("preview"):
            result = self.stack.preview(on_event=watch.see, color="never", diff=bool(self.stack.outputs()))
        self._say(result.stdout)
        return Outcome(watch.steps(), {})

    def down(self) -> Outcome:
        """Run `pulumi destroy` and forget the stack, whose state is empty then."""
        watch = _Watch(self._say)
        with watch.failures("destroy"):
            self.stack.destroy(on_event=watch.see, color="never")
        self.stack.workspace.remove_stack(self.stack.name)
        return Outcome(watch.steps(), {})

    def _write_project(self, stack: str, config: Mapping[str, Any]) -> None:
        """A project folder that leads back to the program, so that the committed stack file is never written to."""
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


def _passphrase_file(state: Path) -> Path:
    path = state / "passphrase"
    if not path.exists():
        write_private(path, secrets.token_urlsafe(32))
    return path


class _Watch:
    """Follows an operation by the engine's events: times each resource, tells of it, keeps what went wrong."""

    def __init__(self, say: Say | None) -> None:
        self._say = say
        self._started: dict[str, float] = {}
        self._steps: dict[str, Step] = {}
        self._errors: list[str] = []
        self._lock = threading.Lock()

    def see(self, event: events.EngineEvent) -> None:
        """Take in one event; called from the SDK's own thread."""
        with self._lock:
            if event.resource_pre_event is not None:
                self._started.setdefault(event.resource_pre_event.metadata.urn, time.monotonic())
            if event.res_outputs_event is not None:
                self._finished(event.res_outputs_event.metadata)
            diagnostic = event.diagnostic_event
            if diagnostic is not None and diagnostic.severity == "error":
                self._errors.append(_COLOURS.sub("", diagnostic.message).strip())

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
                told = list(dict.fromkeys(self._errors)) or [str(error)]
            # The engine's own closing lines say only that there was an error.
            told = [line for line in told if not line.startswith(_NOTHING_SAID)] or told
            raise LabError("\n".join([*told, f"pulumi {operation} stopped; what was done so far is kept"])) from None

    def _finished(self, metadata: events.StepEventMetadata) -> None:
        name, action = metadata.urn.rsplit("::", 1)[-1], str(metadata.op.value)
        seconds = time.monotonic() - self._started.get(metadata.urn, time.monotonic())
        self._steps[metadata.urn] = Step(name, action, seconds)
        if self._say is not None and action != "same":
            self._say(f"  {action:14} {name} ({seconds:.1f} s)")
