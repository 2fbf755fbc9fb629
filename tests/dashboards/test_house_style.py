"""What a person may expect of every panel: a title, a unit, advice, a place in the order of questions, a way on."""

import re
from itertools import groupby
from pathlib import Path

import pytest

from tests.dashboards.grafana import NAMES, Dashboard, Panel
from tests.dashboards.promql import asked

PANELS = [(name, panel) for name in NAMES for panel in Dashboard.of(name).panels]
LAB = "/d/meshlab-"
ROOT = Path(__file__).resolve().parents[2]


def _label(case: tuple[str, Panel]) -> str:
    return f"{case[0]}: {case[1].title}"


@pytest.mark.parametrize("case", PANELS, ids=_label)
def test_a_panel_has_a_title_a_unit_and_a_description(case: tuple[str, Panel]) -> None:
    model = case[1].model
    assert model["title"]
    assert len(model["description"].split()) >= 8, "say what to do when it is red"
    assert model["fieldConfig"]["defaults"]["unit"]
    if model["type"] == "table":
        assert {o["matcher"]["options"] for o in model["fieldConfig"]["overrides"]} >= set(_columns(model))
        units = [o for o in model["fieldConfig"]["overrides"] if o["matcher"]["options"] in _columns(model)]
        assert all(any(p["id"] == "unit" for p in override["properties"]) for override in units)


@pytest.mark.parametrize("case", PANELS, ids=_label)
def test_a_description_sends_to_panels_and_pages_that_exist(case: tuple[str, Panel]) -> None:
    name, panel = case
    titles = {other.title for other in Dashboard.of(name).panels}
    text = panel.model["description"]
    for title in re.findall(r"[Tt]able `([^`]+)`|`([^`]+)` (?:below|says)", text):
        assert set(title) & titles, title
    for page in re.findall(r"docs/[\w/-]+\.md", text):
        assert (ROOT / page).is_file(), page


@pytest.mark.parametrize("name", NAMES)
def test_titles_are_unique_within_a_dashboard(name: str) -> None:
    titles = [panel.title for panel in Dashboard.of(name).panels]
    assert len(set(titles)) == len(titles)


@pytest.mark.parametrize("name", NAMES)
def test_rows_ask_in_order_is_it_healthy_what_changed_who_is_affected(name: str) -> None:
    rows = list(dict.fromkeys(panel.row for panel in Dashboard.of(name).panels))
    assert re.search(r"healthy|reasonable", rows[0])
    assert "changed" in rows[1]
    assert any(re.search(r"affected|pays most", row) for row in rows[2:])


@pytest.mark.parametrize("name", NAMES)
def test_the_top_row_is_numbers_with_colours(name: str) -> None:
    panels = Dashboard.of(name).panels
    top = [panel for panel in panels if panel.row == panels[0].row]
    assert {panel.model["type"] for panel in top} == {"stat"}
    judged = [panel for panel in top if len(panel.model["fieldConfig"]["defaults"]["thresholds"]["steps"]) > 1]
    assert len(judged) >= len(top) / 2


# What the top row answers beside health: what changed, and who is affected.
AT_A_GLANCE = {
    "envoy-demo": ("Since the last roll", "Upstreams over budget"),
    "istio-control-plane": ("Object changes (1h)", "Proxies that refused"),
    "istio-mesh": ("Deploys (1h)", "Services over budget"),
    "istio-performance": ("Deploys (1h)", "Sidecars over 256 MiB"),
    "istio-service": ("Deploys (1h)", "Callers over budget"),
    "istio-workload": ("Deploys (1h)", "Callers over budget"),
}


@pytest.mark.parametrize("name", NAMES)
def test_the_top_row_shows_health_changes_and_who_is_affected(name: str) -> None:
    panels = Dashboard.of(name).panels
    top = {panel.title for panel in panels if panel.row == panels[0].row}
    assert re.search(r"(healthy|reasonable)\b.*, what changed, who (is affected|pays most)\?", panels[0].row)
    assert set(AT_A_GLANCE[name]) < top


# What Grafana shows of a title in a screen of 1400 pixels.
LONGEST_TITLE = {3: 22, 6: 48}


@pytest.mark.parametrize("case", PANELS, ids=_label)
def test_a_title_is_not_cut_off(case: tuple[str, Panel]) -> None:
    width = case[1].model["gridPos"]["w"]
    assert len(case[1].title) <= LONGEST_TITLE.get(width, 60)


@pytest.mark.parametrize("name", NAMES)
def test_panels_fill_whole_lines_without_overlap(name: str) -> None:
    taken: set[tuple[int, int]] = set()
    rows = {panel.row: [] for panel in Dashboard.of(name).panels}
    for panel in Dashboard.of(name).panels:
        rows[panel.row].append(panel.model["gridPos"])
        place = panel.model["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel.title
        taken |= cells
    for row, places in rows.items():
        for line, members in groupby(sorted(places, key=lambda p: p["y"]), key=lambda p: p["y"]):
            assert sum(place["w"] for place in members) == 24, f"{row}, line {line}"


def test_the_same_question_has_the_same_thresholds_everywhere() -> None:
    by_title: dict[str, set[str]] = {}
    for name, panel in PANELS:
        if panel.model["type"] == "stat" and name != "envoy-demo":
            steps = str(panel.model["fieldConfig"]["defaults"]["thresholds"]["steps"])
            by_title.setdefault(panel.title, set()).add(steps)
    assert {title: steps for title, steps in by_title.items() if len(steps) > 1} == {}


@pytest.mark.parametrize("name", NAMES)
def test_panel_ids_are_unique_so_that_a_link_to_a_panel_stays_valid(name: str) -> None:
    identifiers = [panel.model["id"] for panel in Dashboard.of(name).panels]
    assert len(set(identifiers)) == len(identifiers)
    assert all(identifiers)


NARROWED_BY = {
    "envoy-demo": {"namespace", "cluster"},
    "istio-control-plane": {"revision"},
    "istio-mesh": {"namespace", "revision"},
    "istio-performance": {"namespace", "workload", "revision"},
    "istio-service": {"namespace", "workload", "revision"},
    "istio-workload": {"namespace", "workload", "revision"},
}


@pytest.mark.parametrize("name", NAMES)
def test_a_dashboard_can_be_narrowed_by_what_its_subject_has(name: str) -> None:
    assert {variable["name"] for variable in Dashboard.of(name).variables} >= {"datasource", *NARROWED_BY[name]}


@pytest.mark.parametrize("name", NAMES)
def test_every_variable_is_used(name: str) -> None:
    dashboard = Dashboard.of(name)
    text = str(dashboard.model)
    unused = [v["name"] for v in dashboard.variables if not re.search(rf"\$\{{?{v['name']}\b", text)]
    assert unused == []


@pytest.mark.parametrize("name", NAMES)
def test_deploys_and_revision_changes_are_marked(name: str) -> None:
    names = {annotation["name"] for annotation in Dashboard.of(name).annotations}
    assert names == {"Deploys", "istiod versions", "Sidecar revisions"}


def _urls(name: str) -> set[str]:
    return set(re.findall(r"'url': '([^']+)'", str(Dashboard.of(name).model)))


def test_a_reader_gets_from_mesh_to_service_to_workload_to_kiali_and_back() -> None:
    def leads(name: str, start: str) -> bool:
        return any(url.startswith(start) for url in _urls(name))

    assert leads("istio-mesh", LAB + "service?var-service=")
    assert leads("istio-service", LAB + "workload?var-namespace=")
    assert leads("istio-workload", LAB + "service?var-service=")
    for name in ("istio-mesh", "istio-service", "istio-workload"):
        assert leads(name, "$kiali/console/"), name
    for name in NAMES:
        others = {Dashboard.of(other).model["uid"] for other in NAMES if other != name}
        assert {url for url in _urls(name) if re.fullmatch(r"/d/[\w-]+", url)} == {f"/d/{uid}" for uid in others}, name


@pytest.mark.parametrize("name", NAMES)
def test_links_to_dashboards_set_variables_that_exist_there(name: str) -> None:
    by_uid = {Dashboard.of(other).model["uid"]: Dashboard.of(other) for other in NAMES}
    for url in _urls(name):
        if match := re.match(r"/d/([\w-]+)(?:\?(.*))?$", url):
            known = {f"var-{variable['name']}" for variable in by_uid[match[1]].variables}
            assert set(re.findall(r"(var-\w+)=", match[2] or "")) <= known, url


@pytest.mark.parametrize("case", PANELS, ids=_label)
def test_no_query_can_count_both_reports_of_one_request(case: tuple[str, Panel]) -> None:
    """Whoever sums what sidecars report of requests picks one reporter."""
    for query in case[1].queries:
        for metric, matchers in asked(query.expression.replace("$__rate_interval", "2m")).selectors:
            if re.search(r"istio_(requests|request|response|tcp_(sent|received))_", metric) and "istiod" not in metric:
                ambient = "ztunnel" in matchers.get("pod", "")
                assert ambient or matchers.get("reporter") in ("source", "destination", "$reporter"), query.expression


def _columns(model: dict) -> list[str]:
    organize = model["transformations"][-1]["options"]["renameByName"]
    return [title for field, title in organize.items() if field.startswith("Value")]
