"""The report for people, read by a parser and looked at in a real browser."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from meshlab.results.outcome import Result, Status
from meshlab.results.report import Commit, Report
from meshlab.verify.html import page as html_of
from tests.support.elements import Elements
from tests.verify.browser import CONTRASTS, Page, luminance, page
from tests.verify.examples import MIXED, report, result

NASTY = "</li><script>document.title='hacked'</script><img src=x onerror=alert(1)> & \"quotes\" 'single' {{ 7 * 7 }}"


def nasty() -> Report:
    check = Result("lab01.nasty", 1, NASTY, Status.FAILED, NASTY, NASTY, (NASTY,), 0.1)
    return report(check, stack="dev", cluster=NASTY, kubernetes=NASTY, tree=Commit(NASTY, dirty=True))


@pytest.mark.parametrize("finished", [MIXED, nasty(), report()], ids=["mixed", "nasty", "empty"])
def test_the_page_asks_for_nothing_and_runs_nothing(finished: Report) -> None:
    text = html_of(finished)
    elements = Elements(text)
    assert not {"script", "img", "iframe", "object", "form"} & set(elements.names)
    assert [address for address in elements.addresses if address != "data:," and not address.startswith("#")] == []
    assert re.findall(r"url\(|@import|https?://(?!127\.0\.0\.1)", text) == []


def test_every_text_is_escaped_and_shown_as_it_is(browser: Page, tmp_path: Path) -> None:
    show(browser, tmp_path, nasty())
    (card,) = browser.seen(".check")
    assert card.count(NASTY) == 4
    assert browser.seen("header dd")[0].startswith(NASTY)
    assert browser.run("document.title").startswith("failed: dev")
    assert browser.problems == []


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with page(tmp_path_factory.mktemp("browser")) as opened:
        yield opened


def show(browser: Page, folder: Path, finished: Report, scheme: str = "light", width: int = 1200) -> None:
    file = folder / "report.html"
    file.write_text(html_of(finished), encoding="utf-8")
    browser.problems.clear()
    browser.open(file, scheme, width)


def test_a_person_sees_the_result_the_counts_and_every_check(browser: Page, tmp_path: Path) -> None:
    show(browser, tmp_path, MIXED)
    assert browser.seen("#result") == ["Failed"]
    assert browser.seen("#means") == ["1 of 5 checks saw something else than they expect."]
    assert browser.seen(".reds a") == ["title of lab02.alias"]
    assert browser.seen(".filter label") == ["All 5", "Failed 1", "Passed 3", "Not applicable here 1"]
    assert browser.seen(".check .id") == [check.id for check in MIXED.checks]
    assert browser.seen("h2") == [
        "Lab 01: Envoy 2 checks",
        "Lab 02: Istio 2 checks",
        "Lab 03: Observability 1 check",
    ]
    assert browser.seen("#lab02\\.alias dd") == ["what is right", "Service istiod also leads to istiod-1-16-0"]
    facts = browser.seen("header dd")
    assert facts[0] == "embedded cluster lab (https://127.0.0.1:20123), where no pod really runs"
    assert facts[1:3] == ["v1.34.4", "8c21c99d2f0a4b6e8d1c3f5a7b9e0d2c4f6a8b1e"]
    assert facts[3] == "2026-09-14 08:30:12 UTC, after 12.3 s"
    assert browser.problems == []


def test_what_failed_is_a_click_away(browser: Page, tmp_path: Path) -> None:
    checks = [result(f"lab01.check-{number}", Status.PASSED) for number in range(30)]
    show(browser, tmp_path, report(*checks, result("lab02.alias", Status.FAILED)))
    top = "document.getElementById('lab02.alias').getBoundingClientRect().top"
    assert browser.run(top) > 900
    browser.click(".reds a")
    below_the_filter = browser.run("document.querySelector('.filter').getBoundingClientRect().bottom")
    assert below_the_filter <= browser.run(top) < 900


def test_details_of_a_failure_are_open_and_others_open_by_a_click(browser: Page, tmp_path: Path) -> None:
    show(browser, tmp_path, MIXED)
    assert browser.seen("#lab02\\.alias li") == ["grpc-xds 15010", "443"]
    assert browser.seen("#lab02\\.webhooks li") == []
    browser.click("#lab02\\.webhooks summary")
    assert browser.seen("#lab02\\.webhooks li") == ["one", "two", "three"]


def test_a_filter_shows_the_checks_of_one_status_and_hides_empty_labs(browser: Page, tmp_path: Path) -> None:
    show(browser, tmp_path, MIXED)
    browser.click("#only-failed")
    assert browser.seen(".check .id") == ["lab02.alias"]
    assert browser.seen("h2") == ["Lab 02: Istio 2 checks"]
    browser.click("#only-not_applicable")
    assert browser.seen(".check .id") == ["lab01.scenario-base"]
    browser.click("#only-all")
    assert len(browser.seen(".check .id")) == 5


def test_a_filter_without_checks_says_so(browser: Page, tmp_path: Path) -> None:
    show(browser, tmp_path, report(result("lab01.a", Status.PASSED)))
    assert browser.seen(".none") == []
    browser.click("#only-failed")
    assert browser.seen(".check") == []
    assert browser.seen(".none") == ["No check of this kind."]


def test_the_filter_can_be_reached_by_keyboard(browser: Page, tmp_path: Path) -> None:
    show(browser, tmp_path, report(result("lab01.a", Status.PASSED)))
    assert browser.press_tab() == "only-all"


@pytest.mark.parametrize(
    ("finished", "badge", "means"),
    [
        (report(result("lab01.a", Status.PASSED)), "Passed", "1 check, and all of it as expected."),
        (
            report(result("lab01.a", Status.PASSED), result("lab01.b", Status.NOT_APPLICABLE)),
            "Passed",
            "Everything that can be seen on this cluster is as expected; 1 of 2 checks can show nothing here.",
        ),
        (
            report(result("lab01.a", Status.NOT_APPLICABLE)),
            "Inconclusive",
            "None of 1 check applies here, so that nothing is shown: this is no pass.",
        ),
    ],
)
def test_the_headline_says_what_the_result_means(
    browser: Page, tmp_path: Path, finished: Report, badge: str, means: str
) -> None:
    show(browser, tmp_path, finished)
    assert browser.seen("#result") == [badge]
    assert browser.seen("#means") == [means]


def test_a_tree_that_was_changed_or_is_unknown_is_told(browser: Page, tmp_path: Path) -> None:
    show(browser, tmp_path, report(tree=Commit("abc", dirty=True)))
    assert browser.seen("header dd")[2] == "abc with changes that are not committed"
    show(browser, tmp_path, report(tree=Commit(None, None)))
    assert browser.seen("header dd")[2] == "unknown: this tree is no git repository"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read_in_both_colour_schemes(browser: Page, tmp_path: Path, scheme: str) -> None:
    show(browser, tmp_path, MIXED, scheme)
    background = luminance(browser.run("getComputedStyle(document.body).backgroundColor"))
    assert background > 0.8 if scheme == "light" else background < 0.05
    for selector in ("h1", ".means", ".badge", "dt", ".check.failed dd.seen", ".check .id", ".filter span", "footer"):
        for ratio in browser.run(CONTRASTS % selector):
            # What WCAG 2 asks of body text.
            assert ratio >= 4.5, f"{selector}: {ratio:.2f}"


@pytest.mark.parametrize("width", [360, 1200])
def test_nothing_is_wider_than_the_window(browser: Page, tmp_path: Path, width: int) -> None:
    long = result("lab02.alias", Status.FAILED, "x" * 400, ("y" * 400,))
    show(browser, tmp_path, report(long, *MIXED.checks[:2]), width=width)
    assert browser.run("document.documentElement.scrollWidth") <= width
