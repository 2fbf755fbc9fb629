"""How a stack may be named: `prod` as its settings file, `acme/prod` or `acme/meshlab/prod` as a backend has it."""

import argparse
from typing import Any, Protocol, Self

from .reading import PROJECT

STACK_HELP = "stack, by its file Pulumi.<stack>.yaml (default: %(default)s)"


class StackName(str):
    """The name of a stack's settings file; beside it, the whole name that the caller gave, for the backend."""

    reference: str

    @classmethod
    def of(cls, given: str) -> Self:
        """Read what was given, as a type of argparse."""
        *above, name = given.split("/")
        if not name or not all(above) or len(above) > 2:
            raise argparse.ArgumentTypeError(f"expected NAME, ORG/NAME or ORG/PROJECT/NAME, got {given!r}")
        if len(above) == 2 and above[1] != PROJECT:
            raise argparse.ArgumentTypeError(f"expected a stack of project {PROJECT}, got one of {above[1]}: {given}")
        found = cls(name)
        found.reference = given
        return found


class OptionGroup(Protocol):
    """A parser, or a group of one."""

    def add_argument(self, *names: str, **how: Any) -> Any:
        """As argparse has it."""


def reference_of(stack: str) -> str:
    """The name of a stack as its backend is to be asked for it."""
    return stack.reference if isinstance(stack, StackName) else stack


def add_stack_option(parser: OptionGroup, told: str = STACK_HELP) -> None:
    """Add `--stack`, in each of the forms."""
    parser.add_argument("--stack", metavar="STACK", default="dev", type=StackName.of, help=told)
