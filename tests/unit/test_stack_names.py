"""The forms in which a stack may be named."""

import argparse

import pytest

from meshlab.cli import main as cli
from meshlab.stackfile.stack_names import StackName, add_stack_option, reference_of


@pytest.mark.parametrize("given", ["prod", "acme/prod", "acme/meshlab/prod"])
def test_the_file_goes_by_the_last_part_and_the_backend_by_all(given: str) -> None:
    parser = argparse.ArgumentParser()
    add_stack_option(parser)
    stack = parser.parse_args(["--stack", given]).stack
    assert (f"Pulumi.{stack}.yaml", reference_of(stack)) == ("Pulumi.prod.yaml", given)


@pytest.mark.parametrize("given", ["", "/prod", "acme/", "acme/meshlab/eu/prod", "acme/shop/prod"])
def test_another_form_or_another_project_is_refused(given: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match=r"^expected "):
        StackName.of(given)


def test_the_command_line_says_what_it_expected(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["preview", "--stack", "acme/shop/prod"])
    assert "expected a stack of project meshlab, got one of shop: acme/shop/prod" in capsys.readouterr().err
