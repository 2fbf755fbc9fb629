"""What a command prints: results on standard output, remarks about them on standard error."""

import sys


def say(line: str) -> None:
    """Print a line at once, also through a pipe."""
    print(line.rstrip("\n"), flush=True)


def say_aside(line: str) -> None:
    """Print a line that is not part of the result, where somebody may send the result to a file."""
    print(line, file=sys.stderr, flush=True)
