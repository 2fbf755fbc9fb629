"""Looks at a cluster once: every object of the stack, every release, and what is there once too often."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

from components.revision_tags import TAG_LABEL
from kube.api_objects import Manifest, RefusedError, mapping
from kube.cluster import Cluster
from kube.discovery import WORKERS, Kind, Kinds
from kube.objects import name_of
from settings.names import REVISION_LABEL

from ..comparison.declared import differences as declared_differences
from ..comparison.finding import Difference, DriftFinding, Ignored, What
from ..comparison.ignore_rules import Scaled, autoscaled, is_ignored
from ..comparison.live import declared, differences, hindrances, is_untouched
from ..ownership.copies import find_extras
from ..ownership.records import ReleaseRecord, failures_of, records_of, release_findings
from ..render.objects import KubernetesObject
from .expected import Expected
from .ignoring import Ignoring
from .strays import Identity, Strays
from .strays import fields as stray_fields

AUTOSCALERS = ("autoscaling/v2", "HorizontalPodAutoscaler")
SECRETS = ("v1", "Secret")
INJECTOR = "MutatingWebhookConfiguration"


@dataclass(frozen=True)
class DriftResult:
    """What came of a look."""

    findings: tuple[DriftFinding, ...]
    compared: int
    """Objects that were compared, those that are missing included."""
    records: Mapping[tuple[str, str], ReleaseRecord]
    """Helm's records by namespace and name of the release."""
    silent: Mapping[str, str] = field(default_factory=dict[str, str])
    """Which groups and kinds could not be asked, and why."""
    uncompared: tuple[str, ...] = ()
    """The stack's objects of those kinds."""
    ignored: tuple[Ignored, ...] = ()
    """What would be findings but for the stack's own rules."""
    remarks: tuple[str, ...] = ()
    """What has to be said of those rules."""


def look(cluster: Cluster, kinds: Kinds, expected: Expected) -> DriftResult:
    """Compare the cluster with the stack. Raises AccessError where the cluster cannot be asked."""
    by_kind: dict[tuple[str, str], list[KubernetesObject]] = defaultdict(list)
    for expected_object in expected.objects:
        by_kind[str(expected_object.manifest["apiVersion"]), expected_object.kind].append(expected_object)
    served = {key: kind for key in by_kind if (kind := kinds.of(*key)) is not None}
    beside = [kind for key in (AUTOSCALERS, SECRETS) if (kind := kinds.of(*key)) is not None]
    silent = dict(kinds.silent)
    live = cluster.everything(dict.fromkeys([*served.values(), *beside]), silent)
    releases = {(release.namespace, release.name) for release in expected.releases}
    strays = Strays.of(failures_of(_of(live, kinds, SECRETS), releases), kinds)
    beyond = {key: kind for key in strays.kinds() - by_kind.keys() if (kind := kinds.of(*key)) is not None}
    live |= cluster.everything(beyond.values(), silent)
    scaled = autoscaled(_of(live, kinds, AUTOSCALERS))
    records = records_of(_of(live, kinds, SECRETS))
    leads_to = _leads_to(expected.objects)
    ignoring = Ignoring(expected.ignore)
    findings = list(release_findings(expected.releases, records))
    ignored: list[Ignored] = []
    work: list[tuple[KubernetesObject, Kind, Manifest]] = []
    uncompared: list[str] = []
    for key, wanted in by_kind.items():
        if key[0] in silent or (key in served and served[key].label in silent):
            uncompared += [object_.label for object_ in wanted]
            continue
        there = {_place(manifest): manifest for manifest in live[served[key]]} if key in served else {}
        for resource in wanted:
            manifest = there.get((resource.namespace, resource.name))
            if manifest is None:
                findings.append(_finding(What.DELETED, resource))
            else:
                work.append((resource, served[key], manifest))
    with ThreadPoolExecutor(WORKERS) as pool:
        started = [
            pool.submit(
                _compared, cluster, *each, scaled, leads_to, strays.objects.get(_identity(each[0]), ()), ignoring
            )
            for each in work
        ]
        for future in started:
            found, spared = future.result()
            findings += [found] if found is not None else []
            ignored += spared
    findings += _extras(expected, by_kind, served | beyond, live)
    findings += _stray_hooks(expected, strays, served | beyond, live)
    left: list[DriftFinding] = []
    for finding in findings:
        whole = ignoring.whole(finding)
        if whole is None:
            left.append(finding)
        else:
            ignored.append(whole)
    places = [("Release", release.namespace, release.name) for release in expected.releases]
    places += [(skipped.finding.kind, skipped.finding.namespace, skipped.finding.name) for skipped in ignored]
    return DriftResult(
        tuple(sorted(left, key=_order)),
        len(expected.objects) - len(uncompared),
        records,
        silent,
        tuple(uncompared),
        tuple(sorted(ignored, key=lambda one: (one.rule, _order(one.finding)))),
        tuple(ignoring.remarks(expected.objects, dict.fromkeys(places))),
    )


def _compared(
    cluster: Cluster,
    one: KubernetesObject,
    kind: Kind,
    live: Manifest,
    scaled: Collection[Scaled],
    leads_to: Mapping[str, str],
    failed: Sequence[tuple[ReleaseRecord, Manifest]],
    ignoring: Ignoring,
) -> tuple[DriftFinding | None, list[Ignored]]:
    # Half a megabyte of schema keeps the API server busy for seconds, so it is asked only about one that was touched.
    if one.kind == "CustomResourceDefinition" and not failed and is_untouched(live, one.manifest):
        return None, []
    finding = _finding(What.EDITED, one, live)
    try:
        applied = cluster.dry_run(kind.resource, one.manifest)
        found = differences(live, applied, scaled, patch=one.patch)
        if one.patch:
            found += hindrances(live, one.manifest, leads_to)
        known = {each.pointer for each in found if not each.declared}
        left = stray_fields(cluster, kind.resource, live, one.manifest, failed)
        found += [each for each in left if each.pointer not in known and not is_ignored(live, each.path, scaled)]
        if not found:
            return None, []
        finding = replace(finding, declared=declared(applied), differences=tuple(found))
        return ignoring.split(finding, applied, scaled)
    except RefusedError as error:
        # A selector that nobody may change, so the object was made anew; or two items of a list that now collide.
        told = list(declared_differences(one.manifest, live))
        if not told:
            raise
        found = [Difference(line.partition(": ")[0], line.partition(", got ")[2], "as rendered") for line in told]
        note = f"cannot be applied over: {error.reason}"
        return replace(finding, refused=True, note=note, differences=tuple(found)), []


def _leads_to(objects: Iterable[KubernetesObject]) -> dict[str, str]:
    """The revision by what a namespace may ask for: the revisions and tags whose webhooks the stack has."""
    labels = [mapping(object_.manifest["metadata"].get("labels")) for object_ in objects if object_.kind == INJECTOR]
    return {
        label.get(TAG_LABEL) or label[REVISION_LABEL]: label[REVISION_LABEL]
        for label in labels
        if REVISION_LABEL in label
    }


def _extras(
    expected: Expected,
    by_kind: Mapping[tuple[str, str], list[KubernetesObject]],
    served: Mapping[tuple[str, str], Kind],
    live: Mapping[Kind, list[Manifest]],
) -> Iterable[DriftFinding]:
    components = {(release.namespace, release.name): release.component for release in expected.releases}
    own = {object_.name for object_ in expected.objects if object_.kind == "Namespace" and not object_.patch}
    for key, kind in served.items():
        yield from find_extras(by_kind[key], live[kind], components, own)


def _stray_hooks(
    expected: Expected,
    strays: Strays,
    served: Mapping[tuple[str, str], Kind],
    live: Mapping[Kind, list[Manifest]],
) -> Iterable[DriftFinding]:
    """Hooks that failed upgrades have left; those that the stack has too, the next upgrade deletes."""
    own = {_identity(hook) for hook in expected.hooks}
    resources = {(release.namespace, release.name): release for release in expected.releases}
    for identity, record in strays.hooks.items():
        api, kind, *place = identity
        there = live[served[api, kind]] if (api, kind) in served else []
        found = next((manifest for manifest in there if _place(manifest) == tuple(place)), None)
        if found is not None and identity not in own:
            release = resources[record.namespace, record.name]
            note = f"a hook of revision {record.revision} of the release, which failed"
            yield DriftFinding(What.EXTRA, *identity, release.component, release.name, note=note, live=found)


def _identity(one: KubernetesObject) -> Identity:
    return str(one.manifest["apiVersion"]), one.kind, one.namespace, one.name


def _of(live: Mapping[Kind, list[Manifest]], kinds: Kinds, key: tuple[str, str]) -> list[Manifest]:
    kind = kinds.of(*key)
    return live[kind] if kind is not None else []


def _place(manifest: Manifest) -> tuple[str, str]:
    return str(manifest["metadata"].get("namespace") or ""), name_of(manifest)


def _finding(what: What, one: KubernetesObject, live: Manifest | None = None) -> DriftFinding:
    api = str(one.manifest["apiVersion"])
    return DriftFinding(
        what, api, one.kind, one.namespace, one.name, one.component, one.release, one.resource, live=live
    )


def _order(finding: DriftFinding) -> tuple[str, ...]:
    return finding.component, finding.owner, finding.what, finding.kind, finding.namespace, finding.name
