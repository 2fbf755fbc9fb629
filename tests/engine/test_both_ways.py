"""The driver runs the program inline, the `pulumi` command by a language host: one stack, one state, either way."""

from collections.abc import Iterator

import pytest

from tests.support.by_hand import pulumi
from tests.support.lab import Lab, changed, documented, driver, running_lab

RETRY = {"envoyDemo": {"scenario": "retry"}}


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with running_lab(tmp_path_factory.mktemp("both"), "both-ways") as lab:
        yield lab


def preferences(lab: Lab) -> dict[str, str]:
    """What is in the environment of somebody who has settings for other things, and several kubeconfigs."""
    driver = {"HELM_DRIVER": "configmap", "PULUMI_K8S_HELM_DRIVER": "configmap"}
    listed = f"{lab.folder}/none:{lab.cluster.kubeconfig}"
    return {**driver, "HELM_KUBECONTEXT": "prod-eu", "HELM_KUBEASUSER": "boss", "KUBECONFIG": listed}


def test_what_the_driver_brings_up_the_command_previews_without_changes(lab: Lab) -> None:
    driver(lab).up()
    pulumi(driver(lab), lab.folder, "preview", "--expect-no-changes", **preferences(lab))


def test_what_the_command_changes_the_driver_previews_without_changes(lab: Lab) -> None:
    said = pulumi(driver(lab, **RETRY), lab.folder, "up", "--yes", "--skip-preview")
    assert "envoy-demo-envoy-config" in said
    assert not changed(driver(lab, **RETRY).preview(expect_no_changes=True))


def test_the_command_destroys_what_the_driver_brought_up(lab: Lab) -> None:
    pulumi(driver(lab, **RETRY), lab.folder, "destroy", "--yes", "--skip-preview", **preferences(lab))
    assert (driver(lab).stack.export_stack().deployment or {}).get("resources") is None
    assert lab.unavailable_deployments() == []
    assert lab.envoy_configs() == []
    assert [name for name in lab.left() if not documented(name)] == []
