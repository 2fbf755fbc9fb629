"""All checks over a rendered stack."""

from collections import Counter
from collections.abc import Iterable, Iterator

from ..render.objects import KubernetesObject
from .addresses import addresses
from .finding import Inconsistency
from .kiali import kiali
from .ranges import ranges
from .reach import reach
from .references import references
from .services import services
from .whole import Whole

_CHECKS = (references, services, reach, kiali, addresses, ranges)


def inconsistencies(objects: Iterable[KubernetesObject]) -> list[Inconsistency]:
    """Every place where the objects of a stack do not fit together, the same for the same objects."""
    whole = Whole(objects)
    return [*_twice(whole), *(finding for check in _CHECKS for finding in check(whole))]


def _twice(whole: Whole) -> Iterator[Inconsistency]:
    """Objects that two bring: each would put its own content in place of the other's."""
    often = Counter(_identity(object_) for object_ in whole.objects)
    told: set[tuple[str, str, str, str]] = set()
    for object_ in whole.objects:
        identity = _identity(object_)
        if often[identity] > 1 and identity not in told:
            told.add(identity)
            brought = [by.release or "the program" for by in whole.objects if _identity(by) == identity]
            yield Inconsistency(
                "twice", object_, "metadata.name", "one that brings it", " and ".join(brought), object_.name
            )
    for maker, name in whole.secrets_made:
        made = whole.find("Secret", maker.namespace, name)
        # A Job takes what is there.
        if made is not None and maker.kind != "Job":
            got = f"{made.release or 'the program'} and {maker.label}"
            yield Inconsistency("twice", made, "metadata.name", "one that makes it", got, name)


def _identity(one: KubernetesObject) -> tuple[str, str, str, str]:
    """As the API server tells objects apart, to which a patch is one more owner of the same object."""
    return one.group, one.kind, one.namespace, one.name
