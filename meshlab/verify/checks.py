"""All checks of a stack, in the order in which they are run: what one shows may be the ground of the next."""

from settings.models import Settings

from . import lab01, lab02, lab03
from .check import Check

LABS = (1, 2, 3)


def all_checks(settings: Settings, lab: int | None = None) -> list[Check]:
    """The checks of one lab, or of all."""
    found = [*lab01.checks(settings), *lab02.checks(settings), *lab03.checks(settings)]
    return [check for check in found if lab in (None, check.lab)]
