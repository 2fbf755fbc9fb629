"""Charts for where no chart repository answers.

Istio's own charts come with its Go module; for the other three there are small stand-ins in embedded/charts, to which
the operator's real CRDs are added from the operator's Go module. What was packed says what it is: see `announce`.
"""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, cast

from base.assets import ROOT
from base.errors import MeshlabError
from base.goyaml.text import document, to_yaml
from base.process import CommandMissingError, ProcessError, run
from embedded.tools import pins, toolchain
from settings.charts import Chart
from settings.operator_crds import TABLE, released
from settings.versions import parse_version

STAND_INS = ("kube-prometheus-stack", "prometheus-operator-crds", "kiali-operator")
STAND_INS_FOLDER = ROOT / "embedded" / "charts"
ISTIO_CHARTS: Mapping[str, str] = {"base": "base", "istiod": "istio-control/istio-discovery"}
"""Istio's charts by name: their folders under manifests/charts of the module."""
ISTIO = "istio.io/istio"
# The proxy serves no tags of this module; the same development version as the tests' istiod (tools/).
ISTIO_VERSION = "v0.0.0-20260827124520-eed52ebb66ad"
OPERATOR = "github.com/prometheus-operator/prometheus-operator"

Progress = Callable[[str], None]
Wanted = Mapping[str, str | Collection[str]]
"""Versions by chart name; several where, say, two control planes stand side by side."""


class ChartSourceError(MeshlabError):
    """What a chart is made of cannot be had here: no Go, or no way to its modules. Tests skip with this text."""


def pack_stand_ins(sources: Path, wanted: Wanted, progress: Progress) -> Path:
    """Returns a folder that has `<name>-<version>.tgz` for every wanted chart; `sources` is the folder embedded/charts.

    The folder is a cache under XDG_CACHE_HOME and changes its name with what the charts are made of, never with which
    of them are wanted, so that a release's chart path stays the same while other versions move. A chart is packed once
    and put there whole. Raises MeshlabError, or what `toolchain.ensure` raises where helm cannot be had.
    """
    charts = _charts(wanted)
    folder = pins.cache_folder().parent / "charts" / _digest(sources)
    missing = [(name, version) for name, version in charts if not (folder / Chart(name, version).file).exists()]
    if missing:
        folder.mkdir(parents=True, exist_ok=True)
        helm = toolchain.ensure(["helm"], progress)["helm"]
        for name, version in missing:
            progress(f"packing the chart {name} {version}")
            _pack(folder, sources, helm, name, version)
    return folder


def announce(folder: Path, wanted: Wanted) -> list[str]:
    """One sentence for each wanted chart of a folder of `pack_stand_ins`: what it is, and what that stands on."""
    return [_note(folder, name, version).read_text(encoding="utf-8") for name, version in _charts(wanted)]


def _charts(wanted: Wanted) -> list[tuple[str, str]]:
    for name in wanted:
        if name not in STAND_INS and name not in ISTIO_CHARTS:
            known = ", ".join([*ISTIO_CHARTS, *STAND_INS])
            raise MeshlabError(f"there is no stand-in for the chart {name}: expected one of {known}")
    return [
        (name, version)
        for name, versions in wanted.items()
        for version in ([versions] if isinstance(versions, str) else sorted(set(versions)))
    ]


def _pack(folder: Path, sources: Path, helm: Path, name: str, version: str) -> None:
    with tempfile.TemporaryDirectory(dir=folder, prefix=".packing-") as work:
        staged = Path(work) / name
        if name in ISTIO_CHARTS:
            app_version, note = _stage_istio(staged, name, version)
        else:
            app_version, note = _stage_stand_in(staged, sources / name, name, version)
        try:
            run(
                [helm, "package", staged, "--version", version, "--app-version", app_version, "--destination", work],
                timeout=120,
            )
        except ProcessError as error:
            raise MeshlabError(f"the chart {name} {version} cannot be packed: {error}") from None
        note_file = Path(work) / "note"
        note_file.write_text(note, encoding="utf-8")
        # The package last: where it is, all is.
        note_file.replace(_note(folder, name, version))
        (Path(work) / Chart(name, version).file).replace(folder / Chart(name, version).file)


def _note(folder: Path, name: str, version: str) -> Path:
    return folder / f"{Chart(name, version).file}.txt"


def _stage_istio(staged: Path, name: str, version: str) -> tuple[str, str]:
    """Puts one of Istio's charts into `staged`; returns the appVersion and the sentence that announces it."""
    _copy(_module(ISTIO, ISTIO_VERSION) / "manifests" / "charts" / ISTIO_CHARTS[name], staged)
    note = f"{name} {version} is Istio's own chart, but of the development version {ISTIO_VERSION} (Go module {ISTIO})"
    if name == "istiod":
        # A release's build fills these two in; the source has a test registry and `latest`.
        hub = "registry.istio.io/release" if parse_version(version) >= (1, 30, 0) else "docker.io/istio"
        values_file = staged / "values.yaml"
        values = cast(dict[str, Any], document(values_file.read_text(encoding="utf-8")))
        values["_internal_defaults_do_not_set"]["global"] |= {"hub": hub, "tag": version}
        values_file.write_text(to_yaml(values), encoding="utf-8")
        note += f", with the images {hub}/*:{version}"
    return version, f"{note}."


def _stage_stand_in(staged: Path, source: Path, name: str, version: str) -> tuple[str, str]:
    """Puts a stand-in into `staged`, with its CRDs; returns the appVersion and the sentence that announces it."""
    _copy(source, staged)
    note = f"{name} {version} is meshlab's own stand-in (embedded/charts): "
    if name == "kiali-operator":
        return f"v{version}", note + "the real chart's names, labels, ports and value keys."
    operator = _at(released().stacks if name == "kube-prometheus-stack" else released().crds, version)
    crds, served = _operator_crds(operator.removeprefix("v"))
    instead = "" if served == operator.removeprefix("v") else f", the closest served to {operator.removeprefix('v')}"
    # In a subchart both times: from crds/ helm installs them once, what is in files/ a template emits.
    _copy(crds, staged / "charts" / "crds" / ("crds" if name == "kube-prometheus-stack" else "files"))
    if name == "kube-prometheus-stack":
        note += "the real chart's names, labels, ports and value keys, with one rule and one dashboard; "
    return operator, note + f"the CRDs are the real ones of prometheus-operator {served} (Go module){instead}."


def _at(table: Mapping[str, str], version: str) -> str:
    """What the table has for a version; for one that is not listed, for the newest before it, or else the oldest."""
    before = [known for known in table if parse_version(known) <= parse_version(version)]
    return table[max(before, key=parse_version) if before else min(table, key=parse_version)]


def _operator_crds(version: str) -> tuple[Path, str]:
    """The folder of CRDs of the operator's `version`, or of the closest one that can be had, and which one that is."""
    try:
        module = _module(OPERATOR, f"v{version}")
    except ChartSourceError:
        served = [v.removeprefix("v") for v in _served(OPERATOR) if "-" not in v]
        if not served or version in served:
            raise
        version = _at(dict(zip(served, served, strict=True)), version)
        module = _module(OPERATOR, f"v{version}")
    return module / "example" / "prometheus-operator-crd", version


def _module(path: str, version: str) -> Path:
    """The folder of a Go module's files, downloaded where Go does not have it yet."""
    found = _go(["mod", "download", "-json", f"{path}@{version}"], timeout=600)
    if "Dir" not in found:
        reason = str(found.get("Error", "go says nothing")).strip().splitlines()[-1]
        raise ChartSourceError(
            f"the Go module {path}@{version}, which the stand-in charts need, cannot be downloaded: {reason}"
        )
    return Path(found["Dir"])


def _served(path: str) -> list[str]:
    return list(_go(["list", "-m", "-versions", "-json", path], timeout=60).get("Versions", []))


def _go(args: list[str], timeout: float) -> dict[str, Any]:
    # In a folder of its own: inside a Go module both commands would answer by that module's go.mod.
    with tempfile.TemporaryDirectory() as nowhere:
        try:
            done = run(
                ["go", *args], cwd=Path(nowhere), env={"GOWORK": "off", "GOFLAGS": None}, timeout=timeout, check=False
            )
        except CommandMissingError:
            raise ChartSourceError("packing the stand-in charts needs Go: install Go 1.26 or put it on PATH") from None
        except ProcessError as error:
            raise ChartSourceError(f"packing the stand-in charts: {error}") from None
    try:
        return cast(dict[str, Any], json.loads(done.stdout))
    except json.JSONDecodeError:
        return {"Error": done.last_words()}


def _copy(source: Path, target: Path) -> None:
    """Copies a folder's files. Their modes stay behind: Go's module cache is read-only, folders included."""
    for file in sorted(path for path in source.rglob("*") if path.is_file()):
        copy = target / file.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, copy)


def _digest(sources: Path) -> str:
    """Changes with the stand-ins and with this file, which holds every version that packing goes by."""
    digest = hashlib.sha256(Path(__file__).read_bytes())
    digest.update(TABLE.read_bytes())
    for name in STAND_INS:
        for file in sorted(path for path in (sources / name).rglob("*") if path.is_file()):
            content = file.read_bytes()
            digest.update(f"{file.relative_to(sources)} {len(content)}\n".encode() + content)
    return digest.hexdigest()[:16]
