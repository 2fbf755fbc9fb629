"""Which backend is taken, and what the engine finds of the caller's settings."""

import json
import os
from pathlib import Path

import pytest

from meshlab.engine.backends import CLOUD, LOG_LIMIT, Backend, BackendError, Source, backend_for, callers

ENCRYPTED = {"$pulumiSecureStore": 1, "backend": "keyring", "data": "x"}


class Caller:
    """Somebody with a project, a home and an environment."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.folder, self.patch = folder, patch
        self.project()
        (folder / "home").mkdir()
        patch.setenv("PULUMI_HOME", str(folder / "home"))
        patch.chdir(folder)

    def project(self, more: str = "") -> None:
        (self.folder / "Pulumi.yaml").write_text(f"name: meshlab\nruntime: python\n{more}", encoding="utf-8")

    def login(self, where: str = "home", **credentials: object) -> None:
        (self.folder / where).mkdir(exist_ok=True)
        (self.folder / where / "credentials.json").write_text(json.dumps(credentials), encoding="utf-8")

    def backend(self) -> Backend | None:
        return callers(self.folder)


@pytest.fixture
def caller(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Caller:
    return Caller(tmp_path, monkeypatch)


def test_who_never_logged_in_has_no_backend(caller: Caller) -> None:
    assert caller.backend() is None
    caller.login(accounts={})
    assert caller.backend() is None


def test_the_first_of_environment_project_login_and_token_says_it(caller: Caller) -> None:
    caller.patch.setenv("PULUMI_ACCESS_TOKEN", "pul-x")
    assert caller.backend() == Backend(CLOUD, Source.TOKEN)
    caller.patch.setenv("PULUMI_API", "https://pulumi.shop.example")
    assert caller.backend() == Backend("https://pulumi.shop.example", Source.TOKEN)
    caller.login(current="gs://logged-in")
    assert caller.backend() == Backend("gs://logged-in", Source.LOGIN)
    caller.project("backend: {url: 'azblob://project'}\n")
    assert caller.backend() == Backend("azblob://project", Source.PROJECT)
    caller.patch.setenv("PULUMI_BACKEND_URL", "s3://environment")
    assert caller.backend() == Backend("s3://environment", Source.ENVIRONMENT)


def test_a_login_is_looked_for_where_pulumi_keeps_it(caller: Caller) -> None:
    caller.login(current="s3://home")
    caller.login("elsewhere", current="s3://elsewhere")
    caller.patch.setenv("PULUMI_CREDENTIALS_PATH", str(caller.folder / "elsewhere"))
    assert caller.backend() == Backend("s3://elsewhere", Source.LOGIN)
    caller.patch.delenv("PULUMI_CREDENTIALS_PATH")
    assert caller.backend() == Backend("s3://home", Source.LOGIN)
    caller.patch.delenv("PULUMI_HOME")
    caller.patch.setenv("HOME", str(caller.folder))
    caller.login(".pulumi", current="s3://usual")
    assert caller.backend() == Backend("s3://usual", Source.LOGIN)


def test_what_only_pulumi_can_tell_is_left_to_it(caller: Caller) -> None:
    unknown = Backend("", Source.LOGIN)
    caller.login(**ENCRYPTED)
    assert caller.backend() == unknown
    assert unknown.told() == "the backend of your login (pulumi login)"
    assert unknown.is_service
    assert "PULUMI_BACKEND_URL" not in unknown.environment()
    caller.login(credentialHelper={"path": "/helper"})
    assert caller.backend() == unknown
    caller.login()
    caller.patch.setenv("PULUMI_CREDENTIAL_HELPER", "/helper")
    assert caller.backend() == unknown


@pytest.mark.parametrize("text", ["{", "[1]", '"x"'])
def test_a_login_that_cannot_be_read_is_a_line(caller: Caller, text: str) -> None:
    file = caller.folder / "home" / "credentials.json"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(BackendError, match=r"credentials\.json: expected what `pulumi login` keeps, got: "):
        caller.backend()


@pytest.mark.parametrize(
    ("url", "folder"),
    [
        ("file:///a%20b", "/a b"),
        ("file://./states", "{here}/states"),
        ("file://states", "{here}/states"),
        ("file://../states?metadata=skip", "{above}/states"),
        ("file://~", "{home}"),
        ("file://~/states", "{home}/states"),
        ("s3://states", None),
        ("https://api.pulumi.com", None),
    ],
)
def test_the_folder_of_a_file_backend_is_the_one_that_pulumi_takes(
    caller: Caller, url: str, folder: str | None
) -> None:
    caller.patch.setenv("HOME", str(caller.folder / "somebody"))
    caller.patch.setenv("PULUMI_BACKEND_URL", url)
    found = caller.backend()
    assert found is not None
    here, above, home = caller.folder, caller.folder.parent, caller.folder / "somebody"
    expected = Path(folder.format(here=here, above=above, home=home)) if folder else None
    assert found.folder == expected
    assert found.url.partition("?")[2] == url.partition("?")[2]


def test_a_folder_that_the_project_names_is_beside_the_project(caller: Caller) -> None:
    caller.project("backend: {url: 'file://./states'}\n")
    (caller.folder / "elsewhere").mkdir()
    caller.patch.chdir(caller.folder / "elsewhere")
    found = caller.backend()
    assert found is not None
    assert found.folder == caller.folder / "states"


def test_the_embedded_cluster_has_ours_whatever_the_caller_says(caller: Caller, tmp_path: Path) -> None:
    theirs = {
        "PULUMI_BACKEND_URL": "s3://states",
        "PULUMI_ACCESS_TOKEN": "pul-x",
        "PULUMI_CREDENTIALS_PATH": "/theirs",
        "PULUMI_CREDENTIAL_HELPER": "/helper",
        "PULUMI_HOME": "/theirs",
        "PULUMI_DIY_BACKEND_GZIP": "true",
    }
    for name, value in theirs.items():
        caller.patch.setenv(name, value)
    ours = backend_for(tmp_path, embedded=True)
    assert (ours.url, ours.own) == ((tmp_path / "pulumi").as_uri(), True)
    seen = {**os.environ, **ours.environment()}
    assert not [name for name, value in theirs.items() if seen[name] == value]


def test_a_named_cluster_leaves_the_callers_home_and_login_alone(caller: Caller, tmp_path: Path) -> None:
    caller.patch.setenv("PULUMI_BACKEND_URL", "s3://states")
    ours = Backend((tmp_path / "pulumi").as_uri(), Source.FALLBACK)
    for backend, address in (
        (backend_for(tmp_path, embedded=False), "s3://states"),
        (ours, f"{ours.url}?metadata=skip"),
    ):
        given = backend.environment()
        assert given["PULUMI_BACKEND_URL"] == address
        assert not {"PULUMI_HOME", LOG_LIMIT, "PULUMI_ACCESS_TOKEN", "PULUMI_CREDENTIALS_PATH"} & given.keys()


def test_a_state_that_is_whole_beside_a_file_that_is_not_has_its_way_out(tmp_path: Path) -> None:
    said = "error: failed to load checkpoint: EOF"
    theirs = Backend(tmp_path.as_uri(), Source.ENVIRONMENT)
    assert "next: meshlab recover" in theirs.fault(said)
    assert Backend("s3://states", Source.ENVIRONMENT).fault(said) == "failed to load checkpoint: EOF"


def test_our_home_keeps_few_logs_unless_the_caller_says_otherwise(caller: Caller, tmp_path: Path) -> None:
    ours = backend_for(tmp_path, embedded=True)
    assert ours.environment()[LOG_LIMIT] == "50"
    caller.patch.setenv(LOG_LIMIT, "900")
    assert ours.environment()[LOG_LIMIT] == "900"


def test_only_folders_of_ours_go_without_files_beside_the_state(caller: Caller, tmp_path: Path) -> None:
    for embedded in (True, False):
        ours = backend_for(tmp_path, embedded=embedded)
        assert ours.environment()["PULUMI_BACKEND_URL"] == f"{ours.url}?metadata=skip"
        assert "metadata" not in ours.told()
    theirs = (tmp_path / "theirs").as_uri()
    caller.patch.setenv("PULUMI_BACKEND_URL", theirs)
    assert backend_for(tmp_path, embedded=False).environment()["PULUMI_BACKEND_URL"] == theirs


def test_a_password_in_an_address_is_not_shown() -> None:
    backend = Backend("postgres://me:secret@db.example:5432/states?sslmode=disable", Source.ENVIRONMENT)
    assert backend.told() == "postgres://me:***@db.example:5432/states?sslmode=disable (PULUMI_BACKEND_URL)"


def test_a_compressed_state_is_left_to_the_engine(tmp_path: Path) -> None:
    backend = Backend(tmp_path.as_uri(), Source.ENVIRONMENT)
    file = backend.state_file("dev")
    assert file == tmp_path / ".pulumi" / "stacks" / "meshlab" / "dev.json"
    file.parent.mkdir(parents=True)
    file.with_name("dev.json.gz").touch()
    assert backend.state_file("dev") is None


@pytest.mark.parametrize(
    ("said", "line"),
    [
        ("warning: a\nerror: no access\nmore", "no access"),
        ("\n code: 255\n stdout: \n stderr: error: no access\n", "no access"),
        ("no colon at all\n", "no colon at all"),
        ("", "no reason was given"),
    ],
)
def test_what_the_cli_says_becomes_a_line(said: str, line: str) -> None:
    assert Backend("s3://states", Source.ENVIRONMENT).fault(said) == line


@pytest.mark.parametrize(
    ("url", "line"),
    [
        ("s33://states", "expected file://, s3://, gs://, azblob://, postgres:// or https://, got another address"),
        ("/states", "expected file://, s3://, gs://, azblob://, postgres:// or https://, got another address"),
        ("https://pulumi.test", "PULUMI_ACCESS_TOKEN must be set for login"),
        ("", "PULUMI_ACCESS_TOKEN must be set for login"),
    ],
)
def test_an_address_without_a_known_scheme_is_not_answered_with_a_token(url: str, line: str) -> None:
    said = "error: PULUMI_ACCESS_TOKEN must be set for login"
    assert Backend(url, Source.ENVIRONMENT).fault(said).startswith(line)
