"""What a restart leaves on a workload, so that none is restarted a second time for what a restart did not bring."""

import copy
import hashlib
import json
import time
from typing import Any

from kube.api_objects import Manifest, mapping
from settings.names import ROLLED_ANNOTATION

RESTARTED = "kubectl.kubernetes.io/restartedAt"
"""What `kubectl rollout restart` sets on a pod template, and what tools that compare manifests know to leave alone."""


def restart(workload: Manifest, revision: str) -> dict[str, Any]:
    """The patch that rolls a workload, as `kubectl rollout restart` does, and notes what for."""
    moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    template = copy.deepcopy(dict(workload["spec"]["template"]))
    metadata = template["metadata"] = mapping(template.get("metadata"))
    metadata["annotations"] = {**mapping(metadata.get("annotations")), RESTARTED: moment}
    return {
        "metadata": {"annotations": {ROLLED_ANNOTATION: _mark(template, revision)}},
        "spec": {"template": {"metadata": {"annotations": {RESTARTED: moment}}}},
    }


def was_restarted(workload: Manifest, revision: str) -> bool:
    """Whether the pods of its present template are of a restart that was to bring `revision`."""
    noted = mapping(workload["metadata"].get("annotations")).get(ROLLED_ANNOTATION)
    return noted == _mark(workload["spec"]["template"], revision)


def _mark(template: Manifest, revision: str) -> str:
    """`<revision>.<digest of the template>`: whoever changes the template, or restarts it, starts anew."""
    return f"{revision}.{hashlib.sha256(json.dumps(template, sort_keys=True).encode()).hexdigest()[:16]}"
