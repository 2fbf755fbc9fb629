"""Pins of the engine hold together: the CLI, its SDK, the versions that fit, and what the project file asks for."""

import re

import pytest

from embedded.tools import pins
from embedded.tools.pins import parse_version
from meshlab.engine.programs import CLI, PROVIDERS
from meshlab.recording.recorder import ROOT
from meshlab.stackfile.reading import read_project

MINORS_AHEAD = 12
"""By how many minor releases the CLI may be newer than its SDK: about what is released in a season."""


def sdk(name: str) -> tuple[int, ...]:
    """The version of an SDK that requirements.txt pins."""
    pins = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    found = re.search(rf"^{name}==(\S+)", pins, re.MULTILINE)
    assert found, f"requirements.txt pins {name}"
    return parse_version(found[1]) or ()


def cli() -> tuple[int, ...]:
    return parse_version(pins.table()[CLI].release) or ()


def test_the_cli_is_of_its_sdks_release_line_and_not_older() -> None:
    assert cli()[0] == sdk("pulumi")[0]
    assert cli() >= sdk("pulumi")
    assert cli()[1] - sdk("pulumi")[1] <= MINORS_AHEAD


def test_the_cli_that_is_built_is_one_that_would_be_taken_from_path() -> None:
    tool = pins.table()[CLI]
    assert tool.fits(cli())
    assert tool.fits(sdk("pulumi"))


def test_the_libraries_of_the_cli_are_of_its_own_release() -> None:
    """The stand-in of the random provider is built from them."""
    table = pins.table()
    assert table["pulumi-resource-random"].tag == table[CLI].tag


@pytest.mark.parametrize("name", PROVIDERS)
def test_a_provider_is_of_its_sdks_major_version(name: str) -> None:
    tool, wanted = pins.table()[f"pulumi-resource-{name}"], sdk(f"pulumi-{name}")
    assert (parse_version(tool.release) or ())[0] == wanted[0]
    assert tool.fits(wanted)
    assert tool.at_least == (parse_version(tool.release) or ())[:2], "what is older than ours was not tried"


def test_plain_pulumi_asks_for_the_versions_that_we_take_from_path() -> None:
    tool = pins.table()[CLI]
    oldest, newer = (".".join(map(str, (*bound, 0, 0)[:3])) for bound in (tool.at_least, tool.below))
    for file in (ROOT / "Pulumi.yaml", ROOT / "examples" / "two_components" / "Pulumi.yaml"):
        assert read_project(file)["requiredPulumiVersion"] == f">={oldest} <{newer}"
