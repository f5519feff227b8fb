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


def breathing_wave(
    t_s: Floats, rate_bpm: float = 72.0, breaths_bpm: float = 15.0, depth: float = 0.05, seed: int = 0
) -> tuple[Floats, Floats]:
    """Pressure of someone who breathes, and the starts of its pulses: foot, height and interval move by ``depth``.

    The foot by that share of the pulse (40 mmHg), the height and the interval by half of it.
    """
    random = np.random.default_rng(seed)
    starts, heights, feet = [0.3], [], []
    while starts[-1] < t_s[-1] + 1:
        breath = math.sin(2 * math.pi * breaths_bpm / 60 * starts[-1])
        feet.append(80 + 40 * depth * breath)
        heights.append(40 * (1 - 0.5 * depth * breath))
        starts.append(starts[-1] + 60 / rate_bpm * (1 + 0.5 * depth * breath + random.normal(0, 0.003)))
    starts.pop()
    wave = np.interp(t_s, starts, feet)
    for start, height in zip(starts, heights, strict=True):
        near = (t_s > start - 0.2) & (t_s < start + 1.2)
        wave[near] += height * pulse_shape(t_s[near] - start)
    return wave, np.array(starts)
