"""`python -m meshlab <command>`."""

import sys

from .cli import main
from .environment import settle

if __name__ == "__main__":
    settle()
    sys.exit(main(sys.argv[1:]))
