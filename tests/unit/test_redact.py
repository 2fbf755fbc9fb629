"""A log without the secrets of a stack: every form of each, and nothing else."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from pulumi.runtime import rpc

from base.pulumi_values import SECRET, SIGNATURE_KEY
from meshlab.cli import main as cli
from meshlab.cli.commands import redact as redact
from meshlab.engine.backends import URL
from meshlab.engine.secrets import PASSPHRASE
from meshlab.redact.redaction import REDACTED, redacted, secrets_of
from tests.support.canary import CANARY, forms, sightings

SIGNATURE = {SIGNATURE_KEY: SECRET}


def state(*secrets: Any) -> dict[str, Any]:
    """State as `stack export --show-secrets` gives it."""
    resources = [
        {"urn": "x", "outputs": {"open": "in the clear", "shut": {**SIGNATURE, "plaintext": json.dumps(secret)}}}
        for secret in secrets
    ]
    return {"version": 3, "deployment": {"manifest": {}, "resources": resources}}


def test_secrets_are_marked_as_pulumis_sdk_marks_them() -> None:
    assert (rpc._special_sig_key, rpc._special_secret_sig) == (SIGNATURE_KEY, SECRET)


def test_the_secrets_of_a_stack_are_what_its_state_holds_locked() -> None:
    found = secrets_of(state(CANARY, {"admin-user": "admin", "admin-password": "lxbJhaHvbhBE"}, ["another one"]))
    assert found == {CANARY, "lxbJhaHvbhBE", "another one"}


@pytest.mark.parametrize("form", [form for form in forms(CANARY) if "base64" not in form])
def test_a_secret_goes_in_every_form(form: str) -> None:
    line = b"before " + forms(CANARY)[form] + b" after"
    text, count = redacted(line.decode(), {CANARY})
    assert sightings(CANARY, {"log": text}) == []
    assert count >= 1
    assert text.startswith("before ")
    assert text.endswith(" after")


@pytest.mark.parametrize("shift", range(3))
def test_a_secret_within_something_that_was_encoded_goes_too(shift: int) -> None:
    encoded = base64.b64encode(b"-" * shift + f"{CANARY} and more".encode()).decode()
    text, _ = redacted(f"data: {encoded}", {CANARY})
    assert sightings(CANARY, {"log": text}) == []


def test_a_text_without_secrets_stays_as_it_is() -> None:
    assert redacted("nothing here\n", {CANARY}) == ("nothing here\n", 0)


@pytest.fixture
def pulumi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A CLI that exports what lies beside it."""
    folder = tmp_path / "bin"
    folder.mkdir()
    program = folder / "pulumi"
    program.write_text(
        "#!/bin/sh\n"
        'case "$*" in *version*) echo v3.260.0; exit 0;; esac\n'
        f'echo "$*" >> {folder}/asked\n'
        f"cat {folder}/state || (echo 'error: incorrect passphrase' >&2; exit 255)\n",
        encoding="utf-8",
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.delenv(URL, raising=False)
    monkeypatch.setenv(PASSPHRASE, "the passphrase itself")
    monkeypatch.setattr(redact, "STATE", tmp_path / "state")
    return folder


def test_a_log_is_rewritten_in_place_and_for_its_owner_alone(
    pulumi: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (pulumi / "state").write_text(json.dumps(state(CANARY)), encoding="utf-8")
    log = tmp_path / "engine.log"
    log.write_text(f"a {CANARY} b\nthe passphrase itself\nc\n", encoding="utf-8")
    assert cli.main(["redact", str(log)]) == 0
    assert log.read_text(encoding="utf-8") == f"a {REDACTED} b\n{REDACTED}\nc\n"
    assert log.stat().st_mode & 0o777 == 0o600
    assert capsys.readouterr().out == f"{log}: 2 places of 2 secrets of dev, of 8 characters and more\n"
    asked = (pulumi / "asked").read_text(encoding="utf-8")
    assert asked == "--non-interactive stack export --show-secrets --stack dev\n"


def test_where_the_secrets_cannot_be_read_the_log_stays_and_it_is_said(
    pulumi: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "engine.log"
    log.write_text(CANARY, encoding="utf-8")
    assert cli.main(["redact", str(log)]) == 1
    assert "dev: its secrets cannot be read, so that nothing was redacted: " in capsys.readouterr().err
    assert log.read_text(encoding="utf-8") == CANARY


def test_a_log_that_is_not_there_is_named(pulumi: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (pulumi / "state").write_text(json.dumps(state(CANARY)), encoding="utf-8")
    assert cli.main(["redact", str(tmp_path / "none.log")]) == 1
    assert capsys.readouterr().err == f"{tmp_path}/none.log: expected a log to read, got: No such file or directory\n"
