"""One recorded resource at a time, by helm or kubectl, with the waits that the Kubernetes provider would have."""

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from . import process
from .recorder import Recorded

MANAGER = "meshlab"
APPLY_LIMIT_SECONDS = 60.0
ROLLOUT_LIMIT_SECONDS = 300.0
SKIP_AWAIT, WAIT_FOR, FORCE = "pulumi.com/skipAwait", "pulumi.com/waitFor", "pulumi.com/patchForce"
NO_CONDITIONS = "conditions accessor error"
"""What `kubectl wait` says of an object whose status has no conditions yet; it gives up then, and does not wait."""
PAUSE_SECONDS = 0.2


class Cli:
    """helm and kubectl on one cluster, never on the user's current one."""

    def __init__(self, helm: Path, kubectl: Path, kubeconfig: Path) -> None:
        self._helm, self._kubectl = helm, kubectl
        self._env = {"KUBECONFIG": str(kubeconfig)}

    def install(self, release: Recorded) -> bool:
        """Install or upgrade a release and wait for it; false where it is deployed as it should be already."""
        inputs = release.inputs
        if self._is_deployed(release):
            return False
        timeout = int(inputs["timeout"])
        repository = cast(Mapping[str, str], inputs.get("repositoryOpts") or {})
        self._run(
            [
                *(self._helm, "upgrade", "--install", inputs["name"], inputs["chart"]),
                *("--namespace", inputs["namespace"], "--version", inputs["version"], "--skip-crds"),
                *(("--repo", repository["repo"]) if repository else ()),
                *("--values", "-", "--wait", "--timeout", f"{timeout}s"),
            ],
            timeout=timeout + APPLY_LIMIT_SECONDS,
            stdin=json.dumps(inputs.get("values") or {}),
        )
        return True

    def uninstall(self, release: Recorded) -> None:
        """Uninstall a release and wait until its objects are gone; one that is not there is as good."""
        inputs = release.inputs
        self._run(
            [
                *(self._helm, "uninstall", inputs["name"], "--namespace", inputs["namespace"]),
                *("--wait", "--ignore-not-found", "--timeout", f"{int(inputs['timeout'])}s"),
            ],
            timeout=int(inputs["timeout"]) + APPLY_LIMIT_SECONDS,
        )

    def roll_back(self, name: str, namespace: str, revision: int) -> None:
        """Have helm apply a revision of a release again, and wait for it; hooks do not run."""
        self._run(
            [
                *(self._helm, "rollback", name, str(revision), "--namespace", namespace),
                *("--no-hooks", "--wait", "--timeout", f"{ROLLOUT_LIMIT_SECONDS:g}s"),
            ],
            timeout=ROLLOUT_LIMIT_SECONDS + APPLY_LIMIT_SECONDS,
        )

    def apply(self, resource: Recorded) -> bool:
        """Apply an object server-side and wait as the provider would; false where nothing changed."""
        manifest = manifest_of(resource)
        before = self._resource_version(manifest)
        force = ("--force-conflicts",) if _annotations(manifest).get(FORCE) == "true" else ()
        self._run(
            [
                *(self._kubectl, "apply", "--server-side", "--field-manager", MANAGER),
                *("--validate=strict", *force, "-f", "-"),
            ],
            timeout=APPLY_LIMIT_SECONDS,
            stdin=json.dumps(manifest),
        )
        self._await(resource, manifest)
        return before is None or before != self._resource_version(manifest)

    def delete(self, resource: Recorded) -> None:
        """Delete an object and wait until it is gone; of a patched object, take only our own fields back."""
        manifest = manifest_of(resource)
        if resource.type.endswith("Patch"):
            bare = {**manifest, "metadata": {"name": manifest["metadata"]["name"]}}
            arguments = ["apply", "--server-side", "--field-manager", MANAGER, "-f", "-"]
            self._run([self._kubectl, *arguments], timeout=APPLY_LIMIT_SECONDS, stdin=json.dumps(bare))
            return
        self._run(
            [self._kubectl, "delete", "--ignore-not-found", "--wait", "-f", "-"],
            timeout=ROLLOUT_LIMIT_SECONDS,
            stdin=json.dumps(manifest),
        )

    def _is_deployed(self, release: Recorded) -> bool:
        inputs = release.inputs
        where = ("--namespace", inputs["namespace"], "-o", "json")
        listed = self._run([self._helm, "list", "--filter", f"^{inputs['name']}$", *where], timeout=APPLY_LIMIT_SECONDS)
        found = cast(list[dict[str, str]], json.loads(listed.stdout or "[]"))
        # A chart's file is named like its chart, so the last part of either form says which chart it is.
        chart = Path(inputs["chart"]).name.removesuffix(".tgz").removesuffix(f"-{inputs['version']}")
        if not found or found[0]["status"] != "deployed" or found[0]["chart"] != f"{chart}-{inputs['version']}":
            return False
        values = self._run([self._helm, "get", "values", inputs["name"], *where], timeout=APPLY_LIMIT_SECONDS)
        return (json.loads(values.stdout or "null") or {}) == (inputs.get("values") or {})

    def _await(self, resource: Recorded, manifest: Mapping[str, Any]) -> None:
        metadata = manifest["metadata"]
        annotations = _annotations(manifest)
        if annotations.get(SKIP_AWAIT) == "true":
            return
        namespace = ("--namespace", metadata["namespace"]) if "namespace" in metadata else ()
        if manifest["kind"] == "Deployment":
            limit = ("--timeout", f"{ROLLOUT_LIMIT_SECONDS:g}s")
            self._run(
                [self._kubectl, "rollout", "status", f"deployment/{metadata['name']}", *namespace, *limit],
                timeout=ROLLOUT_LIMIT_SECONDS + APPLY_LIMIT_SECONDS,
            )
        condition = annotations.get(WAIT_FOR)
        if manifest["kind"] == "CustomResourceDefinition":
            condition = "condition=Established"
        if condition is not None:
            limit = cast(Mapping[str, str], resource.options.get("timeouts") or {}).get("create", "60s")
            self._wait(condition, (f"{manifest['kind'].lower()}/{metadata['name']}", *namespace), limit)

    def _wait(self, condition: str, what: tuple[str, ...], limit: str) -> None:
        """Wait for a condition of an object; `limit` is as kubectl takes it, in seconds."""
        seconds = float(limit.removesuffix("s"))
        end = time.monotonic() + seconds
        while True:
            try:
                self._run(
                    [self._kubectl, "wait", f"--for={condition}", f"--timeout={limit}", *what],
                    timeout=seconds + APPLY_LIMIT_SECONDS,
                )
            except process.CommandFailedError as error:
                if NO_CONDITIONS not in str(error) or time.monotonic() > end:
                    raise
                time.sleep(PAUSE_SECONDS)
            else:
                return

    def _resource_version(self, manifest: Mapping[str, Any]) -> str | None:
        # For what it reads from a file, kubectl answers with the object or with a list of it, by its version.
        version = "{.items[*].metadata.resourceVersion}{.metadata.resourceVersion}"
        found = self._run(
            [self._kubectl, "get", "-f", "-", "--ignore-not-found", "-o", f"jsonpath={version}"],
            timeout=APPLY_LIMIT_SECONDS,
            stdin=json.dumps(manifest),
        )
        return found.stdout or None

    def _run(self, args: list[Any], *, timeout: float, stdin: str = "") -> process.Completed:
        return process.run(args, timeout=timeout, env=self._env, stdin=stdin)


def _annotations(manifest: Mapping[str, Any]) -> Mapping[str, str]:
    return cast(Mapping[str, str], manifest["metadata"].get("annotations") or {})


def manifest_of(resource: Recorded) -> dict[str, Any]:
    """The Kubernetes object that a recorded resource stands for."""
    group_version, kind = resource.type.removeprefix("kubernetes:").rsplit(":", 1)
    api_version = group_version.removeprefix("core/")
    manifest: dict[str, Any] = {"apiVersion": api_version, "kind": kind.removesuffix("Patch"), **resource.inputs}
    metadata = dict(cast(Mapping[str, Any], manifest["metadata"]))
    if not metadata.get("annotations", True):
        del metadata["annotations"]
    return {**manifest, "metadata": metadata}
