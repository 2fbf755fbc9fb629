"""Runs the Pulumi program against a monitor that keeps what it registers: no engine, no cluster, no network.

Pulumi's own MockMonitor drops parents, dependencies and options; this one keeps them.
"""

import asyncio
import base64
import logging
import runpy
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any, cast

import pulumi
from google.protobuf import json_format
from pulumi.runtime import MockCallArgs, MockResourceArgs, Mocks, rpc, run_in_stack, set_all_config, set_mocks
from pulumi.runtime.mocks import MockMonitor
from pulumi.runtime.settings import Settings, configure, set_root_resource

from base.errors import MeshlabError
from base.pulumi_values import SIGNATURE_KEY

from ..stackfile import alike
from ..stackfile.reading import StackFile, StackFileError, config_text, read, read_project
from . import call_stack

ROOT = Path(__file__).resolve().parents[2]
SECRET = "<secret>"
UNKNOWN = "<known after up>"
LIMIT_SECONDS = 300.0
"""A recorded run takes a fraction of a second: one that does not end is a fault, and nothing may wait for it."""
PASSWORD = "random:index/randomPassword:RandomPassword"
"""The type of what generates a password."""

Generated = str | Mapping[str, str] | None
"""What stands in for generated passwords: one for all, or each by the logical name of its resource."""

_DYNAMIC = "__provider"  # how the engine finds a provider that is a class of the program: no input of ours


@dataclass(frozen=True)
class Recorded:
    """One registered resource."""

    urn: str
    type: str
    name: str
    parent: str
    """URN of the parent; empty for the stack's own children."""
    custom: bool
    """False for a component."""
    inputs: Mapping[str, Any]
    """Plain values; SECRET and UNKNOWN stand for what must not or cannot be shown."""
    depends_on: tuple[str, ...]
    """URNs, sorted; a component stands for its children."""
    provider: str
    """URN and id of the provider, empty where the engine chooses."""
    options: Mapping[str, Any]
    """What else decides the resource's life: retainOnDelete, deletedWith, timeouts, aliases."""


@dataclass(frozen=True)
class Recording:
    """Everything one run of the program registered."""

    resources: tuple[Recorded, ...]
    """In an order in which they can be created, the same for the same program."""
    outputs: Mapping[str, Any]
    component_outputs: Mapping[str, int] = field(default_factory=dict[str, int])
    """How often each component registered its outputs, by URN."""

    def of_type(self, token: str) -> list[Recorded]:
        """Resources whose type is exactly `token`."""
        return [resource for resource in self.resources if resource.type == token]

    def named(self, name: str) -> Recorded:
        """The one resource with this logical name; raises KeyError where there is none or more than one."""
        found = [resource for resource in self.resources if resource.name == name]
        if len(found) != 1:
            raise KeyError(f"{name}: expected one resource of this name, got {len(found)}")
        return found[0]

    def children(self, parent: Recorded) -> list[Recorded]:
        """The direct children of a component."""
        return [resource for resource in self.resources if resource.parent == parent.urn]


class ProgramError(MeshlabError):
    """The program refused to run; the message is what the language host would print."""


def stack_file(stack: str, project_dir: Path = ROOT, *, strict: bool = True) -> StackFile:
    """A stack's file. Raises ProgramError where it is not there, for what Pulumi refuses, and for what would surprise.

    Not `strict`, what would surprise is read as Pulumi reads it: in another tree, nobody is going to fix it.
    """
    path = project_dir / f"Pulumi.{stack}.yaml"
    if not path.is_file():
        known = ", ".join(sorted(p.name for p in project_dir.glob("Pulumi.*.yaml")))
        raise ProgramError(f"{path.name}: expected a stack file, got none (there are: {known})")
    try:
        file = read(path)
    except StackFileError as error:
        raise ProgramError(str(error)) from None
    surprises = list(alike.surprises(file)) if strict else []
    if surprises:
        raise ProgramError("\n".join(surprises))
    return file


def stack_config(stack: str, project_dir: Path = ROOT, *, strict: bool = True) -> dict[str, Any]:
    """The `config:` of a stack's file, as Pulumi reads it, by whole keys. Raises ProgramError as `stack_file` does."""
    return stack_file(stack, project_dir, strict=strict).config


def record(
    stack: str,
    *,
    project_dir: Path = ROOT,
    config: Mapping[str, Any] | None = None,
    generated: Generated = None,
    masked: bool = False,
    strict: bool = True,
) -> Recording:
    """Read the stack file, lay the keys of `config` (`meshlab:istio` and so on) over it, and run the program.

    `strict` is as in `stack_file`, the others as in `run_program`, which says what is raised.
    """
    project = str(read_project(project_dir / "Pulumi.yaml")["name"])
    settings = {**stack_config(stack, project_dir, strict=strict), **(config or {})}
    return run_program(project, stack, settings, project_dir=project_dir, generated=generated, masked=masked)


def run_program(
    project: str,
    stack: str,
    config: Mapping[str, Any],
    *,
    project_dir: Path = ROOT,
    generated: Generated = None,
    masked: bool = False,
) -> Recording:
    """Run the program of `project_dir` as stack `stack` with exactly this config; returns what it registered.

    `generated` stands in for generated passwords and shows secrets in clear, for who is to apply the resources; without
    it they are UNKNOWN and SECRET, as in a preview. `masked` hides secrets all the same, but not what stands in for a
    generated password, nor the keys of a secret mapping: what a Secret is going to hold, without any value of it.
    Raises ProgramError where the program refuses its settings; any other exception of the program passes through.
    """
    call_stack.shorten()  # nobody reads the call stacks of a recording, and they take time
    monitor = _RecordingMonitor(generated, masked)
    failure: list[BaseException] = []

    def run() -> None:
        # A thread of its own: Pulumi keeps its settings and its event loop in context variables.
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        try:
            # Mocks have no outputs of their own: those of another run in this process would be waited for, for ever
            # (findings/pulumi_mocks_shared_outputs.sh).
            configure(Settings(project=project, stack=stack))
            set_mocks(
                monitor.mocks,
                project=project,
                stack=stack,
                preview=generated is None,
                logger=_quiet_logger(),
                monitor=monitor,
            )
            set_root_resource(
                cast(Any, None)
            )  # set_mocks makes a stack for tests that have no program; ours makes its own
            set_all_config({key: config_text(value) for key, value in config.items()})
            program = run_in_stack(lambda: _run_main(project_dir))
            loop.run_until_complete(asyncio.wait_for(program, LIMIT_SECONDS))
        except BaseException as error:
            failure.append(error)
        finally:
            loop.close()

    thread = threading.Thread(target=run, name="pulumi-program")
    thread.start()
    thread.join()
    if failure:
        if isinstance(failure[0], pulumi.RunError):
            raise ProgramError(str(failure[0])) from None
        raise failure[0]
    return Recording(tuple(ordered(monitor.recorded)), monitor.stack_outputs, monitor.component_outputs)


def ordered(resources: Iterable[Recorded]) -> Iterator[Recorded]:
    """Each after its parent, its provider and what it depends on; by URN where that decides nothing.

    The SDK registers what does not wait for each other in whatever order its tasks come to it, another at every run.
    """
    by_urn = {resource.urn: resource for resource in resources}
    needs = {
        urn: by_urn.keys() & {one.parent, one.provider.rpartition("::")[0], *one.depends_on}
        for urn, one in by_urn.items()
    }
    order = TopologicalSorter(needs)
    order.prepare()
    while order.is_active():
        ready = sorted(order.get_ready())
        yield from (by_urn[urn] for urn in ready)
        order.done(*ready)


def _run_main(project_dir: Path) -> None:
    runpy.run_path(str(project_dir / "__main__.py"), run_name="__main__")


def _quiet_logger() -> logging.Logger:
    logger = logging.getLogger("meshlab.program")
    logger.addHandler(logging.NullHandler())
    logger.propagate = False
    return logger


class _Echo(Mocks):
    """Outputs are inputs, but for what a provider would generate."""

    def __init__(self, generated: Generated) -> None:
        self.generated = generated

    def new_resource(self, args: MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        state = dict(cast(Mapping[str, Any], cast(Any, args).inputs))
        if args.typ == PASSWORD:
            state["result"] = rpc.UNKNOWN if self.generated is None else self._password(args.name)
        return f"{args.name}-id", state

    def _password(self, name: str) -> str:
        return self.generated[name] if isinstance(self.generated, Mapping) else str(self.generated)

    def call(self, args: MockCallArgs) -> tuple[dict[str, Any], list[tuple[str, str]] | None]:
        raise ProgramError(f"{args.token}: the program asks a provider while it runs; it may only declare resources")


class _RecordingMonitor(MockMonitor):
    def __init__(self, generated: Generated, masked: bool) -> None:
        super().__init__(_Echo(generated))
        self.generated, self.masked = generated, masked
        passwords = generated.values() if isinstance(generated, Mapping) else [generated] if generated else []
        self.shown = {shown for password in passwords for shown in (password, encoded(password))}
        self.recorded: list[Recorded] = []
        self.stack_outputs: dict[str, Any] = {}
        self.component_outputs: dict[str, int] = {}
        self._lock = threading.Lock()

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802 - gRPC's name
        with self._lock:
            response = cast(Any, super()).RegisterResource(request)
            if request.type != "pulumi:pulumi:Stack":
                self.recorded.append(self._recorded(request, cast(str, response.urn)))
            return response

    def RegisterResourceOutputs(self, request: Any) -> Any:  # noqa: N802 - gRPC's name
        if "pulumi:pulumi:Stack::" in request.urn:
            self.stack_outputs = self._plain(json_format.MessageToDict(request.outputs))
        else:
            self.component_outputs[request.urn] = self.component_outputs.get(request.urn, 0) + 1
        return cast(Any, super()).RegisterResourceOutputs(request)

    def _recorded(self, request: Any, urn: str) -> Recorded:
        inputs: dict[str, Any] = self._plain(json_format.MessageToDict(request.object))
        options: dict[str, Any] = {}
        if request.retainOnDelete:
            options["retainOnDelete"] = True
        if request.protect:
            options["protect"] = True
        if request.deletedWith:
            options["deletedWith"] = request.deletedWith.rsplit("::", 1)[-1]
        timeouts = {key: value for key, value in json_format.MessageToDict(request.customTimeouts).items() if value}
        if timeouts:
            options["timeouts"] = timeouts
        aliases = [json_format.MessageToDict(alias) for alias in request.aliases]
        # The kubernetes SDK gives every kind aliases for its older API versions; only ours are of interest.
        ours = [alias for alias in aliases if set(alias.get("spec", {"name": ""})) - {"type", "parentUrn"}]
        if ours:
            options["aliases"] = ours
        return Recorded(
            urn=urn,
            type=request.type,
            name=request.name,
            parent="" if "pulumi:pulumi:Stack::" in request.parent else request.parent,
            custom=request.custom,
            inputs={key: value for key, value in inputs.items() if key != _DYNAMIC},
            depends_on=tuple(sorted(set(request.dependencies))),
            provider=request.provider,
            options=options,
        )

    def _plain(self, value: Any) -> Any:
        """Pulumi's wire format as plain values; whole numbers as int."""
        if isinstance(value, Mapping):
            fields = cast(Mapping[str, Any], value)
            if SIGNATURE_KEY in fields:
                return self._secret(self._plain(fields.get("value")))
            return {key: self._plain(entry) for key, entry in fields.items()}
        if isinstance(value, list):
            return [self._plain(entry) for entry in cast(list[Any], value)]
        if value == rpc.UNKNOWN:
            return UNKNOWN
        if isinstance(value, float) and value.is_integer():
            return int(value)
        return value

    def _secret(self, value: Any) -> Any:
        if self.generated is None:
            return SECRET
        if not self.masked:
            return value
        if isinstance(value, Mapping):
            return {key: self._secret(entry) for key, entry in cast(Mapping[str, Any], value).items()}
        return value if isinstance(value, str) and value in self.shown else SECRET


def encoded(text: str) -> str:
    """A text as the `data` of a Secret has it."""
    return base64.b64encode(text.encode()).decode()


def contains(value: Any, needle: str) -> bool:
    """Whether `needle` is one of the plain values inside `value`."""
    return any(entry == needle for entry in _leaves(value))


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, Mapping):
        for entry in cast(Mapping[str, Any], value).values():
            yield from _leaves(entry)
    elif isinstance(value, list | tuple):
        for entry in cast(list[Any], value):
            yield from _leaves(entry)
    else:
        yield value
