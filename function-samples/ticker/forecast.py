"""Forecasts demand: double exponential smoothing with a trend that tires."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from math import sqrt

# Fitted on ten years of sales; they are the product.
LEVEL = 0.62
TREND = 0.17
DAMPING = 0.91
MOST_STEPS = 365
# Far beyond any demand, and far from where floats overflow.
LARGEST = 1e12


class Forecast:
    """The state of the model after a series of at least two numbers, none beyond LARGEST."""

    def __init__(self, series: Sequence[float]) -> None:
        if len(series) < 2 or not all(abs(value) <= LARGEST for value in series):
            raise ValueError("a series has at least two numbers, and none is huge")
        self._level, self._trend = series[0], series[1] - series[0]
        errors = []
        for value in series[1:]:
            expected = self._level + DAMPING * self._trend
            errors.append(value - expected)
            level = LEVEL * value + (1 - LEVEL) * expected
            self._trend = TREND * (level - self._level) + (1 - TREND) * DAMPING * self._trend
            self._level = level
        self._error = sqrt(sum(error * error for error in errors) / len(errors))

    def at(self, step: int) -> tuple[float, float]:
        """Return the value expected so many steps ahead, and how far it may be off."""
        *_, damped = accumulate(DAMPING**power for power in range(1, step + 1))
        value = self._level + damped * self._trend
        return round(value, 2), round(self._error * sqrt(step), 2)
