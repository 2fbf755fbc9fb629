"""Removal under the real engine, and a second stack beside the first. The tests are one story, in file order."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from meshlab.engine import EngineDriver
from meshlab.engine_programs import find_engine
from meshlab.lab import LabError
from meshlab.ownership import OwnershipError, refuse_strangers
from meshlab.removal.kiali import RemovalError
from meshlab.removal.removal import Removal
from meshlab.session import Session
from tests.support.charts import chart_folder
from tests.support.hand_edits import patch
from tests.support.inventory import inventory, objects
from tests.support.kiali_operator import stand_in_operator
from tests.support.lab import Lab, documented, running_lab


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with running_lab(tmp_path_factory.mktemp("removal"), "engine-removal") as lab:
        driver(lab).up()
        yield lab


def driver(lab: Lab, stack: str = "dev", state: Path | None = None) -> EngineDriver:
    config = lab.config_of(stack, charts={"source": str(chart_folder(stack))})
    return EngineDriver(find_engine(lab.say), lab.target, stack, config, lab.say, state=state or lab.folder)


def session(lab: Lab, stack: str, state: Path | None = None) -> Session:
    return Session(lab.target, driver(lab, stack, state), (), lab.config_of(stack))


def test_the_stack_itself_is_no_stranger(lab: Lab) -> None:
    refuse_strangers(session(lab, "dev"), "dev", lab.folder)


def test_a_second_stack_is_refused_with_the_name_of_the_first(lab: Lab) -> None:
    with pytest.raises(OwnershipError) as caught:
        refuse_strangers(session(lab, "staging"), "staging", lab.folder)
    (line,) = str(caught.value).splitlines()
    assert line.startswith(
        "namespace istio-system: is there already and belongs to stack meshlab/dev, not to meshlab/staging"
    )


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


def test_the_same_stack_of_another_state_takes_nothing_away(lab: Lab) -> None:
    before, elsewhere = inventory(lab.cluster), lab.folder / "elsewhere"
    other = driver(lab, "dev", elsewhere)
    with pytest.raises(RemovalError, match="no state here knows of stack dev; nothing is removed"):
        Removal(other, "dev", lab.config(), lab.cluster.kubeconfig, lab.say, elsewhere).run()
    assert inventory(lab.cluster) == before


def test_removal_goes_in_order_and_explains_all_that_is_left(lab: Lab) -> None:
    patch("istio-system", "kiali", "kiali", {"metadata": {"finalizers": ["kiali.io/finalizer"]}})(lab.cluster)
    with stand_in_operator(lab.cluster, 10) as took:
        removed = Removal(driver(lab), "dev", lab.config(), lab.cluster.kubeconfig, lab.say, lab.folder).run()
    assert len(took) == 1
    assert removed.leftovers == []
    assert sorted(one.label for one in removed.left) == sorted(
        " ".join(name.replace(" /", " ").split()) for name in lab.left()
    )
    assert [name for name in lab.left() if not documented(name)] == []
    assert lab.labels_of_default() == lab.default_labels


def test_a_later_up_goes_on_with_the_kept_crds_and_purging_leaves_none(lab: Lab) -> None:
    kept = lab.crds()
    driver(lab).up()
    now = lab.crds()
    assert {name: now.get(name) for name in kept} == kept
    asked: list[str] = []

    def yes(loss: str) -> bool:
        asked.append(loss)
        return True

    removed = Removal(driver(lab), "dev", lab.config(), lab.cluster.kubeconfig, lab.say, lab.folder).run(purge_crds=yes)
    assert "no object that is not this stack's" in asked[0]
    assert removed.leftovers == []
    assert lab.crds() == {}
