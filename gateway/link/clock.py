"""The board's ticks in, gateway microseconds out; nothing here reads a clock."""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

from gateway.link.faults import Fault, Finding

TICKS_PERIOD_US = 1 << 30  # MicroPython's ticks_us on rp2: 17.9 minutes
_BUCKET_US = 1_000_000
# Seconds that had frames; silent ones do not count, so that a burst after a stall is not taken for a clock step.
_BUCKETS = 128
_FEWEST_BUCKETS = 3  # that show a drift
_HELD_BUCKETS = 2  # in which one that is found so early goes on being found: a leap looks like one for a moment
_SETTLING_BUCKETS = 5  # until then the offset jumps to what is known; later it is slewed
_SLEW_PPM = 2000  # above the sum of both crystals' errors (500 ppm), too slow to be seen in a pulse interval
_DRIFT = 1500e-6  # both crystals' errors, with room
_STEEPEST = 6000e-6  # tried before a step is believed: no crystal is off by so much, what stands in for one may be
_LATE_US = 100_000  # a larger difference is no drift
_TRUSTED_US = 10_000.0  # half the round trip; a slower one says too little about the way to the board and back
_CONTRADICTION_US = 1_000.0  # what two stamps of the same moment may differ by
_DOUBT_US_PER_PPM = 0.5  # how much narrower a channel may be for a slope nearer to none: few bounds show no drift
_SLOPES, _ROUNDS = 33, 5  # slopes tried in a round, an odd number so that none is one of them; to 3e-9 in the end
_TOLD_US = 30_000_000  # how long a step is shown
_WRONG_PPM = 200.0  # crystals are good to 50
_NEVER_US = -(1 << 62)
_NO_BOUNDS: deque[tuple[int, int, int]] = deque()


class BoardClock:
    """Maps the board's 30-bit ticks to gateway time from frames that can only have come late.

    The offset is gateway time less device time. A frame arrives after it was sent: its arrival less its device time is
    an upper bound. A request is read after it was sent: its sending less the device time at which it was read is a
    lower bound. Of each second the tightest of both is kept, and the offset is the line in the middle of the widest
    straight channel between them, which also shows how fast the two crystals drift apart (the convex hull of Moon,
    Skelly and Towsley, INFOCOM 1999, on both sides). With a board that does not answer, or answers too slowly to say
    more, it is the line under the upper bounds.

    The applied offset is slewed to that line, so that sample spacing stays even. A frame that came 0.1 s earlier than
    any before shows that the offset was wrong: it is applied at once, as a gap. Frames that all come 0.1 s later than
    before are late, not the clock: their samples keep the age they have, so that a backlog never looks live. But a
    request that was answered with a time from before it was sent proves that the board's clock stood still or was set
    back: everything older is forgotten, and the step is counted.
    """

    def __init__(self) -> None:
        self.steps = 0
        self.stepped_us = _NEVER_US  # arrival of the frame that showed the last one
        self._device_us: int | None = None
        self._arrival_us = 0
        self._upper: deque[tuple[int, int, int]] = deque(maxlen=_BUCKETS)  # bucket, device time, offset
        self._lower: deque[tuple[int, int, int]] = deque(maxlen=_BUCKETS)
        self._offset_us = 0.0  # applied to the newest frame
        self._lag_us = 0.0  # of what is applied behind the line
        self._line = (0, 0.0, 0.0)  # device time, offset there, drift
        self._half_width_us: float | None = None
        self._steepest = _DRIFT  # slope that is thought possible
        self._early_since: int | None = None  # bucket in which a drift began to be known before its time

    def feed(self, arrival_us: int, ticks_us: int) -> int:
        """Unwrap the ticks of a frame that came at ``arrival_us``; return device microseconds."""
        is_first, elapsed_us = self._device_us is None, arrival_us - self._arrival_us
        device_us = self._unwrap(arrival_us, ticks_us)
        if is_first:
            self._begin(arrival_us, device_us)
        moved_us = device_us - (device_us if self._device_us is None else self._device_us)
        self._arrival_us, self._device_us = arrival_us, device_us
        self._bound_above(arrival_us, device_us, max(0, elapsed_us))
        self._steer(device_us, max(0, moved_us))
        return device_us

    def feed_exchange(self, sent_us: int, arrival_us: int, ticks_us: int) -> None:
        """A request that left at ``sent_us`` was read at these ticks, as a frame said that came at ``arrival_us``."""
        if self._device_us is None:
            return
        device_us = self._unwrap(arrival_us, ticks_us)
        lower = sent_us - device_us
        if lower - self._predicted_us(device_us) > _LATE_US:  # read before it was sent
            self._step(arrival_us)
        if _tighten(self._lower, arrival_us // _BUCKET_US, device_us, lower, sign=-1):
            self._fit(arrival_us, self._lower)

    @property
    def offset_us(self) -> int:
        """Gateway time less device time, now."""
        return round(self._offset_us)

    def gateway_us(self, device_t_us: NDArray[np.int64]) -> NDArray[np.int64]:
        """Gateway times of samples of the newest frame, shape (n,); a frame of motion spans a third of a second."""
        newest_us = 0 if self._device_us is None else self._device_us
        return np.asarray(
            device_t_us + np.rint(self._offset_us + self._line[2] * (device_t_us - newest_us)), dtype=np.int64
        )

    @property
    def drift_ppm(self) -> float | None:
        """How much faster than the gateway's crystal the board's is; None until it is known well.

        That takes half a minute; one that is far larger than a channel as wide as this one allows is known before.
        """
        is_early = self._early_since is not None and self._upper[-1][0] - self._early_since >= _HELD_BUCKETS
        return -self._line[2] * 1e6 if is_early or len(self._upper) >= _BUCKETS // 4 else None

    @property
    def uncertainty_us(self) -> int | None:
        """Half the round trip of the fastest exchanges; None if the board does not answer fast enough to say."""
        return None if self._half_width_us is None else round(self._half_width_us)

    def findings(self, t_us: int) -> list[Finding]:
        """What is wrong with the board's clock."""
        if self.steps and t_us - self.stepped_us <= _TOLD_US:
            return [Finding(fault=Fault.CLOCK_STEP)]
        drift_ppm = self.drift_ppm
        if drift_ppm is not None and abs(drift_ppm) > _WRONG_PPM:
            return [Finding(fault=Fault.CLOCK_DRIFT, detail=f"{drift_ppm:+.0f} ppm")]
        return []

    def _unwrap(self, arrival_us: int, ticks_us: int) -> int:
        """Choose the wrap nearest to what the gateway's own time lets expect, so that a long silence is no trap."""
        if self._device_us is None:
            return ticks_us
        half = TICKS_PERIOD_US // 2
        expected = self._device_us + (arrival_us - self._arrival_us)
        return expected + (ticks_us - expected + half) % TICKS_PERIOD_US - half

    def _begin(self, arrival_us: int, device_us: int) -> None:
        self._offset_us = float(arrival_us - device_us)
        self._line = (device_us, self._offset_us, 0.0)

    def _predicted_us(self, device_us: int) -> float:
        at_us, offset_us, drift = self._line
        return offset_us + drift * (device_us - at_us)

    def _bound_above(self, arrival_us: int, device_us: int, silence_us: int) -> None:
        """Keep the tightest upper bound of each second; of frames that are late nothing is learnt."""
        upper = arrival_us - device_us
        difference = upper - self._predicted_us(device_us)
        if difference < -_LATE_US:
            if self._lower:  # the board's clock has leapt; without an answer the first frames may have been late
                self._step(arrival_us)
            self._upper.clear()
        elif difference > _LATE_US + _DRIFT * silence_us:
            return
        is_new = not self._upper or self._upper[-1][0] != arrival_us // _BUCKET_US
        if _tighten(self._upper, arrival_us // _BUCKET_US, device_us, upper, sign=1) and (is_new or difference < 0):
            self._fit(arrival_us, self._upper)

    def _step(self, arrival_us: int) -> None:
        """The board's clock has stood still or leapt: nothing that was known of its offset holds."""
        self.steps += 1
        self.stepped_us = arrival_us
        self._upper.clear()
        self._lower.clear()
        self._steepest = _DRIFT
        self._early_since = None

    def _fit(self, arrival_us: int, newest: deque[tuple[int, int, int]]) -> None:
        """Find the line again; where the newest bound contradicts the others, the board's clock has stepped."""
        if not self._upper:
            self._hold_above()
            return
        line, half_width_us = _channel(self._upper, self._lower, self._steepest)
        if _is_contradiction(half_width_us) and self._steepest < _STEEPEST:
            self._steepest = _STEEPEST
            line, half_width_us = _channel(self._upper, self._lower, self._steepest)
        if _is_contradiction(half_width_us):
            bound = newest[-1]
            self._step(arrival_us)
            newest.append(bound)
            self._fit(arrival_us, newest)
            return
        self._half_width_us = None
        if half_width_us is not None and half_width_us <= _TRUSTED_US:
            self._half_width_us = max(0.0, half_width_us)
        elif half_width_us is not None:  # the answers were slow: in so wide a channel any slope would do
            line, _ = _channel(self._upper, _NO_BOUNDS, self._steepest)
        self._turn(line)
        self._note_early()

    def _note_early(self) -> None:
        if self._half_width_us is None or len(self._upper) < _FEWEST_BUCKETS:
            self._early_since = None
            return
        doubt = 4 * self._half_width_us / (self._upper[-1][1] - self._upper[0][1])
        since = self._upper[-1][0] if self._early_since is None else self._early_since
        self._early_since = since if abs(self._line[2]) > 2 * doubt else None

    def _turn(self, line: tuple[int, float, float]) -> None:
        """Take a new line, without a leap of what is applied."""
        before_us = self._predicted_us(line[0])
        self._line = line
        self._lag_us += before_us - line[1]

    def _hold_above(self) -> None:
        """After a step, until a frame has come that shows the new offset: at least what an answer proves."""
        if self._lower:
            _, device_us, lower = self._lower[-1]
            self._turn((device_us, max(self._predicted_us(device_us), float(lower)), self._line[2]))

    def _steer(self, device_us: int, moved_us: int) -> None:
        """Move the applied offset towards the line."""
        slew_us = moved_us * _SLEW_PPM / 1e6
        is_leap = len(self._upper) <= _SETTLING_BUCKETS or abs(self._lag_us) > _LATE_US
        self._lag_us = 0.0 if is_leap else self._lag_us - min(max(self._lag_us, -slew_us), slew_us)
        self._offset_us = self._predicted_us(device_us) + self._lag_us


def _is_contradiction(half_width_us: float | None) -> bool:
    return half_width_us is not None and half_width_us < -_CONTRADICTION_US


def _tighten(bounds: deque[tuple[int, int, int]], bucket: int, device_us: int, bound: int, *, sign: int) -> bool:
    """Keep the least (sign 1) or the greatest (-1) bound of a bucket; return whether this one is it."""
    if bounds and bounds[-1][0] == bucket:
        if sign * (bound - bounds[-1][2]) >= 0:
            return False
        bounds.pop()
    bounds.append((bucket, device_us, bound))
    return True


def _channel(
    upper: deque[tuple[int, int, int]], lower: deque[tuple[int, int, int]], steepest: float
) -> tuple[tuple[int, float, float], float | None]:
    """Return the line (device time, offset there, drift) in the widest channel between bounds, and half its width.

    Without lower bounds it is the line that lies under all upper ones and closest to them; its width is None. The width
    is a concave function of the slope, so the best lies beside the best of a few.
    """
    at_us = upper[-1][1]
    base = upper[-1][2]
    up_t, up = _relative(upper, at_us, base)
    low_t, low = _relative(lower, at_us, base)
    centre = 0.0 if len(low) else float(up_t.mean())
    left, right = -steepest, steepest
    for _ in range(_ROUNDS):
        drifts = np.linspace(left, right, _SLOPES)
        tops = (up - np.outer(drifts, up_t - centre)).min(axis=1)
        bottoms = (low - np.outer(drifts, low_t - centre)).max(axis=1) if len(low) else -tops
        best = int((tops - bottoms - _DOUBT_US_PER_PPM * 1e6 * np.abs(drifts)).argmax())
        left, right = float(drifts[max(best - 1, 0)]), float(drifts[min(best + 1, _SLOPES - 1)])
    drift, top, bottom = float(drifts[best]), float(tops[best]), float(bottoms[best])
    if not len(low):
        return (at_us, base + top - drift * centre, drift), None
    return (at_us, base + (top + bottom) / 2, drift), (top - bottom) / 2


def _relative(
    bounds: deque[tuple[int, int, int]], at_us: int, base: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Device times and offsets, shape (n,) each, less the newest ones."""
    table = np.array([(t - at_us, offset - base) for _, t, offset in bounds], dtype=np.float64).reshape(-1, 2)
    return table[:, 0], table[:, 1]
