"""What a reviewer has to know before reading a diff, in the order in which it matters."""

from collections.abc import Iterator

from ..comparison.crds import crd_changes
from ..comparison.images import image_changes
from ..comparison.stacks import Comparison
from .rbac import widened
from .replacements import replacements
from .webhooks import webhook_changes

SHOWN_USERS = 3


class Code(str):
    """A name, a path or a value, which is shown as it is."""

    __slots__ = ()


Line = tuple[str, ...]
"""One line of a warning in parts, the names among them as Code."""


def warnings(one: Comparison, *, whole: bool = False) -> Iterator[tuple[str, list[Line]]]:
    """The kinds of warnings that have something to say, by their titles. `whole`: with nothing cut."""
    changes = one.shown.changes
    kinds: dict[str, Iterator[Line]] = {
        "Custom resource definitions": (
            (Code(change.one.name), f" ({change.action}): {'; '.join(told) or 'descriptions and defaults only'}")
            for change, told in crd_changes(changes, whole=whole)
        ),
        "Images": _images(one, whole=whole),
        "RBAC widened": ((Code(who.label), f": {text}") for who, text in widened(changes)),
        "Webhooks and admission policies": ((Code(who.label), f": {text}") for who, text in webhook_changes(changes)),
        # Of all changes: what deletes something is never left out.
        "Forces a replacement": ((Code(what), f": {why}") for what, why in replacements(one)),
    }
    for title, lines in kinds.items():
        listed = list(lines)
        if listed:
            yield title, listed


def _images(one: Comparison, *, whole: bool) -> Iterator[Line]:
    for old, new, users in image_changes(one.shown.changes):
        shown = users if whole else users[:SHOWN_USERS]
        more = f" and {len(users) - len(shown)} more" if len(users) > len(shown) else ""
        used = f": {', '.join(shown)}{more}"
        if old and new:
            yield Code(old), " → ", Code(new), used
        else:
            yield Code(new or old), f"{' is new' if new else ' goes'}{used}"
