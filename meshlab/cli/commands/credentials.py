"""`meshlab credentials`: what a job of a workflow needs to reach its cluster and the stack's state.

docs/promotion.md#deploy, docs/setup/
"""

import argparse
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from base.errors import MeshlabError

from ...credentials.clouds import CLOUDS
from ...credentials.kubeconfigs import VARIABLES, credential, write_from_cloud, write_stored
from ...credentials.requirements import CONTEXT, STORED, TOKEN, WAYS, check, chosen
from ...state_folder import STATE
from ..console import say


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="kubeconfig to write (default: the file in KUBECONFIG)"
    )
    parser.add_argument(
        "--folder", type=Path, default=STATE / "credentials", help="folder for files of this job (default: %(default)s)"
    )
    parser.add_argument("--token", choices=sorted(CLOUDS), help="print a token, as the exec plugin of the kubeconfig")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write the kubeconfig, or answer with a token. Raises MeshlabError with all that is missing."""
    variables = _variables()
    if args.token is not None:
        say(credential(args.token, variables, args.folder))
        return 0
    secrets = {name: os.environ.get(name, "") for name in (TOKEN, STORED)}
    check(variables, secrets)
    way, file = chosen(variables), _file(args.out)
    if way == "kubeconfig":
        write_stored(secrets[STORED], variables[CONTEXT], file)
    else:
        wanted = (CONTEXT, *WAYS[way].variables, *WAYS[way].optional)
        cloud = CLOUDS[way]({name: variables[name] for name in wanted if variables.get(name)}, args.folder)
        write_from_cloud(cloud, way, file)
        _hand_on(cloud.environment())
    say(f"context {variables[CONTEXT]} in {file}, by {way}")
    return 0


def _variables() -> Mapping[str, str]:
    try:
        found: Any = json.loads(os.environ.get(VARIABLES) or "{}")
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise MeshlabError(f"{VARIABLES}: expected an object in JSON, got something else")
    return cast(dict[str, str], found)


def _file(asked: Path | None) -> Path:
    file = asked or Path(os.environ.get("KUBECONFIG") or STATE / "kubeconfig")
    return file.absolute()


def _hand_on(environment: Mapping[str, str]) -> None:
    """Give the later steps of the job what SDKs need for a bucket, or a key, of the same cloud."""
    listed = os.environ.get("GITHUB_ENV")
    if listed:
        with Path(listed).open("a", encoding="utf-8") as file:
            file.writelines(f"{name}={value}\n" for name, value in environment.items())
