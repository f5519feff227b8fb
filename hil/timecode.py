"""A stimulus that tells its time: every sample that arrives shows when it was taken."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from gateway.link.frame import Flag, Frame

OPTICAL, PRESSURE, MOTION = STREAMS = 1, 2, 3
CODES = 1 << 17  # of light, 0.1 ms each
DARK = 1 << 16  # the code of time 0: light between a quarter and three quarters of full scale, which no control dims
_VOLT_MS = 4096
_AXIS = 4000  # digits of 2 mg used of an axis
_STEP_US = 100  # of light and acceleration
_TIMED_US = 600  # docs/wire.md: within 0.5 ms; the code of light and motion has steps of 0.1 ms
_MS = 1_000
_AT_SENSOR = 1.1  # its clock may be off


class TimeCode:
    """Light and acceleration that show their time in units of 0.1 ms, and volts that show it in ms."""

    def __init__(self, duration_s: float | None = None) -> None:
        self.duration_s = duration_s

    def light(self, t_us: NDArray[np.int64]) -> NDArray[np.float64]:
        code = (t_us // _STEP_US) % CODES
        return np.asarray(DARK + np.stack([code, (code + 7) % CODES], axis=1), dtype=np.float64)

    def ambient(self, t_us: NDArray[np.int64]) -> NDArray[np.float64]:
        return np.zeros(len(t_us))

    def volts(self, t_us: NDArray[np.int64]) -> NDArray[np.float64]:
        return np.asarray((t_us // 1000 % _VOLT_MS) * (3.3 / 4095), dtype=np.float64)

    def acceleration(self, t_us: NDArray[np.int64]) -> NDArray[np.float64]:
        """Digits of 2 mg, below full scale: of 0.4 s, how many 0.4 s, and of 0.4 s plus 7."""
        code = t_us // _STEP_US
        digits = np.stack([code % _AXIS, code // _AXIS % _AXIS, (code + 7) % _AXIS], axis=1) - _AXIS // 2
        return np.asarray(digits * 0.002, dtype=np.float64)


def motion_us(raw: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the time that raw samples, shape (n, 3), show."""
    x, y, z = (raw.T >> 4) - 48
    if not np.array_equal(z, (x + 7) % _AXIS):
        raise ValueError("motion: expected x first")
    return np.asarray((x + _AXIS * y) * _STEP_US, dtype=np.int64)


def times(frame: Frame) -> NDArray[np.int64]:
    """Return when each sample of a frame was taken, as the stimulus told: microseconds modulo ``wrap(frame)``."""
    high, middle, low = np.frombuffer(frame.payload, dtype=np.uint8).reshape(frame.n, -1, 3).astype(np.int64).T
    raw = (high << 16 | middle << 8 | low).T
    if frame.stream == OPTICAL:
        raw = raw - DARK
        if not np.array_equal(raw[:, 1], (raw[:, 0] + 7) % CODES):
            raise ValueError("optical: expected red, then infrared of the same moment")
        return np.asarray(raw[:, 0] * _STEP_US, dtype=np.int64)
    if (raw % 16).any():
        raise ValueError("expected 12 bits of an axis, or 16 conversions of the same millisecond")
    if frame.stream == MOTION:
        return motion_us(raw)
    return np.asarray((raw[:, 0] // 16 >> 4) * 1000, dtype=np.int64)


def wrap(frame: Frame) -> int:
    """After how many microseconds the code of a frame's stream begins anew."""
    return {OPTICAL: CODES * _STEP_US, PRESSURE: _VOLT_MS * 1000, MOTION: _AXIS * _AXIS * _STEP_US}[frame.stream]


@dataclass(slots=True)
class Audit:
    """Counts what is lost, wrong or mistimed in the frames of one stream, by a board without skew.

    Parameters
    ----------
    period_us : of its samples
    boot_ticks_us, ticks_modulus : what the board's counter showed at the start, and where it wraps
    """

    period_us: int
    boot_ticks_us: int = 0
    ticks_modulus: int = 1 << 30
    samples: int = 0
    lost: int = 0
    wrong: int = 0
    mistimed: int = 0
    timed: int = 0
    worst_timed_us: int = 0
    epochs: set[int] = field(default_factory=set)
    _next: int = 0
    _base: int = 0
    _device_us: int = 0  # since the start, unwrapped

    def feed(self, frame: Frame) -> None:
        shown = times(frame)
        index = frame.index + np.arange(frame.n)
        base = (shown - index * self.period_us) % wrap(frame)
        if frame.epoch not in self.epochs:
            self.epochs.add(frame.epoch)
            self._base = int(base[0])
        else:
            self.lost += frame.index - self._next
        self._next = frame.index + frame.n
        self.samples += frame.n
        self.wrong += int(np.count_nonzero(base != self._base))
        late = self._late_us(frame, int(shown[-1]))
        if Flag.TIMED in frame.flags:
            self.timed += 1
            self.worst_timed_us = max(self.worst_timed_us, abs(late))
            coarse = _MS if frame.stream == PRESSURE else 0
            self.mistimed += not -_TIMED_US <= late <= _TIMED_US + coarse
        else:
            self.mistimed += abs(late) > self.period_us / 2 * _AT_SENSOR + _TIMED_US

    def _late_us(self, frame: Frame, shown_us: int) -> int:
        """How much later than the truth the device time of the last sample is."""
        ticks = frame.ticks_us - self.boot_ticks_us - self._device_us
        self._device_us += ticks % self.ticks_modulus
        modulus = wrap(frame)
        return (self._device_us - shown_us + modulus // 2) % modulus - modulus // 2
