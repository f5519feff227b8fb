"""Sample counts and the board's stamps in, even device times out; the rate is measured on the way."""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

_TOLERANCE = 0.1  # of the nominal period; beyond it the declared rate is wrong
_UNTIMED_SHARE = 0.55  # of a period: how far an untimed stamp may be from the truth (docs/wire.md, DATA)


class SampleTimeline:
    """Even sample times from (index, device time) pairs.

    A timed stamp is right to 0.5 ms: a line is fitted through the newest of them, with the declared period as what is
    believed before. An untimed one is only as good as half a period: it bounds what the line says. A board that times
    none is followed by a second-order tracking filter (alpha-beta), which smooths what its reading jitters by.

    Either follows a sensor clock that is off by several percent. One timeline serves one epoch; a new epoch starts a
    new one.
    """

    _ALPHA = 0.05  # settles in about 20 frames
    _BETA = _ALPHA**2 / 4
    _POINTS = 24  # timed stamps the line goes through: a second of pressure, 46 s of light
    _STAMP_US = 300.0  # their scatter
    _CLOCK_SHARE = 0.02  # that of sensor clocks: how much a few stamps are believed against the declared period

    def __init__(self, period_us: float) -> None:
        self._nominal_us = period_us
        self._period_us = period_us
        self._last_index: int | None = None
        self._last_us = 0.0
        self._timed: deque[tuple[int, int]] = deque(maxlen=self._POINTS)

    @property
    def is_learnt(self) -> bool:
        """Whether timed stamps hold the line: it leads over a counted loss, and what comes behind it bounds it."""
        return len(self._timed) > 1

    def feed(self, index: int, n: int, last_us: int, *, is_timed: bool = False) -> NDArray[np.int64]:
        """Return the device times of samples ``index``..``index + n - 1``, the last of them stamped ``last_us``."""
        last_index = index + n - 1
        if is_timed:
            self._timed.append((last_index, last_us))
            self._fit(last_index)
        elif self._last_index is None:
            self._last_us = float(last_us)
        else:
            self._follow(last_index - self._last_index, last_us)
        self._last_index = last_index
        back = np.arange(n - 1, -1, -1, dtype=np.float64)
        times: NDArray[np.float64] = np.rint(self._last_us - back * self._period_us)
        return times.astype(np.int64)

    def _fit(self, last_index: int) -> None:
        """The least-squares line through the timed stamps, evaluated at the newest sample."""
        points = np.array(self._timed, dtype=np.float64)
        at = points[:, 0] - last_index
        residual = points[:, 1] - points[-1, 1] - at * self._nominal_us
        centre, level = at.mean(), residual.mean()
        doubt = (self._STAMP_US / (self._CLOCK_SHARE * self._nominal_us)) ** 2
        excess_us = float(((at - centre) * residual).sum() / (((at - centre) ** 2).sum() + doubt))
        limit_us = _TOLERANCE * self._nominal_us
        excess_us = min(max(excess_us, -limit_us), limit_us)
        self._period_us = self._nominal_us + excess_us
        self._last_us = float(points[-1, 1] + level - excess_us * centre)

    def _follow(self, steps: int, last_us: int) -> None:
        predicted_us = self._last_us + steps * self._period_us
        error_us = last_us - predicted_us
        if self._timed:
            room_us = _UNTIMED_SHARE * self._nominal_us
            self._last_us = min(max(predicted_us, last_us - room_us), last_us + room_us)
            return
        self._last_us = predicted_us + self._ALPHA * error_us
        low_us, high_us = self._nominal_us * (1 - _TOLERANCE), self._nominal_us * (1 + _TOLERANCE)
        self._period_us = min(max(self._period_us + self._BETA * error_us / steps, low_us), high_us)


class RateCheck:
    """Whether samples come as often as declared, by the board's own clock, over the last seconds."""

    _LEAST_US = 1_000_000  # stamps that jitter by half a period of 25 Hz are then right to 4 %
    _SPAN_US = 2_000_000

    def __init__(self, rate_hz: float) -> None:
        self._declared_hz = rate_hz
        self._stamps: deque[tuple[int, int]] = deque()  # index, device time
        self.measured_hz: float | None = None

    def feed(self, last_index: int, last_us: int) -> None:
        stamps = self._stamps
        if stamps and last_us < stamps[-1][1]:  # the board's clock was set back
            stamps.clear()
        stamps.append((last_index, last_us))
        while len(stamps) > 2 and last_us - stamps[1][1] >= self._SPAN_US:
            stamps.popleft()
        span_us = last_us - stamps[0][1]
        if span_us >= self._LEAST_US:
            self.measured_hz = (last_index - stamps[0][0]) / span_us * 1e6

    @property
    def is_wrong(self) -> bool:
        measured = self.measured_hz
        return measured is not None and abs(measured / self._declared_hz - 1) > _TOLERANCE
