"""Started by the engine: serves the components of this package. The schema comes from their annotations."""

import sys
from pathlib import Path

# The engine starts this folder, not the one with the components beside it.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from plugin.provider import serve

if __name__ == "__main__":
    serve(sys.argv[1:])
