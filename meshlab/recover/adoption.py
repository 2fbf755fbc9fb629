"""How the state describes something that exists in the cluster and that the engine did not see come into being."""

import json
import secrets
from collections.abc import Mapping
from typing import Any, cast

from base.pulumi_values import SECRET, SIGNATURE_KEY
from kube.api_objects import Manifest

from ..engine.state import PendingOperation, ReleaseKey
from .live import UPDATE_MANAGER

UNSEEN = "found by `meshlab recover`: not seen to become ready"
"""An init error: with one, the next `up` applies the object once more and waits for it as it would have."""


def adopted_release(operation: PendingOperation) -> dict[str, Any]:
    """The state of a release that helm has as deployed."""
    inputs = dict(operation.inputs)
    # The provider takes the inputs of before from here, and wants them secret.
    before = {SIGNATURE_KEY: SECRET, "plaintext": json.dumps(inputs)}
    return {
        **operation.resource,
        "id": str(ReleaseKey.of(inputs)),
        "outputs": {**inputs, "__inputs": before},
    }


def adopted_object(operation: PendingOperation, live: Manifest) -> dict[str, Any]:
    """The state of an object: what the program asked for, and what tells this object from another of its name.

    Not the live object itself: it may hold secrets in clear, and the next `up` reads it anyway.
    """
    inputs = dict(operation.inputs)
    asked = cast(Mapping[str, Any], inputs.get("metadata") or {})
    metadata = cast(Mapping[str, Any], live["metadata"])
    known = {key: metadata[key] for key in ("name", "namespace", "uid", "creationTimestamp") if key in metadata}
    name = "/".join(str(known[key]) for key in ("namespace", "name") if key in known)
    return {
        **operation.resource,
        "id": name,
        "outputs": {
            **inputs,
            "apiVersion": live["apiVersion"],
            "kind": live["kind"],
            "metadata": {**asked, **known},
            "__inputs": inputs,
            "__initialApiVersion": live["apiVersion"],
            "__fieldManager": _manager(metadata),
        },
        "initErrors": [UNSEEN],
    }


def _manager(metadata: Mapping[str, Any]) -> str:
    """Under which name the provider owns its fields.

    Up to 4.28 it creates an object under the name that it keeps for it; from 4.29 on only a patch, of somebody else's
    object, has one from birth. Under another name than the one that is there, its next update would be a conflict.
    """
    managers = cast(list[Mapping[str, Any]], metadata.get("managedFields") or [])
    ours = [str(entry["manager"]) for entry in managers if str(entry.get("manager")).startswith(UPDATE_MANAGER)]
    return ours[-1] if ours else f"{UPDATE_MANAGER}{secrets.token_hex(4)}"
