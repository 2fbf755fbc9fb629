"""Blocks of Markdown, of which as many items are written as there is room for."""

from collections.abc import Sequence
from dataclasses import dataclass

NOTE_ROOM = 700


@dataclass(frozen=True)
class Block:
    """A head, items of which any number may be left out from the end, and a tail that closes what the head opened."""

    head: str
    items: Sequence[str]
    tail: str
    what: str
    """What the items are, for the note of what was left out."""


def size(text: str) -> int:
    """Bytes in UTF-8."""
    return len(text.encode())


def written(blocks: Sequence[Block], limit: int, instead: str) -> str:
    """The blocks one after the other in at most `limit` bytes, with a note of what had to be left out.

    `instead` says where all of it is to be seen. Earlier blocks go before later ones.
    """
    text, missing = "", list[str]()
    for block in blocks:
        room = limit - NOTE_ROOM - size(text)
        frame = f"{block.head}\n", f"{block.tail}\n\n" if block.tail else "\n"
        room -= size(frame[0]) + size(frame[1])
        kept: list[str] = []
        for item in block.items:
            room -= size(item) + 1
            if room < 0:
                break
            kept.append(f"{item}\n")
        if len(kept) < len(block.items):
            missing.append(f"{len(block.items) - len(kept)} of {len(block.items)} {block.what}")
        if kept or (not block.items and room >= 0):
            text += frame[0] + "".join(kept) + frame[1]
    if missing:
        note = f"_Left out, since a comment holds no more: {', '.join(missing)}. {instead}._\n"
        text += note if size(note) <= NOTE_ROOM else f"_Cut, since a comment holds no more. {instead}._\n"
    return text
