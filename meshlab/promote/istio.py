"""How control planes are promoted: by revision, in the steps in which the stack before went through them.

A revision that both stacks have gets the other's version. One that only the source has is installed beside the target's
own, as large as the one that it is to relieve there. Tags and the default revision then follow the source. No control
plane is removed: proxies may still be connected to it, and nothing in a stack file says whether they are.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from settings.models import IstioSettings
from settings.versions import parse_version

from ..stackfile.reading import PROJECT
from .moves import Move, Setback, Side

SECTION = "istio"
DEFAULT = "defaultRevision"


@dataclass(frozen=True)
class IstioDifference:
    """What differs, and what a person should know about it."""

    found: list[Move | Setback]
    notes: list[str]


def compare(source: Side, target: Side) -> IstioDifference:
    """The moves that make the target's control planes those of the source."""
    old, new = source.settings.istio, target.settings.istio
    found = list(_revisions(old, new, _raw_revisions(target)))
    added = [move.key[-1] for move in found if isinstance(move, Move) and move.before is None]
    versions = {name: one.version for name, one in new.revisions.items()}
    versions |= {name: old.revisions[name].version for name in added}
    followed = [*_tags(old, new, versions), *_default(old, new, versions)]
    return IstioDifference([*found, *followed], list(_notes(source, target, followed, added)))


def _revisions(old: IstioSettings, new: IstioSettings, raw: Mapping[str, Any]) -> Iterator[Move | Setback]:
    newest = max(new.revisions.items(), key=lambda item: parse_version(item[1].version))
    for name, revision in old.revisions.items():
        key = (SECTION, "revisions", name, "version")
        wanted = revision.version
        if name in new.revisions:
            current = new.revisions[name].version
            if parse_version(wanted) < parse_version(current):
                yield Setback(key, current, wanted)
            elif wanted != current:
                yield Move(key, current, wanted)
        elif parse_version(wanted) >= parse_version(newest[1].version):
            like = _relieved(name, old, new)
            yield Move(key[:-1], None, {**raw[like], "version": wanted}, like=like)
        elif name in (old.default, *old.tags.values()):
            yield Setback(key, f"{newest[1].version} (revision {newest[0]})", wanted)


def _relieved(name: str, old: IstioSettings, new: IstioSettings) -> str:
    """The target's revision that a new one takes over from: by a tag that is to move, else the default one."""
    by_tag = [new.tags[tag] for tag, revision in old.tags.items() if revision == name and tag in new.tags]
    return by_tag[0] if by_tag else new.default


def _tags(old: IstioSettings, new: IstioSettings, versions: Mapping[str, str]) -> Iterator[Move | Setback]:
    for tag, wanted in old.tags.items():
        yield from _followed((SECTION, "tags", tag), new.tags.get(tag), wanted, versions)


def _default(old: IstioSettings, new: IstioSettings, versions: Mapping[str, str]) -> Iterator[Move | Setback]:
    # A stack with one revision need not say which is the default.
    if len(versions) > 1 or new.default_revision is not None:
        for move in _followed((SECTION, DEFAULT), new.default, old.default, versions):
            yield move
            return
        if new.default_revision is None:
            yield Move((SECTION, DEFAULT), None, new.default)


def _followed(
    key: tuple[str, ...], current: str | None, wanted: str, versions: Mapping[str, str]
) -> Iterator[Move | Setback]:
    # A revision that is not to be there is a setback of its own.
    if wanted == current or wanted not in versions:
        return
    if current is not None and parse_version(versions[wanted]) < parse_version(versions[current]):
        yield Setback(key, f"{current} ({versions[current]})", f"{wanted} ({versions[wanted]})")
    else:
        yield Move(key, current, wanted)


def _notes(source: Side, target: Side, followed: list[Move | Setback], added: list[str]) -> Iterator[str]:
    for move in followed:
        if isinstance(move, Move) and move.after in added and move.before is not None:
            yield (
                f"{'.'.join(move.key)} moves to {move.after} in the very update that installs it; to go step by step, "
                f"put {move.before} back in Pulumi.{target.stack}.yaml for now, and promote again once {move.after} "
                "runs there"
            )
    for name in target.settings.istio.revisions:
        if name not in source.settings.istio.revisions:
            yield (
                f"revision {name} stays in {target.stack}: promotion removes no control plane, since proxies may still "
                "be connected to it (when none is, take it out of the stack file by hand)"
            )


def _raw_revisions(side: Side) -> Mapping[str, Any]:
    return cast(Mapping[str, Any], side.config[f"{PROJECT}:{SECTION}"]["revisions"])
