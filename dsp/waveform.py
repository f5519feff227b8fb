"""Samples of one channel in, candidate pulses and gaps out: the typed wrapper of the compiled loop."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dsp.config import Rails
from dsp.filters import delay_samples, low_pass
from dsp.kernels import cycles
from dsp.kernels import pulse as kernel
from dsp.types import Channel

# Pass bands that keep the upslope and leave out noise and flow artefacts (Zong 2003 uses 16 Hz for pressure).
CUTOFF_HZ = {Channel.PRESSURE: 16.0, Channel.PLETH: 8.0}
SLOPE_SUM_S = 0.15  # about the length of an upslope (Zong 2003: 128 ms)
HOLD_S = 0.33  # from the top of the slope sum: by then the pulse has its shape; bounds the latency of a beat
SMOOTH_S = 0.02  # on each side of a sample in the mean that times the upslope
# Of the rise. Lower is the end of the beat before, higher the reflected wave: both move with pressure and breath.
UPSLOPE_SHARE = 0.4
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A hump of the slope sum that may be a pulse; levels in the channel's unit.

    ``emit_us`` is the time of the sample that completed it. ``foot`` and ``top`` are filtered, ``raw_*`` are not.
    ``snippet`` has zero mean and unit power. A saturated one touches a known rail, or is a pressure with a flat top.
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
    is_saturated: bool
    snippet: NDArray[np.float64]


class _Row(NamedTuple):
    """``dsp.kernels.pulse.CANDIDATE`` as Python numbers, in its order."""

    is_gap: int
    emit_us: int
    gap_us: int
    upslope_us: int
    onset_us: int
    peak_us: int
    peak_index: int
    onset_index: int
    onset_total: float
    slope_sum: float
    trough: float
    foot: float
    top: float
    raw_max: float
    raw_min: float
    rise_s: float
    clipped: int
    step: float
    railed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ring:
    """The newest raw samples, slot = index modulo length; whole from ``oldest`` to ``newest``. Not to be changed."""

    t_us: NDArray[np.int64]
    samples: NDArray[np.float64]
    oldest: int
    newest: int


class CandidateFinder:
    """Streaming front end of one channel; results do not depend on how the stream is cut."""

    def __init__(self, channel: Channel, rate_hz: float, rails: Rails | None = None) -> None:
        self._period_us = 1e6 / rate_hz
        self._is_pressure = channel is Channel.PRESSURE
        self._faintest = FAINTEST[channel]
        self._state = np.zeros(1, kernel.STATE)
        self._index, self._last_t_us = self._state["index"], self._state["last_t_us"]  # views
        self._setup = _setup(CUTOFF_HZ[channel], rate_hz, rails)
        capacity = int(self._setup["capacity"][0])
        self._ring_t = np.zeros(capacity, np.int64)
        self._ring_x, self._ring_y, self._ring_total = np.zeros((3, capacity))
        self._rows = np.zeros(2 * PIECE, kernel.CANDIDATE)
        self._snippets = np.zeros((2 * PIECE, kernel.SNIPPET_POINTS))

    @property
    def last_us(self) -> int | None:
        """Time of the last sample, None before the first."""
        return int(self._last_t_us[0]) if self._index[0] else None

    @property
    def flat_us(self) -> int:
        """How long the signal has been exactly constant."""
        return int((int(self._state[0]["equal_run"]) - 1) * self._period_us)

    @property
    def railed_us(self) -> int:
        """How long the signal has been on or beyond a rail."""
        return int(int(self._state[0]["railed_run"]) * self._period_us)

    def ring(self) -> Ring:
        """The raw samples since the last gap, as far as they are remembered."""
        newest = int(self._state[0]["index"]) - 1
        oldest = max(int(self._state[0]["begin"]), newest - len(self._ring_x) + 2)
        return Ring(t_us=self._ring_t, samples=self._ring_x, oldest=oldest, newest=newest)

    def cycle(self, begin: int, end: int, step_s: float) -> NDArray[np.float64]:
        """The filtered signal between two indices of onsets, in steps; empty where it is too long ago."""
        first, last = begin + float(self._setup[0]["delay"]), end + float(self._setup[0]["delay"])
        oldest = int(self._state[0]["index"]) - int(self._setup[0]["capacity"]) + 2
        step = step_s * 1e6 / self._period_us
        out = np.zeros(int((last - first) / step) if first >= oldest else 0)
        cycles.sample(self._ring_y, len(self._ring_y), first, step, out)
        return out

    def levels(self, back_us: int, window_us: int, most: float, low: float, high: float) -> int:
        """On how many levels between two the raw signal has lately stood still, each for a window or longer."""
        last = int(self._state[0]["index"]) - 1
        first = max(last - int(back_us / self._period_us), int(self._state[0]["begin"]), 0)
        window = max(2, int(window_us / self._period_us))
        return cycles.levels(self._ring_x, len(self._ring_x), first, last, window, most, low, high)

    def jumps(self, begin: int, end: int, least: float) -> int:
        """How many single steps of the raw signal between two indices are as large and stand alone."""
        oldest = int(self._state[0]["index"]) - int(self._setup[0]["capacity"]) + 2
        return cycles.jumps(self._ring_x, len(self._ring_x), begin, end, least) if begin >= oldest else 0

    def feed(self, t_us: NDArray[np.int64], samples: NDArray[np.float64]) -> Iterator[Candidate | Gap]:
        """Take a block; yield what it completed, in order."""
        t_us = np.ascontiguousarray(t_us, np.int64)
        samples = np.ascontiguousarray(samples, np.float64)
        for start in range(0, len(samples), PIECE):
            piece = slice(start, start + PIECE)
            count = kernel.detect(
                t_us[piece],
                samples[piece],
                self._state,
                self._setup,
                self._ring_t,
                self._ring_x,
                self._ring_y,
                self._ring_total,
                self._rows,
                self._snippets,
            )
            # Plain numbers at once: reading a record field by field takes ten times as long.
            for k, row in enumerate(self._rows[:count].tolist()):
                found = _Row._make(row)
                if found.is_gap:
                    yield Gap(t_us=found.emit_us, length_us=found.gap_us)
                elif found.top - found.foot >= max(self._faintest, FAINTEST_STEPS * found.step):
                    yield self._candidate(found, self._snippets[k].copy())

    def _is_saturated(self, row: _Row) -> bool:
        flat_us = (row.clipped - 1) * self._period_us
        return row.railed > 0 or (self._is_pressure and flat_us >= CLIPPED_US)

    def _candidate(self, row: _Row, snippet: NDArray[np.float64]) -> Candidate:
        return Candidate(
            emit_us=row.emit_us,
            upslope_us=row.upslope_us,
            onset_us=row.onset_us,
            peak_us=row.peak_us,
            onset_index=row.onset_index,
            onset_total=row.onset_total,
            slope_sum=row.slope_sum,
            foot=row.foot,
            amplitude=row.top - row.foot,
            raw_max=row.raw_max,
            raw_min=row.raw_min,
            rise_s=row.rise_s,
            is_saturated=self._is_saturated(row),
            snippet=snippet,
        )


def _setup(cutoff_hz: float, rate_hz: float, rails: Rails | None) -> NDArray[np.void]:
    setup = np.zeros(1, kernel.SETUP)
    coefficients = low_pass(cutoff_hz, rate_hz)
    setup["period_us"] = 1e6 / rate_hz
    setup["capacity"] = int(MEMORY_S * rate_hz) + 8
    setup["window"] = max(2, round(SLOPE_SUM_S * rate_hz))
    setup["hold"] = max(1, round(HOLD_S * rate_hz))
    setup["smooth"] = round(SMOOTH_S * rate_hz)
    setup["upslope_share"] = UPSLOPE_SHARE
    setup["margin"] = max(1, round(MARGIN_S * rate_hz))
    setup["delay"] = delay_samples(coefficients)
    setup["decay"] = math.exp(-1 / (ENVELOPE_S * rate_hz))
    setup["rail_low"] = rails.low if rails else -math.inf
    setup["rail_high"] = rails.high if rails else math.inf
    setup["snippet_from"] = SNIPPET_FROM_S * rate_hz
    setup["snippet_step"] = SNIPPET_S * rate_hz / (kernel.SNIPPET_POINTS - 1)
    setup["coefficients"][0] = coefficients
    return setup
