"""Why a pod is not ready, from the status that the kubelet writes."""

from typing import Any

import pytest

from kube.pod_troubles import troubles, troubles_of

ENDED = {"terminated": {"exitCode": 137, "reason": "Error"}}
DONE = {"terminated": {"exitCode": 0, "reason": "Completed"}}
BACK_OFF = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 10s restarting failed container"}}
RUNS: dict[str, Any] = {"running": {}}


def pod(state: dict[str, Any], last: dict[str, Any] | None = None, name: str = "web-0", ready: bool = False) -> Any:
    container = {"name": "web", "state": state, "lastState": last or {}, "ready": ready}
    conditions = [{"type": "Ready", "status": str(ready)}]
    return {
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": "web"}},
        "status": {"phase": "Running", "containerStatuses": [container], "conditions": conditions},
    }


@pytest.mark.parametrize(
    ("state", "last", "told"),
    [
        (
            BACK_OFF,
            ENDED,
            "container web: CrashLoopBackOff: back-off 10s restarting failed container "
            "(it ended with exit code 137, Error)",
        ),
        (BACK_OFF, DONE, "container web: CrashLoopBackOff: back-off 10s restarting failed container"),
        (ENDED, None, "container web ended with exit code 137, Error"),
        (RUNS, ENDED, "container web is not ready yet (it ended with exit code 137, Error)"),
    ],
)
def test_a_container_that_does_not_run_is_named_with_how_it_ended(
    state: dict[str, Any], last: dict[str, Any] | None, told: str
) -> None:
    assert list(troubles_of(pod(state, last))) == [told]


@pytest.mark.parametrize("state", [RUNS, {"waiting": {"reason": "ContainerCreating"}}, DONE, {}])
def test_a_container_on_its_way_is_no_trouble(state: dict[str, Any]) -> None:
    assert list(troubles_of(pod(state))) == []


def test_pods_with_one_trouble_are_told_once_and_ready_ones_not() -> None:
    pods = [pod(ENDED, name="a"), pod(ENDED, name="b"), pod(RUNS, ENDED, name="c", ready=True)]
    assert list(troubles(pods, {"app": "web"})) == ["Pod a and 1 more: container web ended with exit code 137, Error"]
    assert list(troubles(pods, {"app": "other"})) == []
    assert list(troubles(pods, {})) == []
