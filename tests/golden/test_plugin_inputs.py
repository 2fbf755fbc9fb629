"""The inputs of the package's components are the settings of a stack file."""

import pytest

from tests.support.plugin_inputs import FILE, written


def test_a_change_to_the_settings_shows_in_the_inputs_of_the_package(request: pytest.FixtureRequest) -> None:
    now = written()
    if request.config.getoption("--update-golden"):
        FILE.write_text(now, encoding="utf-8")
    assert FILE.read_text(encoding="utf-8") == now, "run `make golden`, read the diff, and commit it"
