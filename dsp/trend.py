"""Vitals second by second in, where each quantity is going out: medians, slope, distance from a baseline, a forecast.

Only seconds whose value is measured without doubt about the signal count; the others are left out, never replaced. Each
number is None where too few seconds of its window count. A forecast is advisory: the pressure of a person does not know
that it follows a line.
"""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from dsp.latency import TIMINGS
from dsp.types import RELATIVE_UNIT, Measured, Quantity, Validity, Vital

SHORT_S, MIDDLE_S, LONG_S = 15, 60, 300
SLOPE_S = 180  # a rise under ketamine takes ten minutes and more, a breath five seconds
LEAST_SHARE = 0.5  # of a window's seconds
HORIZON_S = 600
LEAST_CONFIDENCE = 0.8  # that the limit is reached within HORIZON_S
SPREAD = 1.28  # standard errors to both sides: four times in five
_SECOND_US = 1_000_000
_TRUSTED = (Validity.MEASURED, Validity.UNCALIBRATED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a forecast looks out for: the nearest that has not been crossed yet."""

    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """When a straight line through the last minutes reaches a limit; advisory.

    ``confidence`` is the probability that it does within ``HORIZON_S``, were the line the truth; ``latest_s`` is None
    if the slope may as well be none. Times are seconds from now.
    """

    limit: float
    in_s: float
    earliest_s: float
    latest_s: float | None
    confidence: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """Of one quantity at one second, in its unit; ``slope`` in that a minute."""

    median_15s: float | None
    median_1min: float | None
    median_5min: float | None
    slope: float | None
    from_baseline: float | None  # of the median over a minute
    forecast: Forecast | None


class Trends:
    """Trends of one chair; baseline and limits are given."""

    def __init__(self) -> None:
        self._histories: dict[Quantity, _History] = {}
        self._baseline: dict[Quantity, float] = {}
        self._limits: dict[Quantity, Limits] = {}

    def set_baseline(self, values: Mapping[Quantity, float]) -> None:
        """Take the session's baseline, in the units of the quantities; it replaces the one before."""
        self._baseline = dict(values)

    def set_limits(self, limits: Mapping[Quantity, Limits]) -> None:
        """Take the limits that forecasts look out for; they replace those before."""
        self._limits = dict(limits)

    def restart(self) -> None:
        """Forget what was: another person is in the chair."""
        self._histories.clear()
        self._baseline.clear()

    def forget_relative(self) -> None:
        """Forget values in per cent of a baseline that is taken anew."""
        self._histories = {q: h for q, h in self._histories.items() if h.unit != RELATIVE_UNIT}

    def feed(self, vitals: Iterable[Vital]) -> dict[Quantity, Trend]:
        """Take the vitals of a second, in order; return the trends of those that have any."""
        trends = {}
        for vital in vitals:
            trend = self._trend(vital)
            if trend is not None:
                trends[vital.quantity] = trend
        return trends

    def _trend(self, vital: Vital) -> Trend | None:
        history = self._histories.get(vital.quantity)
        reading = vital.reading
        is_trusted = isinstance(reading, Measured) and reading.validity in _TRUSTED
        if history is None or (isinstance(reading, Measured) and history.unit != vital.unit):
            if not is_trusted:  # nothing is known in this unit yet
                if isinstance(reading, Measured):
                    self._histories.pop(vital.quantity, None)
                return None
            history = self._histories[vital.quantity] = _History(vital.unit, vital.quantity)
        second = vital.t_us // _SECOND_US
        history.forget(second)
        if isinstance(reading, Measured) and is_trusted:
            history.add(second, reading.value)
        is_own_unit = history.unit == vital.quantity.unit
        return history.trend(
            second,
            self._baseline.get(vital.quantity) if is_own_unit else None,
            self._limits.get(vital.quantity) if is_own_unit else None,
        )


class _Window:
    """The values of the last seconds, also in order of size."""

    def __init__(self, seconds: int) -> None:
        self._seconds = seconds
        self._values: deque[tuple[int, float]] = deque()
        self._sorted: list[float] = []

    def add(self, second: int, value: float) -> None:
        self._values.append((second, value))
        insort(self._sorted, value)

    def forget(self, second: int) -> None:
        while self._values and self._values[0][0] <= second - self._seconds:
            _, value = self._values.popleft()
            del self._sorted[bisect_left(self._sorted, value)]

    @property
    def median(self) -> float | None:
        count = len(self._sorted)
        if count < LEAST_SHARE * self._seconds:
            return None
        middle = count // 2
        return self._sorted[middle] if count % 2 else (self._sorted[middle - 1] + self._sorted[middle]) / 2


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fit:
    """A line: its value now, its slope a second and the standard error of that."""

    now: float
    slope: float
    error: float


class _Line:
    """Least squares over the last seconds, by sums that are kept up."""

    def __init__(self, correlated_s: float) -> None:
        self._values: deque[tuple[int, float]] = deque()
        self._correlated_s = correlated_s  # values so near to each other share their samples
        self._origin = (0, 0.0)
        self._sum_t = self._sum_tt = 0
        self._sum_y = self._sum_ty = self._sum_yy = 0.0

    def add(self, second: int, value: float) -> None:
        if not self._values:
            self._origin = (second, value)
            self._sum_t = self._sum_tt = 0
            self._sum_y = self._sum_ty = self._sum_yy = 0.0
        self._values.append((second, value))
        self._count(second, value, 1)

    def forget(self, second: int) -> None:
        while self._values and self._values[0][0] <= second - SLOPE_S:
            self._count(*self._values.popleft(), -1)

    def _count(self, second: int, value: float, sign: int) -> None:
        t, y = second - self._origin[0], value - self._origin[1]
        self._sum_t += sign * t
        self._sum_tt += sign * t * t
        self._sum_y += sign * y
        self._sum_ty += sign * t * y
        self._sum_yy += sign * y * y

    def fit(self, second: int) -> _Fit | None:
        """The line, None where too few seconds count or they are too close together."""
        n = len(self._values)
        if n < LEAST_SHARE * SLOPE_S or self._values[0][0] > second - LEAST_SHARE * SLOPE_S:
            return None
        spread = self._sum_tt - self._sum_t**2 / n
        slope = (self._sum_ty - self._sum_t * self._sum_y / n) / spread
        rest = self._sum_yy - self._sum_y**2 / n - slope * slope * spread
        independent = max(3.0, n / self._correlated_s)
        error = math.sqrt(max(0.0, rest) / (independent - 2) / spread)
        mean_t, mean_y = self._sum_t / n, self._sum_y / n
        now = self._origin[1] + mean_y + slope * (second - self._origin[0] - mean_t)
        return _Fit(now=now, slope=slope, error=error)


class _History:
    """What is remembered of one quantity in one unit."""

    def __init__(self, unit: str, quantity: Quantity) -> None:
        self.unit = unit
        self._windows = [_Window(seconds) for seconds in (SHORT_S, MIDDLE_S, LONG_S)]
        self._line = _Line(max(1.0, TIMINGS[quantity].window_us / _SECOND_US))

    def add(self, second: int, value: float) -> None:
        for window in self._windows:
            window.add(second, value)
        self._line.add(second, value)

    def forget(self, second: int) -> None:
        for window in self._windows:
            window.forget(second)
        self._line.forget(second)

    def trend(self, second: int, baseline: float | None, limits: Limits | None) -> Trend | None:
        short, middle, long = (window.median for window in self._windows)
        fit = self._line.fit(second)
        if short is None and middle is None and long is None and fit is None:
            return None
        return Trend(
            median_15s=short,
            median_1min=middle,
            median_5min=long,
            slope=None if fit is None else 60 * fit.slope,
            from_baseline=None if middle is None or baseline is None else middle - baseline,
            forecast=None if fit is None or limits is None else forecast_of(fit.now, fit.slope, fit.error, limits),
        )


def forecast_of(now: float, slope: float, error: float, limits: Limits) -> Forecast | None:
    """When a line reaches the limit it runs towards; None if it is unlikely within the horizon.

    Parameters
    ----------
    slope, error : a second; ``error`` is the standard error of the slope
    """
    ahead = [x for x in limits.high if x > now] if slope > 0 else [x for x in limits.low if x < now]
    if not ahead or slope == 0:
        return None
    limit = min(ahead, key=lambda x: abs(x - now))
    distance, speed = abs(limit - now), abs(slope)
    needed = distance / HORIZON_S
    confidence = _normal((speed - needed) / error) if error > 0 else float(speed >= needed)
    if confidence < LEAST_CONFIDENCE:
        return None
    slowest = speed - SPREAD * error
    return Forecast(
        limit=limit,
        in_s=distance / speed,
        earliest_s=distance / (speed + SPREAD * error),
        latest_s=distance / slowest if slowest > 0 else None,
        confidence=confidence,
    )


def _normal(z: float) -> float:
    """Probability that a normal variable is below ``z``; rounded, so that the last bit of a machine is not in it."""
    return round(0.5 * (1 + math.erf(z / math.sqrt(2))), 6)
