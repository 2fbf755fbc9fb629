"""The comment on a pull request: what matters first, folded, and never longer than GitHub takes."""

import re
from pathlib import Path
from typing import Any

from meshlab.charts.choice import ChartFiles
from meshlab.diff.blocks import Block, written
from meshlab.diff.markdown import COMMENT_LIMIT, markdown, nothing_changed
from meshlab.render.objects import KubernetesObject
from tests.render.objects import changed, chart, compared, obj, rendered

RBAC = "rbac.authorization.k8s.io/v1"
WEBHOOK = "admissionregistration.k8s.io/v1"


def deployment(name: str, image: str) -> KubernetesObject:
    containers = [{"name": "web", "image": image}]
    return obj("Deployment", name, {"spec": {"template": {"spec": {"containers": containers}}}}, api="apps/v1")


def crd(version: str) -> KubernetesObject:
    spec = {"group": "lab.example", "names": {"kind": "Lab"}, "scope": "Cluster", "versions": [{"name": version}]}
    return obj("CustomResourceDefinition", "labs", {"spec": spec}, api="apiextensions.k8s.io/v1", namespace="")


def everything(*, new: bool) -> list[KubernetesObject]:
    """One object for each section, as it was or as it is."""
    rules: list[dict[str, Any]] = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", *(["list"] * new)]}]
    return [
        crd("v2" if new else "v1"),
        deployment("web", "nginx:2" if new else "nginx:1"),
        obj("ClusterRole", "reader", {"rules": rules}, api=RBAC, namespace=""),
        obj("ValidatingWebhookConfiguration", "lab", {"webhooks": [{"name": "a"}] * new}, api=WEBHOOK, namespace=""),
        obj("Service", "web", {"spec": {"clusterIP": "None" if new else "10.0.0.1"}}),
    ]


def headings(text: str) -> list[str]:
    return re.findall(r"<summary>(?:<b>)?([^<(]+?)(?:</b>)? ?(?:\(|</summary>)", text)


def test_what_matters_comes_first_and_the_diffs_last() -> None:
    text = markdown([changed(everything(new=False), everything(new=True))])
    assert text.startswith("### `dev`: 0 added, 5 changed, 0 removed\n\nAgainst 0123abc, rendered for")
    assert headings(text)[:7] == [
        "Custom resource definitions",
        "Images",
        "RBAC widened",
        "Webhooks and admission policies",
        "Forces a replacement",
        "Objects of part",
        "Diffs",
    ]


def test_a_section_with_nothing_in_it_is_not_there() -> None:
    text = markdown([changed([deployment("web", "nginx:1")], [deployment("web", "nginx:2")])])
    assert headings(text) == ["Images", "Objects of part", "Diffs", "changed: Deployment default/web"]
    assert "`nginx:1` → `nginx:2`: Deployment default/web" in text


def test_objects_are_counted_and_listed_by_component() -> None:
    before = [obj("Service", "a", component="one"), obj("Service", "b", component="two")]
    after = [obj("Service", "c", component="one"), obj("Service", "b", {"spec": {"x": 1}}, component="two")]
    text = markdown([changed(before, after)])
    assert "| one | 1 | 0 | 0 | 1 |" in text
    assert "| two | 0 | 1 | 0 | 0 |" in text
    one, two = text.index("Objects of one"), text.index("Objects of two")
    assert one < text.index("- added: `Service default/c`") < text.index("- removed: `Service default/a`") < two
    assert two < text.index("- changed: `Service default/b`: `spec`")


def test_everything_that_comes_goes_or_changes_has_its_diff() -> None:
    before = [obj("Service", "a"), obj("Service", "b")]
    text = markdown([changed(before, [obj("Service", "c"), obj("Service", "b", {"spec": {"x": 1}})])])
    diffs = text[text.index("<b>Diffs</b> (3)") :]
    shown = {"removed: Service default/a": "-kind: Service", "added: Service default/c": "+kind: Service"}
    for title, line in (shown | {"changed: Service default/b": "+  x: 1"}).items():
        assert re.search(rf"<summary>{title}</summary>\n\n```diff\n(?:[^`]*\n)?{re.escape(line)}\n", diffs), title


def test_objects_with_only_new_version_labels_are_one_line_without_a_diff() -> None:
    def labelled(version: str) -> list[KubernetesObject]:
        labels = {"helm.sh/chart": f"stack-{version}"}
        return [obj("Service", name, {"metadata": {"labels": labels}}, release="prom") for name in ("a", "b")]

    text = markdown([changed(labelled("1"), labelled("2"))])
    assert "- changed in their chart's version labels only (2): `Service default/a`, `Service default/b`" in text
    assert "```diff" not in text


def test_a_release_with_another_chart_is_named_above_everything() -> None:
    text = markdown([compared(rendered(releases=[chart("prom", "1")]), rendered(releases=[chart("prom", "2")]))])
    assert "\n- release prom: prom 1 → 2\n" in text


def test_a_long_section_is_folded_and_a_short_one_is_open() -> None:
    def many(number: int) -> str:
        images = [
            (deployment(f"web{index}", f"nginx:{index}"), deployment(f"web{index}", f"httpd:{index}"))
            for index in range(number)
        ]
        return markdown([changed([old for old, _ in images], [new for _, new in images])])

    assert "<details open><summary><b>Images</b> (12)</summary>" in many(12)
    assert "<details><summary><b>Images</b> (13)</summary>" in many(13)


def test_nothing_changed_is_one_line() -> None:
    same = [obj("Service", "web")]
    text = markdown([changed(same, same), compared(rendered(same, stack="prod"), rendered(same), "prod")])
    assert text == "`dev`, `prod`: no rendered object changes against 0123abc\n"


def test_stacks_that_stay_the_same_are_one_line_above_those_that_change() -> None:
    same = [obj("Service", "web")]
    text = markdown([changed([], same), compared(rendered(same), rendered(same), "prod")])
    assert text.startswith("`prod`: no rendered object changes against 0123abc\n\n### `dev`: 1 added")


def test_stand_in_charts_are_said_to_be_some_whether_something_changes_or_not() -> None:
    charts = ChartFiles("stand-ins", {"part-prom": Path("prom")}, ("prom 1 is a stand-in.",))
    empty = rendered(charts=charts)
    assert nothing_changed([compared(empty, empty)]).endswith("against 0123abc (with stand-in charts)")
    text = markdown([compared(empty, rendered([obj("Service", "web")], charts=charts))])
    assert "\n> prom 1 is a stand-in.\n" in text


def test_a_stack_that_one_side_does_not_have_comes_or_goes_whole() -> None:
    objects = [obj("Service", "a"), obj("Service", "b")]
    assert "`dev`: 2 added, 0 changed, 0 removed" in markdown([compared(None, rendered(objects))])
    assert "`dev`: 0 added, 0 changed, 2 removed" in markdown([compared(rendered(objects), None)])


def test_a_comment_is_never_longer_than_github_takes_and_says_what_was_left_out() -> None:
    before = [obj("ConfigMap", f"map{number}", {"data": {"a": "x" * 300}}) for number in range(900)]
    after = [obj("ConfigMap", f"map{number}", {"data": {"a": "ü" * 300}}) for number in range(900)]
    text = markdown([changed(before, after)])
    assert 0.8 * COMMENT_LIMIT < len(text.encode()) <= COMMENT_LIMIT
    assert re.search(r"_Left out, since a comment holds no more: .*\d+ of 900 diffs", text)
    assert "`meshlab diff --stack dev` shows everything._" in text
    assert text.count("<details") == text.count("</details>")
    assert text.count("```diff\n") == text.count("\n```\n")


def test_several_stacks_share_the_comment() -> None:
    def stack(name: str) -> Any:
        return compared(None, rendered([obj("ConfigMap", f"map{n}", {"data": {"a": "x" * 300}}) for n in range(900)]), name)  # fmt: skip  # noqa: E501

    text = markdown([stack("dev"), stack("prod")])
    assert len(text.encode()) <= COMMENT_LIMIT
    first, second = text.index("### `dev`"), text.index("### `prod`")
    assert second - first > COMMENT_LIMIT / 3
    assert len(text) - second > COMMENT_LIMIT / 3


def test_what_fits_is_not_spoken_of_as_left_out() -> None:
    assert "Left out" not in markdown([changed(everything(new=False), everything(new=True))])


def test_blocks_in_front_keep_their_items_and_those_behind_lose_theirs() -> None:
    blocks = [Block("first", ["a"] * 3, "end", "firsts"), Block("second", ["b" * 400] * 9, "end", "seconds")]
    text = written(blocks, 1500, "elsewhere")
    assert text.startswith("first\na\na\na\nend\n\nsecond\n")
    assert text.endswith("_Left out, since a comment holds no more: 8 of 9 seconds. elsewhere._\n")


def test_a_long_diff_of_one_object_is_cut_with_the_number_of_lines() -> None:
    before, after = (obj("ConfigMap", "big", {"data": {"a": f"{mark}\n" * 2000}}) for mark in ("old", "new"))
    text = markdown([changed([before], [after])])
    found = re.search(r"\n… and (\d+) more lines\n", text)
    assert found is not None
    assert int(found[1]) + text.count("-    old") + text.count("+    new") > 3900


def test_fences_within_a_diff_do_not_end_it() -> None:
    after = obj("ConfigMap", "page", {"data": {"readme": "```\ncode\n```\n"}})
    text = markdown([changed([], [after])])
    assert "\n````diff\n" in text
    assert text.rstrip().endswith("````\n\n</details>\n</details>") or "\n````\n" in text


def test_names_that_are_markup_are_shown_as_they_are() -> None:
    text = markdown([changed([], [obj("Service", "<b>&")])])
    assert "<summary>added: Service default/&lt;b&gt;&amp;</summary>" in text
    assert "<b>&" not in text.replace("`Service default/<b>&`", "").split("```")[0]
