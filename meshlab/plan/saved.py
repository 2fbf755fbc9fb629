"""The file of a reviewed preview: the engine's plan, what it would do, and what all of that was made from.

The engine holds an operation to its plan resource by resource, so that it meets a difference only half-way. What is
compared here is compared before anything is changed. Secrets in the plan are locked as those of the state are.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, cast

from base.errors import MeshlabError
from base.files import sha256, write_private

from ..charts.lock import ChartLock
from ..engine.operations import EngineStep
from ..recording.recorder import ROOT
from ..results.report import commit_of
from ..stack import Stack

SCHEMA = 1
SHOWN = 5


@dataclass(frozen=True)
class Origin:
    """What a preview was made from. All of it must be the same where it is applied."""

    stack: str
    commit: str
    settings: str
    """Digest of the stack's configuration as it is in force."""
    charts: str
    """Digest of the charts that the stack installs."""


@dataclass(frozen=True)
class SavedPlan:
    """A preview as it was reviewed."""

    origin: Origin
    operations: tuple[EngineStep, ...]
    engine: Mapping[str, Any]
    """The engine's own plan."""

    def write(self, path: Path) -> None:
        """Keep it in a file that only its owner can read. Raises MeshlabError."""
        operations = [asdict(operation) for operation in self.operations]
        document = {"schema": SCHEMA, **asdict(self.origin), "operations": operations, "engine": self.engine}
        try:
            write_private(path, json.dumps(document, indent=1) + "\n")
        except OSError as error:
            raise _unwritable(path, error.strerror) from None

    @classmethod
    def read(cls, path: Path) -> "SavedPlan":
        """What `write` has kept. Raises MeshlabError."""
        expected = f"--plan {path}: expected what `meshlab preview --save-plan` wrote"
        try:
            found = cast(dict[str, Any], json.loads(path.read_text(encoding="utf-8")))
            if found["schema"] != SCHEMA:
                raise MeshlabError(f"{expected} in form {SCHEMA}, got form {found['schema']}")
            origin = Origin(**{name: str(found[name]) for name in Origin.__dataclass_fields__})
            listed = [
                EngineStep(operation["urn"], operation["action"], tuple(operation["paths"]))
                for operation in found["operations"]
            ]
            return cls(origin, tuple(listed), dict(found["engine"]))
        except OSError as error:
            raise MeshlabError(f"{expected}, got {error.strerror}") from None
        except (ValueError, KeyError, TypeError):
            raise MeshlabError(f"{expected}, got something else") from None

    def check_origin(self, now: Origin) -> None:
        """Raise MeshlabError where it was made from anything else than what there is now."""
        for name, got in asdict(now).items():
            expected = getattr(self.origin, name)
            if expected != got:
                raise MeshlabError(
                    f"plan: expected the reviewed {name}, {_short(expected)}, got {_short(got)}; nothing was changed",
                    "preview and review again",
                )

    def check_operations(self, differing: Sequence[str]) -> None:
        """Raise MeshlabError where a preview of now would do anything else."""
        if differing:
            more = f"; and {len(differing) - SHOWN} more" if len(differing) > SHOWN else ""
            raise MeshlabError(
                f"plan: expected the operations that were reviewed, got {'; '.join(differing[:SHOWN])}{more}; "
                "nothing was changed",
                "preview and review again",
            )


def check_writable(path: Path) -> None:
    """Raise MeshlabError where no plan can be kept in that file, before the time of a preview is spent."""
    if path.is_dir():
        raise _unwritable(path, "a folder")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise _unwritable(path, error.strerror) from None


def _unwritable(path: Path, got: str | None) -> MeshlabError:
    return MeshlabError(f"--save-plan {path}: expected a file that can be written, got: {got}", "choose another")


def origin(stack: Stack) -> Origin:
    """What a preview of a stack is made from. Raises MeshlabError where no commit says which program that is."""
    tree = commit_of(ROOT)
    if tree.commit is None or tree.dirty:
        raise MeshlabError(
            f"plan: expected the tree of a commit, got {'changes beside one' if tree.commit else 'no repository'}",
            "commit them: a plan belongs to a commit",
        )
    # Where a folder of charts lies says nothing; what is in it does.
    section = cast(Mapping[str, Any], stack.config.get("meshlab:charts") or {})
    charts = {key: value for key, value in section.items() if key != "source"}
    settled = json.dumps({**stack.config, "meshlab:charts": charts}, sort_keys=True, default=str)
    return Origin(stack.name, tree.commit, _digest(settled), _digest("\n".join(_charts(stack))))


def _charts(stack: Stack) -> Iterator[str]:
    """A line for each chart: by its file where it has one here, else by the lock that it is held to."""
    source, lock = stack.settings.charts.chart_source, ChartLock.load()
    for chart in stack.wanted:
        if source.folder is not None:
            digest = sha256(source.folder / chart.file)
        else:
            digest = lock.charts[chart].sha256 if chart in lock.charts else "not locked"
        yield f"{chart.name} {chart.version} {digest}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _short(value: str) -> str:
    return value[:12] if len(value) in (40, 64) else value
