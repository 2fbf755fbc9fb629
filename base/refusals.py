"""What the API server says where it refuses."""

import json
from contextlib import suppress


def message_of(text: str) -> str:
    """The message of a Status, or the beginning of the text that came instead."""
    with suppress(ValueError, KeyError, TypeError):
        return str(json.loads(text)["message"])
    return " ".join(text.split())[:200]
