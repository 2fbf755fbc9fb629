"""In which order the program's own workloads of the mesh take their turn when they roll."""

from collections.abc import Sequence

import pulumi


class Turns:
    """As many lanes as workloads may roll at a time; in each, one waits for the one before it."""

    def __init__(self, at_once: int | None) -> None:
        """`at_once` None: nobody waits for anybody."""
        self._at_once = at_once
        self._taken: list[pulumi.Resource] = []

    def before(self) -> list[pulumi.Resource]:
        """What the next workload has to wait for."""
        if self._at_once is None or len(self._taken) < self._at_once:
            return []
        return [self._taken[-self._at_once]]

    def take(self, workload: pulumi.Resource) -> None:
        """The next workload, which waits for what `before` said."""
        self._taken.append(workload)

    @property
    def taken(self) -> Sequence[pulumi.Resource]:
        """Every workload so far, in order."""
        return tuple(self._taken)
