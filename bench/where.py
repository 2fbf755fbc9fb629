"""Where the time of a first `up` and of a no-op preview goes: what would have to be quicker for them to be."""

import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from base import process
from base.say import Say
from embedded.tools import toolchain
from meshlab.engine.events import log_file, read
from meshlab.engine.programs import find_engine
from meshlab.graph.critical_path import chain_of
from meshlab.recording.dependencies import needs_of
from settings.names import STACK_CHART

from . import course
from .field import Field, fresh_field
from .inside import engine_profile
from .tools.engine import driver_on
from .tools.releases import CRD_CHART, releases

LOOK_SECONDS = 0.05
INSTALL_SECONDS = 300.0
# What a process is, by the first of these that stands in its command line.
KINDS: Mapping[str, str] = {
    "pulumi-resource-kubernetes": "kubernetes provider",
    "pulumi-resource-": "other providers",
    "-m pip": "pip, which the engine asks what is installed",
    "pulumi-policy-pack": "policy pack",
    "pulumi-language-python-exec": "the program",
    "pulumi-language-python": "the engine's host for Python",
    "pulumi": "engine",
}


def measure(charts: Path, say: Say) -> dict[str, Any]:
    """The chain that decided an `up`, CPU seconds of it and of a no-op preview by process and within the engine, and
    helm's own part of the chain."""
    with fresh_field(charts, lambda line: None) as field:
        driver = driver_on(find_engine(field.say), field, "up")
        up_cpu = cpu_by_process(driver.up)
        chain = chain_of(read(log_file(course.STACK, field.folder)), needs_of(field.stack("up").recording.resources))
        say(f"up: {chain.seconds:.1f} s, of which the chain itself {chain.own:.1f} s")
        cpu = cpu_by_process(driver.preview)
        say(f"no-op: {cpu}")
        inside = {"no-op": engine_profile(driver, field, "no-op")}
    with fresh_field(charts, lambda line: None) as field:
        inside["up"] = engine_profile(driver_on(find_engine(field.say), field, "up"), field, "up")
        say(f"within the engine: {inside}")
    with fresh_field(charts, lambda line: None) as field:
        alone = _helm_alone(field)
        say(f"helm alone: {alone}")
    links = [
        {
            "resource": link.span.urn.rpartition("::")[2],
            "gap": link.gap,
            "own": link.span.seconds,
            "ended": link.span.ended,
        }
        for link in chain.links
    ]
    return {
        "repetitions": 1,
        "up_seconds": chain.seconds,
        "chain": links,
        "cpu": {"up": up_cpu, "no-op": cpu},
        "engine": inside,
        "helm_alone": alone,
    }


def cpu_by_process(work: Callable[[], object]) -> dict[str, float]:
    """CPU seconds of what `work` starts, by kind of process: looked at while they run, so a little less than all."""
    seen: dict[int, tuple[str, float]] = {}
    done = threading.Event()

    def watch() -> None:
        while not done.wait(LOOK_SECONDS):
            for child in psutil.Process(os.getpid()).children(recursive=True):
                with suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
                    times = child.cpu_times()
                    seen[child.pid] = (kind_of(child.cmdline()), times.user + times.system)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        work()
    finally:
        done.set()
        watcher.join()
    total: dict[str, float] = {}
    for kind, seconds in seen.values():
        total[kind] = total.get(kind, 0.0) + seconds
    return dict(sorted(total.items(), key=lambda entry: -entry[1]))


def kind_of(command: Sequence[str]) -> str:
    """What a process is, by its command line."""
    text = " ".join(command)
    return next((kind for part, kind in KINDS.items() if part in text), "other")


def _helm_alone(field: Field) -> dict[str, float]:
    """Seconds of helm for each release of the chain, by itself on a cluster that does nothing else."""
    helm, kubectl = (str(toolchain.ensure([name])[name]) for name in ("helm", "kubectl"))
    env = {"KUBECONFIG": str(field.cluster.kubeconfig)}
    (stack,) = (release for release in releases(field, "up") if STACK_CHART in release.chart)
    (crds,) = (chart for chart in field.stack("up").wanted if chart.name == CRD_CHART)

    def timed(*words: str) -> float:
        started = time.monotonic()
        process.run([helm, *words], timeout=INSTALL_SECONDS, env=env)
        return time.monotonic() - started

    process.run([kubectl, "create", "namespace", stack.namespace], timeout=60, env=env)
    where = ("--namespace", stack.namespace, "--wait")
    found = {CRD_CHART: timed("install", "crds", str(field.charts / crds.file), *where)}
    install = ("install", stack.name, stack.chart, "--values", str(stack.values), "--skip-crds", *where)
    found[STACK_CHART] = timed(*install)
    timed("uninstall", stack.name, *where)
    found[f"{STACK_CHART} without its hooks"] = timed(*install, "--no-hooks")
    return found
