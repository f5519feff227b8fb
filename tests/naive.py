"""Slow and obvious stand-ins for the signal processing, and signals whose truth is known."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def pulse_shape(t_s: Floats) -> Floats:
    """One pulse of height 1 starting near 0: a systolic wave and a dicrotic wave."""
    systolic = np.exp(-0.5 * ((t_s - 0.18) / 0.05) ** 2) * (t_s < 0.18)
    systolic += np.exp(-0.5 * ((t_s - 0.18) / 0.10) ** 2) * (t_s >= 0.18)
    return systolic + 0.2 * np.exp(-0.5 * ((t_s - 0.42) / 0.05) ** 2)


UPSLOPE_S = 0.18 - 0.05 * math.sqrt(2 * math.log(2))  # half height of the systolic wave, after the start
PEAK_S = 0.18


def beat_times(duration_s: float, rate_bpm: float, start_s: float = 0.3) -> Floats:
    return np.arange(start_s, duration_s, 60 / rate_bpm)


def pressure_wave(t_s: Floats, starts_s: Floats, systolic: float = 120.0, diastolic: float = 80.0) -> Floats:
    """Pulses between two pressures; ``starts_s`` are their starts."""
    wave = np.full(len(t_s), float(diastolic))
    for start in starts_s:
        near = (t_s > start - 0.2) & (t_s < start + 1.2)
        wave[near] += (systolic - diastolic) * pulse_shape(t_s[near] - start)
    return wave


def times_us(rate_hz: float, duration_s: float) -> NDArray[np.int64]:
    return np.rint(np.arange(int(duration_s * rate_hz)) * 1e6 / rate_hz).astype(np.int64)


def biquad(samples: Floats, coefficients: Floats) -> Floats:
    """The difference equation, started as if the first sample had lasted for ever."""
    b0, b1, b2, a1, a2 = coefficients
    x1 = x2 = y1 = y2 = samples[0]
    out = []
    for x in samples:
        y = b0 * x + b1 * x1 + b2 * x2 - a1 * y1 - a2 * y2
        x2, x1, y2, y1 = x1, x, y1, y
        out.append(y)
    return np.array(out)


def slope_sum(samples: Floats, window: int) -> Floats:
    """Sum of the rises among the last ``window`` differences."""
    rises = [0.0] + [max(0.0, b - a) for a, b in pairwise(samples)]
    return np.array([sum(rises[max(0, k - window + 1) : k + 1]) for k in range(len(samples))])


def spans(count: int, cuts: list[int]) -> list[slice]:
    """Slices that cover 0..count, cut at the given places."""
    edges = sorted({0, count, *(c % count for c in cuts)})
    return [slice(a, b) for a, b in pairwise(edges)]
