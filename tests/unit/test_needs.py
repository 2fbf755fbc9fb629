"""What a recorded resource waits for, and what follows from that: closure, reduction, longest path."""

from meshlab.recording.dependencies import needs_of, parts_of
from meshlab.recording.recorder import Recorded
from meshlab.recording.waits import all_needs, longest_path, reduced

Graph = dict[str, set[str]]
DIAMOND: Graph = {"d": {"b", "c", "a"}, "c": {"a"}, "b": {"a"}, "a": set()}


def resource(
    name: str, parent: str = "", waits: str = "", custom: bool = True, kind: str = "lab:index:Kind"
) -> Recorded:
    return Recorded(name, kind, name, parent, custom, {}, tuple(waits.split()), "", {})


def component(name: str, parent: str = "", waits: str = "") -> Recorded:
    return resource(name, parent, waits, custom=False)


def test_a_resource_waits_for_what_it_names() -> None:
    assert needs_of([resource("a"), resource("b", waits="a")]) == {"a": set(), "b": {"a"}}


def test_a_component_stands_for_all_that_is_in_it_however_deep() -> None:
    listed = [component("outer"), component("inner", "outer"), resource("x", "outer"), resource("y", "inner")]
    assert needs_of([*listed, resource("b", waits="outer")])["b"] == {"x", "y"}


def test_children_wait_for_what_the_components_above_them_wait_for() -> None:
    listed = [resource("a"), component("outer", waits="a"), component("inner", "outer"), resource("x", "inner")]
    assert needs_of(listed)["x"] == {"a"}


def test_siblings_do_not_wait_for_each_other_by_their_component() -> None:
    assert needs_of([component("c"), resource("x", "c"), resource("y", "c")]) == {"x": set(), "y": set()}


def test_a_child_of_a_resource_waits_for_it() -> None:
    assert needs_of([resource("a"), resource("b", "a")])["b"] == {"a"}


def test_components_and_providers_are_no_parts_and_no_part_waits_for_one() -> None:
    provider = resource("p", kind="pulumi:providers:kubernetes")
    listed = [provider, component("c"), resource("x", "c", waits="p")]
    assert list(parts_of(listed)) == ["x"]
    assert needs_of(listed) == {"x": set()}


def test_what_is_needed_through_others_counts() -> None:
    assert all_needs({"c": {"b"}, "b": {"a"}, "a": set()}) == {"c": {"a", "b"}, "b": {"a"}, "a": set()}


def test_what_follows_from_other_needs_is_left_out_and_reaches_all_the_same() -> None:
    assert reduced(DIAMOND) == {"d": {"b", "c"}, "c": {"a"}, "b": {"a"}, "a": set()}
    assert all_needs(reduced(DIAMOND)) == all_needs(DIAMOND)


def test_the_longest_path_starts_at_a_resource_that_waits_for_nothing() -> None:
    assert longest_path({**DIAMOND, "e": {"d"}, "z": set()}) == ("a", "b", "d", "e")


def test_of_equally_long_paths_it_is_always_the_same() -> None:
    assert longest_path(DIAMOND) == longest_path(dict(reversed(DIAMOND.items()))) == ("a", "b", "d")


def test_a_program_of_nothing_has_a_path_of_nothing() -> None:
    assert longest_path(needs_of([])) == ()
