"""`meshlab recover`: after a run that was killed, put right what it left, so that the next `up` converges."""

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from base.errors import MeshlabError
from base.say import Say
from embedded import cluster
from embedded.tools import toolchain
from kube.cluster import Cluster

from ...engine.backends import Backend, backend_for
from ...engine.places import find_place, refuse_elsewhere
from ...engine.programs import find_cli
from ...engine.state_backend import StackBackend
from ...preflight.identity import refuse_another
from ...recover.carry_out import carry_out
from ...recover.helm import HelmRepair
from ...recover.recovery import Recovery, look
from ...stack import Stack
from ...stackfile.stack_names import add_stack_option, reference_of
from ...state_folder import STATE
from ...target import EMBEDDED, Target, embedded_target, named_target
from ..console import say

Agree = Callable[[], bool]


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    add_stack_option(parser)
    parser.add_argument(
        "--cluster", metavar="CONTEXT", help="context of your kubeconfig; without it, the embedded cluster"
    )
    parser.add_argument("--yes", action="store_true", help="do not ask for confirmation")
    parser.add_argument(
        "--holder-is-gone",
        action="store_true",
        help="also remove a lock of another machine whose process no longer exists",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Say what is to be done, ask, and do it: 0 where there is nothing to do or it is done, 1 where it was declined."""
    if args.cluster is None and EMBEDDED not in [status.name for status in cluster.status(STATE)]:
        say("nothing to recover: there is no embedded cluster (name another one with --cluster CONTEXT)")
        return 0
    stack = Stack.load(args.stack)
    target = embedded_target(say) if args.cluster is None else named_target(args.cluster)
    refuse_another(stack.settings, target, say)
    agree = (lambda: True) if args.yes else _ask
    folder, backend = find_place(target, stack.name, project=stack.project)
    options = RecoverOptions(stack.name, target, folder, args.holder_is_gone, backend)
    return 0 if recover(options, agree, say) else 1


@dataclass(frozen=True)
class RecoverOptions:
    """Which stack to recover, and where."""

    stack: str
    target: Target
    state: Path
    holder_is_gone: bool = False
    backend: Backend | None = None
    """The one of `state`, where it is known."""


def recover(options: RecoverOptions, agree: Agree, say: Say) -> bool:
    """Recover one stack; false where `agree` said no. Raises LabError where a run is going on."""
    which = options.backend or backend_for(options.state, embedded=options.target.embedded)
    where = (options.stack, options.state, options.target.kubeconfig, which)
    if not StackBackend("", *where).exists():  # which no program need be had for
        say(f"nothing to recover: stack {options.stack} was never brought up from here")
        return True
    backend = StackBackend(find_cli(say), *where)
    refuse_elsewhere(backend.deployment, which, options.target, options.stack)
    tools = toolchain.ensure(["helm", "kubectl"], say)
    helm = HelmRepair(tools["helm"], tools["kubectl"], options.target.kubeconfig)

    def find() -> Recovery:
        return look(backend, helm, Cluster(options.target.kubeconfig), options.holder_is_gone)

    found = find()
    if not found.steps:
        _tell_others(found, options, say)
        say(f"nothing to recover: stack {options.stack} has no lock, no pending operation and no unfinished release")
        return True
    while found.steps:
        _tell_others(found, options, say)
        say(f"To recover stack {options.stack} on the {options.target.label}:")
        for step in found.steps:
            say(f"  {step.told()}")
        if not agree():
            say("nothing was changed")
            return False
        say("Doing it:")
        carry_out(found.steps, helm, backend, found.state, say)
        if found.complete:
            break
        found = find()
    say(f"Next: meshlab up --stack {reference_of(options.stack)}{options.target.option}")
    return True


def _tell_others(found: Recovery, options: RecoverOptions, say: Say) -> None:
    for other in found.others:
        say(f"left alone: release {other.key} ({other.status}) is not of stack {options.stack}")


def _ask() -> bool:
    if not sys.stdin.isatty():
        raise MeshlabError(
            "expected a terminal to confirm it on, got none; nothing was changed",
            "to continue without confirmation, add --yes",
        )
    return input("Do this? [y/N] ").strip().lower() in ("y", "yes")
