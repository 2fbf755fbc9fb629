"""Which value of a stack file is to blame: the one without which the stack fits together, found by leaving it out."""

import copy
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, cast

from .finding import Inconsistency

Path = tuple[str, ...]
"""Keys from the section down: `monitoring`, `values`, `fullnameOverride`."""
Config = Mapping[str, Any]
Trial = Callable[[Config], Iterable[Inconsistency] | None]
"""What is found with another configuration; None where a stack of it cannot be rendered."""

PREFIX = "meshlab:"
TRIALS = 60
"""How often a stack is rendered anew at most; each takes about a second."""


class Blame:
    """Looks for the values to blame for what was found in one stack."""

    def __init__(self, config: Config, found: Iterable[Inconsistency], trial: Trial) -> None:
        self._config, self._trial = config, trial
        self._found = list(found)
        self._before = Counter(inconsistency.about for inconsistency in self._found)
        self._after: dict[Path, Counter[str] | None] = {}

    def paths(self) -> dict[str, Path]:
        """The value to blame by what findings are about; nothing for what no value of the stack has brought."""
        paths: dict[str, Path] = {}
        wanted = set(self._before)
        # What has a setting of its own is checked when settings are read: values that go past that come first.
        for root in (*free_values(self._config), *_settings(self._config)):
            for about in sorted(wanted):
                if self._helps(root, about):
                    paths[about] = self._narrowed(root, about)
                    wanted.discard(about)
            if not wanted:
                break
        return paths

    def _narrowed(self, path: Path, about: str) -> Path:
        """The smallest part of what stands at `path` that is to blame alone."""
        value = value_at(self._config, path)
        if not isinstance(value, Mapping):
            return path
        said = " ".join(
            f"{inconsistency.subject.label} {inconsistency.text}"
            for inconsistency in self._found
            if inconsistency.about == about
        )
        children = sorted(cast(Mapping[str, Any], value), key=lambda key: not _is_said(value[key], key, said))
        for child in children:
            if self._helps((*path, child), about):
                return self._narrowed((*path, child), about)
        return path

    def _helps(self, path: Path, about: str) -> bool:
        if path not in self._after:
            if len(self._after) >= TRIALS:
                return False
            found = self._trial(without(self._config, path))
            self._after[path] = None if found is None else Counter(inconsistency.about for inconsistency in found)
        after = self._after[path]
        return after is not None and after[about] < self._before[about]


def free_values(config: Config) -> Iterator[Path]:
    """Where a stack says something to a chart or an operator itself."""
    for path in (("monitoring", "values"), ("kiali", "values"), ("kiali", "spec")):
        if value_at(config, path):
            yield path
    for revision in cast(Mapping[str, Any], value_at(config, ("istio", "revisions")) or {}):
        if value_at(config, ("istio", "revisions", revision, "values")):
            yield "istio", "revisions", revision, "values"


def texts(config: Config) -> set[str]:
    """Every text among what a stack says to charts and operators."""
    return {text for path in free_values(config) for text in _texts(value_at(config, path))}


def value_at(config: Config, path: Path) -> Any:
    """What a stack file says at a path; None where it says nothing."""
    section, *rest = path
    value: Any = config.get(f"{PREFIX}{section}")
    for key in rest:
        value = cast(Mapping[str, Any], value).get(key) if isinstance(value, Mapping) else None
    return value


def without(config: Config, path: Path) -> dict[str, Any]:
    """The configuration with what stands at a path left out."""
    section, *rest = path
    changed = {**config, f"{PREFIX}{section}": copy.deepcopy(config[f"{PREFIX}{section}"])}
    *above, last = (f"{PREFIX}{section}", *rest)
    holder: Any = changed
    for key in above:
        holder = holder[key]
    del holder[last]
    return changed


def _settings(config: Config) -> Iterator[Path]:
    """Every setting of a stack but what it says to charts; sections without them are the program's defaults."""
    free = set(free_values(config))

    def below(path: Path) -> Iterator[Path]:
        value = value_at(config, path)
        if path in free:
            return
        if isinstance(value, Mapping) and value:
            for key in cast(Mapping[str, Any], value):
                yield from below((*path, str(key)))
        else:
            yield path

    for section in ("istio", "monitoring", "kiali", "meshMonitors", "mesh"):
        if config.get(f"{PREFIX}{section}"):
            yield from below((section,))


def _is_said(value: Any, key: str, said: str) -> bool:
    return key in said or any(text and text in said for text in _texts(value))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for entry in cast(Mapping[str, Any], value).values():
            yield from _texts(entry)
    elif isinstance(value, list):
        for entry in cast(list[Any], value):
            yield from _texts(entry)
