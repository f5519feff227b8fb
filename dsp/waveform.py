"""Samples of one channel in, candidate pulses and gaps out: the typed wrapper of the compiled loop."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dsp.config import Rails
from dsp.filters import delay_samples, low_pass
from dsp.kernels import pulse as kernel
from dsp.kernels import standstill
from dsp.types import Channel

# Pass bands that keep the upslope and leave out noise and flow artefacts (Zong 2003 uses 16 Hz for pressure).
CUTOFF_HZ = {Channel.PRESSURE: 16.0, Channel.PLETH: 8.0}
SLOPE_SUM_S = 0.15  # about the length of an upslope (Zong 2003: 128 ms)
HOLD_S = 0.33  # from the top of the slope sum: by then the pulse has its shape; bounds the latency of a beat
SMOOTH_S = 0.02  # on each side of a sample in the mean that times the upslope
# Of the rise: the time of a beat is its mid-upslope. Lower is the end of the beat before, higher the reflected wave.
UPSLOPE_SHARE = 0.5
MARGIN_S = 0.06  # raw extremes are searched this far around the filtered ones
MEMORY_S = 8.0  # of the rings; a candidate looks back at most 3 s + HOLD_S
ENVELOPE_S = 2.0  # time constant of the noise floor
SNIPPET_FROM_S, SNIPPET_S = -0.15, 0.55  # the shape compared between pulses, around mid-upslope
# Less is not a pulse: nothing a pressure line resolves (a patient of 50/30 has 20), or a converter's last bits.
FAINTEST = {Channel.PRESSURE: 2.5, Channel.PLETH: 0.0}
FAINTEST_STEPS = 2.5
CLIPPED_US = 200_000  # no pressure stands still at its top for so long, not even on an 8-bit record
PIECE = 256  # samples for one call of the kernel; bounds its output


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Samples are missing between ``t_us - length_us`` and ``t_us``, the first sample after it."""

    t_us: int
    length_us: int


class Candidate(NamedTuple):
    """A hump of the slope sum that may be a pulse; levels in the channel's unit.

    In the order of ``dsp.kernels.pulse.CANDIDATE``. ``emit_us`` is the time of the sample that completed it. ``foot``
    and the ``amplitude`` above it are filtered, ``raw_*`` are not. ``snippet`` has zero mean and unit power. A
    saturated one touches a known rail, or is a pressure with a flat top. ``steepness`` is the largest slope of the
    snippet, in its heights a second, ``roughness`` the power of its bends in that of its slopes.
    """

    emit_us: int
    upslope_us: int
    onset_us: int
    peak_us: int
    onset_index: int
    onset_total: float
    slope_sum: float
    foot: float
    amplitude: float
    raw_max: float
    raw_min: float
    rise_s: float
    is_saturated: int
    steepness: float
    roughness: float
    snippet: NDArray[np.float64]


class Ring(NamedTuple):
    """The newest raw samples, slot = index modulo half the length; whole from ``oldest`` to ``newest``.

    Not to be changed.
    """

    t_us: NDArray[np.float64]
    samples: NDArray[np.float64]
    oldest: int
    newest: int


class CandidateFinder:
    """Streaming front end of one channel; results do not depend on how the stream is cut."""

    def __init__(self, channel: Channel, rate_hz: float, rails: Rails | None = None) -> None:
        self.period_us = 1e6 / rate_hz
        self._memory = _memory(channel, rate_hz, rails)
        self.capacity, self.delay = int(self._memory["capacity"][0]), float(self._memory["delay"][0])
        self._index, self._begin, self._last_t_us = (self._memory[name] for name in ("index", "begin", "last_t_us"))
        self._equal_run, self._railed_run = self._memory["equal_run"], self._memory["railed_run"]
        self._rings = np.zeros((kernel.RINGS, 2 * self.capacity))
        self._rows = np.zeros(2 * PIECE, kernel.CANDIDATE)
        self._snippets = np.zeros((2 * PIECE, kernel.SNIPPET_POINTS))

    @property
    def last_us(self) -> int | None:
        """Time of the last sample, None before the first."""
        return self._last_t_us.item() if self._index.item() else None

    @property
    def flat_us(self) -> int:
        """How long the signal has been exactly constant."""
        return int((self._equal_run.item() - 1) * self.period_us)

    @property
    def railed_us(self) -> int:
        """How long the signal has been on or beyond a rail."""
        return int(self._railed_run.item() * self.period_us)

    def ring(self) -> Ring:
        """The raw samples since the last gap, as far as they are remembered."""
        newest = self._index.item() - 1
        oldest = max(self._begin.item(), newest - self.capacity + 2)
        t_us, samples = self._rings[kernel.TIME_US], self._rings[kernel.RAW]
        return Ring(t_us=t_us, samples=samples, oldest=oldest, newest=newest)

    def rings(self) -> tuple[NDArray[np.float64], int]:
        """The rings of the kernel, and the index of the newest sample."""
        return self._rings, self._index.item() - 1

    def levels(self, back_us: int, window_us: int, most: float, low: float, high: float) -> int:
        """On how many levels between two the raw signal has lately stood still, each for a window or longer."""
        last = self._index.item() - 1
        first = max(last - int(back_us / self.period_us), self._begin.item(), 0)
        window = max(2, int(window_us / self.period_us))
        return standstill.levels(
            self._rings[kernel.RAW], first - first % self.capacity, first, last, window, most, low, high
        )

    def since_railed_us(self, back_us: int) -> int | None:
        """How long ago the newest sample on or beyond a known rail was, None if not within the last time."""
        index, railed_at = self._index.item(), self._memory["railed_at"].item()
        is_railed = railed_at >= max(index - int(back_us / self.period_us), self._begin.item(), 0)
        return int((index - 1 - railed_at) * self.period_us) if is_railed else None

    def stillness(self, back_us: int, most: float, highest: float) -> tuple[float, float] | None:
        """Greatest and least of the last time, if known and kept to one level up to a highest, within ``most``."""
        last = self._index.item() - 1
        if last < 0 or self._rings[kernel.RAW].item(last % self.capacity) > highest:
            return None
        newest = self._newest(back_us)
        if len(newest) < int(back_us / self.period_us):
            return None
        high, low = float(newest.max()), float(newest.min())
        return (high, low) if high <= highest and high - low <= most else None

    def highest(self, back_us: int) -> float:
        """The highest raw sample of the last time."""
        return float(self._newest(back_us).max())

    def lone_step(self, back_us: int) -> float:
        """By how much the largest step between two samples of the last time exceeds those beside it."""
        end = self._index.item()
        first = max(end - int(back_us / self.period_us), self._begin.item(), 0)
        return float(standstill.lone_step(self._rings[kernel.RAW], first - first % self.capacity, first, end - 1))

    def _newest(self, back_us: int) -> NDArray[np.float64]:
        """The raw samples since the last gap that are not older."""
        last = self._index.item()
        first = max(last - int(back_us / self.period_us), self._begin.item(), 0)
        slot = first % self.capacity
        return np.asarray(self._rings[kernel.RAW, slot : slot + last - first])

    def feed(self, t_us: NDArray[np.int64], samples: NDArray[np.float64]) -> list[Candidate | Gap]:
        """Take a block; return what it completed, in order."""
        t_us, samples = np.ascontiguousarray(t_us, np.int64), np.ascontiguousarray(samples, np.float64)
        if len(samples) > PIECE:
            cuts = range(0, len(samples), PIECE)
            return [event for k in cuts for event in self.feed(t_us[k : k + PIECE], samples[k : k + PIECE])]
        count = kernel.detect(t_us, samples, self._memory, self._rings, self._rows, self._snippets)
        # Plain numbers at once: reading a record field by field takes ten times as long.
        return [self._event(k, row) for k, row in enumerate(self._rows[:count].tolist())] if count else []

    def _event(self, k: int, row: tuple[Any, ...]) -> Candidate | Gap:
        if row[0]:
            return Gap(t_us=row[2], length_us=row[1])
        return Candidate._make((*row[2:], self._snippets[k].copy()))


def _memory(channel: Channel, rate_hz: float, rails: Rails | None) -> NDArray[np.void]:
    memory = np.zeros(1, kernel.CHANNEL)
    coefficients = low_pass(CUTOFF_HZ[channel], rate_hz)
    memory["period_us"] = 1e6 / rate_hz
    memory["capacity"] = int(MEMORY_S * rate_hz) + 8
    memory["window"] = max(2, round(SLOPE_SUM_S * rate_hz))
    memory["hold"] = max(1, round(HOLD_S * rate_hz))
    memory["smooth"] = round(SMOOTH_S * rate_hz)
    memory["upslope_share"] = UPSLOPE_SHARE
    memory["margin"] = max(1, round(MARGIN_S * rate_hz))
    memory["delay"] = delay_samples(coefficients)
    memory["decay"] = math.exp(-1 / (ENVELOPE_S * rate_hz))
    memory["rail_low"] = rails.low if rails else -math.inf
    memory["rail_high"] = rails.high if rails else math.inf
    memory["railed_at"] = -1
    memory["clipped_us"] = CLIPPED_US if channel is Channel.PRESSURE else math.inf
    memory["faintest"] = FAINTEST[channel]
    memory["faintest_steps"] = FAINTEST_STEPS
    memory["snippet_from"] = SNIPPET_FROM_S * rate_hz
    memory["snippet_step"] = SNIPPET_S * rate_hz / (kernel.SNIPPET_POINTS - 1)
    memory["snippet_step_s"] = SNIPPET_S / (kernel.SNIPPET_POINTS - 1)
    memory["coefficients"][0] = coefficients
    return memory
