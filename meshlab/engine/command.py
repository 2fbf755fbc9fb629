"""The Pulumi CLI as the Automation API runs it, but so that Ctrl-C ends an operation in good order.

The SDK's own way leaves the CLI and its providers running, without a reader and without the program: the stack keeps
its lock, and operations that nobody saw the end of. Here the CLI is asked to stop, and is waited for.
"""

import os
import signal
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pulumi import automation as auto
from pulumi.automation._cmd import CommandResult  # what the SDK's own method returns
from pulumi.automation.errors import create_command_error
from semver import VersionInfo

from base import process

LIMIT_SECONDS = 24 * 3600.0
"""An operation has limits of its own, by resource; this one is for an engine that hangs."""
GRACE_SECONDS = 900.0
"""How long the engine may take to end what it has begun. A second Ctrl-C kills it."""

OnOutput = Callable[[str], Any]


class Command(auto.PulumiCommand):
    """The CLI in a session of its own: only this process hears Ctrl-C, and passes it on once."""

    on_interrupt: Callable[[], None] | None = None
    """Called when an operation is interrupted, before the engine is waited for."""

    def __init__(self, program: str, version: str) -> None:
        """The SDK's constructor would run the CLI, to ask for the version that is known."""
        self.command, self.version = program, VersionInfo.parse(version)

    def run(
        self,
        args: list[str],
        cwd: str,
        additional_env: Mapping[str, str],
        on_output: OnOutput | None = None,
        on_error: OnOutput | None = None,
    ) -> CommandResult:
        """Run the CLI; the two callbacks get the lines of standard output and standard error as they come.

        Raises CommandError where it fails, and KeyboardInterrupt, after its end, where it was interrupted.
        """
        beside = {"PATH": os.pathsep.join([str(Path(self.command).parent), os.environ.get("PATH", os.defpath)])}
        done = process.run(
            [self.command, "--non-interactive", *args],
            timeout=LIMIT_SECONDS,
            cwd=Path(cwd),
            env={**beside, **additional_env, "PULUMI_AUTOMATION_API": "true"},
            check=False,
            on_line=on_output or _ignore,
            on_error_line=on_error or _ignore,
            stop_signal=signal.SIGINT,
            grace=GRACE_SECONDS,
            on_interrupt=self.on_interrupt,
        )
        result = CommandResult(done.stdout.rstrip("\n"), done.stderr.rstrip("\n"), done.code)
        if done.code != 0:
            raise create_command_error(result)
        return result


def _ignore(_: str) -> None:
    """For lines that nobody reads as they come."""
