"""Whether the repositories that charts come from answer."""

import threading
import time
import urllib.error
import urllib.request
from dataclasses import dataclass

from settings.charts import UPSTREAM, ChartSource


@dataclass(frozen=True)
class RepositoryStatus:
    """Whether one chart repository answers, and where not, why not."""

    url: str
    ok: bool
    reason: str = ""


def probe(source: ChartSource, timeout: float = 5.0) -> list[RepositoryStatus]:
    """Asks every repository of `source` at once whether it serves charts; done after `timeout` seconds at the latest.

    A folder of charts is no repository: the list is empty. An OCI registry counts as answering when it speaks HTTP at
    all, since what it has shows only to those who are signed in.
    """
    urls = index_urls(source)
    answers: dict[str, RepositoryStatus] = {}

    def ask(url: str) -> None:
        answers[url] = _ask(url, timeout)

    threads = [threading.Thread(target=ask, args=(url,), daemon=True) for url in urls]
    deadline = time.monotonic() + timeout
    for thread in threads:
        thread.start()
    for thread in threads:
        # Looking a name up has no time limit of its own.
        thread.join(max(0.0, deadline - time.monotonic()))
    return [answers.get(url, RepositoryStatus(url, ok=False, reason=f"no answer within {timeout:g} s")) for url in urls]


def index_urls(source: ChartSource) -> list[str]:
    """What each repository of `source` is asked for; empty for a folder."""
    if source.folder is not None:
        return []
    if source.source is not None and source.source.startswith("oci://"):
        return [f"https://{source.source.removeprefix('oci://').split('/')[0]}/v2/"]
    repositories = UPSTREAM.values() if source.source is None else [source.source]
    return sorted({f"{repository.rstrip('/')}/index.yaml" for repository in repositories})


def _ask(url: str, timeout: float) -> RepositoryStatus:
    registry = url.endswith("/v2/")
    request = urllib.request.Request(url, headers={"User-Agent": "meshlab"})
    try:
        with urllib.request.urlopen(request, timeout=timeout) as response:
            # An index is megabytes; its head is enough to tell it from a sign-in page.
            head = response.read(4096)
    except urllib.error.HTTPError as error:
        with error:
            return RepositoryStatus(url, ok=registry, reason="" if registry else f"HTTP {error.code}")
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        return RepositoryStatus(url, ok=False, reason=str(getattr(reason, "strerror", None) or reason))
    if registry or b"apiVersion:" in head or b"entries:" in head:
        return RepositoryStatus(url, ok=True)
    return RepositoryStatus(url, ok=False, reason="what answers is no chart repository")
