"""`meshlab nightly`: look at each stack for drift, then tell of all of them in one issue.

Two steps, so that what sees the clusters may not write to GitHub, and what writes to GitHub sees no cluster.
"""

import argparse
import json
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from base import process
from base.errors import MeshlabError

from ...github.issues import Look, tell
from ...recording.recorder import ROOT
from ...results.report import commit_of
from ...stackfile.stack_names import StackName, reference_of
from ..console import say

DRIFT_LIMIT_SECONDS = 3600.0


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's actions and options."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    look = actions.add_parser("look", help="run `meshlab drift`, and save its report")
    look.add_argument("--stack", required=True, type=StackName.of, help="stack, by its file Pulumi.<stack>.yaml")
    look.add_argument("--cluster", metavar="CONTEXT", help="context of your kubeconfig, as for drift")
    look.add_argument(
        "--out", metavar="DIR", type=Path, required=True, help="folder for the reports, one file for each stack"
    )
    look.set_defaults(run=_look)
    told = actions.add_parser("tell", help="open, update or close the issue about drift")
    told.add_argument("folder", metavar="DIR", type=Path, help="folder with the reports, at any depth")
    told.set_defaults(run=_tell)


def _look(args: argparse.Namespace) -> int:
    """0 whether there is drift or not, since the issue says so; drift's own code where it could not look."""
    command = [sys.executable, "-m", "meshlab", "drift", "--stack", reference_of(args.stack)]
    command += ["--cluster", args.cluster] if args.cluster else []
    said: list[str] = []

    def keep(line: str) -> None:
        said.append(line)
        say(line)

    done = process.run(command, timeout=DRIFT_LIMIT_SECONDS, cwd=ROOT, check=False, on_line=keep)
    at = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    look = Look(args.stack, commit_of(ROOT).commit or "unknown", at, done.code, "\n".join(said))
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / f"{args.stack}.json").write_text(json.dumps(asdict(look), indent=1) + "\n", encoding="utf-8")
    return done.code if look.failed else 0


def _tell(args: argparse.Namespace) -> int:
    files = sorted(args.folder.rglob("*.json"))
    if not files:
        raise MeshlabError(f"{args.folder}: expected what `meshlab nightly look` kept, got no file of it")
    try:
        looks = [Look(**json.loads(file.read_text(encoding="utf-8"))) for file in files]
    except (ValueError, TypeError) as error:
        raise MeshlabError(f"{args.folder}: expected what `meshlab nightly look` kept, got: {error}") from None
    say(tell(looks))
    return 0
