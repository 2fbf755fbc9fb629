"""What a file holds, as one digest."""

import hashlib
from pathlib import Path


def sha256(file: Path) -> str:
    """The digest of a file's bytes."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
