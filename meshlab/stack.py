"""One stack of the lab: its file, its settings, what its program registers, and the objects that it stands for."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, cast

from base.say import Say, quiet
from settings.charts import Chart
from settings.models import Settings
from settings.reading import parse_settings
from settings.rules import needed_charts

from .charts.choice import ChartChoice, ChartOrigin, Charts, versions
from .charts.lock import check_folder
from .recording.chartless import chartless
from .recording.recorder import ROOT, Generated, ProgramError, Recording, run_program, stack_file
from .render.helm import RenderTarget
from .render.masking import GENERATED
from .render.stack import RenderedStack, Renderer
from .stackfile.reading import PROJECT, Config, StackFile, read_project


@dataclass(frozen=True, eq=False)
class Stack:
    """A stack of a tree. `load` reads its file; everything else is made when it is first asked for, and once.

    ProgramError says what is wrong with the file or the settings, one line for each problem.
    """

    name: str
    file: StackFile
    config: Config
    """The file's config with what was laid over it: by whole keys, such as `meshlab:istio`."""
    renderer: Renderer
    """The charts and the helm, which all variants of the stack share."""
    root: Path = ROOT
    """The tree with the program."""
    _rendered: dict[tuple[RenderTarget, bool], RenderedStack] = field(
        default_factory=dict[tuple[RenderTarget, bool], RenderedStack], repr=False
    )

    @classmethod
    def load(
        cls,
        name: str,
        *,
        charts: str | None = None,
        overlay: Config | None = None,
        renderer: Renderer | None = None,
        say: Say = quiet,
        root: Path = ROOT,
    ) -> "Stack":
        """Read the file of a stack. Raises ProgramError.

        `charts` is a folder that the user named: it goes before what the file says. `overlay` has sections, such as
        `istio`, whose keys are laid over the file's. `renderer` is that of another stack of the same run, to share its
        charts and helm; it says then which folder was named. `say` tells what takes time.
        """
        file = stack_file(name, root)
        return cls(name, file, {}, renderer or Renderer(Charts(charts, say)), root).variant(file.config, overlay)

    def variant(self, config: Config, overlay: Config | None = None) -> "Stack":
        """The same stack with another config in place of this one."""
        merged = dict(config)
        for section, values in (overlay or {}).items():
            key = f"{PROJECT}:{section}"
            merged[key] = {**cast(Mapping[str, Any], merged.get(key) or {}), **values}
        asked = self.renderer.charts.asked
        if asked is not None:
            source = str(Path(asked).expanduser().resolve())
            merged[_CHARTS] = {**cast(Mapping[str, Any], merged.get(_CHARTS) or {}), "source": source}
        return replace(self, config=merged, _rendered={})

    def overlaid(self, overlay: Config) -> "Stack":
        """The same stack with the keys of sections laid over its config."""
        return self.variant(self.config, overlay)

    @cached_property
    def project(self) -> Mapping[str, Any]:
        """The project file, Pulumi.yaml. Raises StackFileError."""
        return read_project(self.root / "Pulumi.yaml")

    @cached_property
    def settings(self) -> Settings:
        """The settings. Raises ProgramError with every problem."""
        prefix = f"{PROJECT}:"
        raw = {key.removeprefix(prefix): value for key, value in self.config.items() if key.startswith(prefix)}
        try:
            return parse_settings(raw, project=PROJECT, stack=self.name)
        except Exception as error:
            raise ProgramError(str(error)) from None

    @property
    def source(self) -> str | None:
        """Where the config says that charts come from, if it does."""
        source = cast(Mapping[str, Any], self.config.get(_CHARTS) or {}).get("source")
        return None if source is None else str(source)

    @cached_property
    def charts(self) -> ChartChoice:
        """Where charts come from. Asks the upstream repositories where neither the user nor the config says it."""
        return self.renderer.charts.choose(self.source)

    @cached_property
    def wanted(self) -> tuple[Chart, ...]:
        """The charts that the stack installs, sorted. Raises ProgramError."""
        found = self.settings
        needed = needed_charts((found.charts, found.istio, found.monitoring, found.kiali))
        return tuple(Chart(*fields) for fields in sorted(needed))

    def installable(self) -> "tuple[Stack, tuple[str, ...]]":
        """The stack as `up` installs it, and what to tell of its charts: with stand-ins where upstream is silent.

        Raises what packing stand-ins raises.
        """
        if self.charts.origin is not ChartOrigin.STAND_INS:
            return self, ()
        packed = self.renderer.charts.pack(self.charts, versions(self.wanted))
        return self.overlaid({"charts": {"source": str(packed.folder)}}), packed.notes

    def check_lock(self) -> None:
        """Hold the charts of a folder to charts.lock. Raises MeshlabError with each that differs."""
        folder = self.charts.source.folder
        if folder is not None:
            check_folder(folder, self.wanted)

    def without_source(self) -> "Stack":
        """The same stack with nothing said of where charts come from, which may be out of reach here."""
        over, _ = chartless(self.config)
        return replace(self, config={**self.config, **(over or {})}, _rendered={})

    @cached_property
    def recording(self) -> Recording:
        """What the program registers: secrets masked, GENERATED for generated passwords. Raises ProgramError."""
        return self.recorded(GENERATED, masked=True)

    def recorded(self, generated: Generated, *, masked: bool = False) -> Recording:
        """What the program registers with these passwords, in clear unless `masked`. Not kept: runs it each time."""
        return run_program(
            str(self.project["name"]),
            self.name,
            self.config,
            project_dir=self.root,
            generated=generated,
            masked=masked,
        )

    def rendered(self, target: RenderTarget, *, once: bool = False) -> RenderedStack:
        """Every object that the stack stands for on a cluster such as `target`.

        `once` is for a caller who only asks which objects there are: what varies at each rendering is not told from the
        rest. Raises what `recording` and `Renderer.recorded` raise.
        """
        if (target, once) not in self._rendered:
            renderer = self.renderer.once if once else self.renderer
            found = renderer.recorded(self.name, self.recording.resources, self.source, target)
            self._rendered[target, once] = found
        return self._rendered[target, once]


_CHARTS = f"{PROJECT}:charts"
