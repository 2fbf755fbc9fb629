"""A job's credentials: what is missing is one line, and a kubeconfig of each cloud is one that our reader takes.

The clouds' CLIs and GitHub's token service are stand-ins: the CLIs keep what they were started with, and write what
the real ones write.
"""

import json
import re
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from base import process
from kube import kubeconfig
from kube.sign_in import KEY, configuration
from meshlab.cli import main as cli
from meshlab.credentials.requirements import BACKEND, CHOICE, CONTEXT, STORED, TOKEN, WAYS
from meshlab.recording.recorder import ROOT

SETUP = ROOT / "docs" / "setup"
CA = "LS0tLS1CRUdJTg=="
SERVER = "https://203.0.113.7"
VARIABLES = {
    "eks": {
        "EKS_CLUSTER": "mesh",
        "AWS_REGION": "eu-central-1",
        "AWS_ROLE_ARN": "arn:aws:iam::111122223333:role/meshlab-deploy",
    },
    "gke": {
        "GKE_CLUSTER": "mesh",
        "GKE_LOCATION": "europe-west3",
        "GCP_PROJECT": "labs",
        "GCP_WORKLOAD_IDENTITY_PROVIDER": "projects/1/locations/global/workloadIdentityPools/github/providers/lab",
        "GCP_SERVICE_ACCOUNT": "deploy@labs.iam.gserviceaccount.com",
    },
    "aks": {
        "AKS_CLUSTER": "mesh",
        "AKS_RESOURCE_GROUP": "labs",
        "AZURE_SUBSCRIPTION_ID": "sub",
        "AZURE_TENANT_ID": "tenant",
        "AZURE_CLIENT_ID": "client",
    },
}
AUDIENCES = {
    "eks": "sts.amazonaws.com",
    "gke": f"https://iam.googleapis.com/{VARIABLES['gke']['GCP_WORKLOAD_IDENTITY_PROVIDER']}",
    "aks": "api://AzureADTokenExchange",
}
STAND_IN = """#!{python}
import json, os, sys
from pathlib import Path
words = sys.argv[1:]
names = ("AWS_ROLE_ARN", "AWS_REGION", "AWS_WEB_IDENTITY_TOKEN_FILE", "CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE",
         "AZURE_CONFIG_DIR")
with Path({log!r}).open("a") as log:
    log.write(json.dumps([words, {{name: os.environ[name] for name in names if name in os.environ}}]) + "\\n")
def option(name):
    return words[words.index(name) + 1]
def write(file):
    name = "written-by-" + Path(sys.argv[0]).name
    Path(file).write_text(json.dumps({{"apiVersion": "v1", "kind": "Config", "current-context": name,
        "contexts": [{{"name": name, "context": {{"cluster": name, "user": name}}}}],
        "clusters": [{{"name": name, "cluster": {{"server": {server!r}, "certificate-authority-data": {ca!r}}}}}],
        "users": [{{"name": name, "user": {{"exec": {{"apiVersion": "client.authentication.k8s.io/v1beta1",
            "command": "a-plugin-that-is-not-there", "args": []}}}}}}]}}))
if words[:2] == ["eks", "update-kubeconfig"]:
    write(option("--kubeconfig"))
elif words[:2] == ["eks", "get-token"]:
    assert Path(os.environ["AWS_WEB_IDENTITY_TOKEN_FILE"]).read_text().startswith("jwt-")
    print(json.dumps({{"kind": "ExecCredential", "apiVersion": "client.authentication.k8s.io/v1beta1", "spec": {{}},
        "status": {{"token": "k8s-aws-v1.x", "expirationTimestamp": "2030-01-01T00:00:00Z"}}}}))
elif words[:3] == ["container", "clusters", "get-credentials"]:
    write(os.environ["KUBECONFIG"])
elif words[:2] == ["auth", "print-access-token"]:
    print("ya29.x")
elif words[:1] == ["login"]:
    assert Path(option("--federated-token").removeprefix("@")).read_text().startswith("jwt-")
elif words[:2] == ["aks", "get-credentials"]:
    write(option("--file"))
elif words[:2] == ["account", "get-access-token"]:
    print(json.dumps({{"accessToken": "entra.x", "expires_on": 1893456000, "tokenType": "Bearer"}}))
else:
    sys.exit("not known: " + " ".join(words))
"""
TOKENS = {"eks": "k8s-aws-v1.x", "gke": "ya29.x", "aks": "entra.x"}


class Job:
    """A job of a workflow: its folder, and what its CLIs and GitHub's token service were asked."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch, asked: list[tuple[str, str]]) -> None:
        self.folder, self.asked, self.log = folder, asked, folder / "calls"
        self._patch, self.kubeconfig, self.exported = patch, folder / "kubeconfig", folder / "github-env"

    def run(self, variables: dict[str, str], **secrets: str) -> int:
        """`meshlab credentials` as a step of the workflows runs it."""
        self._patch.setenv("VARIABLES", json.dumps(variables))
        for name in (STORED, TOKEN):
            self._patch.setenv(name, secrets.get(name, ""))
        return cli.main(["credentials", "--out", str(self.kubeconfig), "--folder", str(self.folder / "own")])

    def calls(self) -> list[tuple[list[str], dict[str, str]]]:
        """Words and environment of each start of a CLI."""
        return [tuple(json.loads(line)) for line in self.log.read_text(encoding="utf-8").splitlines()]


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Job]:
    asked: list[tuple[str, str]] = []

    class GitHub(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            (audience,) = parse_qs(urlsplit(self.path).query)["audience"]
            asked.append((audience, str(self.headers["Authorization"])))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps({"value": f"jwt-{len(asked)}"}).encode())

        def log_message(self, format: str, *args: Any) -> None:
            pass

    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("aws", "gcloud", "az"):
        text = STAND_IN.format(python=sys.executable, log=str(tmp_path / "calls"), server=SERVER, ca=CA)
        (programs / name).write_text(text, encoding="utf-8")
        (programs / name).chmod(0o755)
    with ThreadingHTTPServer(("127.0.0.1", 0), GitHub) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("PATH", str(programs), prepend=":")
        monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_URL", f"http://127.0.0.1:{server.server_address[1]}/token?v=1")
        monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "of-the-job")
        monkeypatch.setenv("GITHUB_ENV", str(tmp_path / "github-env"))
        yield Job(tmp_path, monkeypatch, asked)
        server.shutdown()


def wanted(way: str, **more: str) -> dict[str, str]:
    return {CHOICE: way, CONTEXT: "prod", BACKEND: "s3://states", **VARIABLES.get(way, {}), **more}


@pytest.mark.parametrize("way", sorted(VARIABLES))
def test_a_cloud_s_kubeconfig_is_one_that_our_reader_takes(job: Job, way: str) -> None:
    assert job.run(wanted(way)) == 0
    found = kubeconfig.read("prod", job.kubeconfig)
    assert found.cluster == {"server": SERVER, "certificate-authority-data": CA}
    assert found.context == {"cluster": "prod", "user": "prod"}
    assert list(found.user) == ["exec"]
    assert job.kubeconfig.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("way", sorted(VARIABLES))
def test_its_plugin_signs_in_from_any_folder_with_a_fresh_token(job: Job, way: str, tmp_path: Path) -> None:
    job.run(wanted(way))
    plugin = kubeconfig.read("prod", job.kubeconfig).user["exec"]
    before = len(job.asked)
    env = {entry["name"]: entry["value"] for entry in plugin["env"]}
    said = process.run([plugin["command"], *plugin["args"]], timeout=60, cwd=tmp_path, env=env)
    answer = json.loads(said.stdout)
    assert (answer["apiVersion"], answer["kind"]) == (plugin["apiVersion"], "ExecCredential")
    assert answer["status"]["token"] == TOKENS[way]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", answer["status"]["expirationTimestamp"])
    # Google's own libraries ask GitHub; the two others are handed a token.
    assert len(job.asked) - before == (way != "gke")
    assert {audience for audience, _ in job.asked} <= {AUDIENCES[way]}
    assert {authorization for _, authorization in job.asked} <= {"Bearer of-the-job"}


@pytest.mark.parametrize("way", sorted(VARIABLES))
def test_our_python_client_signs_in_by_it(job: Job, way: str) -> None:
    job.run(wanted(way))
    made = configuration(kubeconfig.read("prod", job.kubeconfig))
    assert made.get_api_key_with_prefix(KEY) == f"Bearer {TOKENS[way]}"


@pytest.mark.parametrize("way", sorted(VARIABLES))
def test_later_steps_find_what_the_cloud_s_sdks_need(job: Job, way: str) -> None:
    job.run(wanted(way))
    handed = dict(line.split("=", 1) for line in job.exported.read_text(encoding="utf-8").splitlines())
    needed = {
        "eks": {"AWS_ROLE_ARN", "AWS_REGION", "AWS_WEB_IDENTITY_TOKEN_FILE"},
        "gke": {"GOOGLE_APPLICATION_CREDENTIALS"},
        "aks": {"AZURE_CLIENT_ID", "AZURE_TENANT_ID", "AZURE_FEDERATED_TOKEN_FILE"},
    }
    assert needed[way] <= handed.keys()
    files = [Path(value) for name, value in handed.items() if name.endswith(("_FILE", "_CREDENTIALS"))]
    assert files
    assert all(file.stat().st_mode & 0o077 == 0 for file in files)


def test_google_s_libraries_are_told_to_ask_github_themselves(job: Job) -> None:
    job.run(wanted("gke"))
    document = json.loads((job.folder / "own" / "google.json").read_text(encoding="utf-8"))
    (audience,) = parse_qs(urlsplit(document["credential_source"]["url"]).query)["audience"]
    assert audience == AUDIENCES["gke"]
    assert document["audience"] == audience.removeprefix("https:")
    assert VARIABLES["gke"]["GCP_SERVICE_ACCOUNT"] in document["service_account_impersonation_url"]


def test_no_token_stands_in_a_command_line(job: Job) -> None:
    for way in sorted(VARIABLES):
        job.run(wanted(way))
    words = [word for call, _ in job.calls() for word in call]
    assert words
    assert not [word for word in words if "jwt-" in word or "of-the-job" in word]


def test_a_stored_kubeconfig_is_written_as_it_is(job: Job) -> None:
    text = json.dumps(
        {
            "contexts": [{"name": "prod", "context": {"cluster": "c", "user": "u"}}],
            "clusters": [{"name": "c", "cluster": {"server": SERVER}}],
            "users": [{"name": "u", "user": {"token": "t"}}],
        }
    )
    # No way that is named is this one.
    assert job.run({CONTEXT: "prod"}, **{STORED: text, TOKEN: "pul-x"}) == 0
    assert kubeconfig.read("prod", job.kubeconfig).user == {"token": "t"}
    assert job.kubeconfig.stat().st_mode & 0o077 == 0
    assert not job.exported.exists()


def test_a_stored_kubeconfig_without_the_context_is_one_line(job: Job, capsys: pytest.CaptureFixture[str]) -> None:
    assert job.run(wanted("kubeconfig"), **{STORED: "apiVersion: v1"}) == 1
    assert capsys.readouterr().err == (
        "kubeconfig: expected a context named prod, got none of that name "
        "(no context exists: name a kubeconfig in KUBECONFIG)\n"
    )


def test_nothing_set_is_one_line_that_says_what_is_missing(job: Job, capsys: pytest.CaptureFixture[str]) -> None:
    assert job.run({}) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line == (
        "this job's GitHub environment: expected variable PULUMI_BACKEND_URL (a bucket) or secret PULUMI_ACCESS_TOKEN "
        "(Pulumi Cloud), variable CLUSTER, secret KUBECONFIG_DATA, got none of them "
        "(set them under Settings > Environments: docs/promotion.md#deploy)"
    )


@pytest.mark.parametrize(
    ("way", "name"), [(way, name) for way, parts in sorted(WAYS.items()) for name in (*parts.variables, *parts.secrets)]
)
def test_each_thing_that_a_way_needs_is_named_where_it_is_missing(
    job: Job, way: str, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    given = {key: value for key, value in wanted(way).items() if key != name}
    assert job.run(given) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert re.search(rf"expected (variable|secret) {name}, got none of them", line)


@pytest.mark.parametrize("backend", [BACKEND, TOKEN])
def test_either_backend_is_enough(job: Job, backend: str, capsys: pytest.CaptureFixture[str]) -> None:
    given = wanted("eks", **{BACKEND: "gs://states" if backend == BACKEND else ""})
    assert job.run(given, **({TOKEN: "pul-x"} if backend == TOKEN else {})) == 0
    assert "pul-x" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({CHOICE: "eksx"}, "variable CLUSTER_CREDENTIALS: expected one of kubeconfig, eks, gke, aks, got eksx"),
        ({"AWS_REGION": "a\nPATH=/tmp"}, "variable AWS_REGION: expected one word, got white space in it"),
    ],
)
def test_a_wrong_variable_is_one_line(
    job: Job, given: dict[str, str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert job.run({**wanted("eks"), **given}) == 1
    assert capsys.readouterr().err == f"{said}\n"


def test_a_job_that_may_not_say_who_it_is_is_one_line(
    job: Job, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("ACTIONS_ID_TOKEN_REQUEST_URL")
    assert job.run(wanted("eks")) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("ACTIONS_ID_TOKEN_REQUEST_URL: expected a job with the permission id-token: write")


def test_each_way_has_a_setup_page_that_names_exactly_what_it_needs() -> None:
    assert {page.stem for page in SETUP.glob("*.md")} == set(WAYS)
    every = {name for way in WAYS.values() for name in (*way.variables, *way.optional, *way.secrets)}
    for name, way in WAYS.items():
        text = (SETUP / f"{name}.md").read_text(encoding="utf-8")
        rows = re.findall(r"^\| (variable|secret) `(\w+)`", text, re.MULTILINE)
        variables = {CHOICE, CONTEXT, *way.variables, *way.optional} - ({CHOICE} if name == "kubeconfig" else set())
        assert {row for kind, row in rows if kind == "variable"} == variables, name
        assert {row for kind, row in rows if kind == "secret"} == set(way.secrets), name
        others = every - {*way.variables, *way.optional, *way.secrets}
        assert [other for other in others if re.search(rf"\b{other}\b", text)] == [], name


def test_the_page_of_the_deploy_leads_to_each_setup_page() -> None:
    text = (ROOT / "docs" / "promotion.md").read_text(encoding="utf-8")
    assert [name for name in WAYS if f"(setup/{name}.md)" not in text] == []
    assert {BACKEND, TOKEN, CHOICE} <= set(re.findall(r"`(\w+)`", text))
