"""A quantity that changes, and whether what is published follows it within the stated latency."""

from __future__ import annotations

import numpy as np

from dsp import TIMINGS, Measured
from tests import naive


def levels(before, after, slope, change_s):
    """A quantity at each time: a step where the slope is None, else a ramp of so much a second."""

    def at(t_s):
        if slope is None:
            return np.where(np.asarray(t_s) < change_s, before, after)
        moved = np.clip((np.asarray(t_s) - change_s) * slope, 0, abs(after - before))
        return before + np.sign(after - before) * moved

    return at


def good_seconds(vitals, quantity, true, tolerance, end_s):
    """How many values are of good quality; each value lies within what was true in its window and latency.

    A value that is held does not, nor one from before a change that comes late.
    """
    latency_s = TIMINGS[quantity].latency_us / 1e6
    good = 0
    for second in range(1, int(end_s) + 1):
        reading = vitals[quantity, second]
        if not isinstance(reading, Measured):
            assert reading.reason
            continue
        span = true(np.arange(max(0.0, second - latency_s), second, 0.05))
        assert span.min() - tolerance <= reading.value <= span.max() + tolerance, (quantity, second, reading)
        good += reading.sqi >= 0.5
    return good


def breathing(t_s, breaths_bpm, depth, rate_bpm=75.0):
    """Pressure of someone who breathes at a rate and a depth that are functions of time.

    The foot moves by the depth, in pulses of 40 mmHg, the height by as much, the interval by half of it.
    """
    phase = np.cumsum(2 * np.pi * breaths_bpm(t_s) / 60) * (t_s[1] - t_s[0])
    starts, feet, heights = [0.3], [], []
    while starts[-1] < t_s[-1] + 1:
        now_s = starts[-1]
        breath = float(depth(now_s)) * np.sin(np.interp(now_s, t_s, phase))
        feet.append(80 + 40 * breath)
        heights.append(40 * (1 - breath))
        starts.append(now_s + 60 / rate_bpm * (1 + 0.5 * breath))
    starts.pop()
    wave = np.interp(t_s, starts, feet)
    for start, height in zip(starts, heights, strict=True):
        near = (t_s > start - 0.2) & (t_s < start + 1.2)
        wave[near] += height * naive.pulse_shape(t_s[near] - start)
    return wave
