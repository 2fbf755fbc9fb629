"""Shell completion of the command line: argcomplete reads the parser, and this file adds what a value can be.

A shell that completes `meshlab` starts it with the typed line in the environment (`meshlab completion` prints how).
"""

import argparse
import os
from collections.abc import Iterable

import argcomplete
from argcomplete.completers import BaseCompleter, FilesCompleter

STACK_METAVARS = ("FROM", "TO")
"""How `meshlab promote` calls its stacks; everywhere else it is the option --stack."""


def typed_words() -> list[str]:
    """The words of the typed line after `meshlab`, up to the cursor."""
    line = os.environ["COMP_LINE"].encode()[: int(os.environ["COMP_POINT"])].decode(errors="ignore")
    return line.split()[int(os.environ["_ARGCOMPLETE"]) :]


def complete(parser: argparse.ArgumentParser) -> None:
    """Write the completions of the typed line to the shell, and end this process."""
    argcomplete.autocomplete(parser, default_completer=_Values())


class _Values(BaseCompleter):
    """Stacks, contexts and minors of Kubernetes, and files for every other value."""

    def __call__(
        self, *, prefix: str, action: argparse.Action, parser: argparse.ArgumentParser, parsed_args: argparse.Namespace
    ) -> Iterable[str]:
        # Imported only for these values: commands and options are there at once.
        if action.dest == "stack" or action.metavar in STACK_METAVARS:
            from ..recording.recorder import ROOT
            from ..render.trees import stacks_of

            return stacks_of(ROOT)
        if action.dest == "cluster":
            from kube.kubeconfig import contexts

            return contexts()
        if action.dest == "kubernetes":
            from embedded.tools.kubernetes import minors

            listed = prefix.rpartition(",")[0]
            return [f"{listed},{minor}" if listed else minor for minor in minors()]
        return FilesCompleter()(prefix)
