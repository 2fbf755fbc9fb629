"""docs/reference/exit_codes.md: what each command ends with."""

from meshlab.cli.exit_codes import COMMON, OWN

from .markdown import code, document, table


def page() -> str:
    """The page."""
    rows = [(code(name), code(str(number)), means) for name, codes in OWN.items() for number, means in codes.items()]
    return document(
        "Exit codes",
        "A script or a workflow can read the result of a command from its exit code. These codes are the same for all "
        "commands, unless the second table has another meaning.",
        table(["code", "meaning"], ((code(str(number)), means) for number, means in COMMON.items())),
        "Codes of single commands:",
        table(["command", "code", "meaning"], rows),
    )
