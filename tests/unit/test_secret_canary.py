"""A known secret goes through every place that the program has for one, and is found nowhere in clear.

Here: stack files, recordings, golden dumps, the driver beside the engine and what commands print. Rendered files and
diffs are in tests/render, verify's reports in tests/verify, the engine's state, outputs and logs in tests/engine.
"""

import argparse
import base64
import json
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pulumi
import pytest
from pulumi.runtime import MockResourceArgs

from meshlab.cli.commands import up
from meshlab.engine import secrets as engine_secrets
from meshlab.engine.backends import URL, backend_for
from meshlab.engine.driver import EngineDriver, InlineStack
from meshlab.engine.outcome import Outcome, Step
from meshlab.engine.secrets import passphrase_file
from meshlab.graph.drawing import svg_of
from meshlab.graph.graph import picture_of
from meshlab.recording import recorder
from meshlab.recording.recorder import ProgramError, encoded, record, stack_config
from meshlab.session import Session
from meshlab.stack import Stack
from meshlab.target import LabError, Target
from settings.errors import SettingsError
from settings.models import Settings
from settings.reading import parse_settings
from tests.golden.test_golden import dump
from tests.support import pretended_pulumi
from tests.support.canary import CANARY, files_below, forms, sightings
from tests.support.stacks import STACKS, overlaid

SECURE = {"secure": CANARY}


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    """The random provider gives the canary, as the secret that its answer is."""

    def new_resource(self: Any, args: MockResourceArgs) -> tuple[str, dict[str, Any]]:
        state: dict[str, Any] = dict(args.inputs)
        if args.typ == recorder.PASSWORD:
            state["result"] = pulumi.Output.secret(CANARY)
        return f"{args.name}-id", state

    monkeypatch.setattr(recorder._Echo, "new_resource", new_resource)


def test_every_form_of_the_canary_would_be_seen() -> None:
    long = f"admin:{CANARY}, and more"
    for shift in range(3):
        text = base64.b64encode(b"x" * shift + long.encode()).decode()
        assert [seen for seen in sightings(CANARY, {"x": text}) if "base64" in seen]
    assert sightings(CANARY, {"x": json.dumps({"a": CANARY})}) == ["x: JSON"]
    assert "x: JSON within JSON" in sightings(CANARY, {"x": json.dumps(json.dumps({"a": CANARY}))})
    assert sightings(CANARY, {"x": f"a {CANARY} b"})[0] == "x: clear"
    assert all(len(form) > 20 for form in forms(CANARY).values())


# A secret in a stack file


def places(value: Any, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    if isinstance(value, dict) and value:
        return [path, *(place for key, entry in value.items() for place in places(entry, (*path, key)))]
    return [path]


@pytest.mark.parametrize("stack", STACKS)
def test_a_secret_in_a_stack_file_is_refused_by_its_place_and_not_shown(stack: str) -> None:
    raw = {key.removeprefix("meshlab:"): value for key, value in stack_config(stack).items()}
    raw |= {name: {} for name in ("charts", "mesh", "meshMonitors", "cluster", "sampleApps") if name not in raw}
    tried = 0
    for section, content in raw.items():
        for path in places(content):
            changed = _with(content, path, SECURE)
            with pytest.raises(SettingsError) as caught:
                parse_settings({**raw, section: changed}, project="meshlab", stack=stack)
            key = ".".join(("meshlab:" + section, *path))
            line = next(line for line in str(caught.value).splitlines() if f"{key}: expected plain values" in line)
            assert line.endswith(")")
            assert "got a secret (remove with: pulumi config rm --path '" in line
            assert sightings(CANARY, {"error": str(caught.value)}) == []
            tried += 1
    assert tried > len(Settings.model_fields)


def _with(value: Any, path: tuple[str, ...], put: Any) -> Any:
    return {**value, path[0]: _with(value[path[0]], path[1:], put)} if path else put


@pytest.mark.parametrize(
    ("key", "values"),
    [
        ("meshlab:monitoring", {"values": {"alertmanager": {"config": {"receivers": [SECURE]}}}}),
        ("meshlab:kiali", {"spec": {"external_services": {"grafana": {"auth": {"password": SECURE}}}}}),
        ("meshlab:istio", {"revisions": {"1-17": {"version": "1.17.6", "values": {"pilot": {"env": {"X": SECURE}}}}}}),
    ],
)
def test_a_secret_in_the_values_that_charts_get_is_refused_where_it_stands(key: str, values: Mapping[str, Any]) -> None:
    config = {**overlaid("dev", {}), key: {**stack_config("dev")[key], **values}}
    with pytest.raises(ProgramError) as caught:
        record("dev", config=config)
    assert f"Pulumi.dev.yaml: {key}." in str(caught.value)
    assert "got a secret" in str(caught.value)
    assert sightings(CANARY, {"error": str(caught.value)}) == []


def test_a_section_that_the_engine_hands_over_decrypted_is_refused_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    # The engine says that `meshlab:kiali` holds a secret, and hands all of it over in clear.
    setting = recorder.set_all_config
    monkeypatch.setattr(recorder, "set_all_config", lambda config: setting(config, ["meshlab:kiali"]))
    with pytest.raises(ProgramError) as caught:
        record("dev", config={"meshlab:kiali": {"version": CANARY, "spec": {"x": CANARY}}})
    assert str(caught.value) == (
        "Pulumi.dev.yaml: meshlab:kiali: expected plain values (a secret goes into a Secret of the cluster, which the "
        "values name: docs/secrets.md), got a secret (remove with: pulumi config rm --path 'meshlab:kiali')"
    )


def test_values_with_a_key_called_secure_beside_others_are_no_secret() -> None:
    raw = {key.removeprefix("meshlab:"): value for key, value in stack_config("dev").items()}
    raw["kiali"] = {**raw["kiali"], "spec": {"server": {"secure": "yes", "port": 1}, "tls": {"secure": True}}}
    parse_settings(raw, project="meshlab", stack="dev")


# Grafana's password


@pytest.mark.usefixtures("known")
@pytest.mark.parametrize("stack", STACKS)
def test_a_generated_password_is_in_no_recording_dump_output_or_picture(stack: str) -> None:
    plain, masked = record(stack), record(stack, generated="<made by up>", masked=True)
    # It did go through: into the Secret that Grafana reads, and into the stack's output.
    assert plain.named("monitoring-grafana-admin").inputs["data"] in (
        recorder.SECRET,
        {
            "admin-user": encoded("admin"),
            "admin-password": recorder.SECRET,
        },
    )
    assert plain.outputs["grafanaPassword"] == recorder.SECRET
    seen = {
        "recording": repr(plain),
        "masked recording": repr(masked),
        "golden dump": dump(plain),
        "golden dump of what is masked": dump(masked),
        "outputs": repr((plain.outputs, masked.outputs)),
        "picture": svg_of(picture_of(plain.resources)),
    }
    assert sightings(CANARY, seen) == []


@pytest.mark.usefixtures("known")
def test_the_canary_is_what_would_be_seen_without_masking() -> None:
    assert sightings(CANARY, {"recording": repr(record("dev", generated="x"))})


def test_up_tells_where_things_are_and_not_the_password(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    outputs = {"grafana": "http://x", "grafanaPassword": CANARY}
    outcome = Outcome((Step("monitoring-grafana-admin", "create", 1.0),), outputs)
    target = Target(Path("kubeconfig"), embedded=False, label="context x")
    driver = cast(EngineDriver, SimpleNamespace(settle=lambda: None, up=lambda: outcome))
    session = Session(target, driver, Stack.load("dev"), place=tmp_path)
    monkeypatch.setattr(up, "open_session", lambda args, say: session)
    for check in ("stop_at_problems", "refuse_strangers"):
        monkeypatch.setattr(up, check, lambda asked, say: None)
    assert up.run(argparse.Namespace(stack="dev", charts=None, plan=None)) == 0
    said = capsys.readouterr()
    assert "http://x" in said.out
    assert sightings(CANARY, {"stdout": said.out, "stderr": said.err}) == []


class Engine:
    """In the place of the Pulumi engine: its stack's outputs have the canary, in clear, and it runs no program."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.said = folder, list[str]()
        monkeypatch.setattr(InlineStack, "up", lambda stack, **options: None)
        outputs = json.dumps({"grafanaPassword": CANARY})
        # Only who asks for secrets gets them; the command lines are kept.
        self._cli = f"""echo "$*" >> {folder}/asked
case "$*" in *--show-secrets*) echo '{outputs}';; *) echo '{{}}';; esac"""

    def driver(self, **over: Any) -> EngineDriver:
        engine = pretended_pulumi.engine(self.folder / "bin", otherwise=self._cli)
        target = Target(self.folder / "kubeconfig", embedded=True, label="test")
        return EngineDriver(engine, target, Stack.load("dev", overlay=over), self.said.append, self.folder / "state")


@pytest.mark.usefixtures("known")
def test_the_driver_asks_for_no_secret_and_keeps_and_tells_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = Engine(tmp_path, monkeypatch)
    driver = engine.driver()
    outcome = driver.up()
    asked = (tmp_path / "asked").read_text(encoding="utf-8")
    assert "stack" in asked
    assert "--show-secrets" not in asked
    files = files_below(tmp_path / "state")
    assert str(tmp_path / "state" / "events" / "dev.jsonl") in files
    seen = {
        **files,
        "command lines": asked,
        "outputs": repr(outcome.outputs),
        "said": "\n".join(engine.said),
        "steps": repr(outcome.steps),
        "recording": repr(driver.recording),
    }
    assert sightings(CANARY, seen) == []


PLAIN = {"values": {"grafana": {"adminPassword": CANARY}}}
"""A password that somebody wrote into the stack file, which a policy is against."""


def test_what_the_policies_say_of_a_password_does_not_show_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine(tmp_path, monkeypatch)
    engine.driver(monitoring=PLAIN, policy={"enforcement": "advisory"}).up()
    assert [line for line in engine.said if line.startswith("  policy (advisory) no-plain-secrets: ")]
    assert sightings(CANARY, {"said": "\n".join(engine.said)}) == []


def test_a_refusal_by_the_policies_shows_no_password_and_comes_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver = Engine(tmp_path, monkeypatch).driver(monitoring=PLAIN, policy={"enforcement": "mandatory"})
    before = (tmp_path / "asked").read_text(encoding="utf-8")
    monkeypatch.setattr(InlineStack, "up", lambda stack, **options: pytest.fail("up began"))
    with pytest.raises(LabError, match=r"no-plain-secrets: .*\n.*nothing was changed: these policies are") as caught:
        driver.up()
    assert sightings(CANARY, {"error": str(caught.value)}) == []
    assert (tmp_path / "asked").read_text(encoding="utf-8") == before


def test_the_passphrase_is_in_one_file_that_only_its_owner_reads(tmp_path: Path) -> None:
    path = passphrase_file(tmp_path)
    secret = path.read_text(encoding="utf-8")
    assert len(secret) >= 32
    assert path.stat().st_mode & 0o777 == 0o600
    assert passphrase_file(tmp_path).read_text(encoding="utf-8") == secret
    assert sightings(secret, {name: text for name, text in files_below(tmp_path).items() if name != str(path)}) == []


# What locks the state


def environment(stack_file: Mapping[str, Any], state: Path) -> dict[str, str]:
    return engine_secrets.passphrase_environment("prod", stack_file, state, backend_for(state, embedded=False))


@pytest.fixture
def variables(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in (engine_secrets.PASSPHRASE, engine_secrets.PASSPHRASE_FILE, URL):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


@pytest.mark.usefixtures("variables")
def test_a_state_of_our_own_has_a_passphrase_of_our_own(tmp_path: Path) -> None:
    assert environment({}, tmp_path) == {engine_secrets.PASSPHRASE_FILE: str(tmp_path / "passphrase")}


@pytest.mark.parametrize("name", [engine_secrets.PASSPHRASE, engine_secrets.PASSPHRASE_FILE])
def test_a_passphrase_that_is_given_is_used_and_none_is_made(
    variables: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    variables.setenv(name, CANARY)
    assert environment({}, tmp_path) == {}
    assert list(tmp_path.iterdir()) == []


def test_an_empty_passphrase_is_refused_since_it_locks_nothing(variables: pytest.MonkeyPatch, tmp_path: Path) -> None:
    variables.setenv(engine_secrets.PASSPHRASE, "")
    with pytest.raises(LabError, match=r"^PULUMI_CONFIG_PASSPHRASE: expected a passphrase .* got an empty one \("):
        environment({}, tmp_path)


def test_a_passphrase_is_not_made_up_for_a_state_that_others_share(
    variables: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    variables.setenv(URL, "s3://state")
    with pytest.raises(
        LabError,
        match=r"^PULUMI_CONFIG_PASSPHRASE: expected the passphrase of prod, whose state is in s3://state \(PULUMI_",
    ):
        environment({}, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_where_a_key_service_locks_the_state_no_passphrase_is_asked_for(
    variables: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    variables.setenv(URL, "s3://state")
    variables.setenv(engine_secrets.PASSPHRASE, "")
    assert environment({"secretsprovider": "awskms://alias/meshlab"}, tmp_path) == {}
    assert engine_secrets.key_service({"secretsprovider": "passphrase"}) is None


@pytest.mark.parametrize("token", ["PULUMI_ACCESS_TOKEN", URL])
def test_pulumi_cloud_asks_for_a_passphrase_only_where_the_stack_file_does(
    variables: pytest.MonkeyPatch, tmp_path: Path, token: str
) -> None:
    variables.setenv(token, "https://cloud.example")
    assert environment({}, tmp_path) == environment({"secretsprovider": "default"}, tmp_path) == {}
    for asking in ({"secretsprovider": "passphrase"}, {"encryptionsalt": "v1:salt"}):
        with pytest.raises(LabError, match=r"^PULUMI_CONFIG_PASSPHRASE: expected the passphrase of prod"):
            environment(asking, tmp_path)
    assert list(tmp_path.iterdir()) == []
