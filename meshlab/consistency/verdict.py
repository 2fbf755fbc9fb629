"""What has to be said of a rendered stack: where it does not fit together, which value is to blame, what to do."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from policy.pack.allowed import allowed
from policy.pack.subjects import object_of

from ..render.objects import KubernetesObject
from .blame import PREFIX, Blame, Config, Path, Trial, texts
from .check import inconsistencies
from .finding import Inconsistency

RULE = "consistent-whole"
"""The name of the check among the rules of policy/, and of its list of exceptions there."""
DESCRIPTION = "Every reference of an object leads to an object that exists, and every selector selects something."

_MAY_COME_FROM_ELSEWHERE = frozenset(
    {
        "ConfigMap",
        "Namespace",
        "PersistentVolumeClaim",
        "PriorityClass",
        "Secret",
        "Service",
        "ServiceAccount",
        "address",
        "key of a ConfigMap",
        "key of a Secret",
        "monitored Service",
        "role",
        "selected pods",
    }
)
"""What a stack may take as given where its values name it word for word: somebody else makes it."""

_INSTEAD: Mapping[str, str] = {
    "autoscaleMax": "give it at least what istio.revisions.<name>.replicas says",
    "fullnameOverride": "the names of the stack follow the setting monitoring.release",
    "istioNamespace": "the control plane is always in istio-system",
    "nameOverride": "the names of the stack follow the setting monitoring.release",
    "namespaceOverride": "the stack's namespace is the setting monitoring.namespace",
    "revision": "a revision is called by its key in istio.revisions",
    "revisionTags": "tags are the setting istio.tags",
}
"""What to set in place of a value that is to blame, by its last key."""


@dataclass(frozen=True)
class Broken:
    """Findings of one kind, which one value has brought, or none."""

    findings: tuple[Inconsistency, ...]
    blamed: Path

    @property
    def subject(self) -> KubernetesObject:
        """The object that the first finding is about."""
        return self.findings[0].subject

    @property
    def text(self) -> str:
        """What is wrong, without the subject's label."""
        more = len(self.findings) - 1
        others = f", and {more} more of the kind, the next at {self.findings[1].subject.label}" if more else ""
        return f"{self.findings[0].text}{others}"

    @property
    def remedy(self) -> str:
        """Which value to blame, and what to do."""
        listed = f"list it in policy/allowed/{RULE}.yaml if it is as it should be"
        if not self.blamed:
            return f"no value of the stack file brings this; {listed}"
        instead = _INSTEAD.get(self.blamed[-1], f"take it away, or {listed}")
        return f"without {PREFIX}{'.'.join(self.blamed)} it fits: {instead}"

    @property
    def message(self) -> str:
        """Both in one line, without the label."""
        return f"{self.text} ({self.remedy})"

    @property
    def found(self) -> str:
        """What is wrong, with the label."""
        return f"{self.subject.label}: {self.text}"

    @property
    def line(self) -> str:
        """All of it in one line."""
        return f"{self.subject.label}: {self.message}"


@dataclass(frozen=True)
class Verdict:
    """What there is to say of one stack."""

    broken: tuple[Broken, ...] = ()
    given: tuple[Inconsistency, ...] = ()
    """What is not in the stack, but named by its values: it has to be there already."""

    @property
    def notes(self) -> list[str]:
        """One line for each thing that has to be there already."""
        first = {inconsistency.expected: inconsistency for inconsistency in reversed(self.given)}
        return [
            f"{expected} has to be there already: {one.subject.label} names it ({one.where})"
            for expected, one in reversed(first.items())
        ]


def verdict(objects: Iterable[KubernetesObject], config: Config, trial: Trial) -> Verdict:
    """The verdict over the objects of a stack with this configuration; `trial` finds out what another one would do."""
    found = [
        inconsistency
        for inconsistency in inconsistencies(objects)
        if not allowed(RULE, object_of(inconsistency.subject.manifest), inconsistency.text)
    ]
    if not found:
        return Verdict()
    said = texts(config)
    given = [inconsistency for inconsistency in found if _is_given(inconsistency, said)]
    wrong = [inconsistency for inconsistency in found if inconsistency not in given]
    if not wrong:
        return Verdict(given=tuple(given))
    paths = Blame(config, wrong, lambda other: _wrong(trial(other), said)).paths()
    return Verdict(tuple(_grouped(wrong, paths)), tuple(given))


def _wrong(found: Iterable[Inconsistency] | None, said: set[str]) -> list[Inconsistency] | None:
    return None if found is None else [inconsistency for inconsistency in found if not _is_given(inconsistency, said)]


def _is_given(one: Inconsistency, said: set[str]) -> bool:
    if one.about not in _MAY_COME_FROM_ELSEWHERE or not one.names:
        return False
    return one.names in said or (one.about == "address" and any(one.names in text for text in said))


def _grouped(wrong: Sequence[Inconsistency], paths: Mapping[str, Path]) -> Iterable[Broken]:
    for about in dict.fromkeys(inconsistency.about for inconsistency in wrong):
        yield Broken(
            tuple(inconsistency for inconsistency in wrong if inconsistency.about == about), paths.get(about, ())
        )
