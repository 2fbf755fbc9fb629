"""A client on the real node that calls one address all the time and counts the answers."""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from embedded.cluster import EmbeddedCluster
from tests.support.node_pods import create, pod, python, ready

LIMIT = 20
"""Seconds that an answer may take."""
STOP, LOST = "/stop", "/lost"
"""Files of the client's container: a test makes the first to stop it, the client the second once a request is lost."""
# Each request has a connection of its own, as that of a new client, and begins when the one before has its answer.
PROGRAM = f"""
import collections, json, os, sys, time, urllib.error, urllib.request
seen = collections.Counter()
def lost(answer):
    seen[answer] += 1
    open("{LOST}", "w").close()
    time.sleep(0.05)  # a refusal comes at once, and its server needs the processor to start
while not os.path.exists("{STOP}"):
    try:
        with urllib.request.urlopen(sys.argv[1], timeout={LIMIT}) as answer:
            answer.read()
            seen[str(answer.status)] += 1
    except urllib.error.HTTPError as error:
        lost(str(error.code) + " " + error.read(300).decode())
    except Exception as error:
        lost(repr(error))
print(json.dumps(seen), flush=True)
os.execvp("sleep", ["sleep", "100000"])
"""


@dataclass
class Calls:
    """What came of them, once the client has stopped."""

    answers: Counter[str] = field(default_factory=Counter[str])
    """Requests by what came back: a status, or what went wrong."""

    @property
    def sent(self) -> int:
        return self.answers.total()

    @property
    def lost(self) -> dict[str, int]:
        """The requests that did not get a 200."""
        return {answer: count for answer, count in self.answers.items() if answer != "200"}


@contextmanager
def calling(cluster: EmbeddedCluster, url: str, name: str = "caller") -> Iterator[Calls]:
    """Call a URL from a pod of namespace default until the block ends, and count then."""
    create(cluster, pod(name, python(), "-c", PROGRAM, url, labels={"sidecar.istio.io/inject": "false"}))
    ready(cluster, name)
    calls = Calls()
    try:
        yield calls
        cluster.kubectl("exec", name, "--", "touch", STOP)
        calls.answers.update(json.loads(_told(cluster, name)))
    finally:
        cluster.kubectl("delete", "pod", name, "--wait=true", timeout=90)


def has_lost(cluster: EmbeddedCluster, name: str = "caller") -> bool:
    """Whether the client has lost a request by now."""
    return cluster.kubectl("exec", name, "--", "ls", LOST, check=False).code == 0


def _told(cluster: EmbeddedCluster, name: str) -> str:
    # It follows the log until the first line is there: the last request may still be under way.
    follow = cluster.kubectl("logs", name, "--follow", "--limit-bytes=1", timeout=LIMIT + 10)
    assert follow.stdout
    return cluster.kubectl("logs", name).stdout
