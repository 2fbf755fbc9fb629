"""A set-up that meets a slow server waits and tries again; whatever else is wrong is told at once."""

from collections.abc import Callable

import kubernetes.client as client
import pytest

from base.process import CommandFailedError, Completed
from kube.api_objects import AccessError, MissingError, RefusedError
from tests.support.waiting import patiently

SLOW = "Error from server (Timeout): the server was unable to return a response in the time allotted, but may still be "
EXISTS = 'Error from server (AlreadyExists): namespaces "team-00" already exists'


def kubectl(stderr: str) -> CommandFailedError:
    return CommandFailedError(Completed(("kubectl", "create"), 1, "", stderr, 0.1))


def answers(*errors: Exception) -> Callable[[], int]:
    """Raises one after the other, and returns then how often it was asked."""
    left = list(errors)

    def act() -> int:
        if left:
            raise left.pop(0)
        return len(errors) + 1

    return act


@pytest.mark.parametrize(
    "error",
    [
        kubectl(f"{SLOW}processing the request (get deployments.apps)\n"),
        kubectl(f"Warning: something old\n{SLOW}\nError from server: etcdserver: request timed out\n"),
        kubectl("Unable to connect to the server: net/http: TLS handshake timeout\n"),
        client.ApiException(status=504),
        client.ApiException(status=429),
        RefusedError("GET /api/v1/pods", 504, "request timed out"),
        RefusedError("GET /api/v1/pods", 500, "etcdserver: request timed out"),
        AccessError("https://127.0.0.1:6443 does not answer: Read timed out. (read timeout=20.0)"),
    ],
)
def test_a_slow_server_is_asked_again_until_it_answers(error: Exception) -> None:
    assert patiently(answers(error, error), pause=0) == 3


@pytest.mark.parametrize(
    "error",
    [
        kubectl(EXISTS),
        kubectl(f"{SLOW}\n{EXISTS}\n"),
        kubectl(""),
        client.ApiException(status=403),
        RefusedError("GET /api/v1/pods", 403, SLOW),
        MissingError("/api/v1/pods/web is not there"),
        ValueError(SLOW),
    ],
)
def test_what_is_wrong_beside_slowness_is_told_at_once(error: Exception) -> None:
    with pytest.raises(type(error)) as told:
        patiently(answers(error), pause=0)
    assert told.value is error


def test_a_server_that_stays_slow_is_told_when_the_time_is_over() -> None:
    asked = 0

    def act() -> None:
        nonlocal asked
        asked += 1
        raise kubectl(SLOW)

    with pytest.raises(CommandFailedError, match="in the time allotted"):
        patiently(act, limit=0.05, pause=0.02)
    assert 2 <= asked <= 4
