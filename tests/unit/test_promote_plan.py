"""Which pins go from one stack to the next, what is never taken along, and what is refused as a step back."""

from itertools import pairwise
from typing import Any

import pytest
from pydantic.alias_generators import to_camel

from meshlab.promote.moves import written
from meshlab.promote.pins import LOCAL_THRESHOLDS, ORDER, PINS
from meshlab.promote.plan import Promotion, plan
from meshlab.promote.stack_file import EditedStackFile
from meshlab.promote.status import status_lines
from meshlab.recording.recorder import ProgramError, stack_config
from meshlab.stack import Stack
from settings.alert_rules import AlertThresholds
from settings.models import Settings
from tests.support.pins import pinned
from tests.support.stacks import STACKS, with_config

Config = dict[str, Any]


def small(**revisions: str) -> Config:
    """A stack with the revisions given as `r1_30="1.30.3"`, of the supported versions."""
    return {
        "meshlab:istio": {
            "revisions": {name[1:].replace("_", "-"): {"version": version} for name, version in revisions.items()}
        },
        "meshlab:monitoring": {"version": "88.5.3"},
        "meshlab:kiali": {"version": "2.29.0"},
    }


def planned(source: Config, target: Config, *sections: str) -> Promotion:
    return plan(with_config("staging", source), with_config("prod", target), *([sections] if sections else []))


def moves(found: Promotion) -> dict[str, Any]:
    return {written(move.key).removeprefix("meshlab:"): move.after for move in found.moves}


def setbacks(found: Promotion) -> list[str]:
    return [written(setback.key).removeprefix("meshlab:") for setback in found.setbacks]


@pytest.fixture
def source() -> Config:
    return pinned("staging")


@pytest.fixture
def target() -> Config:
    return pinned("prod")


def test_stacks_with_the_same_pins_have_nothing_to_promote(source: Config, target: Config) -> None:
    found = planned(source, target)
    assert (found.moves, found.setbacks, found.notes) == ((), (), ())


def test_newer_versions_are_taken_along(source: Config, target: Config) -> None:
    target["meshlab:kiali"]["version"] = "2.28.0"
    target["meshlab:istio"]["revisions"]["1-30"]["version"] = "1.30.2"
    assert moves(planned(source, target)) == {
        "istio.revisions.1-30.version": "1.30.3",
        "kiali.version": "2.29.0",
    }


def test_sizes_storage_access_and_mesh_membership_stay_as_they_are(source: Config, target: Config) -> None:
    source["meshlab:monitoring"] |= {"retention": "1d", "storage": {"size": "1Gi"}, "grafanaAnonymous": True}
    source["meshlab:istio"]["revisions"]["1-30"] |= {"replicas": 7, "resources": {"limits": {"memory": "9Gi"}}}
    source["meshlab:kiali"] |= {"authStrategy": "anonymous"}
    source["meshlab:cluster"] = {"imageRegistry": "registry.example"}
    source["meshlab:meshMonitors"] = {"interval": "5s", "thresholds": {"minimumRequestsPerSecond": 9.0}}
    assert planned(source, target).moves == ()


def test_every_threshold_is_promoted_but_the_ones_that_hang_on_traffic() -> None:
    promoted = {pin.path[-1] for pin in PINS if "thresholds" in pin.path}
    assert promoted == set(AlertThresholds.model_fields) - LOCAL_THRESHOLDS
    assert set(AlertThresholds.model_fields) >= LOCAL_THRESHOLDS


def test_every_pin_is_a_setting_of_the_program() -> None:
    for pin in PINS:
        model: Any = Settings
        for name in pin.path:
            assert name in model.model_fields, pin
            model = model.model_fields[name].annotation


def test_the_order_has_every_stack_once_but_the_handbooks() -> None:
    assert sorted([*ORDER, "dev"]) == STACKS


def test_no_stack_has_anything_older_than_the_one_after_it() -> None:
    for one, other in pairwise(ORDER):
        assert plan(Stack.load(one), Stack.load(other)).setbacks == ()


def test_a_threshold_is_added_or_removed_as_the_source_has_it(source: Config, target: Config) -> None:
    source["meshlab:meshMonitors"] = {"thresholds": {"errorBudgetRatio": 0.02}}
    (move,) = planned(source, target).moves
    assert (move.key, move.before, move.after, move.drop) == (
        ("meshMonitors", "thresholds", "errorBudgetRatio"),
        0.01,
        0.02,
        False,
    )
    (back,) = planned(target, source).moves
    assert (back.after, back.drop) == (0.01, True)


def test_a_part_that_one_of_the_two_does_not_run_is_left_alone(source: Config, target: Config) -> None:
    assert target["meshlab:envoyDemo"] == {"enabled": False}
    assert source["meshlab:envoyDemo"]["scenario"] != "base"
    assert "envoyDemo.scenario" not in moves(planned(source, target))
    target["meshlab:envoyDemo"]["enabled"] = True
    assert moves(planned(source, target)) == {"envoyDemo.scenario": "retry"}


def test_nothing_goes_back_to_an_older_version(source: Config, target: Config) -> None:
    target["meshlab:istio"]["revisions"]["1-30"]["version"] = "1.30.4"
    source["meshlab:monitoring"]["version"] = "42.2.1"
    source["meshlab:kiali"]["version"] = "1.59.1"
    found = planned(source, target)
    assert setbacks(found) == ["istio.revisions.1-30.version", "monitoring.version", "kiali.version"]
    assert found.moves == ()


def test_only_the_sections_asked_for_are_compared(source: Config, target: Config) -> None:
    source["meshlab:kiali"]["version"] = "1.59.1"
    target["meshlab:istio"]["revisions"]["1-30"]["version"] = "1.30.2"
    found = planned(source, target, "istio")
    assert moves(found) == {"istio.revisions.1-30.version": "1.30.3"}
    assert setbacks(found) == []


def test_a_new_control_plane_comes_as_large_as_the_one_it_is_to_relieve(source: Config, target: Config) -> None:
    source["meshlab:istio"]["revisions"]["1-31"] = {"version": "1.31.0", "replicas": 1}
    source["meshlab:istio"]["defaultRevision"] = "1-30"
    sizes = {key: value for key, value in target["meshlab:istio"]["revisions"]["1-30"].items() if key != "version"}
    found = planned(source, target)
    assert moves(found) == {
        "istio.revisions.1-31": {"version": "1.31.0", **sizes},
        "istio.defaultRevision": "1-30",
    }
    assert sizes["replicas"] == 2
    # The tag has not moved in staging, so that it does not in prod.
    assert found.notes == ()


def test_a_tag_that_moved_in_the_source_moves_in_the_target(source: Config, target: Config) -> None:
    for config in (source, target):
        config["meshlab:istio"]["revisions"]["1-31"] = {"version": "1.31.0"}
        config["meshlab:istio"]["defaultRevision"] = "1-30"
    source["meshlab:istio"]["tags"]["stable"] = "1-31"
    found = planned(source, target)
    assert moves(found) == {"istio.tags.stable": "1-31"}
    assert setbacks(planned(target, source)) == ["istio.tags.stable"]


def test_the_default_revision_follows_the_source(source: Config, target: Config) -> None:
    for config in (source, target):
        config["meshlab:istio"]["revisions"]["1-31"] = {"version": "1.31.0"}
        config["meshlab:istio"]["defaultRevision"] = "1-30"
    source["meshlab:istio"]["defaultRevision"] = "1-31"
    assert moves(planned(source, target)) == {"istio.defaultRevision": "1-31"}
    assert setbacks(planned(target, source)) == ["istio.defaultRevision"]


def test_installing_a_control_plane_and_moving_to_it_at_once_is_pointed_out() -> None:
    source, target = small(r1_31="1.31.0"), small(r1_30="1.30.3")
    source["meshlab:istio"]["tags"], target["meshlab:istio"]["tags"] = {"stable": "1-31"}, {"stable": "1-30"}
    found = planned(source, target)
    assert list(moves(found)) == ["istio.revisions.1-31", "istio.tags.stable", "istio.defaultRevision"]
    assert [note for note in found.notes if "in the very update that installs it" in note] == [
        f"istio.{what} moves to 1-31 in the very update that installs it; to go step by step, put 1-30 back in "
        "Pulumi.prod.yaml for now, and promote again once 1-31 runs there"
        for what in ("tags.stable", "defaultRevision")
    ]


def test_no_control_plane_is_removed_since_proxies_may_be_connected_to_it() -> None:
    target = small(r1_30="1.30.3", r1_31="1.31.0")
    target["meshlab:istio"]["defaultRevision"] = "1-31"
    found = planned(small(r1_31="1.31.0"), target)
    assert found.moves == ()
    assert found.notes[0].startswith("revision 1-30 stays in prod: promotion removes no control plane")


def test_an_old_control_plane_that_the_target_has_done_with_does_not_come_back() -> None:
    source = small(r1_30="1.30.3", r1_31="1.31.0")
    source["meshlab:istio"]["defaultRevision"] = "1-31"
    found = planned(source, small(r1_31="1.31.0"))
    assert (found.moves, found.setbacks) == ((), ())
    source["meshlab:istio"]["defaultRevision"] = "1-30"
    assert setbacks(planned(source, small(r1_31="1.31.0"))) == ["istio.revisions.1-30.version"]


@pytest.mark.parametrize("stack", ORDER)
def test_a_stack_file_that_nothing_moves_in_stays_byte_for_byte(stack: str) -> None:
    file = EditedStackFile(stack)
    assert file.text() == file.path.read_text(encoding="utf-8")


PROD_LIKE = """\
# Why this stack is as it is.
encryptionsalt: v1:abc=:v1:def
config:
  meshlab:istio:
    # The control planes.
    revisions:
      1-30:
        version: 1.30.2  # until the next window
        resources:
          limits: {cpu: "2", memory: 4Gi}  # enough
    # What namespaces follow.
    tags:
      stable: 1-30

  # Since the last incident:
  meshlab:monitoring:
    version: 88.5.3
    retention: '30d'
  meshlab:kiali:
    version: 2.29.0
"""


PROMOTED = """\
# Why this stack is as it is.
encryptionsalt: v1:abc=:v1:def
config:
  meshlab:istio:
    # The control planes.
    revisions:
      1-30:
        version: 1.30.3  # until the next window
        resources:
          limits: {cpu: "2", memory: 4Gi}  # enough
      1-31:
        version: 1.31.0
        resources:
          limits: {cpu: "2", memory: 4Gi}
    # What namespaces follow.
    tags:
      stable: 1-31
    defaultRevision: 1-31

  # Since the last incident:
  meshlab:monitoring:
    version: 88.5.3
    retention: '30d'
  meshlab:kiali:
    version: 2.29.0
  meshlab:meshMonitors:
    thresholds:
      errorBudgetRatio: 0.02
"""


def test_comments_order_quotes_and_the_salt_stay_and_only_the_pins_change(tmp_path: Any) -> None:
    path = tmp_path / "Pulumi.prod.yaml"
    path.write_text(PROD_LIKE, encoding="utf-8")
    source = small(r1_30="1.30.3", r1_31="1.31.0")
    source["meshlab:istio"] |= {"tags": {"stable": "1-31"}, "defaultRevision": "1-31"}
    source["meshlab:meshMonitors"] = {"thresholds": {"errorBudgetRatio": 0.02}}
    file = EditedStackFile("prod", tmp_path)
    file.make(planned(source, stack_config("prod", tmp_path)).moves)
    assert path.read_text(encoding="utf-8") == PROD_LIKE
    file.write()
    assert path.read_text(encoding="utf-8") == PROMOTED
    assert planned(source, stack_config("prod", tmp_path)).moves == ()
    assert list(tmp_path.iterdir()) == [path]


def test_a_pin_that_goes_takes_the_mappings_along_that_held_nothing_else(tmp_path: Any) -> None:
    path = tmp_path / "Pulumi.prod.yaml"
    extra = "  meshlab:meshMonitors:\n    thresholds:\n      errorBudgetRatio: 0.02\n"
    path.write_text(PROD_LIKE + extra, encoding="utf-8")
    file = EditedStackFile("prod", tmp_path)
    file.make(planned(small(r1_30="1.30.2"), stack_config("prod", tmp_path)).moves)
    assert file.text() == PROD_LIKE


def test_a_write_that_fails_leaves_the_file_whole(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "Pulumi.prod.yaml"
    path.write_text(PROD_LIKE, encoding="utf-8")
    file = EditedStackFile("prod", tmp_path)
    file.make(planned(small(r1_30="1.30.3"), stack_config("prod", tmp_path)).moves)

    def no_space(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", no_space)
    with pytest.raises(OSError, match="No space"):
        file.write()
    assert path.read_text(encoding="utf-8") == PROD_LIKE
    assert list(tmp_path.iterdir()) == [path]


def test_a_wrong_stack_file_is_named(source: Config, target: Config) -> None:
    target["meshlab:kiali"]["version"] = "2"
    with pytest.raises(ProgramError, match=r"^Pulumi\.prod\.yaml: meshlab:kiali\.version: expected"):
        planned(source, target)


def test_status_shows_every_pin_and_how_far_each_stack_is_behind(tmp_path: Any) -> None:
    configs = {"next": small(r1_31="1.31.0"), "staging": small(r1_30="1.30.3"), "prod": small(r1_30="1.30.3")}
    configs["next"]["meshlab:kiali"]["version"] = "2.28.0"
    lines = status_lines([with_config(*config) for config in configs.items()], tmp_path)
    assert lines[0].split() == ["pin", "next", "staging", "prod"]
    assert [line.split()[-3:] for line in lines if line.startswith("revision 1-31")] == [["1.31.0", "-", "-"]]
    assert [line.split() for line in lines if line.startswith("kiali.version")] == [
        ["kiali.version", "2.28.0", "2.29.0", "2.29.0"]
    ]
    assert not [line for line in lines if "thresholds" in line]
    assert lines[-2:] == [
        "staging: 2 behind next (meshlab:istio.revisions.1-31, meshlab:istio.defaultRevision); "
        "1 ahead of next (meshlab:kiali.version)",
        "prod has every pin of staging",
    ]


def test_status_shows_thresholds_only_where_they_differ(tmp_path: Any) -> None:
    configs = {"next": small(r1_30="1.30.3"), "staging": small(r1_30="1.30.3")}
    configs["next"]["meshlab:meshMonitors"] = {"thresholds": {to_camel("error_budget_ratio"): 0.02}}
    shown = [
        line.split()
        for line in status_lines([with_config(*config) for config in configs.items()], tmp_path)
        if "thresholds" in line
    ]
    assert shown[0] == ["meshMonitors.thresholds.errorBudgetRatio", "0.02", "0.01"]
    assert len(shown) == 2
