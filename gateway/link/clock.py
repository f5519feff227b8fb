"""The board's ticks and sample counts in, gateway microseconds out; nothing here reads a clock."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

TICKS_PERIOD_US = 1 << 30  # MicroPython's ticks_us on rp2: 17.9 minutes
_BUCKET_US = 1_000_000
# Seconds that had frames; silent ones do not count, so that a burst after a stall is not taken for a clock step.
_BUCKETS = 8
_SLEW_PPM = 2000  # above the sum of both crystals' errors (500 ppm), too slow to be seen in a pulse interval
_DRIFT_PPM = 1000  # both crystals' errors, with room
_OUTAGE_US = 2_000_000
_STEP_US = 100_000  # a larger difference is no drift


class BoardClock:
    """Maps the board's 30-bit ticks to gateway time by the frames that were delayed least.

    A frame can only arrive late, never early: arrival minus device time is the offset plus a delay, so its minimum over
    some seconds is the offset (the clock filter of NTP, RFC 5905 section 10). The applied offset is slewed towards it,
    so that sample spacing stays even. A frame that came 0.1 s earlier than any before shows that the offset was wrong:
    it is applied at once, as a gap. Frames that all come 0.1 s later than before are late, not the clock: their samples
    keep the age they have, so that a backlog never looks live.
    """

    def __init__(self) -> None:
        self._device_us: int | None = None
        self._arrival_us = 0
        self._least: list[tuple[int, int]] = []  # (bucket, least arrival minus device time)
        self._offset_us = 0.0
        self._drifted_us, self._drifted_until_us = 0.0, 0

    def feed(self, arrival_us: int, ticks_us: int) -> int:
        """Unwrap the ticks of a frame that came at ``arrival_us``; return device microseconds."""
        device_us = self._unwrap(arrival_us, ticks_us)
        self._track(arrival_us, device_us)
        self._arrival_us = arrival_us
        self._device_us = device_us
        return device_us

    @property
    def offset_us(self) -> int:
        """Gateway time of device time 0."""
        return round(self._offset_us)

    def _unwrap(self, arrival_us: int, ticks_us: int) -> int:
        """Choose the wrap nearest to what the gateway's own time lets expect, so that a long silence is no trap."""
        if self._device_us is None:
            return ticks_us
        half = TICKS_PERIOD_US // 2
        expected = self._device_us + (arrival_us - self._arrival_us)
        return expected + (ticks_us - expected + half) % TICKS_PERIOD_US - half

    def _track(self, arrival_us: int, device_us: int) -> None:
        raw, bucket = arrival_us - device_us, arrival_us // _BUCKET_US
        if self._least and self._least[-1][0] == bucket:
            self._least[-1] = (bucket, min(raw, self._least[-1][1]))
        else:
            self._least = [*self._least[1 - _BUCKETS :], (bucket, raw)]
        least = min(value for _, value in self._least)
        difference = least - self._offset_us
        elapsed_us = 0 if self._device_us is None else max(0, device_us - self._device_us)
        if elapsed_us > _OUTAGE_US:  # what the crystals may have drifted apart unseen; known once the buckets are new
            self._drifted_us, self._drifted_until_us = (
                elapsed_us * _DRIFT_PPM / 1e6,
                device_us + 2 * _BUCKETS * _BUCKET_US,
            )
        drifted_us = self._drifted_us if device_us < self._drifted_until_us else 0.0
        if self._device_us is None or difference < -_STEP_US or _STEP_US < difference <= drifted_us:
            self._offset_us = float(least)
            return
        if difference > _STEP_US:
            return
        slew = elapsed_us * _SLEW_PPM / 1e6
        self._offset_us += min(max(difference, -slew), slew)


class SampleTimeline:
    """Even sample times from (index, device time) pairs that jitter by when the board got round to reading.

    A second-order tracking filter (alpha-beta): it follows a sensor clock that is off by several percent without lag.
    One timeline serves one epoch; a new epoch starts a new one.
    """

    _ALPHA = 0.05  # settles in about 20 frames
    _BETA = _ALPHA**2 / 4
    _TOLERANCE = 0.1  # of the nominal period; beyond it the declared rate is wrong

    def __init__(self, period_us: float) -> None:
        self._nominal_us = period_us
        self._period_us = period_us
        self._last_index: int | None = None
        self._last_us = 0.0

    def feed(self, index: int, n: int, last_us: int) -> NDArray[np.int64]:
        """Return the device times of samples ``index``..``index + n - 1``, the last of them stamped ``last_us``."""
        last_index = index + n - 1
        if self._last_index is None:
            self._last_us = float(last_us)
        else:
            steps = last_index - self._last_index
            predicted = self._last_us + steps * self._period_us
            error = last_us - predicted
            self._last_us = predicted + self._ALPHA * error
            self._period_us += self._BETA * error / steps
            low, high = (
                self._nominal_us * (1 - self._TOLERANCE),
                self._nominal_us * (1 + self._TOLERANCE),
            )
            self._period_us = min(max(self._period_us, low), high)
        self._last_index = last_index
        back = np.arange(n - 1, -1, -1, dtype=np.float64)
        times: NDArray[np.float64] = np.rint(self._last_us - back * self._period_us)
        return times.astype(np.int64)
