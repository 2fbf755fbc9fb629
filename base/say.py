"""How a function tells the person who waits what it does."""

from collections.abc import Callable

Say = Callable[[str], None]
"""Takes one line."""


def quiet(line: str) -> None:
    """Tell nobody."""
