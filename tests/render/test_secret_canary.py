"""A known secret is in no rendered file, no diff and no comment; that one changes is told all the same."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pulumi
import pytest
from pulumi.runtime import MockResourceArgs

from meshlab.comparison.stacks import Comparison
from meshlab.diff.markdown import markdown
from meshlab.diff.unified import unified
from meshlab.recording import recorder
from meshlab.render.folder import write_folder
from meshlab.render.stack import RenderedStack
from meshlab.stack import Stack
from tests.support.canary import CANARY, files_below, sightings
from tests.support.charts import chart_folder
from tests.support.rendering import TARGET
from tests.support.stacks import STACKS


@contextmanager
def generating(secret: str) -> Iterator[None]:
    """The random provider gives this secret, as the secret that its answer is."""

    def new_resource(self: Any, args: MockResourceArgs) -> tuple[str, dict[str, Any]]:
        state: dict[str, Any] = dict(args.inputs)
        if args.typ == recorder.PASSWORD:
            state["result"] = pulumi.Output.secret(secret)
        return f"{args.name}-id", state

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recorder._Echo, "new_resource", new_resource)
        yield


@pytest.fixture(scope="module", params=STACKS)
def rendered(request: pytest.FixtureRequest, helm: Path) -> RenderedStack:
    stack = request.param
    with generating(CANARY):
        return Stack.load(stack, charts=str(chart_folder(stack))).rendered(TARGET)


def test_rendered_files_have_the_secrets_keys_and_not_what_they_hold(rendered: RenderedStack, tmp_path: Path) -> None:
    write_folder(tmp_path / "out", rendered.index(), {file: one.manifest for file, one in rendered.files.items()})
    files = files_below(tmp_path)
    admin = [text for path, text in files.items() if "grafana-admin" in path and "secret-" in path]
    assert len(admin) == 1
    assert b"admin-password" in admin[0]
    assert sightings(CANARY, files) == []
    assert len(files) > 100


def test_a_whole_new_stack_as_a_diff_and_as_a_comment_shows_no_secret(rendered: RenderedStack) -> None:
    one = Comparison(rendered.stack, "before", None, rendered)
    seen = {"diff": unified([one]), "comment": markdown([one])}
    assert "admin-password: " in seen["diff"]
    assert sightings(CANARY, seen) == []


def test_what_a_chart_makes_a_secret_of_is_not_shown_either(helm: Path, tmp_path: Path) -> None:
    # Alertmanager's configuration: plain in the values, a Secret in the cluster.
    values = {"alertmanager": {"config": {"global": {"slack_api_url": f"https://hooks.test/{CANARY}"}}}}
    stack = Stack.load("dev", charts=str(chart_folder("dev")))
    before = stack.rendered(TARGET)
    after = stack.overlaid({"monitoring": {"values": values}}).rendered(TARGET)
    write_folder(tmp_path / "out", after.index(), {file: one.manifest for file, one in after.files.items()})
    one = Comparison("dev", "before", before, after)
    assert [change.one.name for change in one.changes if change.secret]
    told = {"diff": unified([one]), "comment": markdown([one])}
    # That it changes is told.
    assert "what this Secret holds changes (not shown)" in told["diff"]
    assert "what it holds (not shown)" in told["comment"]
    assert sightings(CANARY, {**files_below(tmp_path), **told}) == []
