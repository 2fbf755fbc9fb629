"""Helm's own record of releases, and the two ways out of one that was left half done."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, cast

from .. import process
from ..environment import reaching
from .state import ReleaseKey

DEPLOYED = "deployed"
UNFINISHED_INSTALL = ("pending-install",)
UNFINISHED_CHANGE = ("pending-upgrade", "pending-rollback")
FAILED = "failed"
GOOD = ("deployed", "superseded")
"""Statuses of revisions that once stood."""
LOOK_LIMIT_SECONDS = 60.0
ACT_LIMIT_SECONDS = 300.0

_STILL_THERE = re.compile(r"no \S+ with the name \S+ found")
_NO_SUCH_KIND = re.compile(r"no matches for kind|ensure CRDs are installed first")
_SEPARATOR = re.compile(r"^---.*$", re.MULTILINE)
_CRD = re.compile(r"^kind:\s*CustomResourceDefinition\s*$", re.MULTILINE)
_KEPT = re.compile(r"^\s+[\"']?helm\.sh/resource-policy[\"']?:\s*[\"']?keep[\"']?\s*$", re.MULTILINE)


class StillThereError(Exception):
    """What a program has told as deleted is there all the same; the message is one line that names it."""


@dataclass(frozen=True)
class HelmRelease:
    """The last revision of a release, as helm has it."""

    key: ReleaseKey
    status: str
    revision: int
    chart: str
    """Name and version, `prometheus-operator-crds-0.1.0`."""
    updated: datetime


class Helm:
    """helm, and kubectl for what helm would not do, on one cluster."""

    def __init__(self, helm: Path, kubectl: Path, kubeconfig: Path) -> None:
        self._helm, self._kubectl = helm, kubectl
        self._env = reaching(kubeconfig)

    def releases(self) -> dict[ReleaseKey, HelmRelease]:
        """Every release of the cluster."""
        listed = self._run([self._helm, "list", "--all", "--all-namespaces", "--max", "0", "-o", "json"])
        found = [_release(entry) for entry in cast(list[Mapping[str, str]], json.loads(listed.stdout or "[]"))]
        return {one.key: one for one in found}

    def values(self, key: ReleaseKey) -> dict[str, Any]:
        """The values that a release was given."""
        got = self._run([self._helm, "get", "values", key.name, "--namespace", key.namespace, "-o", "json"])
        return cast(dict[str, Any], json.loads(got.stdout or "null") or {})

    def way_back(self, key: ReleaseKey) -> tuple[int, ...]:
        """The revisions to roll back to, one after the other; the last one once stood. Empty where none ever did."""
        return way_back(self._history(key))

    def _history(self, key: ReleaseKey) -> dict[int, str]:
        """Status of each revision that helm remembers."""
        got = self._run([self._helm, "history", key.name, "--namespace", key.namespace, "-o", "json"])
        return {int(one["revision"]): one["status"] for one in cast(list[Mapping[str, Any]], json.loads(got.stdout))}

    def uninstall(self, key: ReleaseKey) -> None:
        """Remove what a release brought, hooks included, but for CRDs: their objects, anybody's, would go with them.

        Raises StillThereError where something of it is not gone after.
        """
        where = ("--namespace", key.namespace)
        manifest = self._run([self._helm, "get", "manifest", key.name, *where]).stdout
        hooks = self._run([self._helm, "get", "hooks", key.name, *where]).stdout
        crds_stay = any(_CRD.search(part) and not _KEPT.search(part) for part in _parts(manifest))
        if crds_stay:
            self._delete(_to_go(manifest), key.namespace)  # helm would delete the CRDs
        else:
            limit = f"{ACT_LIMIT_SECONDS:g}s"
            self._run([self._helm, "uninstall", key.name, *where, "--wait", "--ignore-not-found", "--timeout", limit])
        self._delete(_to_go(hooks), key.namespace)
        self._refuse_left(key, f"{_to_go(manifest)}\n---\n{_to_go(hooks)}")
        if crds_stay:
            # Without helm's record, the next install takes them over as they are.
            self._forget(key)

    def rollback(self, key: ReleaseKey, revision: int) -> None:
        """Put a release back to a revision. Not awaited: the next `up` changes it again and waits then."""
        try:
            self._run([self._helm, "rollback", key.name, str(revision), "--namespace", key.namespace])
        except process.CommandFailedError as error:
            if not _STILL_THERE.search(str(error)):
                raise
            # The upgrade was to take an object away and had not come to it: helm rolls back over none of those. Without
            # the records of what was begun, the next upgrade starts from the revision and takes over what it finds.
            self._forget(key, after=revision)

    def _forget(self, key: ReleaseKey, after: int | None = None) -> None:
        """Delete helm's records of a release, or of its revisions after one; no object that it has brought."""
        where = ("--namespace", key.namespace)
        selector = f"owner=helm,name={key.name}"
        if after is not None:
            selector += f",version in ({','.join(str(number) for number in self._history(key) if number > after)})"
        self._run([self._kubectl, "delete", "secrets", "--selector", selector, *where])
        left = self._run([self._kubectl, "get", "secrets", "--selector", selector, *where, "-o", "name"]).stdout.split()
        if left:
            raise StillThereError(_still_there(key, left))

    def _delete(self, manifests: str, namespace: str) -> None:
        if manifests.strip():
            command = [self._kubectl, "delete", "--namespace", namespace, "--ignore-not-found", "--wait", "-f", "-"]
            self._run(command, stdin=manifests)

    def _refuse_left(self, key: ReleaseKey, manifests: str) -> None:
        """What is told as gone is forgotten next: nobody would look for it again."""
        if not manifests.replace("-", "").strip():
            return
        command = [self._kubectl, "get", "--namespace", key.namespace, "--ignore-not-found", "-o", "name", "-f", "-"]
        found = self._run(command, stdin=manifests, check=False)
        if left := found.stdout.split():
            raise StillThereError(_still_there(key, left))
        # Of a kind that is gone, there is no object either.
        if found.code != 0 and not all(
            _NO_SUCH_KIND.search(line) for line in found.stderr.splitlines() if line.strip()
        ):
            raise process.CommandFailedError(found)

    def _run(self, args: list[Any], stdin: str = "", *, check: bool = True) -> process.Completed:
        limit = ACT_LIMIT_SECONDS + LOOK_LIMIT_SECONDS
        return process.run(args, timeout=limit, env=self._env, stdin=stdin, check=check)


def way_back(history: Mapping[int, str]) -> tuple[int, ...]:
    """The way from the last revision to the last that once stood, by way of each failed one in between.

    Helm compares an upgrade with the last revision that stood, so what a failed one added is in no manifest that a
    later one is compared with: only a rollback from that very revision takes it away.
    """
    good = max((number for number, status in history.items() if status in GOOD), default=None)
    if good is None:
        return ()
    failed = [number for number, status in history.items() if good < number < max(history) and status == FAILED]
    return (*sorted(failed, reverse=True), good)


def _release(entry: Mapping[str, str]) -> HelmRelease:
    key = ReleaseKey(entry["namespace"], entry["name"])
    return HelmRelease(key, entry["status"], int(entry["revision"]), entry["chart"], _time(entry["updated"]))


def _time(text: str) -> datetime:
    """Go's print of a time: `2026-11-24 06:17:25.928439803 +0000 UTC`."""
    date, clock, zone = text.split()[:3]
    return datetime.fromisoformat(f"{date}T{clock.partition('.')[0]}{zone[:3]}:{zone[3:]}")


def _parts(manifest: str) -> list[str]:
    return [part for part in _SEPARATOR.split(manifest) if re.search(r"^kind:", part, re.MULTILINE)]


def _to_go(manifest: str) -> str:
    """What of a release is gone after it: neither CRDs nor what its chart has helm keep."""
    return "\n---\n".join(part for part in _parts(manifest) if not _CRD.search(part) and not _KEPT.search(part))


def _still_there(key: ReleaseKey, left: Sequence[str]) -> str:
    return (
        f"release {key}: told as deleted and still there: {', '.join(left)}; nothing of it is forgotten "
        f"(see what holds them: kubectl get {left[0]} --namespace {key.namespace} -o yaml; then again: meshlab recover)"
    )
