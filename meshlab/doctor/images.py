"""Whether the registries have the images of the plan; asked only on request, for it leaves this machine."""

import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from email.message import Message
from re import compile as pattern

from ..preflight.finding import Finding, Level

WORKERS = 8
ANSWER_LIMIT_SECONDS = 5.0
DOCKER_HUB = {"docker.io": "registry-1.docker.io", "index.docker.io": "registry-1.docker.io"}
ACCEPTED = ", ".join(
    [
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    ]
)
LOOPBACK = ("localhost", "127.0.0.1")
SIGNED_IN_ONLY = "only for those who are signed in; whether the nodes are, does not show from here"
_CHALLENGE = pattern(r'(\w+)="([^"]*)"')


@dataclass(frozen=True)
class Reference:
    """An image, taken apart as container engines do."""

    registry: str
    repository: str
    version: str
    """Tag or digest."""

    @classmethod
    def of(cls, image: str) -> "Reference":
        """The parts of an image's name."""
        first, _, rest = image.partition("/")
        if not rest or not ("." in first or ":" in first or first == "localhost"):
            first, rest = "docker.io", image if rest else f"library/{image}"
        name, _, digest = rest.partition("@")
        repository, _, tag = name.partition(":")
        return cls(first, repository, digest or tag or "latest")

    @property
    def manifest_url(self) -> str:
        """Where the registry says whether it has the image."""
        scheme = "http" if self.registry.partition(":")[0] in LOOPBACK else "https"
        host = DOCKER_HUB.get(self.registry, self.registry)
        return f"{scheme}://{host}/v2/{self.repository}/manifests/{self.version}"


def images(wanted: tuple[str, ...]) -> Iterator[Finding]:
    """Ask each image's registry, as somebody who has not signed in."""
    with ThreadPoolExecutor(WORKERS) as pool:
        answers = dict(zip(wanted, pool.map(_trouble, wanted), strict=True))
    missing = {image: trouble for image, trouble in answers.items() if trouble}
    for image, trouble in missing.items():
        level = Level.WARNING if trouble == SIGNED_IN_ONLY else Level.PROBLEM
        yield Finding("images", level, f"{image}: {trouble}", "see to it, or name a mirror: cluster.imageRegistry")
    if not missing:
        yield Finding("images", Level.OK, f"all {len(wanted)} are there")


def _trouble(image: str) -> str:
    """Why an image cannot be had; empty where it can."""
    url = Reference.of(image).manifest_url
    try:
        code, headers = _head(url, None)
        if code == 401:
            token = _token(headers.get("WWW-Authenticate") or "")
            code, _ = _head(url, token) if token else (code, headers)
    except (OSError, ValueError) as error:
        return f"no answer ({getattr(error, 'reason', error)})"
    if code in (401, 403):
        return SIGNED_IN_ONLY
    return "" if code == 200 else ("not there" if code == 404 else f"HTTP {code}")


def _head(url: str, token: str | None) -> tuple[int, Message]:
    headers = {"Accept": ACCEPTED, "User-Agent": "meshlab", **({"Authorization": f"Bearer {token}"} if token else {})}
    request = urllib.request.Request(url, method="HEAD", headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=ANSWER_LIMIT_SECONDS) as response:
            return response.status, response.headers
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers


def _token(challenge: str) -> str | None:
    """A token for everybody, from where the registry says that there are some."""
    fields = dict(_CHALLENGE.findall(challenge))
    realm = fields.pop("realm", "")
    if not challenge.startswith("Bearer ") or not realm:
        return None
    with urllib.request.urlopen(f"{realm}?{urllib.parse.urlencode(fields)}", timeout=ANSWER_LIMIT_SECONDS) as response:
        answer = json.load(response)
    return answer.get("token") or answer.get("access_token")
