"""What an unfinished destroy has taken from the state, though it is still in the cluster."""

from typing import Any

import pytest

from meshlab.engine.owed_deletes import owed

NAMESPACE = {"urn": "namespace"}


def inside(name: str, **more: Any) -> dict[str, Any]:
    return {"urn": name, "deletedWith": "namespace", "outputs": {"kind": "ConfigMap", "name": name}, **more}


@pytest.mark.parametrize(
    ("after", "names"),
    [
        ([NAMESPACE, inside("a"), inside("b")], []),
        ([NAMESPACE, inside("a")], ["b"]),
        ([NAMESPACE], ["a", "b"]),
        ([], []),
    ],
    ids=["nothing-removed", "one-removed", "all-removed", "namespace-removed"],
)
def test_what_left_the_state_before_its_namespace_is_owed(after: list[dict[str, Any]], names: list[str]) -> None:
    before = [NAMESPACE, inside("a"), inside("b"), {"urn": "alone", "outputs": {"kind": "ClusterRole"}}]
    assert [manifest["name"] for manifest in owed(before, after)] == names
