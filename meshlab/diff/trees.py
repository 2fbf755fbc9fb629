"""What a change of the repository does to the objects of its stacks: this tree against another revision."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from base.errors import MeshlabError

from ..comparison.leaving_out import unused
from ..comparison.stacks import Comparison
from ..recording.recorder import ROOT
from ..render.helm import RenderTarget
from ..render.stack import RenderedStack, Renderer
from ..render.trees import RecordedStack, base_revision, checked_out, recorded, stacks_of
from .filter_file import read_filter

HERE = "this tree"


def compare(
    renderer: Renderer,
    target: RenderTarget,
    base: str | None = None,
    stacks: Sequence[str] | None = None,
    root: Path = ROOT,
) -> list[Comparison]:
    """The stacks of the working tree in `root` against those of a revision of its repository.

    `base` is the revision, by default the merge base with main; `stacks` the ones to compare, by default all that
    either tree has. Charts come from the same place for both. Raises MeshlabError and what Renderer raises.
    """
    revision = base_revision(root, base)
    with checked_out(root, revision) as tree:
        leave_out = read_filter(root, tree)
        present = {root: stacks_of(root), tree: stacks_of(tree)}
        known = sorted({*present[root], *present[tree]})
        wanted = known if stacks is None else list(stacks)
        for stack in wanted:
            if stack not in known:
                raise MeshlabError(
                    f"Pulumi.{stack}.yaml: expected a stack file here or in {revision.label}, got none "
                    f"(there are: {', '.join(known)})"
                )
        with ThreadPoolExecutor(2) as pool:
            old, new = (
                pool.submit(recorded, where, label, [stack for stack in wanted if stack in present[where]])
                for where, label in ((tree, revision.label), (root, HERE))
            )
            before, after = old.result(), new.result()
        # One after the other: what both have in common is then rendered once.
        return [
            Comparison(
                stack,
                revision.label,
                _rendered(renderer, target, stack, before.get(stack)),
                _rendered(renderer, target, stack, after.get(stack)),
                leave_out,
            )
            for stack in wanted
        ]


def remarks(comparisons: Sequence[Comparison], *, every: bool) -> list[str]:
    """What has to be said of the filter file. `every`: all stacks are compared, so that each rule must fit."""
    leave_out, base = comparisons[0].leave_out, comparisons[0].base
    found = [f"{leave_out.name} is another one than in {base}"] if leave_out.changed else []
    if every and leave_out.rules:
        sides = {
            comparison.stack: [side for side in (comparison.before, comparison.after) if side]
            for comparison in comparisons
        }
        objects = {stack: [object_ for side in both for object_ in side.objects] for stack, both in sides.items()}
        found += unused(leave_out, objects)
    return found


def _rendered(renderer: Renderer, target: RenderTarget, stack: str, one: RecordedStack | None) -> RenderedStack | None:
    return None if one is None else renderer.recorded(stack, one.resources, one.source, target)
