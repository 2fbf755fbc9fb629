"""A cluster of which a part does not answer: drift and removal do the rest, and say what could not be asked."""

import json
import threading
from collections.abc import Iterator

import pytest

from kube.cluster import Cluster
from meshlab.drift.inspection import Inspection
from meshlab.drift.report import document, lines
from meshlab.ownership import leftovers as left
from meshlab.ownership.owned import Ours
from meshlab.remove.removal import Removal
from tests.support.broken import API_SERVICE, GROUP, WIDGETS, announce_a_silent_group, lose_a_conversion
from tests.support.inventory import objects
from tests.support.lab import Lab, driver, running_lab
from tests.support.waiting import eventually

THEIRS = "other-team"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with running_lab(tmp_path_factory.mktemp("silent"), "silent") as lab:
        driver(lab).up()
        lab.cluster.kubectl("create", "namespace", THEIRS)
        announce_a_silent_group(lab.cluster)
        yield lab


def test_drift_compares_all_that_answers_and_names_the_group_that_does_not(lab: Lab) -> None:
    seen = Inspection(driver(lab), lab.declared(), lab.cluster.kubeconfig, lab.say).look()
    assert (seen.findings, seen.uncompared) == ((), ())
    assert seen.compared > 140
    told = list(lines(seen, lab.stack, 0, 0))
    assert told[0] == f'could not be asked: {GROUP} (service/gone in "default" is not present)'
    assert json.loads(document(seen, lab.stack, 0, ()))["silent"] == dict(seen.silent)


def test_removal_goes_on_and_says_what_holds_namespaces(lab: Lab) -> None:
    def give_up_the_group() -> None:
        def held() -> bool:
            (namespace,) = objects(lab.cluster, "namespace", "prometheus")
            conditions = namespace["status"].get("conditions", [])
            return any(
                condition["reason"] == "DiscoveryFailed" and condition["status"] == "True" for condition in conditions
            )

        eventually(held, "Kubernetes holds the namespace")
        # What the line told to do.
        lab.cluster.kubectl("delete", "apiservice", API_SERVICE)

    beside = threading.Thread(target=give_up_the_group)
    beside.start()
    removed = Removal(driver(lab), lab.stack, lab.cluster.kubeconfig, lab.say).run()
    beside.join()
    (told,) = [line for line in lab.lines if line.startswith(f"could not be asked: {GROUP}")]
    assert "no namespace is removed until" in told
    assert told.endswith(f"kubectl delete apiservice {API_SERVICE}")
    assert removed.leftovers == []


def test_a_kind_that_nobody_can_list_is_named_in_the_report_of_what_is_left(lab: Lab) -> None:
    lose_a_conversion(lab.cluster, THEIRS)
    found, silent = left.left_of(Cluster(lab.cluster.kubeconfig), Ours.of(driver(lab).recording.resources))
    (report,) = [line for line in left.lines(found, silent) if line.startswith("could not be asked")]
    assert report.startswith(f"could not be asked: {WIDGETS} (HTTP ")
    assert "conversion webhook for example.com/v1" in report
