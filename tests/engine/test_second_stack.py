"""A second stack beside the first, and the same stack of another state: neither takes anything over. In file order."""

from pathlib import Path

import pytest

from base.errors import MeshlabError
from embedded.tools.pins import parse_version
from meshlab.drift.inspection import Inspection
from meshlab.engine.driver import EngineDriver
from meshlab.engine.programs import find_engine, find_installed
from meshlab.ownership.strangers import refuse_strange_releases, refuse_strangers
from meshlab.remove.removal import Removal
from meshlab.session import Session
from meshlab.target import LabError
from tests.support.charts import chart_folder
from tests.support.inventory import inventory, objects
from tests.support.lab import Lab
from tests.support.stacks import with_config

_kubernetes = find_installed()[1]
STRICT = _kubernetes is not None and (parse_version(_kubernetes.version) or ()) >= (4, 29)
"""Whether the provider creates nothing that is there already; before 4.29 it takes it over, and only we refuse."""


@pytest.fixture(scope="module")
def lab(dev_lab: Lab) -> Lab:
    return dev_lab


def driver(lab: Lab, stack: str = "dev", state: Path | None = None) -> EngineDriver:
    config = lab.config_of(stack, charts={"source": str(chart_folder(stack))})
    return EngineDriver(
        find_engine(lab.say), lab.target, with_config(stack, config), lab.say, state=state or lab.folder
    )


def session(lab: Lab, stack: str, state: Path | None = None) -> Session:
    return Session(lab.target, driver(lab, stack, state), with_config(stack, lab.config_of(stack)))


def test_the_stack_itself_is_no_stranger(lab: Lab) -> None:
    refuse_strangers(session(lab, "dev"), "dev")


def test_a_second_stack_is_refused_with_the_name_of_the_first(lab: Lab) -> None:
    with pytest.raises(MeshlabError) as caught:
        refuse_strangers(session(lab, "staging"), "staging")
    (line,) = str(caught.value).splitlines()
    assert line.startswith(
        "namespace istio-system: is there already and belongs to stack meshlab/dev, not to meshlab/staging"
    )


@pytest.mark.parametrize(("stack", "state"), [("staging", ""), ("dev", "elsewhere")])
def test_drift_puts_nothing_back_that_is_of_another_state(lab: Lab, stack: str, state: str) -> None:
    before, other = inventory(lab.cluster), driver(lab, stack, lab.folder / state)
    inspection = Inspection(other, with_config(stack, lab.config_of(stack)), lab.cluster.kubeconfig, lab.say)
    seen = inspection.look()
    with pytest.raises(MeshlabError, match=r"^namespace istio-system: is there already and belongs to"):
        inspection.remediate(seen, lambda copies: True)
    with pytest.raises(MeshlabError, match=r"^release istio-system/istio-base: is there already and the state of"):
        refuse_strange_releases(other, stack, seen.records)
    assert inventory(lab.cluster) == before


def test_the_same_stack_of_another_state_takes_nothing_away(lab: Lab) -> None:
    before, other = inventory(lab.cluster), driver(lab, "dev", lab.folder / "elsewhere")
    with pytest.raises(MeshlabError, match="no state here knows of stack dev; nothing is removed"):
        Removal(other, "dev", lab.cluster.kubeconfig, lab.say).run()
    assert inventory(lab.cluster) == before


def test_the_same_stack_of_another_state_is_refused(lab: Lab) -> None:
    with pytest.raises(MeshlabError) as caught:
        refuse_strangers(session(lab, "dev", lab.folder / "elsewhere"), "dev")
    (line,) = str(caught.value).splitlines()
    assert line.startswith("namespace istio-system: is there already and belongs to meshlab/dev by a state that is not")


if STRICT:

    @pytest.mark.parametrize(("stack", "state"), [("staging", ""), ("dev", "elsewhere")])
    def test_plain_pulumi_fails_before_it_takes_anything_over(lab: Lab, stack: str, state: str) -> None:
        other = driver(lab, stack, lab.folder / state)
        before, (crd,) = inventory(lab.cluster), objects(lab.cluster, "crd", "kialis.kiali.io")
        with pytest.raises(LabError, match="already exists"):
            other.up()
        now = inventory(lab.cluster)
        assert {name: now.get(name) for name in before} == before
        other.down()
        assert inventory(lab.cluster) == before
        assert objects(lab.cluster, "crd", "kialis.kiali.io")[0]["spec"] == crd["spec"]
        assert lab.unavailable_deployments() == []
