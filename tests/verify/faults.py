"""What a fault is: something to break in the good lab, and what the check that must notice it says then."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from tests.verify.answers import Reply
from tests.verify.fake_cluster import Object
from tests.verify.running_pods import World

Break = Callable[[World], object]


@dataclass(frozen=True)
class Fault:
    """One way in which the lab can be wrong."""

    check: str
    """The check that must fail, or a set of them in a glob."""
    name: str
    break_it: Break
    seen: str
    """What it must say it saw: a regular expression."""
    scenario: str = "base"
    """The scenario in force."""


def gone(kind: str, name: str, namespace: str = "") -> Break:
    """Take an object away."""
    return lambda world: world.cluster.remove(kind, name, namespace)


def changed(kind: str, name: str, namespace: str, *path: str | int, to: Any) -> Break:
    """Set a field of an object; `to` None takes it away."""

    def run(world: World) -> None:
        put(world.cluster.of(kind, name, namespace), *path, to=to)

    return run


def put(target: Any, *path: str | int, to: Any) -> None:
    """Set a field at a path of keys and indices; None takes it away."""
    for key in path[:-1]:
        target = target[key]
    if to is None:
        del target[path[-1]]
    else:
        target[path[-1]] = to


def not_ready(name: str, namespace: str) -> Break:
    """A Deployment that lost its pod."""

    def run(world: World) -> None:
        world.cluster.of("Deployment", name, namespace)["status"]["readyReplicas"] = 0

    return run


def answers(service: str, path: str, reply: Any) -> Break:
    """A service that answers a path otherwise."""

    def run(world: World) -> None:
        world.routes[service][path] = reply

    return run


def all_break(service: str, reply: Reply) -> Break:
    """A service that answers everything so."""

    def run(world: World) -> None:
        for path in world.routes[service]:
            world.routes[service][path] = reply

    return run


def pods_of(world: World, namespace: str) -> Iterator[Object]:
    """The pods of a namespace."""
    return (one for (kind, where, _), one in world.cluster.objects.items() if kind == "Pod" and where == namespace)
