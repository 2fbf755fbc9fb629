"""One stack on a named cluster, its state in one backend after the other, by the real CLI. In file order.

It begins with nobody logged in, moves to a folder by the commands of docs/backends.md, and is copied from there to a
bucket and to Pulumi Cloud, both on loopback.
"""

import base64
import hashlib
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from base import process
from embedded.cluster import EmbeddedCluster
from embedded.tools import toolchain
from meshlab.cli.commands import promote
from meshlab.engine.programs import find_cli
from meshlab.engine.unfinished_destroy import LOOKING
from meshlab.recording.recorder import PASSWORD, ROOT
from meshlab.stack import Stack
from tests.support.bucket import REGION, put, s3_server
from tests.support.charts import chart_folder
from tests.support.command_apart import apart, meshlab
from tests.support.inventory import objects
from tests.support.lab import state_file
from tests.support.pulumi_cloud import SEAL, TOKEN, Cloud, pulumi_cloud

pytestmark = pytest.mark.timeout(900)

PASSPHRASE = "PULUMI_CONFIG_PASSPHRASE_FILE"
ACCOUNT = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": REGION}
BUCKET, LEGACY = "states", "old-states"


@dataclass(frozen=True)
class Desk:
    """Where somebody types, who has a kubeconfig with one context."""

    cluster: EmbeddedCluster
    folder: Path
    pulumi: str
    bucket: str
    """The address of the bucket's server."""
    cloud: Cloud

    @property
    def team(self) -> str:
        """The folder of a file backend that others share."""
        return (self.folder / "team").as_uri()

    @property
    def s3(self) -> str:
        return self.address_of(BUCKET)

    def address_of(self, bucket: str) -> str:
        return f"s3://{bucket}?endpoint={self.bucket}&s3ForcePathStyle=true&region={REGION}"

    @property
    def uid(self) -> str:
        (kube_system,) = objects(self.cluster, "namespace", "kube-system")
        return str(kube_system["metadata"]["uid"])

    @property
    def ours(self) -> Path:
        """The folder of a state of ours on this cluster."""
        return self.folder / "state" / "on" / self.uid

    def env(self, **more: str) -> dict[str, str | None]:
        return {
            "MESHLAB_STATE": str(self.folder / "state"),
            "KUBECONFIG": str(self.cluster.kubeconfig),
            "PULUMI_HOME": str(self.folder / "home"),
            **more,
        }

    def run(self, command: str, *words: str, stack: str = "dev", **env: str) -> process.Completed:
        return meshlab(*self.words(command, stack), *words, env=self.env(**env))

    def killed(self, command: str, said: str, **env: str) -> None:
        """kill -9 of a command and all that it has started, once it has said this."""
        environment = {key: value for key, value in {**os.environ, **self.env(**env)}.items() if value is not None}
        with subprocess.Popen(
            apart(*self.words(command, "dev")), cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
        ) as running:
            assert running.stdout is not None
            assert any(re.search(said, line) for line in running.stdout)
            family = psutil.Process(running.pid)
            for one in [family, *family.children(recursive=True)]:
                one.kill()

    def words(self, command: str, stack: str) -> list[str]:
        context = json.loads(self.cluster.kubectl("config", "view", "-o", "json").stdout)["current-context"]
        charts = () if command == "recover" else ("--charts", str(chart_folder("dev")))
        return [command, "--stack", stack, "--cluster", context, *charts]

    def done(self, command: str, *words: str, stack: str = "dev", **env: str) -> str:
        """What a command said that went through."""
        found = self.run(command, *words, stack=stack, **env)
        assert found.code == 0, found.stdout + found.stderr
        return found.stdout

    def cli(self, *words: str, check: bool = True, **env: str) -> process.Completed:
        """Plain `pulumi` in a project of its own, so that the checkout's files stay as they are."""
        project = self.folder / hashlib.sha256(env.get("PULUMI_BACKEND_URL", "").encode()).hexdigest()[:8]
        project.mkdir(exist_ok=True)
        (project / "Pulumi.yaml").write_text("name: meshlab\nruntime: python\n", encoding="utf-8")
        words = (self.pulumi, "--non-interactive", *words)
        return process.run(words, timeout=120, cwd=project, env=self.env(**env), check=check)

    def state_in(self, backend: Mapping[str, str], stack: str = "dev") -> dict[str, Any]:
        return json.loads(self.cli("stack", "export", "--stack", stack, **backend).stdout)["deployment"]

    def as_documented(self, ours: str, passphrase: Path, mine: str) -> None:
        """Type what docs/backends.md says of moving."""
        text = (ROOT / "docs" / "backends.md").read_text(encoding="utf-8").partition("## Moving a state")[2]
        block = text.partition("\n## ")[0].partition("The passphrase moves")[0]
        typed = [line.strip() for line in block.splitlines() if line.startswith("    ")]
        script = "\n".join(["set -e", *(line for line in typed if not line.startswith("export "))])
        places = {"OURS": ours, "MINE": mine, PASSPHRASE: str(passphrase)}
        path = f"{Path(self.pulumi).parent}:{os.environ['PATH']}"
        project = self.folder / "moving"
        shutil.rmtree(project, ignore_errors=True)
        project.mkdir()
        (project / "Pulumi.yaml").write_text("name: meshlab\nruntime: python\n", encoding="utf-8")
        process.run(
            ["bash", "-c", script], timeout=120, cwd=project, env={**self.env(), **places, "PATH": path}, stdin=""
        )
        assert not (project / "dev.json").exists()

    def copied_to(self, stack: str, **backend: str) -> None:
        """Put the team's state into another backend, and leave the team's."""
        file = self.folder / "copy.json"
        self.cli("stack", "export", "--stack", "dev", "--file", str(file), **TEAM(self))
        self.cli("stack", "init", stack, **backend)
        self.cli("stack", "import", "--stack", stack, "--file", str(file), **{**LOCK(self), **backend})


def LOCK(desk: Desk) -> dict[str, str]:  # noqa: N802 - read as a constant
    """The passphrase that was made for the state of ours: it moves with the state."""
    return {PASSPHRASE: str(desk.ours / "passphrase")}


def TEAM(desk: Desk) -> dict[str, str]:  # noqa: N802 - read as a constant
    return {"PULUMI_BACKEND_URL": desk.team, **LOCK(desk)}


def S3(desk: Desk) -> dict[str, str]:  # noqa: N802
    return {"PULUMI_BACKEND_URL": desk.s3, **LOCK(desk), **ACCOUNT}


def CLOUD(desk: Desk) -> dict[str, str]:  # noqa: N802
    """Nothing but a token, and where its service is."""
    return {"PULUMI_API": desk.cloud.url, "PULUMI_ACCESS_TOKEN": TOKEN}


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    folder = tmp_path_factory.mktemp("backends")
    with ExitStack() as ending:
        try:
            toolchain.ensure(["pilot-discovery", "helm"])
            cluster = ending.enter_context(EmbeddedCluster.up("named", state_dir=folder / "named", injection=True))
        except toolchain.ToolsMissingError as missing:
            pytest.skip(str(missing))
        address = ending.enter_context(s3_server(folder / "s3.log"))
        for path in (BUCKET, LEGACY):
            put(address, path)
        put(address, f"{LEGACY}/.pulumi/stacks/dev.json", b"{}")
        (folder / "team").mkdir()
        cloud = ending.enter_context(pulumi_cloud())
        yield Desk(cluster, folder, find_cli(print), address, cloud)


def unchanged(said: str) -> bool:
    return " 0 would change" in said or ", 0 changed, " in said


def test_who_never_logged_in_gets_a_state_of_ours_and_is_told(desk: Desk) -> None:
    said = desk.done("up")
    assert f"state: {(desk.ours / 'pulumi').as_uri()} (meshlab's own: you have no backend)" in said
    assert state_file(desk.ours).is_file()
    assert not (desk.folder / "home" / "credentials.json").exists()


@pytest.mark.parametrize("command", ["preview", "up", "drift", "down", "recover"])
def test_a_new_backend_beside_a_state_of_ours_is_refused(desk: Desk, command: str) -> None:
    words = ("--yes",) if command == "recover" else ()
    found = desk.run(command, *words, **TEAM(desk))
    assert found.code == 1
    line = found.stderr.splitlines()[-1]
    assert f" is in {desk.ours / 'pulumi'}, and not in {desk.team} (PULUMI_BACKEND_URL); nothing was changed" in line
    assert list((desk.folder / "team").rglob("*.json")) == []


def test_doctor_says_the_same_as_a_finding(desk: Desk) -> None:
    found = desk.run("doctor", "--json", **TEAM(desk))
    (finding,) = [finding for finding in json.loads(found.stdout)["findings"] if finding["subject"] == "state"]
    assert finding["level"] == "problem"
    assert f" and not in {desk.team} (PULUMI_BACKEND_URL); " in finding["text"]


def test_whoever_names_our_own_folder_stays_with_it(desk: Desk) -> None:
    assert unchanged(desk.done("preview", PULUMI_BACKEND_URL=(desk.ours / "pulumi").as_uri()))


def test_a_state_moves_as_documented_and_is_the_same_there(desk: Desk) -> None:
    ours = (desk.ours / "pulumi").as_uri()
    desk.as_documented(ours, desk.ours / "passphrase", desk.team)
    assert not state_file(desk.ours).exists()
    assert unchanged(desk.done("preview", **TEAM(desk)))


@pytest.mark.parametrize("name", ["organization/dev", "organization/meshlab/dev"])
def test_a_stack_may_be_named_as_its_backend_has_it(desk: Desk, name: str) -> None:
    assert unchanged(desk.done("preview", stack=name, **TEAM(desk)))


def test_a_login_counts_as_the_variable_does(desk: Desk) -> None:
    desk.cli("login", desk.team)
    try:
        said = desk.done("preview", **LOCK(desk))
        assert f"state: {desk.team} (pulumi login)" in said
        assert unchanged(said)
    finally:
        desk.cli("logout")


def test_doctor_looks_into_the_callers_folder(desk: Desk) -> None:
    found = json.loads(desk.run("doctor", "--json", **TEAM(desk)).stdout)["findings"]
    assert [finding["text"] for finding in found if finding["subject"] == "state"] == [
        f"{desk.team} (PULUMI_BACKEND_URL), has this stack"
    ]
    assert [
        finding
        for finding in found
        if finding["subject"] in ("passphrase", "namespaces") and finding["level"] == "problem"
    ] == []


def test_up_drift_and_recover_work_there(desk: Desk) -> None:
    assert unchanged(desk.done("up", **TEAM(desk)))
    drift = desk.run("drift", **TEAM(desk))
    assert drift.code in (0, 1), drift.stdout + drift.stderr
    assert "nothing to recover: stack dev has no lock" in desk.done("recover", "--yes", **TEAM(desk))


def test_promote_asks_the_callers_backend_when_the_stack_was_updated(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in desk.env(**TEAM(desk)).items():
        monkeypatch.setenv(name, str(value))
    update = promote._evidence(Stack.load("dev"), embedded=False).update
    assert update is not None
    assert not update.removed


def test_a_bucket_has_the_state_and_doctor_asks_the_cli_for_it(desk: Desk) -> None:
    desk.copied_to("dev", **S3(desk))
    assert unchanged(desk.done("preview", **S3(desk)))
    (row,) = [finding for finding in findings(desk, **S3(desk)) if finding["subject"] == "state"]
    assert row["text"] == f"{desk.s3} (PULUMI_BACKEND_URL), has this stack"
    assert "nothing to recover: stack dev has no lock" in desk.done("recover", "--yes", **S3(desk))


def test_a_bucket_that_is_not_there_is_a_line(desk: Desk) -> None:
    nowhere = {**S3(desk), "PULUMI_BACKEND_URL": desk.address_of("nowhere")}
    found = desk.run("preview", **nowhere)
    assert found.code == 1
    (line,) = found.stderr.splitlines()
    assert line.startswith(
        f"{nowhere['PULUMI_BACKEND_URL']} (PULUMI_BACKEND_URL): stack dev cannot be selected there: "
    )
    (row,) = [finding for finding in findings(desk, **nowhere) if finding["subject"] == "state"]
    assert (row["level"], " cannot be read: " in row["text"]) == ("problem", True)


def test_the_legacy_layout_of_a_bucket_is_said_with_the_upgrade(desk: Desk) -> None:
    old = {**S3(desk), "PULUMI_BACKEND_URL": desk.address_of(LEGACY)}
    upgrade = "PULUMI_DIY_BACKEND_IGNORE_DEPRECATION_ERROR=1 pulumi state upgrade"
    (row,) = [finding for finding in findings(desk, **old) if finding["subject"] == "state"]
    assert row["level"] == "problem"
    assert "has the legacy layout, states not sorted by project" in row["text"]
    assert upgrade in row["text"]
    assert upgrade in desk.run("preview", **old).stderr


def test_pulumi_cloud_has_the_state_and_locks_its_secrets_itself(desk: Desk) -> None:
    # Named, so that the CLI keeps no login that would count instead of the token.
    named = {**CLOUD(desk), "PULUMI_BACKEND_URL": desk.cloud.url}
    desk.copied_to("acme/dev", **named)
    desk.cli("stack", "change-secrets-provider", "default", "--stack", "acme/dev", **named, **LOCK(desk))
    said = desk.done("preview", stack="acme/dev", **CLOUD(desk))
    assert f"state: {desk.cloud.url} (PULUMI_ACCESS_TOKEN)" in said
    assert unchanged(said)
    stack = desk.cloud.stacks["acme", "meshlab", "dev"]
    assert stack.deployment is not None
    assert stack.deployment["secrets_providers"]["type"] == "service"
    sealed = [
        resource["outputs"]["result"] for resource in stack.deployment["resources"] if resource["type"] == PASSWORD
    ]
    assert sealed
    assert all(base64.b64decode(secret["ciphertext"]).startswith(SEAL) for secret in sealed)
    assert stack.done == ["import", "import", "preview succeeded"]
    (row,) = [finding for finding in findings(desk, stack="acme/dev", **CLOUD(desk)) if finding["subject"] == "state"]
    assert row["text"] == f"{desk.cloud.url} (PULUMI_ACCESS_TOKEN), has this stack"
    assert desk.cloud.unknown == []


def test_pulumi_cloud_refuses_a_wrong_token_in_a_line(desk: Desk) -> None:
    found = desk.run("preview", stack="acme/dev", **{**CLOUD(desk), "PULUMI_ACCESS_TOKEN": "pul-wrong"})
    assert found.code == 1
    (line,) = found.stderr.splitlines()
    assert line.startswith(f"{desk.cloud.url} (PULUMI_ACCESS_TOKEN): stack acme/dev cannot be selected there: ")


def test_up_writes_its_state_to_pulumi_cloud(desk: Desk) -> None:
    assert unchanged(desk.done("up", stack="acme/dev", **CLOUD(desk)))
    stack = desk.cloud.stacks["acme", "meshlab", "dev"]
    assert stack.done[-1] == "update succeeded"
    assert stack.deployment is not None
    assert stack.deployment["secrets_providers"]["type"] == "service"
    assert desk.cloud.unknown == []


def test_a_machine_without_a_note_is_told_of_an_unfinished_down_by_the_history(desk: Desk) -> None:
    stack = desk.cloud.stacks["acme", "meshlab", "dev"]
    stack.done.append("destroy failed")
    said = desk.done("preview", stack="acme/dev", **CLOUD(desk))
    assert LOOKING in said
    assert unchanged(said)
    assert desk.cloud.unknown == []


def test_up_goes_on_after_a_killed_down_and_takes_nothing_for_anothers(desk: Desk) -> None:
    """The record of the CRDs' release is in the cluster, and no longer in the state: the doctor stands before `up`."""
    desk.killed("down", r"delete .*monitoring-crds", **TEAM(desk))
    # As a kill in the middle of a write leaves it.
    beside = desk.folder / "team" / ".pulumi" / "stacks" / "meshlab" / "dev.json.attrs"
    beside.write_bytes(b"")
    refused = desk.run("preview", **TEAM(desk))
    assert refused.code == 1
    assert "a kill or a full disk cut off the file beside it (next: meshlab recover" in refused.stderr
    desk.done("recover", "--yes", **TEAM(desk))
    said = [one for one in findings(desk, **TEAM(desk)) if one["subject"] == "releases"]
    assert "problem" not in {one["level"] for one in said}, said
    fixed = desk.run("drift", "--fix", "--yes", **TEAM(desk))
    assert fixed.code == 1
    assert "the last down did not come to its end; nothing was changed" in fixed.stderr
    said = desk.done("up", **TEAM(desk))
    assert said.count(LOOKING) == 1
    assert unchanged(desk.done("preview", **TEAM(desk)))


def test_down_in_a_folder_of_the_callers_leaves_the_stack_there(desk: Desk) -> None:
    said = desk.done("down", **TEAM(desk))
    assert ", 0 left over" in said
    assert f"stack dev is in {desk.team} still, empty" in said
    assert not desk.state_in(TEAM(desk)).get("resources")
    names = [str(entry["name"]) for entry in json.loads(desk.cli("stack", "ls", "--json", **TEAM(desk)).stdout)]
    assert names == ["dev"]


def findings(desk: Desk, stack: str = "dev", **env: str) -> list[dict[str, Any]]:
    return json.loads(desk.run("doctor", "--json", stack=stack, **env).stdout)["findings"]
