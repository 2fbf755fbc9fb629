"""`meshlab redact`: a log of the engine without the secrets of the stack, for whoever is to read it."""

import argparse
import json
import os
from pathlib import Path

from base import process
from base.errors import MeshlabError
from base.files import write_private
from base.wording import counted

from ...engine.backends import NOT_THERE, Backend
from ...engine.places import list_homes
from ...engine.programs import find_cli
from ...engine.secrets import PASSPHRASE, PASSPHRASE_FILE, passphrase_environment
from ...recording.recorder import ROOT
from ...redact.redaction import SHORTEST, redacted, secrets_of
from ...stack import Stack
from ...stackfile.stack_names import add_stack_option, reference_of
from ...state_folder import STATE
from ..console import say

EXPORT_LIMIT_SECONDS = 120.0


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("files", metavar="FILE", type=Path, nargs="+", help="log to redact, in place")
    add_stack_option(parser, "stack of the secrets (default: %(default)s)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Rewrite each file whole or not at all; says how many places there were."""
    stack = Stack.load(args.stack)
    # The stack may be on several clusters, and the log of any of them.
    found = [_secrets(stack, *home) for home in list_homes(args.stack, STATE)]
    if all(group is None for group in found):
        raise MeshlabError(f"{args.stack}: has no state here whose secrets could be looked for; nothing was redacted")
    secrets = {secret for group in found for secret in group or ()}
    for file in args.files:
        try:
            text, count = redacted(file.read_text(encoding="utf-8", errors="surrogateescape"), secrets)
        except OSError as error:
            raise MeshlabError(f"{file}: expected a log to read, got: {error.strerror}") from None
        write_private(file, text)
        places = f"{counted(count, 'place')} of {counted(len(secrets), 'secret')} of {args.stack}"
        say(f"{file}: {places}, of {SHORTEST} characters and more")
    return 0


def _secrets(stack: Stack, folder: Path, backend: Backend) -> set[str] | None:
    """Those of one state; None where the backend does not have the stack."""
    passphrase = passphrase_environment(stack.name, stack.file.content, folder, backend)
    environment = {**backend.environment(), **passphrase}
    words = [
        find_cli(say),
        "--non-interactive",
        "stack",
        "export",
        "--show-secrets",
        "--stack",
        reference_of(stack.name),
    ]
    try:
        done = process.run(words, timeout=EXPORT_LIMIT_SECONDS, cwd=ROOT, env=environment)
    except process.ProcessError as error:
        if isinstance(error, process.CommandFailedError) and NOT_THERE in error.completed.stderr:
            return None
        raise MeshlabError(f"{stack.name}: its secrets cannot be read, so that nothing was redacted: {error}") from None
    passphrases = [os.environ.get(PASSPHRASE, "")]
    for name in (environment.get(PASSPHRASE_FILE), os.environ.get(PASSPHRASE_FILE)):
        passphrases += [Path(name).read_text(encoding="utf-8").strip()] if name else []
    return secrets_of(json.loads(done.stdout)) | {
        passphrase for passphrase in passphrases if len(passphrase) >= SHORTEST
    }
