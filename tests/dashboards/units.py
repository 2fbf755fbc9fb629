"""Numbers as Grafana writes them, for the units that the dashboards use."""

from collections.abc import Callable

_DECIMAL = ("", " K", " Mil", " Bil")
_BINARY = ("B", "KiB", "MiB", "GiB", "TiB")
_BYTES = tuple(1024.0**power for power in range(len(_BINARY)))
_STEPS = {"bytes": _BYTES, "binBps": _BYTES, "s": (1.0, 60.0, 3600.0, 86400.0, 604800.0)}
"""Where a unit changes its name."""


def ticks(top: float, unit: str) -> list[float]:
    """Three to five round values from 0 up to `top`: round in KiB or minutes, where the unit is shown so."""
    sizes = _STEPS.get(unit, ())
    scale = max((size for size in sizes if size <= top), default=1.0)
    for power in range(-4, 9):
        for digit in (1, 2, 2.5, 5):
            step = digit * 10**power * scale
            if top / step < 5:
                return [step * number for number in range(int(top / step) + 1)]
    raise ValueError(f"{top} {unit}: expected a value that a dashboard can show")


def _plain(value: float, decimals: int | None = None) -> str:
    if decimals is not None:
        return f"{value:.{decimals}f}"
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"


def _scaled(value: float, decimals: int | None, base: int, names: tuple[str, ...], gap: str = "") -> str:
    power = 0
    while abs(value) >= base and power < len(names) - 1:
        value, power = value / base, power + 1
    return f"{_plain(value, decimals)}{gap}{names[power]}"


def _duration(seconds: float, decimals: int | None) -> str:
    for size, name in ((86400 * 7, "weeks"), (86400, "days"), (3600, "hours"), (60, "mins"), (1, "s")):
        if abs(seconds) >= size:
            return f"{_plain(seconds / size, decimals)} {name}"
    return "0 s" if seconds == 0 else f"{_plain(seconds * 1000, decimals)} ms"


_FORMATS: dict[str, Callable[[float, int | None], str]] = {
    "percentunit": lambda value, decimals: f"{_plain(value * 100, decimals)}%",
    "reqps": lambda value, decimals: f"{_scaled(value, decimals, 1000, _DECIMAL)} req/s",
    "cps": lambda value, decimals: f"{_scaled(value, decimals, 1000, _DECIMAL)} c/s",
    "bytes": lambda value, decimals: _scaled(value, decimals, 1024, _BINARY, " "),
    "binBps": lambda value, decimals: f"{_scaled(value, decimals, 1024, _BINARY, ' ')}/s",
    "ms": lambda value, decimals: f"{_plain(value, decimals)} ms" if value < 1000 else f"{_plain(value / 1000)} s",
    "s": _duration,
    "short": lambda value, decimals: _scaled(value, decimals, 1000, _DECIMAL),
    "none": _plain,
}


def text(value: float, unit: str, decimals: int | None = None) -> str:
    """`value` with its unit. A name that is no unit of Grafana's stands behind the number, as Grafana does it."""
    if value != value:
        return "NaN"
    known = _FORMATS.get(unit)
    return known(value, decimals) if known else f"{_plain(value, decimals)} {unit}"
