"""The real Pulumi engine, by its Automation API: found or downloaded, with a local backend that needs no account."""

import os
import secrets
import shutil
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import yaml
from pulumi import automation as auto
from pulumi.automation import events
from semver import VersionInfo

from . import process, toolchain
from .lab import PROJECT, STATE, Outcome, Say, Step, Target, write_private
from .recorder import ROOT

PULUMI_VERSION = "3.260.0"  # renovate: datasource=github-releases depName=pulumi/pulumi
PROVIDERS = ("kubernetes", "random")
DOWNLOAD_LIMIT_SECONDS = 600.0


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
        """Run `pulumi up`. Raises automation's CommandError where it fails."""
        clock = _Clock()
        result = self.stack.up(on_output=self._say, on_event=clock.see, color="never", suppress_outputs=True)
        return Outcome(clock.steps(), {name: output.value for name, output in result.outputs.items()})

    def preview(self) -> Outcome:
        """Run `pulumi preview`."""
        clock = _Clock()
        self.stack.preview(on_output=self._say, on_event=clock.see, color="never", diff=True)
        return Outcome(clock.steps(), {})

    def down(self) -> Outcome:
        """Run `pulumi destroy` and forget the stack, whose state is empty then."""
        clock = _Clock()
        self.stack.destroy(on_output=self._say, on_event=clock.see, color="never")
        self.stack.workspace.remove_stack(self.stack.name)
        return Outcome(clock.steps(), {})

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


def exists(stack: str, state: Path = STATE) -> bool:
    """Whether the local backend holds this stack."""
    return (state / "pulumi" / ".pulumi" / "stacks" / PROJECT / f"{stack}.json").is_file()


def _passphrase_file(state: Path) -> Path:
    path = state / "passphrase"
    if not path.exists():
        write_private(path, secrets.token_urlsafe(32))
    return path


class _Clock:
    """Times each resource by the engine's events."""

    def __init__(self) -> None:
        self._started: dict[str, float] = {}
        self._steps: dict[str, Step] = {}
        self._lock = threading.Lock()

    def see(self, event: events.EngineEvent) -> None:
        with self._lock:
            now = time.monotonic()
            if event.resource_pre_event is not None:
                self._started.setdefault(event.resource_pre_event.metadata.urn, now)
            if event.res_outputs_event is not None:
                metadata = event.res_outputs_event.metadata
                name = metadata.urn.rsplit("::", 1)[-1]
                seconds = now - self._started.get(metadata.urn, now)
                self._steps[metadata.urn] = Step(name, str(metadata.op.value), seconds)

    def steps(self) -> tuple[Step, ...]:
        with self._lock:
            return tuple(self._steps.values())
