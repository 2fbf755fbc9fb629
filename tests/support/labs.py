"""A lab that each test gets as after a fresh install: what one test leaves, or breaks, is no other's."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from meshlab.cli.commands.recover import RecoverOptions, recover

from .inventory import declared
from .lab import Lab, driver, running_lab


class Labs:
    """One lab at a time, brought up with `settings`."""

    def __init__(self, folder: Callable[[], Path], name: str, settings: dict[str, Any], over: dict[str, Any]) -> None:
        """`folder` makes a new one for each lab; `over` has the sections that tests lay over the stack's own."""
        self._folder, self._name, self._settings, self._over = folder, name, settings, over
        self._ending = ExitStack()
        self._lab: Lab | None = None
        self._fresh: list[str] = []
        self._seen_fresh = False

    @contextmanager
    def one(self) -> Iterator[Lab]:
        """A lab that is as a fresh install has it: that of the test before, put back, or else a new one."""
        if self._lab is not None and not (self._seen_fresh or self._is_put_back(self._lab)):
            self.close()
        if self._lab is None:
            self._lab = self._ending.enter_context(running_lab(self._folder(), self._name, over=self._over))
            driver(self._lab, **self._settings).up()
            self._fresh = declared(self._lab.cluster)
        self._seen_fresh = False
        yield self._lab

    def fresh(self) -> list[str]:
        """The objects of a fresh install."""
        return self._fresh

    def left(self, lab: Lab) -> list[str]:
        """The objects that are there now. Call it last, and after an `up` with the settings: where they are those of a
        fresh install, the next test gets the lab without putting it back."""
        found = declared(lab.cluster)
        self._seen_fresh = found == self._fresh
        return found

    def close(self) -> None:
        """End the lab, if there is one."""
        self._ending.close()
        self._lab = None

    def _is_put_back(self, lab: Lab) -> bool:
        try:
            recover(RecoverOptions(lab.stack, lab.target, lab.folder), lambda: True, lab.say)
            driver(lab, **self._settings).up()
            return declared(lab.cluster) == self._fresh
        except Exception as error:
            print(f"this lab is given up: {error}")
            return False
