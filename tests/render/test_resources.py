"""Which component a resource belongs to, and which names it has had."""

from typing import Any

from meshlab.recording.recorder import Recorded
from meshlab.recording.releases import component_of, former_names
from meshlab.render.others import others_of


def resource(name: str, parent: str = "", *, custom: bool = True, kind: str = "x:y:Z", **options: Any) -> Recorded:
    return Recorded(f"urn:{name}", kind, name, parent and f"urn:{parent}", custom, {}, (), "", options)


def alias(name: str) -> dict[str, Any]:
    return {"spec": {"name": name, "parentUrn": ""}}


def names(*resources: Recorded) -> tuple[str, ...]:
    return former_names(resources[-1], {resource.urn: resource for resource in resources})


def test_the_outermost_component_counts_else_a_resource_is_the_stacks() -> None:
    outer, inner = resource("outer", custom=False), resource("inner", "outer", custom=False)
    leaf, alone = resource("leaf", "inner"), resource("alone")
    by_urn = {resource.urn: resource for resource in (outer, inner, leaf, alone)}
    assert component_of(leaf, by_urn) == "outer"
    assert component_of(outer, by_urn) == "outer"
    assert component_of(alone, by_urn) == "stack"


def test_an_alias_of_its_own_is_a_former_name_by_name_or_by_urn() -> None:
    assert names(resource("web")) == ()
    assert names(resource("web", aliases=[alias("front"), {"urn": "urn:pulumi:dev::p::x:y:Z::old"}])) == (
        "front",
        "old",
    )
    assert names(resource("web", aliases=[{"spec": {"noParent": True}}])) == ()


def test_an_alias_of_a_component_renames_its_children() -> None:
    assert names(resource("new", custom=False, aliases=[alias("old")]), resource("new-web", "new")) == ("old-web",)
    assert names(resource("new", custom=False, aliases=[alias("old")]), resource("web", "new")) == ()


def test_both_together_make_every_name_that_the_resource_may_have_had() -> None:
    component = resource("new", custom=False, aliases=[alias("old")])
    child = resource("new-web", "new", aliases=[alias("new-front")])
    assert names(component, child) == ("new-front", "old-front", "old-web")


def test_what_is_neither_an_object_nor_a_release_is_kept_apart() -> None:
    kinds = ["pulumi:providers:kubernetes", "random:index/randomPassword:RandomPassword", "kubernetes:core/v1:Secret"]
    resources = [
        resource(f"r{number}", kind=kind) for number, kind in enumerate([*kinds, "kubernetes:helm.sh/v3:Release"])
    ]
    found = others_of([*resources, resource("part", custom=False)])
    assert [orphan.label for orphan in found] == ["Provider r0", "RandomPassword r1"]
