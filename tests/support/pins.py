"""Stacks whose pins a test knows, wherever the ones in the stack files have been promoted to since."""

from copy import deepcopy
from pathlib import Path
from typing import Any

from meshlab.recording.recorder import stack_config
from meshlab.stackfile.reading import read, written

REVISION, ISTIO, MONITORING, KIALI = "1-30", "1.30.3", "88.5.3", "2.29.0"


def pinned(stack: str) -> dict[str, Any]:
    """The config of a stack with tag `stable`, with one control plane and the versions above."""
    config = deepcopy(stack_config(stack))
    istio = config["meshlab:istio"]
    own = istio["revisions"][istio["tags"]["stable"]]
    config["meshlab:istio"] = {"revisions": {REVISION: {**own, "version": ISTIO}}, "tags": {"stable": REVISION}}
    config["meshlab:monitoring"]["version"] = MONITORING
    config["meshlab:kiali"]["version"] = KIALI
    return config


def pin(stack: str, folder: Path) -> None:
    """Write the file of a stack in `folder` anew, with that config."""
    file = folder / f"Pulumi.{stack}.yaml"
    content = {**read(file).content, "config": pinned(stack)}
    file.write_text(f"# What a person says of {stack}.\n{written(content)}", encoding="utf-8")
