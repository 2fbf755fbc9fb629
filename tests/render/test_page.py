"""All of a diff as a page: read by a parser, looked at in a real browser, and written beside both trees."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from base.errors import MeshlabError
from base.goyaml.text import document
from meshlab.charts.choice import ChartFiles
from meshlab.comparison.leaving_out import Filter, Placed
from meshlab.comparison.stacks import Comparison
from meshlab.diff.artifact import write_artifact
from meshlab.diff.page import page as html_of
from meshlab.render.objects import KubernetesObject
from settings.object_rules import DiffRule
from tests.render.objects import changed, chart, compared, obj, rendered
from tests.render.test_markdown import everything
from tests.support.elements import Elements
from tests.verify.browser import CONTRASTS, Page, luminance, page

NASTY = "</pre></script><script>document.title='hacked'</script><img src=x onerror=alert(1)> & \"q\" 'q' {{ 7 * 7 }}"


def stack(name: str, component: str, *others: tuple[str, Any, Any]) -> Comparison:
    """A stack in which a Service and more ConfigMaps of one component change."""
    before, after = [obj("Service", "web", {"spec": {"port": 80}}, component=component)], []
    after = [obj("Service", "web", {"spec": {"port": 81}}, component=component)]
    for other, old, new in others:
        before += [obj("ConfigMap", other, {"data": {"a": old}}, component="more")] if old else []
        after += [obj("ConfigMap", other, {"data": {"a": new}}, component="more")] if new else []
    return compared(rendered(before, stack=name), rendered(after, stack=name), name)


def two_stacks() -> list[Comparison]:
    return [
        stack("dev", "mesh", ("grafana", "1", None), ("mesh", None, "2")),
        stack("prod", "mesh", ("mesh", "1", "2")),
    ]


def nasty() -> list[Comparison]:
    named = obj("ConfigMap", NASTY, {"data": {NASTY: NASTY}}, component=NASTY, release=NASTY)
    charts = ChartFiles("stand-ins", {}, (NASTY,))
    rules = Filter(NASTY, (Placed(1, DiffRule(names=["gone"], reason=NASTY)),))
    after = rendered([named, obj("Service", "gone")], [chart(NASTY, NASTY)], charts=charts)
    return [replace(compared(rendered(), after), base=NASTY, leave_out=rules)]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with page(tmp_path_factory.mktemp("browser")) as opened:
        yield opened


def show(
    browser: Page, folder: Path, comparisons: list[Comparison], scheme: str = "light", width: int = 1200, **more: Any
) -> None:
    file = folder / "diff.html"
    file.write_text(html_of(comparisons, **more), encoding="utf-8")
    browser.problems.clear()
    browser.open(file, scheme, width)


def type_into_search(browser: Page, text: str) -> None:
    browser.run(f"search.value = {text!r}; search.dispatchEvent(new Event('input'))")


OBJECTS = ".object .label"


@pytest.mark.parametrize("comparisons", [two_stacks(), nasty()], ids=["two stacks", "nasty"])
def test_the_page_asks_for_nothing_and_runs_its_own_script_alone(comparisons: list[Comparison]) -> None:
    text = html_of(comparisons)
    elements = Elements(text)
    assert not {"img", "iframe", "object", "form"} & set(elements.names)
    assert elements.names.count("script") == 1
    outside = [
        address
        for address in elements.addresses
        if address != "data:," and not address.startswith(("#", "base/", "head/"))
    ]
    assert outside == []
    assert re.findall(r"url\(|@import|https?://", text) == []


def test_every_text_is_escaped_and_shown_as_it_is(browser: Page, tmp_path: Path) -> None:
    show(browser, tmp_path, nasty(), remarks=[NASTY])
    assert browser.seen(OBJECTS) == [f"ConfigMap default/{NASTY}"]
    assert browser.seen(".remarks p") == [NASTY, NASTY]
    assert browser.seen("h1") == [f"Rendered diff against {NASTY}"]
    assert browser.seen("h3") == [f"{NASTY} 1 added"]
    assert any(NASTY in line for line in browser.seen(".told li"))
    browser.click(".object summary")
    assert browser.seen(".object pre")[0].count(NASTY) >= 3
    assert browser.run("document.title") == f"Rendered diff against {NASTY}"
    assert browser.problems == []


def test_stacks_have_components_and_those_their_objects(browser: Page, tmp_path: Path) -> None:
    show(browser, tmp_path, two_stacks())
    assert browser.seen("h2") == ["dev 1 added 1 changed 1 removed", "prod 2 changed"]
    assert browser.seen("#stack-dev h3") == ["mesh 1 changed", "more 1 added 1 removed"]
    assert browser.seen("#stack-dev .object .badge") == ["changed", "removed", "added"]
    assert browser.seen("#stack-dev .object .label") == [
        "Service default/web",
        "ConfigMap default/grafana",
        "ConfigMap default/mesh",
    ]
    assert browser.seen("tbody tr") == ["dev 1 1 1", "prod 0 2 0"]
    assert browser.problems == []


def test_an_object_opens_to_its_diff_and_leads_to_its_whole_files(browser: Page, tmp_path: Path) -> None:
    comparisons = two_stacks()
    write_artifact(tmp_path / "all", comparisons)
    browser.open(tmp_path / "all" / "diff.html")
    assert browser.seen("pre") == []
    browser.click("#stack-dev .object summary")
    (diff,) = browser.seen("pre")
    assert "- port: 80 + port: 81" in diff
    assert browser.seen("pre .plus") == ["+ port: 81"]
    assert browser.seen(".files a") == ["base", "head"]
    for address in browser.run("[...document.querySelectorAll('.files a')].map(one => one.getAttribute('href'))"):
        assert (tmp_path / "all" / address).is_file()


def test_the_warnings_are_those_of_the_comment_and_none_is_cut(browser: Page, tmp_path: Path) -> None:
    show(browser, tmp_path, [changed(everything(new=False), everything(new=True))])
    assert browser.seen(".warnings summary b") == [
        "Custom resource definitions",
        "Images",
        "RBAC widened",
        "Webhooks and admission policies",
        "Forces a replacement",
    ]
    assert "nginx:1 → nginx:2: Deployment default/web" in browser.seen(".warnings li")
    users = [obj("Pod", f"web{number}", {"spec": {"image": "nginx:1"}}) for number in range(9)]
    show(browser, tmp_path, [changed([], users)])
    (line,) = browser.seen(".warnings li")
    assert all(user.label in line for user in users)


def test_a_long_diff_is_there_to_its_last_line() -> None:
    long = "".join(f"line {number}\n" for number in range(20_000))
    text = html_of([changed([], [obj("ConfigMap", "long", {"data": {"a": long}})])])
    assert len(re.findall(r"^\+ *line \d+$", text, re.MULTILINE)) == 20_000


def test_contents_of_a_secret_show_that_they_change_and_nothing_else(browser: Page, tmp_path: Path) -> None:
    before, after = (obj("Secret", "key", {"stringData": {"a": value}}) for value in ("hunter2", "hunter3"))
    show(browser, tmp_path, [changed([before], [after])])
    browser.click(".object summary")
    assert browser.seen(".note") == ["what this Secret holds changes (not shown)"]
    assert "hunter" not in html_of([changed([before], [after])])


def test_what_is_left_out_is_said_and_not_shown(browser: Page, tmp_path: Path) -> None:
    rules = Filter("diff.yaml", (Placed(3, DiffRule(kinds=["Service"])),))
    show(browser, tmp_path, [replace(comparison, leave_out=rules) for comparison in two_stacks()])
    assert browser.seen("#stack-dev .told li") == ["left out by diff.yaml, line 3: 1 changed object"]
    assert browser.seen("#stack-dev h2") == ["dev 1 added 1 removed"]
    assert not any(label.startswith("Service") for label in browser.seen(OBJECTS))


def test_a_search_shows_the_objects_of_a_kind_or_name(browser: Page, tmp_path: Path) -> None:
    show(browser, tmp_path, two_stacks())
    type_into_search(browser, "configmap MESH")
    assert browser.seen(OBJECTS) == ["ConfigMap default/mesh"] * 2
    assert browser.seen("h3") == ["more 1 added 1 removed", "more 1 changed"]
    assert browser.seen("#found") == ["2 of 5 objects"]
    type_into_search(browser, "grafana")
    assert browser.seen("h2") == ["dev 1 added 1 changed 1 removed"]
    type_into_search(browser, "nothing of that name")
    assert (browser.seen(OBJECTS), browser.seen("#found")) == ([], ["0 of 5 objects"])
    type_into_search(browser, "")
    assert len(browser.seen(OBJECTS)) == 5


def test_objects_far_below_the_window_are_there_as_well(browser: Page, tmp_path: Path) -> None:
    names = [f"map{number:02}" for number in range(99)]
    show(browser, tmp_path, [stack("dev", "mesh", *((name, None, "1") for name in names))])
    assert browser.seen(OBJECTS) == ["Service default/web", *(f"ConfigMap default/{name}" for name in names)]
    assert browser.seen("h2") == ["dev 99 added 1 changed"]


def test_objects_are_shown_by_what_becomes_of_them(browser: Page, tmp_path: Path) -> None:
    show(browser, tmp_path, two_stacks())
    browser.click("input[value=removed]")
    assert browser.seen(OBJECTS) == ["ConfigMap default/grafana"]
    browser.click("#open")
    browser.click("input[value='']")
    assert len(browser.seen("pre")) == 1
    browser.click("#open")
    assert len(browser.seen("pre")) == 5
    browser.click("#close")
    assert browser.seen("pre") == []


def test_all_of_it_can_be_done_by_keyboard(browser: Page, tmp_path: Path) -> None:
    show(browser, tmp_path, [two_stacks()[0]])
    key(browser, "/")
    assert browser.run("document.activeElement.id") == "search"
    type_into_search(browser, "grafana")
    key(browser, "Escape")
    assert len(browser.seen(OBJECTS)) == 3
    assert [browser.press_tab() for _ in range(3)][1:] == ["open", "close"]
    browser.press_tab()
    assert browser.run("document.activeElement.tagName") == "SUMMARY"
    key(browser, "Enter")
    assert len(browser.seen("pre")) == 1
    browser.press_tab()
    browser.press_tab()
    browser.press_tab()
    assert browser.run("document.activeElement.tagName") == "PRE"


def key(browser: Page, name: str) -> None:
    texts = {"/": "/", "Enter": "\r"}
    code = {"/": 191, "Enter": 13, "Escape": 27}[name]
    more = {"text": texts[name]} if name in texts else {}
    browser.call("Input.dispatchKeyEvent", type="keyDown", key=name, windowsVirtualKeyCode=code, **more)
    browser.call("Input.dispatchKeyEvent", type="keyUp", key=name, windowsVirtualKeyCode=code)


def test_without_scripts_all_of_it_is_there_but_the_search(browser: Page, tmp_path: Path) -> None:
    browser.call("Emulation.setScriptExecutionDisabled", value=True)
    try:
        show(browser, tmp_path, two_stacks())
        assert len(browser.seen(OBJECTS)) == 5
        assert browser.seen("#tools") == []
    finally:
        browser.call("Emulation.setScriptExecutionDisabled", value=False)


def test_where_nothing_changes_the_page_says_so(browser: Page, tmp_path: Path) -> None:
    same = [obj("Service", "web")]
    show(browser, tmp_path, [changed(same, same), compared(rendered(same), rendered(same), "prod")])
    assert browser.seen("#same") == ["No rendered object changes in dev, prod."]
    assert browser.problems == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read_in_both_colour_schemes(browser: Page, tmp_path: Path, scheme: str) -> None:
    show(browser, tmp_path, [changed(everything(new=False), everything(new=True)), *two_stacks()], scheme)
    browser.click("#open")
    background = luminance(browser.run("getComputedStyle(document.body).backgroundColor"))
    assert background > 0.8 if scheme == "light" else background < 0.05
    for selector in ("h1", ".soft", ".badge", "pre .plus", "pre .minus", "pre .hunk", "a", "summary b", "footer", "td"):
        ratios = browser.run(CONTRASTS % selector)
        assert ratios, selector
        # What WCAG 2 asks of body text.
        assert min(ratios) >= 4.5, f"{selector}: {min(ratios):.2f}"


@pytest.mark.parametrize("width", [360, 1200])
def test_nothing_is_wider_than_the_window(browser: Page, tmp_path: Path, width: int) -> None:
    long = obj("ConfigMap", "x" * 200, {"data": {"a": "y" * 3000}})
    show(browser, tmp_path, [changed([], [long]), *two_stacks()], width=width)
    browser.click("#open")
    assert browser.run("document.documentElement.scrollWidth") <= width


def test_both_trees_are_whole_and_as_render_writes_them(tmp_path: Path) -> None:
    kept: list[KubernetesObject] = [obj("Service", "same"), obj("Secret", "key", {"stringData": {"a": "hunter2"}})]
    rules = Filter("diff.yaml", (Placed(1, DiffRule(kinds=["*"])),))
    one = compared(rendered(kept), rendered([*kept, obj("Service", "new")]))
    write_artifact(tmp_path / "all", [replace(one, leave_out=rules), compared(None, rendered(kept), "more")])
    assert sorted(path.name for path in (tmp_path / "all").iterdir()) == ["base", "diff.html", "head"]
    assert [path.name for path in (tmp_path / "all" / "base").iterdir()] == ["dev"]
    files = {
        side: sorted(path.name for path in (tmp_path / "all" / side / "dev" / "part" / "program").iterdir())
        for side in ("base", "head")
    }
    both = ["secret-default-key.yaml", "service-default-same.yaml"]
    assert files == {"base": both, "head": [both[0], "service-default-new.yaml", both[1]]}
    index = document((tmp_path / "all" / "head" / "dev" / "index.yaml").read_text(encoding="utf-8"))
    assert (index["stack"], len(index["objects"])) == ("dev", 3)
    secret = (tmp_path / "all" / "base" / "dev" / "part" / "program" / both[0]).read_text(encoding="utf-8")
    assert document(secret)["stringData"] == {"a": "<secret>"}


def test_a_folder_that_diff_made_is_replaced_as_a_whole(tmp_path: Path) -> None:
    folder = tmp_path / "all"
    write_artifact(folder, two_stacks())
    write_artifact(folder, two_stacks()[:1])
    assert [path.name for path in (folder / "head").iterdir()] == ["dev"]
    assert [path.name for path in tmp_path.iterdir()] == ["all"]


@pytest.mark.parametrize("stranger", ["notes.txt", "diff.html", "head/mine/notes.txt", "base/dev/mine.yaml", "base/x"])
def test_a_folder_with_anything_else_is_left_alone(tmp_path: Path, stranger: str) -> None:
    folder = tmp_path / "all"
    write_artifact(folder, two_stacks())
    file = folder / stranger
    file.parent.mkdir(exist_ok=True)
    file.write_text("mine", encoding="utf-8")
    with pytest.raises(MeshlabError, match="choose another --out"):
        write_artifact(folder, two_stacks())
    assert file.read_text(encoding="utf-8") == "mine"
