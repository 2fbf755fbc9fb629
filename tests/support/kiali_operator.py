"""A stand-in for the Kiali operator, which does not really run on the embedded cluster."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from embedded.cluster import EmbeddedCluster

from .hand_edits import patch
from .inventory import objects


@contextmanager
def stand_in_operator(cluster: EmbeddedCluster, seconds: float) -> Iterator[list[float]]:
    """Takes the finalizer of a Kiali that is going away after some seconds, and notes when it did."""
    done = threading.Event()
    took: list[float] = []

    def work() -> None:
        while not done.wait(0.5):
            going = [
                object_ for object_ in objects(cluster, "kialis", "-A") if "deletionTimestamp" in object_["metadata"]
            ]
            if going and not done.wait(seconds):
                patch("istio-system", "kiali", "kiali", {"metadata": {"finalizers": None}})(cluster)
                took.append(time.monotonic())

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield took
    finally:
        done.set()
        thread.join()
