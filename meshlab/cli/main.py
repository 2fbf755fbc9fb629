"""The command line: which commands there are; each one's work is a module of its own, imported only when asked for."""

import argparse
import importlib
import os
import select
import sys
from collections.abc import Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from .exit_codes import CLOSED_PIPE
from .signals import Received, interrupting

PROGRAM = "meshlab"
"""The command as a user types it, and as every message names it."""
STDOUT = 1
COMMANDS = MappingProxyType(
    {
        "up": "create or update a stack, on the embedded cluster or on the cluster of a context",
        "preview": "show what `up` would change",
        "rehearse": "try a stack on other minors of Kubernetes, and show what they reject",
        "doctor": "check tools, cluster, rights and state before a change, and show a fix for each problem",
        "recover": "repair a stack after an interrupted run, so that the next `up` converges",
        "down": "remove a stack, report what is left, and stop the embedded cluster if the stack was on it",
        "drift": "show changes in the cluster that the stack did not cause, and revert them with --fix",
        "destroy": "the same as down",
        "cluster": "start, list or stop the embedded cluster, without a stack",
        "render": "write all Kubernetes objects of a stack as files; needs no cluster",
        "diff": "compare the rendered objects of this tree with those of another commit, as text or for a pull request",
        "policy": "check the rendered objects of whole stacks against the rules of policy/",
        "images": "list the images that a stack pulls, and their places in its mirror",
        "charts": "fetch the charts of a stack for a mirror, and compare charts with the digests in charts.lock",
        "tools": "list the downloaded and built programs, or remove those that no pin names",
        "graph": "draw docs/architecture.svg from the program, or list what determined the duration of the last `up`",
        "promote": "copy the pins of one stack to the next, after its verify passed",
        "rollback": "show how to roll back to the commit that last worked in a stack",
        "redact": "remove the secrets of a stack from a log of the engine",
        "credentials": "write the kubeconfig of a workflow job, by OpenID Connect or from a stored one",
        "comment": "write the results of earlier jobs as comments on a pull request",
        "nightly": "check stacks for drift, and report it in one issue",
        "canary": "show the Istio revision of each proxy, and the workloads that still have to roll",
        "verify": "check on a live cluster, step by step, that the lab works",
        "completion": "print the shell code that completes this command line",
    }
)

SAME = MappingProxyType({"destroy": "down"})
"""Commands that are another name of one: Pulumi calls it so."""


def main(argv: Sequence[str]) -> int:
    """Run one command; returns the exit code. What a user can cause comes as one line on stderr, with code 1."""
    if "_ARGCOMPLETE" in os.environ:
        from .completion import complete, typed_words  # not needed for --help

        complete(parser_for(typed_words()))
    parser = parser_for(argv)
    args = parser.parse_args(argv)
    if getattr(args, "cluster", None) == "":
        # An unset variable of a script; in a pod, no name at all would be the pod's own cluster.
        print("--cluster: expected a context of your kubeconfig, got an empty name", file=sys.stderr)
        return 1
    with interrupting() as received:
        return _ended(args, received)


def _ended(args: argparse.Namespace, received: Received) -> int:
    try:
        return _run(args)
    except BrokenPipeError:
        if not _nobody_reads():
            raise
        return CLOSED_PIPE
    except KeyboardInterrupt as interruption:
        told = str(interruption)  # how to go on, where something was begun
        print("meshlab: interrupted" + (f": {told}" if told else ""), file=sys.stderr)
        return received.code
    except OSError as error:
        if not _is_of_the_state(error):
            raise
        print(
            f"{error.filename}: expected a place where the state can be kept, got: {error.strerror} "
            "(set MESHLAB_STATE to a folder that can be written)",
            file=sys.stderr,
        )
        return 1
    except Exception as error:
        if not _is_for_the_user(error):
            raise
        print(str(error), file=sys.stderr)
        return 1


def parser_for(words: Sequence[str]) -> argparse.ArgumentParser:
    """The parser of every command, with the options of the one that `words` name."""
    parser = argparse.ArgumentParser(prog=PROGRAM, description="An Istio and observability lab as one Pulumi program.")
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version of meshlab, and exit")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=_Command)
    subparsers = {
        name: commands.add_parser(name, help=summary, description=summary) for name, summary in COMMANDS.items()
    }
    chosen = next((word for word in words if not word.startswith("-")), None)
    if chosen is not None and chosen in COMMANDS:
        # Only the command that runs is imported: `--help` need not wait for Pulumi's SDK.
        importlib.import_module(f"meshlab.cli.commands.{SAME.get(chosen, chosen)}").configure(subparsers[chosen])
    return parser


class _Command(argparse.ArgumentParser):
    """Refuses what it does not know itself, with its own usage: the one of all commands has no option."""

    def parse_known_args(  # pyright: ignore[reportIncompatibleMethodOverride] (argparse has three overloads of it)
        self, args: Any = None, namespace: Any = None
    ) -> tuple[Any, list[str]]:
        """argparse's, which leaves the refusal to the parser of all commands."""
        found, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self.error(f"unrecognized arguments: {' '.join(unknown)}")
        return found, unknown


class _Version(argparse.Action):
    """Prints the version, which is read only when it is asked for."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        import tomllib  # not needed for --help

        project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        print(PROGRAM, project["version"])
        parser.exit()


def _run(args: argparse.Namespace) -> int:
    code = int(args.run(args))
    sys.stdout.flush()  # what cannot be written is met here, not while Python ends
    return code


def _nobody_reads() -> bool:
    """Whether it is standard output that is closed, as by `head`; what is left in its buffer then goes nowhere."""
    output = select.poll()
    output.register(STDOUT, 0)
    if not output.poll(0):
        return False
    os.dup2(os.open(os.devnull, os.O_WRONLY), STDOUT)
    return True


def _is_of_the_state(error: OSError) -> bool:
    """Whether the folder of the state, or something in it, could not be made or written."""
    from ..state_folder import STATE  # not needed for --help

    return isinstance(error.filename, str) and Path(error.filename).absolute().is_relative_to(STATE)


def _is_for_the_user(error: Exception) -> bool:
    """Whether the message is all that the user needs: an error of ours or, which has printed more, of the engine."""
    from base.errors import MeshlabError  # not needed for --help

    # The policy pack also runs by itself, beside no other package of ours.
    return isinstance(error, MeshlabError) or type(error).__module__.startswith(("policy.", "pulumi.automation"))
