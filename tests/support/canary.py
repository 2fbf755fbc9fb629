"""A known secret, and where it can be seen: in clear, or in a form that anybody can turn back."""

import base64
import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

CANARY = 'Canary-7d1f "käfig" /+&'
"""Has what JSON, URLs and YAML write in other ways."""


def forms(secret: str) -> dict[str, bytes]:
    """The secret as it may stand in a text, by the form's name."""
    raw = secret.encode()
    found = {
        "clear": raw,
        "JSON": json.dumps(secret)[1:-1].encode(),
        "JSON in UTF-8": json.dumps(secret, ensure_ascii=False)[1:-1].encode(),
        "JSON within JSON": json.dumps(json.dumps(secret))[3:-3].encode(),
        "URL": quote(secret, safe="").encode(),
        "hexadecimal": raw.hex().encode(),
    }
    for shift in range(3):
        # Within a longer text its base64 depends on where it begins; what its first and last bytes share goes.
        padded = base64.b64encode(b"\0" * shift + raw)
        found[f"base64 at {shift}"] = padded[(shift * 8 + 5) // 6 : len(raw) * 8 // 6 - 2]
    return found


def sightings(secret: str, places: Mapping[str, str | bytes]) -> list[str]:
    """Where the secret stands: `place: form`. Empty is what one wants."""
    sought = forms(secret)
    return [
        f"{place}: {name}"
        for place, content in places.items()
        for name, form in sought.items()
        if form in (content.encode() if isinstance(content, str) else content)
    ]


def files_below(*folders: Path, since: float = 0.0) -> dict[str, bytes]:
    """The content of every file below some folders that was written `since` (seconds since the epoch), by its path."""
    found: dict[str, bytes] = {}
    for path in sorted(path for folder in folders for path in folder.rglob("*")):
        # Any command of Pulumi deletes the oldest logs, once they are too many.
        with suppress(FileNotFoundError):
            if path.is_file() and not path.is_symlink() and path.stat().st_mtime >= since:
                found[str(path)] = path.read_bytes()
    return found
