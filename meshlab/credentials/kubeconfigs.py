"""The kubeconfig of a job: one context with the name that the environment gives it."""

import json
import sys
from pathlib import Path

from base.files import write_private
from kube import kubeconfig
from kube.kubeconfig import Fields, Kubeconfig

from ..recording.recorder import ROOT
from .clouds import CLOUDS, Cloud
from .requirements import CONTEXT

EXEC = "client.authentication.k8s.io/v1"


def write_from_cloud(cloud: Cloud, way: str, file: Path) -> None:
    """Write the kubeconfig of a cloud's cluster: its server from the cloud's CLI, a token from ours.

    Raises AccessError, MeshlabError, ProcessError.
    """
    cloud.sign_in()
    draft = cloud.folder / "kubeconfig"
    draft.unlink(missing_ok=True)
    cloud.write(draft)
    found = kubeconfig.read(file=draft)
    name = cloud.variables[CONTEXT]
    context = {**found.context, "cluster": name, "user": name}
    write_private(file, Kubeconfig(name, context, found.cluster, {"exec": _plugin(cloud, way)}).text())
    draft.unlink()
    kubeconfig.read(name, file)


def write_stored(text: str, name: str, file: Path) -> None:
    """Write a kubeconfig as it is stored; its context has to have the name. Raises AccessError."""
    write_private(file, text)
    kubeconfig.read(name, file)


def credential(way: str, variables: Fields, folder: Path) -> str:
    """What an exec plugin answers, for a way by OpenID Connect."""
    cloud = CLOUDS[way](variables, folder)
    cloud.sign_in()
    return json.dumps({"apiVersion": EXEC, "kind": "ExecCredential", "status": cloud.token()})


def _plugin(cloud: Cloud, way: str) -> Fields:
    """What the plugin needs is written down with it: whoever starts it has another folder and environment."""
    return {
        "apiVersion": EXEC,
        "command": sys.executable,
        "args": ["-m", "meshlab", "credentials", "--token", way, "--folder", str(cloud.folder)],
        "env": [
            {"name": "PYTHONPATH", "value": str(ROOT)},
            {"name": VARIABLES, "value": json.dumps(dict(cloud.variables))},
        ],
        "interactiveMode": "Never",
    }


VARIABLES = "VARIABLES"
"""The environment variable that has the GitHub environment's variables, as an object in JSON."""
