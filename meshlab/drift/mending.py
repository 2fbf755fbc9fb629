"""Puts back what has drifted: by what owns it first, and by the API server where that leaves something as it is.

Pulumi brings back the program's own objects and releases that are gone. Helm brings a release with other values to the
stack's, and what one has lost by a rollback to the revision that it is at: chart and values stay what Pulumi knows of
it. Neither takes away what others have added, and helm compares a custom resource with its own last manifest and not
with the cluster; both are done object by object.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from ..engine import EngineDriver
from ..lab import LabError, Say
from ..removal.left import custom_objects
from ..removal.ours import CRD
from ..rendering.objects import KubernetesObject
from ..verify.access import Manifest, mapping
from ..verify.objects import differences
from .api import DRIFT_MANAGER, Kinds, LiveCluster, group_of
from .expected import Expected
from .fields import disowned, from_the_end
from .finding import Finding, What
from .helm import Helm
from .look import Seen, look
from .noise import is_foreign

RELEASE = "Release"
HELM_MANAGER = "helm"

Approve = Callable[[Sequence[Finding]], bool]


class Mender:
    """Puts one stack on one cluster back."""

    def __init__(
        self, cluster: LiveCluster, kinds: Kinds, expected: Expected, driver: EngineDriver, helm: Helm
    ) -> None:
        self._cluster, self._kinds, self._expected = cluster, kinds, expected
        self._driver, self._helm = driver, helm

    def mend(self, seen: Seen, say: Say, approve: Approve) -> Seen:
        """Put back what can be, and look again. `approve` is asked before extra objects are deleted.

        Raises LabError, ProcessError or AccessError where a tool cannot do its part; a LabError before anything is
        changed where helm is not done with a release and would refuse it.
        """
        self._refuse_pending(seen)
        copies = [one for one in seen.findings if one.what is What.EXTRA]
        if copies and approve(copies):
            for one in copies:
                self._delete(one, say)
        self._take_away(seen.findings, say)
        self._by_the_driver(seen.findings, say)
        self._by_helm(seen, say)
        left = look(self._cluster, self._kinds, self._expected)
        if not self._apply(left.findings, say):
            return left
        return look(self._cluster, self._kinds, self._expected)

    def _refuse_pending(self, seen: Seen) -> None:
        """A failed release is upgraded like any other once what it left is gone; one in between is recover's."""
        for one in self._expected.releases:
            record = seen.records.get((one.namespace, one.name))
            if record is not None and record.status.startswith("pending"):
                raise LabError(
                    f"release {one.namespace}/{one.name} was left {record.status}, which helm refuses to touch; "
                    f"nothing was changed (meshlab recover --stack {self._driver.stack.name}, then again)"
                )

    def _by_the_driver(self, findings: Iterable[Finding], say: Say) -> None:
        """What Pulumi itself has: the program's own objects, and releases that are gone."""
        wanted = sorted(
            one.resource
            for one in findings
            if _is_declared(one) and one.resource and (not one.release or _is_release(one, What.DELETED))
        )
        if not wanted:
            return
        say(f"pulumi puts back {', '.join(wanted)}")
        self._driver.restore(wanted)

    def _by_helm(self, seen: Seen, say: Say) -> None:
        for one in (one for one in seen.findings if _is_release(one, What.EDITED)):
            # Pulumi takes note of a release's values where it sets them, and of no other hand's.
            say(f"helm brings {one.name} to the values that the stack has")
            self._helm.install(self._expected.resources[one.resource])
        done = {one.name for one in seen.findings if one.kind == RELEASE}
        broken = {
            one.release
            for one in seen.findings
            if one.release and one.release not in done and _is_declared(one) and _helm_restores(one)
        }
        for release in self._expected.releases:
            if release.name in broken:
                revision = seen.records[release.namespace, release.name].revision
                say(f"helm rolls {release.name} back to its own revision {revision}")
                self._helm.roll_back(release.name, release.namespace, revision)

    def _take_away(self, findings: Iterable[Finding], say: Say) -> None:
        """Remove what others have added, and their hold on what they have changed."""
        for one in findings:
            kind, wanted = self._kinds.of(one.api, one.kind), self._wanted(one)
            if kind is None or wanted is None or one.what is not What.EDITED:
                continue
            live: Manifest = one.live
            # From the end: an item that goes moves those after it.
            added = sorted(
                (each.pointer for each in one.differences if not each.declared), key=from_the_end, reverse=True
            )
            operations = [{"op": "remove", "path": pointer} for pointer in added]
            if one.refused:
                operations = list(_replacements(live, wanted.manifest))
            if operations:
                say(f"takes away what others wrote into {one.label}")
                live = self._cluster.json_patch(kind.resource, live, operations)
            # Who edited a field holds it, and the API server would refuse it to the engine.
            free = disowned(live, one.declared, lambda manager: not is_foreign(manager))
            free = [entry for entry in free if entry["manager"] != DRIFT_MANAGER]
            if (one.refused or not one.release) and free != live["metadata"].get("managedFields"):
                self._cluster.json_patch(
                    kind.resource, live, [{"op": "replace", "path": "/metadata/managedFields", "value": free}]
                )

    def _apply(self, findings: Iterable[Finding], say: Say) -> bool:
        """Apply what helm left of a release as it was; false where there is no such thing."""
        done = False
        for one in findings:
            kind, wanted = self._kinds.of(one.api, one.kind), self._wanted(one)
            if kind is not None and wanted is not None and one.release and _is_declared(one) and not one.refused:
                say(f"applies {one.label}")
                self._cluster.apply(kind.resource, wanted.manifest, HELM_MANAGER)
                done = True
        return done

    def _wanted(self, one: Finding) -> KubernetesObject | None:
        identity = one.api, one.kind, one.namespace, one.name
        return next((each for each in self._expected.objects if _identity(each) == identity), None)

    def _delete(self, one: Finding, say: Say) -> None:
        kind = self._kinds.of(one.api, one.kind)
        used = custom_objects(self._cluster, [one.live])[one.name] if one.kind == CRD else []
        if used:
            say(f"leaves {one.label}: with it would go {len(used)} objects of its kind")
        elif kind is not None:
            say(f"deletes {one.label}")
            self._cluster.delete(kind.resource, one.live)


def _is_release(one: Finding, what: What) -> bool:
    """Whether it is a release as a whole that is gone, or has other values."""
    return one.kind == RELEASE and one.what is what


def _is_declared(one: Finding) -> bool:
    """Whether something is missing or changed of what the stack says, beside what was added to it."""
    return one.what is What.DELETED or any(each.declared for each in one.differences)


def _helm_restores(one: Finding) -> bool:
    """Whether helm compares an object with the cluster: of kinds that it has a type for, or where there is none."""
    group = group_of(one.api)
    built_in = ("." not in group or group.endswith(".k8s.io")) and one.kind != "CustomResourceDefinition"
    return one.what is What.DELETED or built_in


def _replacements(live: Manifest, manifest: Manifest) -> Iterator[dict[str, Any]]:
    """Operations that set whole fields of a spec, where theirs and ours cannot be in one list."""
    spec, have = mapping(manifest.get("spec")), mapping(live.get("spec"))
    for field, value in spec.items():
        if any(differences(value, have.get(field))):
            yield {"op": "add", "path": f"/spec/{field}", "value": value}


def _identity(one: KubernetesObject) -> tuple[str, str, str, str]:
    return str(one.manifest["apiVersion"]), one.kind, one.namespace, one.name
