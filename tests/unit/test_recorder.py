"""The recording is the program's alone: what the SDK does in any order does not show in it."""

import asyncio
import random
import threading
from typing import Any, cast

import pytest
from pulumi.runtime.settings import SETTINGS, Settings, configure

from meshlab.recording.recorder import Recording, ordered, record


def test_two_runs_of_the_same_program_give_the_same_recording(dev: Recording) -> None:
    again = record("dev")
    assert again.resources == dev.resources
    assert again.outputs == dev.outputs


def test_resources_stand_in_one_order_however_they_were_registered(dev: Recording) -> None:
    for seed in range(20):
        shuffled = random.Random(seed).sample(dev.resources, len(dev.resources))
        assert tuple(ordered(shuffled)) == dev.resources


def test_each_resource_stands_after_all_that_it_needs(dev: Recording) -> None:
    place = {one.urn: number for number, one in enumerate(dev.resources)}
    for resource in dev.resources:
        needs = [resource.parent, resource.provider.rpartition("::")[0], *resource.depends_on]
        assert all(place[need] < place[resource.urn] for need in needs if need)


def test_the_caller_s_kubeconfig_is_no_part_of_the_recording(dev: Recording, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", "/home/somebody/kubeconfig")
    assert record("dev").resources == dev.resources


class NotOurs(asyncio.Future[None]):
    """An output that is to be waited for by nobody: a wait fails at once."""

    def add_done_callback(self, *given: Any, **more: Any) -> None:
        raise AssertionError("a recording waits for an output of another run")


def test_a_recording_waits_for_nothing_of_another_run() -> None:
    """The SDK's mocks share what is waited for with the last program that ran in this process, if nobody parts them."""
    elsewhere = asyncio.new_event_loop()
    output = NotOurs(loop=elsewhere)

    def another_run() -> None:
        configure(Settings(project="p", stack="another"))
        cast(Any, SETTINGS).outputs.add(output)

    thread = threading.Thread(target=another_run)
    thread.start()
    thread.join()
    assert record("dev").resources
    elsewhere.close()
