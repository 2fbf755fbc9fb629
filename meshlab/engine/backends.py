"""Which backend has a stack's state, and who says so. On the embedded cluster always ours; else the caller's.

The caller's is what plain `pulumi` takes, in its order: PULUMI_BACKEND_URL, `backend.url` of Pulumi.yaml,
`pulumi login`, PULUMI_ACCESS_TOKEN. Who has none of them has one of ours for each cluster. docs/backends.md
"""

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast
from urllib.parse import unquote, urlsplit, urlunsplit

from base.errors import MeshlabError
from embedded.tools.pulumi_download import pulumi_home

from ..recording.recorder import ROOT
from ..stackfile.reading import PROJECT, read_project

URL = "PULUMI_BACKEND_URL"
TOKEN = "PULUMI_ACCESS_TOKEN"
HELPERS = ("PULUMI_CREDENTIAL_HELPER",)
CLOUD = "https://api.pulumi.com"
ENVELOPE = "$pulumiSecureStore"
"""The field by which an encrypted credentials.json is known; only Pulumi itself can open it."""
COMPRESSED = (".gz", ".zst")
NOT_THERE = "no stack named"
"""What the CLI says of a stack that the backend does not have."""
NO_TOKEN = "PULUMI_ACCESS_TOKEN must be set"
"""What the CLI says of a service that nobody is logged in to, and of an address that it does not know."""
SCHEMES = "file://, s3://, gs://, azblob://, postgres://"
LEGACY = "Legacy DIY state"
"""What the CLI says of a backend whose states are not sorted by project, and refuses."""
UPGRADE = "once, by Pulumi 3.274.1 or older: PULUMI_DIY_BACKEND_IGNORE_DEPRECATION_ERROR=1 pulumi state upgrade"
"""How such a backend is brought up to date. Later ones refuse that as well; 3.257 and later need the variable."""

_NO_ACCOUNT = MappingProxyType(
    dict.fromkeys((TOKEN, *HELPERS, "PULUMI_CREDENTIALS_PATH", "PULUMI_DEFAULT_ORGANIZATION"), "")
)
"""Keeps what the caller has for another backend from the embedded cluster's; empty is unset to Pulumi."""
_PLAIN = MappingProxyType(dict.fromkeys(("PULUMI_DIY_BACKEND_GZIP", "PULUMI_DIY_BACKEND_ZSTD"), ""))
"""Keeps states of ours uncompressed, however the caller's are: they are looked into without the engine."""
SIDE_FILE_CUT = "failed to load checkpoint: EOF"
"""What the CLI says of a state that is whole, where the file with its checksum is empty
(findings/fileblob_checksum.sh)."""
LOG_LIMIT = "PULUMI_LOG_ROTATION_MAX_TOTAL_MB"
_LOG_MEGABYTES = "50"
"""In a home of ours: each run of the CLI adds a log of some ten kilobytes and looks at every one. Its own limit is 500
MB, with which that takes a quarter of the time of a short command (3.276.0)."""
NO_SIDECARS = "?metadata=skip"
"""Ends the address of a state folder of ours. Beside each file, the engine would keep another one with a checksum that
it never compares (findings/fileblob_checksum.sh): a sixth of its CPU time in a first `up`, and a full disk leaves one
that it cannot read. It still reads one that is there."""


class BackendError(MeshlabError):
    """A backend cannot be told or does not answer; the message is one line."""


class Source(Enum):
    """Who says which backend it is."""

    EMBEDDED = "the embedded cluster's own"
    FALLBACK = "meshlab's own: you have no backend"
    ENVIRONMENT = URL
    PROJECT = "backend.url of Pulumi.yaml"
    LOGIN = "pulumi login"
    TOKEN = TOKEN


@dataclass(frozen=True)
class Backend:
    """Where the engine keeps states."""

    url: str
    """Empty where only Pulumi itself can tell, by an encrypted login or a credential helper."""
    source: Source

    @property
    def own(self) -> bool:
        """Whether it is one of ours, with a passphrase of ours, that nobody else looks into."""
        return self.source in (Source.EMBEDDED, Source.FALLBACK)

    @property
    def is_service(self) -> bool:
        """Whether it may be Pulumi Cloud or one's own copy of it, which locks secrets by itself."""
        return not self.url or urlsplit(self.url).scheme in ("http", "https")

    @property
    def folder(self) -> Path | None:
        """The folder of a file backend; None for any other, which only the engine can look into."""
        return folder_of(self.url)

    @property
    def shown(self) -> str:
        """The address for people, without the password that may stand in it."""
        if not self.url:
            return "the backend of your login"
        parts = urlsplit(self.url)
        if parts.password is None:
            return self.url
        return urlunsplit(parts._replace(netloc=f"{parts.username}:***@{parts.netloc.rpartition('@')[2]}"))

    def told(self) -> str:
        """The address, and who says so."""
        return f"{self.shown} ({self.source.value})"

    def state_file(self, stack: str) -> Path | None:
        """The file of a stack's state, there or not; None where only the engine can read it."""
        if self.folder is None:
            return None
        file = state_file(self.folder, stack)
        return None if any(file.with_name(file.name + ending).is_file() for ending in COMPRESSED) else file

    def environment(self) -> dict[str, str]:
        """What is laid over the caller's environment for the engine; on a named cluster, their ~/.pulumi counts."""
        found = {
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            # A machine that has not run the stack before, as each of CI's, takes the salt or the key from the state.
            "PULUMI_FALLBACK_TO_STATE_SECRETS_MANAGER": "true",
        }
        if self.own and self.folder is not None:
            self.folder.mkdir(parents=True, exist_ok=True)
            found |= _PLAIN
        if self.source is Source.EMBEDDED:
            logs = os.environ.get(LOG_LIMIT) or _LOG_MEGABYTES
            found |= {**_NO_ACCOUNT, "PULUMI_HOME": str(pulumi_home()), LOG_LIMIT: logs}
        address = self.url + NO_SIDECARS if self.own else self.url
        return {**found, URL: address} if address else found

    def fault(self, said: str) -> str:
        """What the CLI's error output means, in a line with what to do."""
        if LEGACY in said:
            return f"{self.shown} has the legacy layout, states not sorted by project, which Pulumi refuses ({UPGRADE})"
        if SIDE_FILE_CUT in said and self.folder is not None:
            return "a kill or a full disk cut off the file beside it (next: meshlab recover, which removes that file)"
        if NO_TOKEN in said and self.url and not self.url.startswith(("https://", "http://")):
            # What has no scheme that it knows, the CLI takes for the address of a service.
            return f"expected {SCHEMES} or https://, got another address (a folder is file://<folder>)"
        lines = [line.strip() for line in said.splitlines() if line.strip(" =")]
        # The SDK has `stderr: ` before the first one.
        errors = [line.partition("error: ")[2] for line in lines if line.startswith(("error: ", "stderr: error: "))]
        return next(iter([*filter(None, errors), *lines[-1:]]), "no reason was given")


def backend_for(place: Path, *, embedded: bool, project: Mapping[str, Any] | None = None) -> Backend:
    """The backend of stacks on a cluster, whose own folder is `place`; `project` is as in `callers`.

    Raises BackendError.
    """
    ours = (place / "pulumi").absolute()
    if embedded:
        return Backend(ours.as_uri(), Source.EMBEDDED)
    theirs = callers(project=project)
    # Whoever names ours means it with the passphrase that is beside it.
    if theirs is None or theirs.folder == ours:
        return Backend(ours.as_uri(), Source.FALLBACK)
    return theirs


def callers(folder: Path = ROOT, project: Mapping[str, Any] | None = None) -> Backend | None:
    """The backend that plain `pulumi` would take; None for a caller who never logged in. Raises BackendError.

    `project` is what the folder's Pulumi.yaml says, for a caller who has read it.
    """
    environment = os.environ
    if url := environment.get(URL):
        return Backend(_absolute(url, Path.cwd()), Source.ENVIRONMENT)
    named = (read_project(folder / "Pulumi.yaml") if project is None else project).get("backend")
    if isinstance(named, Mapping) and (url := str(cast(Mapping[str, Any], named).get("url") or "")):
        return Backend(_absolute(url, folder), Source.PROJECT)
    credentials = _credentials()
    if url := str(credentials.get("current") or ""):
        return Backend(_absolute(url, Path.cwd()), Source.LOGIN)
    if ENVELOPE in credentials or credentials.get("credentialHelper") or any(map(environment.get, HELPERS)):
        return Backend("", Source.LOGIN)
    if environment.get(TOKEN):
        return Backend(environment.get("PULUMI_API") or CLOUD, Source.TOKEN)
    return None


def folder_of(url: str) -> Path | None:
    """The folder of a file backend's address; None for any other address."""
    parts = urlsplit(url)
    return Path(unquote(parts.netloc + parts.path)).expanduser() if parts.scheme == "file" else None


def state_file(folder: Path, stack: str) -> Path:
    """The file of a stack's state in the folder of a file backend."""
    return folder / ".pulumi" / "stacks" / PROJECT / f"{stack}.json"


def deployment_in(file: Path) -> dict[str, Any]:
    """What a stack's state has of it, secrets locked, from its file."""
    document = cast(dict[str, Any], json.loads(file.read_text(encoding="utf-8")))
    return cast(dict[str, Any], document["checkpoint"].get("latest") or {})


def readable_deployment(file: Path | None) -> dict[str, Any] | None:
    """As `deployment_in`; None where there is no such file, or it cannot be read without the engine."""
    if file is not None and file.is_file():
        with suppress(ValueError, LookupError, TypeError, AttributeError, FileNotFoundError):
            return deployment_in(file)
    return None


def legacy_files(folder: Path) -> list[Path]:
    """States of stacks that are not sorted by project, in the folder of a file backend."""
    names = {".json", *(f".json{ending}" for ending in COMPRESSED)}
    found = (folder / ".pulumi" / "stacks").glob("*.json*")
    return sorted(
        path for path in found if path.is_file() and path.name.removeprefix(path.name.partition(".")[0]) in names
    )


def _absolute(url: str, base: Path) -> str:
    """An address that means the same in any folder: the engine does not run in the caller's."""
    folder = folder_of(url)
    if folder is None or url.startswith("file:///"):
        return url
    query = urlsplit(url).query
    whole = Path(os.path.normpath(base / folder)).as_uri()
    return f"{whole}?{query}" if query else whole


def _credentials() -> dict[str, Any]:
    home = os.environ.get("PULUMI_CREDENTIALS_PATH") or os.environ.get("PULUMI_HOME") or "~/.pulumi"
    file = Path(home).expanduser() / "credentials.json"
    try:
        text = file.read_text(encoding="utf-8")
        return cast(dict[str, Any], dict(json.loads(text))) if text.strip() else {}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError) as error:
        raise BackendError(
            f"{file}: expected what `pulumi login` keeps, got: {error}", f"log in again, or set {URL}"
        ) from None
