"""What a check is, and what it works with."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from base.say import Say
from kube.cluster import Cluster
from settings.models import Settings

from ..results.outcome import Failed, Seen
from .program import Program


class Deadline:
    """The moment at which a check must have its answer."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        """Seconds that are left, never less than a tenth: a time limit of 0 means `none` to some clients."""
        return max(0.1, self._end - time.monotonic())

    @property
    def over(self) -> bool:
        """Whether the time is up."""
        return time.monotonic() >= self._end


@dataclass(frozen=True)
class Context:
    """What a check works with."""

    settings: Settings
    program: Program
    """What the stack's program declares."""
    cluster: Cluster
    deadline: Deadline = field(default_factory=lambda: Deadline(30))
    say: Say = print
    pause: float = 2.0
    """Seconds between two looks at something that needs time."""

    def eventually(self, look: Callable[[], Seen]) -> Seen:
        """What `look` returns once it does not raise Failed any more; its last Failed when the time is over."""
        while True:
            try:
                return look()
            except Failed:
                if self.deadline.left() <= self.pause or self.deadline.over:
                    raise
            time.sleep(self.pause)


@dataclass(frozen=True)
class Check:
    """One row of the lab's handbook, or one thing of it, with how to see it."""

    id: str
    """Stable: lab01.envoy-config; what other programs know the check by."""
    title: str
    expected: str
    run: Callable[[Context], Seen]
    limit: float = 30.0
    """Seconds that it may take."""

    @property
    def lab(self) -> int:
        """The lab that it belongs to, by its id."""
        return int(self.id[3:5])
