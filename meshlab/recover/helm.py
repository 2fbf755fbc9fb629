"""Helm's own record of releases, and the ways out of one that was left half done."""

import json
import re
from collections.abc import Collection, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, cast

from base import process
from base.environment import reaching
from base.errors import MeshlabError
from base.goyaml.text import from_yaml, to_yaml
from kube.api_objects import Manifest
from kube.helm_records import OWNED, packed, record_name, unpacked

from ..engine.state import ReleaseKey
from .stored_versions import newer_stored_versions

DEPLOYED = "deployed"
UNFINISHED_INSTALL = ("pending-install",)
UNFINISHED_CHANGE = ("pending-upgrade", "pending-rollback")
UNFINISHED_DELETION = "uninstalling"
FAILED = "failed"
GOOD = ("deployed", "superseded")
"""Statuses of revisions that once stood."""
LOOK_LIMIT_SECONDS = 60.0
ACT_LIMIT_SECONDS = 300.0

KEEP = "helm.sh/resource-policy"

_NO_SUCH_KIND = re.compile(r"no matches for kind|ensure CRDs are installed first|server doesn't have a resource type")
_SEPARATOR = re.compile(r"^---.*$", re.MULTILINE)
_CRD = re.compile(r"^kind:\s*CustomResourceDefinition\s*$", re.MULTILINE)
_KEPT = re.compile(r"^\s+[\"']?helm\.sh/resource-policy[\"']?:\s*[\"']?keep[\"']?\s*$", re.MULTILINE)


@dataclass(frozen=True)
class HelmRelease:
    """The last revision of a release, as helm has it."""

    key: ReleaseKey
    status: str
    revision: int
    chart: str
    """Name and version, `prometheus-operator-crds-0.1.0`."""
    updated: datetime


@dataclass(frozen=True)
class WayBack:
    """The revisions to roll a release back to, one after the other."""

    good: int = 0
    """The last revision that once stood; 0 where none ever did."""
    through: tuple[int, ...] = ()
    """Failed revisions to roll back to first."""
    newer: Mapping[str, Collection[str]] = field(default_factory=dict[str, Collection[str]])
    """By CRD, versions in which objects are stored and that `good` lacks: the API server refuses the rollback."""
    noted: bool = True
    """Whether the record of `good` has all that the revisions after it have brought."""


class HelmRepair:
    """helm, and kubectl for what helm would not do, on one cluster."""

    def __init__(self, helm: Path, kubectl: Path, kubeconfig: Path) -> None:
        self._helm, self._kubectl = helm, kubectl
        self._env = reaching(kubeconfig)

    def releases(self) -> dict[ReleaseKey, HelmRelease]:
        """Every release of the cluster."""
        listed = self._run([self._helm, "list", "--all", "--all-namespaces", "--max", "0", "-o", "json"])
        found = [_release(entry) for entry in cast(list[Mapping[str, str]], json.loads(listed.stdout or "[]"))]
        return {release.key: release for release in found}

    def values(self, key: ReleaseKey) -> dict[str, Any]:
        """The values that a release was given."""
        got = self._run([self._helm, "get", "values", key.name, "--namespace", key.namespace, "-o", "json"])
        return cast(dict[str, Any], json.loads(got.stdout or "null") or {})

    def way_back(self, key: ReleaseKey) -> WayBack:
        """Where a release can be rolled back to, and what is in the way."""
        *through, good = rollback_path(self._history(key)) or (0,)
        if not good:
            return WayBack()
        newer = newer_stored_versions(self._manifest(key, good), self._live_crds)
        return WayBack(good, tuple(through), newer, noted=not (newer and self._brought(key, good)))

    def _history(self, key: ReleaseKey) -> dict[int, str]:
        """Status of each revision that helm remembers."""
        got = self._run([self._helm, "history", key.name, "--namespace", key.namespace, "-o", "json"])
        return {
            int(entry["revision"]): entry["status"] for entry in cast(list[Mapping[str, Any]], json.loads(got.stdout))
        }

    def uninstall(self, key: ReleaseKey) -> None:
        """Remove what a release brought, hooks included, but for CRDs: their objects, anybody's, would go with them.

        Raises MeshlabError where something of it is not gone after.
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
        """Put a release back to a revision, from the last one. Not awaited: the next `up` changes it again and waits.

        Hooks that only the last one has go too. A CRD that only it has stays where somebody has objects of it.
        """
        last = max(self._history(key))
        begun, good = self._manifest(key, last), self._manifest(key, revision)
        self._take_note(key, last, _beyond(good, begun))
        with self._kept(_crd_names(begun) - _crd_names(good)):
            self._run([self._helm, "rollback", key.name, str(revision), "--namespace", key.namespace])
        gone = _beyond(self._hooks(key, last), self._hooks(key, revision))
        self._delete(_to_go("\n---\n".join(map(to_yaml, gone))), key.namespace)

    def keep_failed(self, key: ReleaseKey, good: int) -> None:
        """Mark the last revision of a release as failed, so that the next upgrade goes on from it.

        Helm compares that upgrade with `good`, so what the revisions after it have brought is written there: helm
        would leave what the upgrade no longer has.
        """
        self._take_note(key, good, self._brought(key, good))
        with self._record(key, max(self._history(key))) as (secret, release):
            secret["metadata"]["labels"]["status"] = release["info"]["status"] = FAILED

    def _brought(self, key: ReleaseKey, good: int) -> list[Manifest]:
        """What the revisions after a good one have and it lacks."""
        brought: dict[tuple[str, str, str], Manifest] = {}
        for number in sorted(number for number in self._history(key) if number > good):
            brought |= {_identity(item): item for item in self._manifest(key, number)}
        return _beyond(brought.values(), self._manifest(key, good))

    def _live_crds(self, names: Collection[str]) -> list[Manifest]:
        asked = [self._kubectl, "get", "crd", *sorted(names), "--ignore-not-found", "-o", "json"]
        found = json.loads(self._run(asked).stdout or "{}")
        return cast(list[Manifest], found.get("items", [found] if found else []))

    def _take_note(self, key: ReleaseKey, revision: int, objects: Sequence[Manifest]) -> None:
        """Write into a revision's record the objects that it was to take away: it may not have come to it.

        Over an object that is there and not in the record, helm rolls nothing back ("no ServiceAccount with the name
        "x" found"), and what it would have put back after it stays as it is. One that is gone, it creates.
        """
        if objects:
            with self._record(key, revision) as (_, release):
                release["manifest"] = "\n---\n".join([str(release["manifest"]), *map(to_yaml, objects)])

    @contextmanager
    def _record(self, key: ReleaseKey, revision: int) -> Generator[tuple[dict[str, Any], dict[str, Any]]]:
        """Change helm's record of a revision: its Secret, and the release in it."""
        name, where = record_name(key.name, revision), ("--namespace", key.namespace)
        secret = json.loads(self._run([self._kubectl, "get", "secret", name, *where, "-o", "json"]).stdout)
        release = unpacked(secret)
        yield secret, release
        self._run([self._kubectl, "replace", "-f", "-"], stdin=json.dumps({**secret, "data": packed(release)}))

    @contextmanager
    def _kept(self, crds: Collection[str]) -> Generator[None]:
        """Have helm leave those CRDs alone that somebody has objects of, which would go with them."""
        used = [name for name in sorted(crds) if self._objects_of(name)]
        for name in used:
            self._run([self._kubectl, "annotate", "crd", name, "--overwrite", f"{KEEP}=keep"])
        yield
        for name in used:
            self._run([self._kubectl, "annotate", "crd", name, f"{KEEP}-"])

    def _objects_of(self, crd: str) -> str:
        asked = [self._kubectl, "get", crd, "--all-namespaces", "--ignore-not-found", "-o", "name"]
        found = process.run(asked, timeout=LOOK_LIMIT_SECONDS, env=self._env, check=False)
        # A CRD that the upgrade had not come to has none; one that cannot be asked may have some.
        return "" if _NO_SUCH_KIND.search(found.stderr) else found.stdout + found.stderr

    def _manifest(self, key: ReleaseKey, revision: int) -> list[Manifest]:
        return self._got("manifest", key, revision)

    def _hooks(self, key: ReleaseKey, revision: int) -> list[Manifest]:
        return self._got("hooks", key, revision)

    def _got(self, what: str, key: ReleaseKey, revision: int) -> list[Manifest]:
        words = ["get", what, key.name, "--namespace", key.namespace, "--revision", str(revision)]
        return from_yaml(self._run([self._helm, *words]).stdout)

    def _forget(self, key: ReleaseKey) -> None:
        """Delete helm's records of a release; no object that it has brought."""
        where = ("--namespace", key.namespace)
        selector = f"{OWNED},name={key.name}"
        self._run([self._kubectl, "delete", "secrets", "--selector", selector, *where])
        left = self._run([self._kubectl, "get", "secrets", "--selector", selector, *where, "-o", "name"]).stdout.split()
        if left:
            raise MeshlabError(_still_there(key, left))

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
            raise MeshlabError(_still_there(key, left))
        # Of a kind that is gone, there is no object either.
        if found.code != 0 and not all(
            _NO_SUCH_KIND.search(line) for line in found.stderr.splitlines() if line.strip()
        ):
            raise process.CommandFailedError(found)

    def _run(self, args: list[Any], stdin: str = "", *, check: bool = True) -> process.Completed:
        limit = ACT_LIMIT_SECONDS + LOOK_LIMIT_SECONDS
        return process.run(args, timeout=limit, env=self._env, stdin=stdin, check=check)


def rollback_path(history: Mapping[int, str]) -> tuple[int, ...]:
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


def _identity(manifest: Manifest) -> tuple[str, str, str]:
    """What an object of one release is told by: the version of its API may be another one."""
    metadata = manifest["metadata"]
    return str(manifest["kind"]), str(metadata.get("namespace") or ""), str(metadata["name"])


def _beyond(manifests: Iterable[Manifest], others: Iterable[Manifest]) -> list[Manifest]:
    """The objects that are not among others."""
    known = set(map(_identity, others))
    return [manifest for manifest in manifests if _identity(manifest) not in known]


def _crd_names(manifests: Iterable[Manifest]) -> set[str]:
    return {
        str(manifest["metadata"]["name"]) for manifest in manifests if manifest["kind"] == "CustomResourceDefinition"
    }


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
