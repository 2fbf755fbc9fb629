"""The pages of docs/reference/, written from the code. `python -m tests.support.reference` writes them."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from . import checks, commands, exit_codes, policies, settings

PAGES: Mapping[str, Callable[[], str]] = MappingProxyType(
    {
        "settings": settings.page,
        "commands": commands.page,
        "exit_codes": exit_codes.page,
        "checks": checks.page,
        "policies": policies.page,
    }
)
"""What writes each page, by its name in docs/reference/."""
