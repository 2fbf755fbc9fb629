"""The one reader of `.meshlab/diff.yaml`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from base.errors import MeshlabError
from base.goyaml.tree import Mapping, Node, TreeError, documents, followed
from base.goyaml.tree import Sequence as Items
from settings.errors import UNKNOWN_KEY, joined, problems_of
from settings.object_rules import DiffRule
from settings.problem import Problem
from settings.section import Section

from ..comparison.leaving_out import Filter, Placed
from ..stackfile.reading import StackFileError, decoded
from ..stackfile.values import PulumiValues, ValueFaultError

FILE = ".meshlab/diff.yaml"
LEAVE_OUT = "leaveOut"


class FilterFile(Section):
    """The whole file."""

    leave_out: list[DiffRule] = Field(default_factory=list[DiffRule])
    """What the comment and the page leave out."""


def read_filter(tree: Path, base: Path | None = None) -> Filter:
    """The filter of a tree, which need not have one. `base` is the tree that it is compared with.

    Raises MeshlabError that names every problem at once.
    """
    text = _text(tree)
    other = text if base is None else _text(base)
    rules = _rules(text) if text is not None else ()
    return Filter(FILE, rules, changed=text != other)


def _text(tree: Path) -> str | None:
    path = tree / FILE
    try:
        return decoded(path) if path.exists() else None
    except OSError as error:
        raise MeshlabError(f"{FILE}: cannot be read: {error.strerror}") from None
    except StackFileError as error:
        raise MeshlabError(f".meshlab/{error}") from None


def _rules(text: str) -> tuple[Placed, ...]:
    try:
        root = _root(text)
        content: Any = PulumiValues().value(root)
    except TreeError as error:
        raise MeshlabError(f"{FILE}: line {error.line}: expected YAML, got: {error}") from None
    except ValueFaultError as fault:
        raise MeshlabError(f"{FILE}: line {fault.line}: {fault}") from None
    try:
        found = FilterFile.model_validate({} if content is None else content)
    except ValidationError as error:
        problems = problems_of(FilterFile, error)
        raise MeshlabError(
            "\n".join(_line(problem, root) for problem in sorted(problems, key=lambda problem: problem.path))
        ) from None
    lines = [_node(root, (LEAVE_OUT, f"[{number}]")).line for number in range(len(found.leave_out))]
    return tuple(map(Placed, lines, found.leave_out))


def _root(text: str) -> Node:
    roots = documents(text)
    if len(roots) > 1:
        raise ValueFaultError(roots[1], "one document", "another", "take its --- away")
    return followed(roots[0]) if roots else Mapping(1, 0, 0, flow=False)


def _line(problem: Problem, root: Node) -> str:
    remedy = "take it away" if problem.got == UNKNOWN_KEY else "correct it"
    where = f"{joined(problem.path)}: " if problem.path else ""
    line = _node(root, problem.path).line
    return f"{FILE}: line {line}: {where}expected {problem.expected}, got {problem.got} ({remedy})"


def _node(root: Node, path: Sequence[str]) -> Node:
    """What a path leads to, as far as it is there; an entry of a mapping is where its key stands."""
    node, place = followed(root), root
    for part in path:
        if isinstance(node, Items) and part.startswith("["):
            place = node.items[int(part[1:-1])]
            node = followed(place)
            continue
        entry = next(
            ((key, value) for key, value in node.entries if getattr(key, "text", None) == part), None
        ) if isinstance(node, Mapping) else None  # fmt: skip
        if entry is None:
            break
        place, node = entry[0], followed(entry[1])
    return place
