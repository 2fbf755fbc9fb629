"""`.meshlab/diff.yaml`: what is left out of a comment is counted and said, and what is wrong there is one line."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from base.errors import MeshlabError
from meshlab.comparison.leaving_out import unused
from meshlab.comparison.stacks import Comparison
from meshlab.diff.filter_file import FILE, read_filter
from meshlab.diff.markdown import markdown
from meshlab.diff.unified import unified
from meshlab.render.objects import KubernetesObject
from tests.render.objects import changed, compared, obj, rendered


def written(folder: Path, text: str) -> Path:
    file = folder / FILE
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return folder


def left(folder: Path, rules: str, before: list[KubernetesObject], after: list[KubernetesObject]) -> Comparison:
    """The comparison of two lists of objects with these rules."""
    return replace(changed(before, after), leave_out=read_filter(written(folder, f"leaveOut:\n{rules}")))


def config(name: str, value: str, **more: Any) -> KubernetesObject:
    return obj("ConfigMap", name, {"data": {"a": value}, **more})


def test_a_whole_object_that_a_rule_names_is_counted_and_not_listed(tmp_path: Path) -> None:
    before, after = [config("board", "1"), config("mesh", "1")], [config("board", "2"), config("mesh", "2")]
    one = left(tmp_path, "  - {kinds: [ConfigMap], names: [boa*], reason: made by a script}\n", before, after)
    text = markdown([one])
    assert "### `dev`: 0 added, 1 changed, 0 removed" in text
    assert f"- left out by {FILE}, line 2: 1 changed object (made by a script)\n" in text
    assert "ConfigMap default/board" not in text
    assert "ConfigMap default/mesh" in text


def test_of_an_object_only_the_fields_that_a_rule_names_are_left_out(tmp_path: Path) -> None:
    def annotated(value: str, port: int) -> KubernetesObject:
        annotations = {"checksum/config": value}
        return obj("Service", "web", {"metadata": {"annotations": annotations}, "spec": {"port": port}})

    rules = "  - fields: [metadata.annotations.checksum/*]\n"
    text = markdown([left(tmp_path, rules, [annotated("old", 80)], [annotated("new", 81)])])
    assert "- changed: `Service default/web`: `spec.port`\n" in text
    assert "- left out by .meshlab/diff.yaml, line 2: 1 changed field\n" in text
    assert "-    checksum/config: old" not in text
    only = markdown([left(tmp_path, rules, [annotated("old", 80)], [annotated("new", 80)])])
    assert "0 added, 0 changed, 0 removed" in only
    assert "line 2: 1 changed field" in only


def test_items_of_a_list_are_named_as_the_comment_names_them(tmp_path: Path) -> None:
    def rule(expression: str) -> KubernetesObject:
        groups = [{"name": "mesh", "rules": [{"alert": "Down", "expr": expression}, {"alert": "Slow", "expr": "x"}]}]
        return obj("PrometheusRule", "mesh", {"spec": {"groups": groups}})

    one = left(tmp_path, "  - fields: ['spec.groups[mesh].rules[Down].expr']\n", [rule("a")], [rule("b")])
    assert (one.shown.changes, one.left_out) == ([], [f"left out by {FILE}, line 2: 1 changed field"])


def test_a_rule_for_some_stacks_leaves_the_others_alone(tmp_path: Path) -> None:
    rules = read_filter(written(tmp_path, "leaveOut: [{kinds: [ConfigMap], stacks: [d*]}]\n"))
    sides = [rendered([config("a", value)]) for value in ("1", "2")]
    for stack, count in (("dev", 0), ("prod", 1)):
        assert len(replace(compared(*sides, stack), leave_out=rules).shown.changes) == count


def test_what_comes_or_goes_does_so_whole_whatever_its_fields(tmp_path: Path) -> None:
    rules = "  - fields: [data]\n"
    assert len(left(tmp_path, rules, [], [config("a", "1")]).shown.changes) == 1
    assert len(left(tmp_path, rules, [config("a", "1")], []).shown.changes) == 1
    whole = left(tmp_path, "  - names: [a]\n", [config("a", "1")], [config("b", "1")])
    assert [change.one.name for change in whole.shown.changes] == ["b"]


def test_a_secrets_hidden_contents_are_left_out_by_their_field(tmp_path: Path) -> None:
    before, after = (obj("Secret", "key", {"stringData": {"a": value}}) for value in ("hunter2", "hunter3"))
    assert left(tmp_path, "  - fields: [stringData]\n", [before], [after]).shown.changes == []
    assert len(left(tmp_path, "  - fields: [metadata]\n", [before], [after]).shown.changes) == 1


def test_a_replacement_is_told_also_of_what_is_left_out(tmp_path: Path) -> None:
    before, after = (obj("Service", "web", {"spec": {"clusterIP": ip}}) for ip in ("10.0.0.1", "None"))
    text = markdown([left(tmp_path, "  - names: [web]\n", [before], [after])])
    assert "<b>Forces a replacement</b> (1)" in text
    assert "`Service default/web`: spec.clusterIP cannot change in place" in text
    assert "Objects of" not in text


def test_warnings_about_what_is_left_out_are_left_out_too(tmp_path: Path) -> None:
    rules: list[dict[str, Any]] = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]
    role = obj("ClusterRole", "reader", {"rules": rules}, api="rbac.authorization.k8s.io/v1", namespace="")
    assert "RBAC widened" in markdown([left(tmp_path, "  - kinds: [Role]\n", [], [role])])
    assert "RBAC widened" not in markdown([left(tmp_path, "  - kinds: [ClusterRole]\n", [], [role])])


def test_the_plain_diff_and_whether_anything_changes_know_of_no_filter(tmp_path: Path) -> None:
    one = left(tmp_path, "  - kinds: [ConfigMap]\n", [config("a", "1")], [config("a", "2")])
    assert not one.same
    assert "-  a: '1'\n+  a: '2'\n" in unified([one])


def test_two_rules_of_one_line_are_counted_each(tmp_path: Path) -> None:
    rules = read_filter(written(tmp_path, "leaveOut: [{names: [a]}, {names: [b], reason: why}]\n"))
    both = changed([config("a", "1"), config("b", "1")], [config("a", "2"), config("b", "2")])
    assert replace(both, leave_out=rules).left_out == [
        f"left out by {FILE}, line 1: 1 changed object",
        f"left out by {FILE}, line 1: 1 changed object (why)",
    ]


def test_no_file_and_an_empty_one_leave_out_nothing(tmp_path: Path) -> None:
    assert read_filter(tmp_path).rules == ()
    for text in ("", "# nothing yet\n", "leaveOut: []\n"):
        assert read_filter(written(tmp_path, text)).rules == ()


RULE = "leaveOut:\n  - kinds: [Service]\n"
WRONG = [
    (
        "rules: []\n",
        "line 1: rules: expected one of the keys leaveOut, got an unknown key (take it away)",
    ),
    (
        f"{RULE}\n  - kind: Service\n    names: [a]\n",
        "line 4: leaveOut[1].kind: expected one of the keys fields, kinds, names, namespaces, reason, stacks, "
        "got an unknown key (take it away)",
    ),
    (
        f"{RULE}    fields:\n      - spec.x\n      - /spec/y\n",
        "line 5: leaveOut[0].fields[1]: expected a path such as spec.template.spec.containers[istio-proxy].image "
        '(* for any characters, [*] for any item of a list), got "/spec/y" (correct it)',
    ),
    (f"{RULE}    names: web\n", 'line 3: leaveOut[0].names: expected a list, got "web" (correct it)'),
    (
        f"{RULE}  - stacks: [dev]\n",
        "line 3: leaveOut[1]: expected at least one of kinds, names, namespaces, fields, since it is about all "
        'otherwise, got {"stacks": ["dev"]} (correct it)',
    ),
    ("- kinds: [Service]\n", 'line 1: expected a mapping, got [{"kinds": ["Service"]}] (correct it)'),
    ("leaveOut: 3\n", "line 1: leaveOut: expected a list, got 3 (correct it)"),
    (
        f"{RULE}    kinds: [Pod]\n",
        "line 3: expected each key once, got kinds again, as in line 2 (take one of them away)",
    ),
    ("leaveOut: [\n", "line 2: expected YAML, got: did not find expected node content"),
    ("leaveOut: []\n---\nleaveOut: []\n", "line 3: expected one document, got another (take its --- away)"),
]


@pytest.mark.parametrize(("text", "line"), WRONG)
def test_what_is_wrong_in_the_file_is_one_line_with_its_number(tmp_path: Path, text: str, line: str) -> None:
    with pytest.raises(MeshlabError) as caught:
        read_filter(written(tmp_path, text))
    assert str(caught.value) == f"{FILE}: {line}"


def test_every_problem_of_the_file_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(MeshlabError) as caught:
        read_filter(written(tmp_path, f"{RULE}    x: 1\n    fields: [a..b]\n"))
    assert [line.split(": ")[1] for line in str(caught.value).splitlines()] == ["line 4", "line 3"]


@pytest.mark.parametrize(
    ("rule", "got"),
    [
        ("{kinds: [Service]}", ""),
        ("{kinds: [Services]}", "no object"),
        ("{names: [web], fields: [spec.port]}", ""),
        ("{names: [web], fields: [spec.port, spec.prot]}", "no object with spec.prot"),
        ("{names: [web], stacks: [dve]}", "none of the stacks dev"),
    ],
)
def test_a_rule_about_nothing_is_one_line_and_no_error(tmp_path: Path, rule: str, got: str) -> None:
    rules = read_filter(written(tmp_path, f"leaveOut:\n  - {rule}\n"))
    objects = {"dev": [obj("Service", "web", {"spec": {"port": 80}})]}
    assert list(unused(rules, objects)) == (
        [
            f"{FILE}: line 2: expected a rule about something that the stacks have, got {got} "
            "(correct it, or take it away)"
        ]
        if got
        else []
    )


def test_a_filter_that_the_base_has_not_is_known_to_be_new(tmp_path: Path) -> None:
    here, base = written(tmp_path / "here", RULE), tmp_path / "base"
    assert read_filter(here, base).changed
    assert not read_filter(here, written(base, RULE)).changed
    assert not read_filter(tmp_path / "none", tmp_path / "neither").changed
