"""The command `meshlab`, also as `python -m meshlab`."""

import gc
import sys

from base.environment import settle

from .cli.main import main

ALLOCATIONS = 100_000
"""Objects that are made before Python looks for cycles among them. A command makes many that stay until its end: with
Python's own 700, a tenth of its time goes by with looking."""


def run() -> int:
    """Run one command of the command line in a settled environment; returns the exit code."""
    gc.set_threshold(ALLOCATIONS)
    settle()
    return main(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(run())
