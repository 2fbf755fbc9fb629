"""The command `meshlab`, also as `python -m meshlab`."""

import sys

from base.environment import settle

from .cli.main import main


def run() -> int:
    """Run one command of the command line in a settled environment; returns the exit code."""
    settle()
    return main(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(run())
