"""Lab 03: monitoring and Kiali."""

from settings.models import Settings

from . import lab03_grafana, lab03_kiali, lab03_monitors, lab03_prometheus, lab03_stack
from .check import Check


def checks(settings: Settings) -> list[Check]:
    """The checks of Lab 03 for a stack."""
    parts = (lab03_stack, lab03_monitors, lab03_prometheus, lab03_grafana, lab03_kiali)
    return [check for part in parts for check in part.checks(settings)]
