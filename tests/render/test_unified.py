"""The differences as git would show them."""

from meshlab.comparison.stacks import Comparison
from meshlab.diff.unified import file_diffs, unified
from meshlab.render.others import Other
from tests.render.objects import changed, chart, compared, obj, rendered


def shown_paths(one: Comparison) -> list[str]:
    return list(file_diffs(one, one.changes))


def test_a_changed_field_is_a_hunk_with_its_surroundings() -> None:
    before, after = (obj("Service", "web", {"spec": {"port": port}}) for port in (80, 81))
    text = unified([changed([before], [after])])
    assert text.splitlines()[0] == (
        "diff --git a/dev/part/program/service-default-web.yaml b/dev/part/program/service-default-web.yaml"
    )
    assert "\n spec:\n-  port: 80\n+  port: 81\n" in text


def test_objects_that_come_and_go_are_files_that_come_and_go() -> None:
    text = unified([changed([obj("Service", "old")], [obj("Service", "new")])])
    assert "\n--- /dev/null\n+++ b/dev/part/program/service-default-new.yaml\n" in text
    assert "\n--- a/dev/part/program/service-default-old.yaml\n+++ /dev/null\n" in text
    for name in ("new", "old"):
        path = f"dev/part/program/service-default-{name}.yaml"
        assert f"diff --git a/{path} b/{path}\n" in text


def test_files_are_in_order_and_stacks_one_after_the_other() -> None:
    objects = [obj("Service", name) for name in ("b", "a", "c")]
    paths = [f"part/program/service-default-{name}.yaml" for name in "abc"]
    assert shown_paths(changed([], objects)) == paths
    assert shown_paths(changed(objects, [])) == paths
    text = unified([changed([], objects), compared(None, rendered(objects, stack="prod"), "prod")])
    assert text.index("b/dev/part") < text.index("b/prod/part")


def test_a_release_with_another_version_shows_even_where_no_object_does() -> None:
    text = unified([compared(rendered(releases=[chart("prom", "1")]), rendered(releases=[chart("prom", "2")]))])
    assert "-  version: '1'\n+  version: '2'\n" in text
    assert text.startswith("diff --git a/dev/releases.yaml b/dev/releases.yaml\n")


def test_a_changed_secret_is_told_and_not_shown() -> None:
    before, after = (obj("Secret", "key", {"stringData": {"a": value}}) for value in ("hunter2", "hunter3"))
    text = unified([changed([before], [after])])
    assert text == "# dev/part/program/secret-default-key.yaml: what this Secret holds changes (not shown)\n"


def test_a_secret_that_changes_in_another_field_too_is_told_as_well() -> None:
    before = obj("Secret", "key", {"type": "a", "stringData": {"a": "hunter2"}})
    after = obj("Secret", "key", {"type": "b", "stringData": {"a": "hunter3"}})
    text = unified([changed([before], [after])])
    assert "-type: a\n+type: b\n" in text
    assert text.endswith("what this Secret holds changes (not shown)\n")


def test_a_resource_that_is_no_object_is_a_line_of_its_own() -> None:
    others = [Other("part-key", "random:index/randomPassword:RandomPassword", {"length": length}) for length in (1, 2)]
    before, after = (rendered(others=[other]) for other in others)
    assert unified([compared(before, after)]) == "# dev: RandomPassword part-key: length\n"


def test_nothing_changed_is_nothing() -> None:
    assert unified([changed([obj("Service", "web")], [obj("Service", "web")])]) == ""
