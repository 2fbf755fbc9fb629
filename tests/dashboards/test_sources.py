"""dashboards/*.json is what dashboards/src/ builds, and what both Grafanas of the stacks can load."""

import json

import pytest
from PIL import Image

from dashboards.src.build import DASHBOARDS, FOLDER, render
from tests.dashboards.grafana import NAMES, Dashboard
from tests.dashboards.pictures import DRAWN_FROM, fingerprint
from tests.dashboards.pictures import FOLDER as PICTURES

# 262144 bytes is what a client-side `kubectl apply` can carry in its annotation.
SIZE_LIMIT = 262144 - 4096


@pytest.mark.parametrize("name", DASHBOARDS)
def test_the_json_is_what_its_source_builds(name: str) -> None:
    committed = (FOLDER / f"{name}.json").read_text()
    assert committed == render(name), "run `make dashboards`"


@pytest.mark.parametrize("name", DASHBOARDS)
def test_its_picture_was_drawn_from_the_json_as_it_is_now(name: str) -> None:
    with Image.open(PICTURES / f"{name}.png") as picture:
        drawn_from = picture.info[DRAWN_FROM]
    assert drawn_from == fingerprint(name), "run `python -m tests.dashboards.pictures`"


def test_the_page_with_the_pictures_says_that_no_grafana_drew_them() -> None:
    text = (PICTURES / "README.md").read_text()
    captions = [line for line in text.splitlines() if line.startswith("*Drawn from the dashboard's own queries, not")]
    assert [f"({name}.png)" in text for name in DASHBOARDS] == [True] * len(captions)


def test_every_dashboard_of_the_lab_is_there() -> None:
    assert sorted(DASHBOARDS) == [
        "envoy-demo",
        "istio-control-plane",
        "istio-mesh",
        "istio-performance",
        "istio-service",
        "istio-workload",
    ]


@pytest.mark.parametrize("name", NAMES)
def test_a_dashboard_fits_into_a_config_map_that_client_side_apply_can_carry(name: str) -> None:
    assert len((FOLDER / f"{name}.json").read_bytes()) < SIZE_LIMIT


@pytest.mark.parametrize("name", NAMES)
def test_the_schema_is_the_oldest_that_both_grafanas_accept(name: str) -> None:
    """Grafana 9.3 (chart 42.2.1) writes 37; Grafana 13 migrates files from 13 on."""
    assert Dashboard.of(name).model["schemaVersion"] == 37


def test_uids_and_titles_are_unique() -> None:
    models = [Dashboard.of(name).model for name in NAMES]
    for field in ("uid", "title"):
        assert len({model[field] for model in models}) == len(models)


@pytest.mark.parametrize("name", NAMES)
def test_every_query_goes_to_the_chosen_datasource_by_default_the_stacks(name: str) -> None:
    dashboard = Dashboard.of(name)
    (chooser,) = [variable for variable in dashboard.variables if variable["type"] == "datasource"]
    assert (chooser["name"], chooser["current"]["value"]) == ("datasource", "prometheus")
    wanted = {"type": "prometheus", "uid": "${datasource}"}
    places = [panel.model for panel in dashboard.panels]
    places += [target for panel in dashboard.panels for target in panel.model["targets"]]
    places += dashboard.annotations
    places += [variable for variable in dashboard.variables if variable["type"] == "query"]
    assert [place["datasource"] for place in places] == [wanted] * len(places)


@pytest.mark.parametrize("name", NAMES)
def test_panel_types_exist_in_both_grafanas(name: str) -> None:
    types = {panel.model["type"] for panel in Dashboard.of(name).panels}
    assert types <= {"stat", "timeseries", "table"}, json.dumps(sorted(types))
