"""`meshlab destroy`: the other name of `meshlab down`, as Pulumi has it."""

from .down import configure, run

__all__ = ["configure", "run"]
