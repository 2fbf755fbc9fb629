"""Puts back what has drifted: by what owns it first, and by the API server where that leaves something as it is.

Pulumi brings back the program's own objects and releases that are gone. Helm brings a release with other values to the
stack's, and what one has lost by a rollback to the revision that it is at: chart and values stay what Pulumi knows of
it. Neither takes away what others have added, and helm compares a custom resource with its own last manifest and not
with the cluster; both are done object by object. So is what those would put back too much of: an object, or a release
with one, of which the stack's rules ignore something.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, cast

from base.say import Say
from base.wording import counted
from kube.api_objects import Manifest, mapping
from kube.changes import DRIFT_MANAGER
from kube.cluster import Cluster
from kube.discovery import Kind, Kinds, group_of
from kube.fields import disowned, escaped, removals, same_items

from ..comparison.declared import differences
from ..comparison.finding import DriftFinding, What
from ..comparison.ignore_rules import is_foreign
from ..comparison.platforms import without_terms
from ..engine.driver import EngineDriver
from ..ownership.leftovers import custom_objects
from ..ownership.owned import CRD
from ..render.objects import KubernetesObject
from ..target import LabError
from .expected import Expected
from .helm import ReleaseReader
from .look import DriftResult, look

RELEASE = "Release"
HELM_MANAGER = "helm"

Approve = Callable[[Sequence[DriftFinding]], bool]


class Remediator:
    """Puts one stack on one cluster back."""

    def __init__(
        self, cluster: Cluster, kinds: Kinds, expected: Expected, driver: EngineDriver, helm: ReleaseReader
    ) -> None:
        self._cluster, self._kinds, self._expected = cluster, kinds, expected
        self._driver, self._helm = driver, helm

    def remediate(self, seen: DriftResult, say: Say, approve: Approve) -> DriftResult:
        """Put back what can be, and look again. `approve` is asked before extra objects are deleted.

        Raises LabError, ProcessError or AccessError where a tool cannot do its part; a LabError before anything is
        changed where helm is not done with a release and would refuse it.
        """
        self._refuse_pending(seen)
        copies = [finding for finding in seen.findings if finding.what is What.EXTRA]
        if copies and approve(copies):
            for copy in copies:
                self._delete(copy, say)
        self._take_away(seen.findings, say)
        self._by_the_driver(seen.findings, say)
        self._by_helm(seen, say)
        left = look(self._cluster, self._kinds, self._expected)
        if not self._apply(left.findings, say):
            return left
        return look(self._cluster, self._kinds, self._expected)

    def _refuse_pending(self, seen: DriftResult) -> None:
        """A failed release is upgraded like any other once what it left is gone; one in between is recover's."""
        for release in self._expected.releases:
            record = seen.records.get((release.namespace, release.name))
            if record is not None and record.status.startswith("pending"):
                raise LabError(
                    f"release {release.namespace}/{release.name} was left {record.status}, which helm refuses "
                    "to touch; nothing was changed",
                    f"meshlab recover {self._driver.options}, then again",
                )

    def _by_the_driver(self, findings: Iterable[DriftFinding], say: Say) -> None:
        """What Pulumi itself has: the program's own objects, and releases that are gone."""
        wanted = sorted(
            finding.resource
            for finding in findings
            if _is_declared(finding)
            and finding.resource
            and finding.target is None
            and (not finding.release or _is_release(finding, What.DELETED))
        )
        if not wanted:
            return
        say(f"pulumi puts back {', '.join(wanted)}")
        self._driver.restore(wanted)

    def _by_helm(self, seen: DriftResult, say: Say) -> None:
        spared = {ignored.finding.release: ignored for ignored in seen.ignored if ignored.finding.release}
        for edited in (finding for finding in seen.findings if _is_release(finding, What.EDITED)):
            if edited.name in spared:
                ignored = spared[edited.name]
                say(f"leaves {edited.label}: helm would revert what {ignored.where} ignores of {ignored.finding.label}")
                continue
            # Pulumi takes note of a release's values where it sets them, and of no other hand's.
            say(f"helm brings {edited.name} to the values that the stack has")
            self._helm.install(self._expected.resources[edited.resource])
        done = {finding.name for finding in seen.findings if finding.kind == RELEASE}
        broken = {
            finding.release
            for finding in seen.findings
            if finding.release
            and finding.release not in {*done, *spared}
            and _is_declared(finding)
            and _helm_restores(finding)
        }
        for release in self._expected.releases:
            if release.name in broken:
                revision = seen.records[release.namespace, release.name].revision
                say(f"helm rolls {release.name} back to its own revision {revision}")
                self._helm.roll_back(release.name, release.namespace, revision)

    def _take_away(self, findings: Iterable[DriftFinding], say: Say) -> None:
        """Remove what others have added, and their hold on what they have changed."""
        for finding in findings:
            kind, wanted = self._kinds.of(finding.api, finding.kind), self._wanted(finding)
            if kind is None or wanted is None or finding.what is not What.EDITED:
                continue
            live: Manifest = finding.live
            if finding.target is not None:
                self._put_back(finding, kind, say)
                continue
            operations = removals([each.pointer for each in finding.differences if not each.declared])
            if finding.refused:
                operations = list(_replacements(live, wanted.manifest))
            if operations:
                say(f"takes away what others wrote into {finding.label}")
                live = self._cluster.patch_unchanged(kind.resource, live, operations)
            if finding.refused or not finding.release:
                self._let_go(finding, kind, live)

    def _put_back(self, one: DriftFinding, kind: Kind, say: Say) -> None:
        """Put back the fields of one object that differ, and leave those that are ignored."""
        operations = list(_towards(without_terms(one.live, one.target), one.target))
        say(f"puts back {', '.join(each.path for each in one.differences)} of {one.label}")
        self._let_go(one, kind, self._cluster.patch_unchanged(kind.resource, one.live, operations))

    def _let_go(self, one: DriftFinding, kind: Kind, live: Manifest) -> None:
        """Take the fields that the stack says something of from who edited them, and from us."""

        def free(live: Manifest) -> list[dict[str, Any]]:
            # Who edited a field holds it, and the API server would refuse it to the engine.
            left = disowned(live, one.declared, lambda manager: not is_foreign(manager))
            left = [entry for entry in left if entry["manager"] != DRIFT_MANAGER]
            if left == live["metadata"].get("managedFields"):
                return []
            return [{"op": "replace", "path": "/metadata/managedFields", "value": left}]

        self._cluster.patch_latest(kind.resource, live, free)

    def _apply(self, findings: Iterable[DriftFinding], say: Say) -> bool:
        """Apply what helm left of a release as it was; false where there is no such thing."""
        done = False
        for finding in findings:
            kind, wanted = self._kinds.of(finding.api, finding.kind), self._wanted(finding)
            whole = finding.release and not finding.refused and finding.target is None
            if kind is not None and wanted is not None and whole and _is_declared(finding):
                say(f"applies {finding.label}")
                self._cluster.apply(kind.resource, wanted.manifest, HELM_MANAGER)
                done = True
        return done

    def _wanted(self, one: DriftFinding) -> KubernetesObject | None:
        identity = one.api, one.kind, one.namespace, one.name
        return next((each for each in self._expected.objects if _identity(each) == identity), None)

    def _delete(self, one: DriftFinding, say: Say) -> None:
        kind = self._kinds.of(one.api, one.kind)
        used = custom_objects(self._cluster, [one.live])[one.name] if one.kind == CRD else []
        if used:
            say(f"leaves {one.label}: with it would go {counted(len(used), 'object')} of its kind")
        elif kind is not None:
            say(f"deletes {one.label}")
            self._cluster.delete(kind.resource, one.live)


def _is_release(one: DriftFinding, what: What) -> bool:
    """Whether it is a release as a whole that is gone, or has other values."""
    return one.kind == RELEASE and one.what is what


def _is_declared(one: DriftFinding) -> bool:
    """Whether something is missing or changed of what the stack says, beside what was added to it."""
    return one.what is What.DELETED or any(each.declared for each in one.differences)


def _helm_restores(one: DriftFinding) -> bool:
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


def _towards(live: Any, target: Any, pointer: str = "") -> Iterator[dict[str, Any]]:
    """JSON patch operations that make `target` of an object."""
    if live == target:
        return
    if isinstance(live, Mapping) and isinstance(target, Mapping):
        have, want = cast(Mapping[str, Any], live), cast(Mapping[str, Any], target)
        for key in {**have, **want}:
            path = f"{pointer}/{escaped(key)}"
            if key not in want:
                yield {"op": "remove", "path": path}
            elif key not in have:
                yield {"op": "add", "path": path, "value": want[key]}
            else:
                yield from _towards(have[key], want[key], path)
        return
    if isinstance(live, list) and isinstance(target, list):
        have, want = cast(list[Any], live), cast(list[Any], target)
        if same_items(have, want):
            for number, (one, other) in enumerate(zip(have, want, strict=True)):
                yield from _towards(one, other, f"{pointer}/{number}")
            return
    yield {"op": "replace", "path": pointer, "value": target}


def _identity(one: KubernetesObject) -> tuple[str, str, str, str]:
    return str(one.manifest["apiVersion"]), one.kind, one.namespace, one.name
