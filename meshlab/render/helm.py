"""Runs `helm template` as the program's releases would be installed, and makes what it writes the same each time."""

import json
import re
import tarfile
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, cast

from base import process
from base.goyaml.text import TextError, from_yaml

from ..recording.releases import Release, ReleaseError
from .masking import steady
from .objects import flattened

TEMPLATE_LIMIT_SECONDS = 120.0
WORKERS = 4
KEPT = 50
"""Renderings that are kept: more than any command needs. CRDs make them large."""

# In template actions only: the words are common ones, and dashboards and CRDs have them in their texts.
_ACTION = rb"\{\{-?(?!\s*/\*)(?:(?!\}\}).)*?(?<![.\w$\"])"
_FUNCTIONS = (
    rb"now|rand\w+|shuffle|uuidv4|gen(?:CA|PrivateKey|SelfSignedCert|SignedCert)\w*"
    rb"|bcrypt|htpasswd|encryptAES|keys|values"
)
_VARYING = re.compile(_ACTION + rb"(?:" + _FUNCTIONS + rb")\b", re.DOTALL)
_CLOCK = re.compile(_ACTION + rb"now\b", re.DOTALL)
# Two places that never have the same date. Where the machine knows no time zones, both are UTC.
_ZONES = ("Etc/GMT+12", "Pacific/Kiritimati")


@dataclass(frozen=True)
class Traits:
    """What a chart's templates do that its rendering depends on."""

    asks: bool
    """Whether they ask which API versions the cluster serves."""
    varies: bool
    """Whether they use a function that answers something else each time."""
    reads_clock: bool
    """Whether one of those is the time."""


@dataclass(frozen=True)
class RenderTarget:
    """The cluster that charts are rendered for."""

    kubernetes: str
    """Version, as `1.34.4`."""
    api_versions: tuple[str, ...] = ()
    """What it serves beside Kubernetes' own: `<group>/<version>` and `<group>/<version>/<Kind>`."""


class HelmRenderer:
    """Renders releases, several at a time. Of the last that were rendered, none is rendered again."""

    def __init__(self, program: Path, *, steady: bool = True) -> None:
        """`steady`: a chart that answers something else each time is rendered twice, and what varies is masked."""
        self._program, self._steady = program, steady
        self._rendered: dict[str, list[dict[str, Any]]] = {}

    @classmethod
    @cache
    def of_process(cls, program: Path, *, steady: bool = True) -> "HelmRenderer":
        """The one that everything in this process shares."""
        return cls(program, steady=steady)

    def once(self) -> "HelmRenderer":
        """The same, each chart rendered only once."""
        return HelmRenderer.of_process(self._program, steady=False)

    def render(
        self, releases: Sequence[Release], files: Mapping[str, Path], target: RenderTarget
    ) -> dict[str, list[dict[str, Any]]]:
        """The manifests of each release, by its resource; `files` has their charts. Raises ReleaseError.

        A value that is another one each time (a generated password, a certificate) is masked: a chart that uses a
        function with such answers is rendered twice, and what the two do not agree on is no content.
        """
        digests = {one.resource: _digest(one, files[one.resource], target) for one in releases}
        # Other threads may be here as well.
        known = {resource: self._rendered.get(digest) for resource, digest in digests.items()}
        with ThreadPoolExecutor(WORKERS) as pool:
            started = {
                release.resource: [
                    pool.submit(self._template, release, files[release.resource], target, zone, delay)
                    for zone, delay in self._runs(release, files[release.resource])
                ]
                for release in releases
                if known[release.resource] is None
            }
        result: dict[str, list[dict[str, Any]]] = {}
        for release in releases:
            manifests = known[release.resource]
            if manifests is None:
                manifests = _agreed(release, [future.result() for future in started[release.resource]])
                self._rendered[digests[release.resource]] = manifests
            result[release.resource] = manifests
        for digest in list(self._rendered)[:-KEPT]:
            self._rendered.pop(digest, None)
        return result

    def _template(self, release: Release, file: Path, target: RenderTarget, zone: str, delay: float) -> str:
        time.sleep(delay)
        done = process.run(
            [
                *(self._program, "template", release.name, file, "--namespace", release.namespace),
                *("--kube-version", target.kubernetes, "--values", "-"),
                *(() if release.skip_crds else ("--include-crds",)),
                *(word for version in target.api_versions for word in ("--api-versions", version)),
            ],
            timeout=TEMPLATE_LIMIT_SECONDS,
            env={"TZ": zone},
            stdin=json.dumps(release.values),
            check=False,
        )
        if done.code != 0:
            said = [line for line in done.stderr.splitlines() if line.startswith("Error:")]
            reason = said[-1].removeprefix("Error:").strip() if said else done.last_words()
            raise ReleaseError(f"{_named(release)}: helm cannot render it: {reason}")
        return done.stdout

    def _runs(self, release: Release, file: Path) -> Iterable[tuple[str, float]]:
        """Time zone and delay (seconds) of each rendering that a release needs."""
        found = traits(file, json.dumps(release.values))
        if not found.varies or not self._steady:
            return [("UTC", 0.0)]
        # A clock of whole seconds must not show the same second twice.
        return [(_ZONES[0], 0.0), (_ZONES[1], 1.1 if found.reads_clock else 0.0)]


def asks_api_versions(release: Release, file: Path) -> bool:
    """Whether a release's chart asks which API versions the cluster serves."""
    return traits(file, json.dumps(release.values)).asks


def traits(file: Path, values: str) -> Traits:
    """What the templates of a packed chart do, its subcharts' and those within values included. Raises ReleaseError."""
    return _traits(file, _packed_at(file), values)


@cache
def _traits(file: Path, packed_at: int | None, values: str) -> Traits:
    content = [values.encode()]
    try:
        with tarfile.open(file) as archive:
            for member in archive:
                entry = archive.extractfile(member) if member.isfile() else None
                if entry is not None:
                    content.append(entry.read())
    except (tarfile.TarError, OSError, EOFError) as error:
        raise ReleaseError(f"{file}: expected a packed chart, got: {error}") from None
    return Traits(
        asks=any(b"APIVersions" in part for part in content),
        varies=any(_VARYING.search(part) for part in content if b"{{" in part),
        reads_clock=any(_CLOCK.search(part) for part in content if b"{{" in part),
    )


def _packed_at(file: Path) -> int | None:
    """When a chart was packed: under its name and version, it may have been packed anew."""
    return file.stat().st_mtime_ns if file.exists() else None


def _digest(release: Release, file: Path, target: RenderTarget) -> str:
    """What a rendering follows from."""
    chart = (str(file), _packed_at(file))
    what = (release.name, release.namespace, release.skip_crds, release.values, target.kubernetes, target.api_versions)
    return json.dumps([*chart, *what], sort_keys=True)


def _agreed(release: Release, texts: list[str]) -> list[dict[str, Any]]:
    parsed: list[list[dict[str, Any]]] = []
    for text in texts if len(set(texts)) > 1 else texts[:1]:
        try:
            parsed.append(list(flattened(from_yaml(text))))
        except TextError as error:
            raise ReleaseError(f"{_named(release)}: expected YAML from its chart, got: {error}") from None
    first, *others = parsed
    for other in others:
        if [_kind(item) for item in first] != [_kind(item) for item in other]:
            raise ReleaseError(f"{_named(release)}: its chart brings other kinds of objects at each rendering")
        first = cast(list[dict[str, Any]], steady(first, other))
    return first


def _kind(manifest: Mapping[str, Any]) -> tuple[str, str]:
    return str(manifest.get("apiVersion")), str(manifest["kind"])


def _named(release: Release) -> str:
    return f"release {release.name} ({release.chart} {release.version})"
