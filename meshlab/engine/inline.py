"""The program inside this process, as the Automation API runs it: every operation as if it were the first.

What a program leaves behind in an interpreter must not reach the next run of it: its modules, the environment that it
was given, and whether it shows tracebacks.
"""

import asyncio
import os
import runpy
import sys
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pulumi import automation as auto
from pulumi.runtime import _grpc_settings
from pulumi.runtime.proto import engine_pb2
from pulumi.runtime.settings import get_engine

from base.environment import replace, settled

from ..recording import call_stack
from ..recording.recorder import ROOT
from . import program_end

MAIN = "__main__.py"
PACKAGES = ("components", "rollout", "settings")
"""The packages that the program's own modules are in, beside MAIN.

`base` and `kube` stay: they keep nothing of a run, and whoever catches an error has its class from before.
"""

# gRPC keeps its connections by address for the whole process. Where an engine was killed, it does not try the next one
# at the same port until its wait for the dead one is over.
_grpc_settings._GRPC_CHANNEL_OPTIONS.append(("grpc.use_local_subchannel_pool", 1))  # pyright: ignore[reportPrivateUsage]


class InlineStack(auto.Stack):
    """A stack of the Automation API that runs the program in this process, anew for each operation."""

    environment: Mapping[str, str] = MappingProxyType({})
    """What the program is to find in its environment."""
    unread: Callable[[auto.CommandError], Exception] | None = None
    """What to raise where the backend does not give the state."""
    _quick = False

    def export_stack(self) -> auto.Deployment:
        """`pulumi stack export`, secrets in clear. Raises what `unread` makes of an error of the CLI."""
        try:
            return super().export_stack()
        except auto.CommandError as error:
            if self.unread is None:
                raise
            raise self.unread(error) from None

    def up(self, **options: Any) -> auto.UpResult:  # type: ignore[override]
        """`pulumi up`. The result has no outputs and no history, which the SDK would ask three more commands for."""
        with self._program() as ours, self._without_summary():
            return super().up(program=ours, **options)

    def preview(self, **options: Any) -> auto.PreviewResult:  # type: ignore[override]
        """`pulumi preview`."""
        with self._program() as ours:
            return super().preview(program=ours, **options)

    def destroy(self, **options: Any) -> auto.DestroyResult:  # type: ignore[override]
        """`pulumi destroy`. The result has no history, which the SDK would ask another command for."""
        with self._without_summary():
            return super().destroy(**options)

    def outputs(self) -> auto.OutputMap:
        """The stack's outputs."""
        return {} if self._quick else super().outputs()

    def info(self, show_secrets: bool = True) -> auto.UpdateSummary | None:
        """The last update."""
        if self._quick:
            return auto.UpdateSummary("update", datetime.now(UTC), "", {}, {}, "succeeded")
        return super().info(show_secrets)

    @contextmanager
    def _program(self) -> Generator[Callable[[], None]]:
        """The program, whose lines the state is to have as if it were in the folder of the engine's Pulumi.yaml."""
        lines = call_stack.told(ROOT, Path(self.workspace.work_dir), (MAIN, *(f"{name}/" for name in PACKAGES)))
        with lines, program(self.environment) as ours:
            yield ours

    @contextmanager
    def _without_summary(self) -> Generator[None]:
        self._quick = True
        try:
            yield
        finally:
            self._quick = False


@contextmanager
def program(environment: Mapping[str, str], folder: Path = ROOT) -> Generator[Callable[[], None]]:
    """The program of `folder` for one operation, with `environment` laid over this process's own, settled.

    The engine is told what the environment is, the program is not: the SDK reads KUBECONFIG, for one, from the process
    that the program runs in.
    """
    before = dict(os.environ)
    loops: list[asyncio.AbstractEventLoop] = []

    def run() -> None:
        with suppress(RuntimeError):  # there is none where the engine is not the one that calls
            loops.append(asyncio.get_running_loop())
        _drop_debug_messages()
        _run(folder)

    ours = {name: sys.modules.pop(name) for name in _modules()}
    limit, path = getattr(sys, "tracebacklimit", None), list(sys.path)
    replace({**settled(before), **environment})
    sys.path.insert(0, str(folder))
    try:
        yield run
    finally:
        for loop in loops:
            program_end.end(loop)
        for name in _modules():
            del sys.modules[name]
        sys.modules.update(ours)
        sys.path[:] = path
        replace(before)
        if limit is not None:
            sys.tracebacklimit = limit
        elif hasattr(sys, "tracebacklimit"):
            del sys.tracebacklimit


def _drop_debug_messages() -> None:
    """Send the engine no debug message of the SDK: it throws them away, and the program waits for each of hundreds."""
    engine: Any = get_engine()
    if engine is None:  # where the engine is not the one that calls
        return
    send = engine.Log

    def log(request: Any) -> Any:
        return None if request.severity == engine_pb2.DEBUG else send(request)

    engine.Log = log


def _run(folder: Path) -> None:
    runpy.run_path(str(folder / MAIN), run_name="__main__")


def _modules() -> list[str]:
    return [name for name in sys.modules if name.partition(".")[0] in PACKAGES]
