"""Numbers with their nouns, for messages."""


def counted(number: int, noun: str) -> str:
    """`1 problem`, `2 problems`, `0 entries`; `noun` is the singular."""
    if number == 1:
        return f"1 {noun}"
    return f"{number} {noun[:-1]}ies" if noun.endswith("y") else f"{number} {noun}s"
