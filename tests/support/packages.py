"""The packages of the program and of its command line, for tests that look at all of them."""

from pathlib import Path

from base.assets import ROOT

PROGRAM = ("components", "rollout", "settings")
"""What a stack's program is made of, beside what every layer may use."""
PACKAGES = ("base", "embedded", "kube", "meshlab", "policy", *PROGRAM)


def sources(*packages: str) -> list[Path]:
    """The Python files of these packages."""
    return sorted(path for name in packages for path in (ROOT / name).rglob("*.py"))
