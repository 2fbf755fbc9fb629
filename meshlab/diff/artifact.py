"""The folder with all of a diff, nothing cut: the trees of both sides as render writes them, and a page to read."""

from collections.abc import Sequence
from pathlib import Path

from base.errors import MeshlabError

from ..comparison.stacks import Comparison
from ..render.folder import check, fill, replace_whole
from ..render.stack import RenderedStack
from .page import MARK, page

BASE, HEAD, PAGE = "base", "head", "diff.html"


def write_artifact(folder: Path, comparisons: Sequence[Comparison], remarks: Sequence[str] = ()) -> None:
    """Make `folder` hold both trees and the page, whole or not at all.

    An empty folder and one that this made are replaced; any other is refused with MeshlabError.
    """
    check_artifact(folder)
    text = page(comparisons, remarks)

    def write(draft: Path) -> None:
        for comparison in comparisons:
            for side, rendered in ((BASE, comparison.before), (HEAD, comparison.after)):
                if rendered is not None:
                    _write_stack(draft / side / comparison.stack, rendered)
        (draft / PAGE).write_text(text, encoding="utf-8")

    replace_whole(folder, write)


def check_artifact(folder: Path) -> None:
    """Raises MeshlabError where there is anything but what `write_artifact` wrote."""
    if folder.is_symlink() or not folder.is_dir():
        check(folder)
        return
    for entry in sorted(folder.iterdir()):
        if entry.name in (BASE, HEAD) and entry.is_dir() and not entry.is_symlink():
            for stack in sorted(entry.iterdir()):
                check(stack)
        elif not _is_page(entry):
            raise MeshlabError(
                f"{folder}: expected an empty folder or one that diff made, got also {entry.name}",
                "choose another --out",
            )


def _write_stack(folder: Path, rendered: RenderedStack) -> None:
    folder.mkdir(parents=True)
    fill(folder, rendered.index(), {file: one.manifest for file, one in rendered.files.items()})


def _is_page(path: Path) -> bool:
    if path.name != PAGE or path.is_symlink() or not path.is_file():
        return False
    with path.open("rb") as file:
        return MARK.encode() in file.read(1000)
