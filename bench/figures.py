"""The few figures that the page shows of many: spread of repeated runs, and the line through a growing one."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Spread:
    """Repeated measurements of one thing."""

    low: float
    median: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """Raises ValueError where there are no values."""
        if not values:
            raise ValueError("expected at least one measurement, got none")
        return cls(min(values), statistics.median(values), max(values))


@dataclass(frozen=True)
class Line:
    """The straight line that lies closest to measured points, by least squares."""

    slope: float
    """How much y grows with each unit of x."""
    intercept: float
    r_squared: float
    """The share of y's variance that the line explains: 1 where all points lie on it."""

    @classmethod
    def through(cls, x: Sequence[float], y: Sequence[float]) -> "Line":
        """Raises ValueError where the points do not make out a line: fewer than two different x."""
        if len(set(x)) < 2:
            raise ValueError(f"expected points at two or more different places, got {sorted(set(x))}")
        slope, intercept = statistics.linear_regression(x, y)
        mean = statistics.fmean(y)
        total = sum((value - mean) ** 2 for value in y)
        left = sum((value - (intercept + slope * at)) ** 2 for at, value in zip(x, y, strict=True))
        # Points on a level line leave nothing to explain.
        return cls(slope, intercept, 1.0 - left / total if total else 1.0)
