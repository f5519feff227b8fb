"""Compiled loop of one channel: raw samples in, candidate pulses and gaps out.

Everything the loop remembers is in one record and the rings (slot = index modulo capacity), so a stream gives equal
bits however it is cut into blocks.
"""

from __future__ import annotations

import numba as nb
import numpy as np
from numba import njit
from numpy.typing import NDArray

SNIPPET_POINTS = 44

# How a channel is set up, and what the loop remembers: one record, because each array that is handed over costs time.
CHANNEL = np.dtype(
    [
        ("period_us", "f8"),
        ("capacity", "i8"),  # of the rings
        ("window", "i8"),  # samples of the slope sum
        ("hold", "i8"),  # samples from the top of the slope sum to the emission
        ("smooth", "i8"),  # samples on each side in the mean that gives the time of the upslope
        ("upslope_share", "f8"),  # of the rise
        ("margin", "i8"),  # samples around a filtered extreme searched for the raw one
        ("delay", "f8"),  # samples, group delay of the low-pass at 0 Hz
        ("decay", "f8"),  # factor a sample of the envelope
        ("rail_low", "f8"),
        ("rail_high", "f8"),
        ("clipped_us", "f8"),  # so long no signal stands still at its top
        ("faintest", "f8"),  # least height of a candidate
        ("faintest_steps", "f8"),  # the same, in counts of the converter
        ("snippet_from", "f8"),  # samples, relative to mid-upslope
        ("snippet_step", "f8"),
        ("snippet_step_s", "f8"),  # the same in time
        ("coefficients", "f8", (10,)),  # b0 b1 b2 a1 a2 of two biquads
        ("index", "i8"),  # of the next sample, counted over gaps
        ("begin", "i8"),  # index of the first sample since the last reset
        ("last_t_us", "i8"),
        ("last_x", "f8"),
        ("equal_run", "i8"),  # consecutive samples with the value of the last
        ("railed_run", "i8"),  # consecutive samples on or beyond a rail
        ("railed_at", "i8"),  # index of the last of those that are, -1 before
        ("step", "f8"),  # smallest change between two samples since the reset: one count of the converter
        ("total", "f8"),  # running sum of raw samples since the reset
        ("s1", "f8"),  # delay lines of the two biquads
        ("s2", "f8"),
        ("s3", "f8"),
        ("s4", "f8"),
        ("z", "f8"),  # slope sum
        ("envelope", "f8"),  # decaying maximum of the slope sum
        ("rising", "i8"),
        ("z_low", "f8"),
        ("i_low", "i8"),
        ("z_high", "f8"),
        ("i_high", "i8"),
        ("i_start", "i8"),
        ("due", "i8"),  # index at which the pending hump is emitted, -1 if none
        ("hump_start", "i8"),
        ("hump_top", "i8"),
        ("hump_z", "f8"),
    ]
)

# Rows of the rings. Each holds everything twice, ``capacity`` apart, so that any stretch of it lies in one piece.
RAW, FILTERED, TOTAL, TIME_US, SCRATCH = range(5)
RINGS = 5

# What ``detect`` writes, in the order of dsp.waveform.Candidate after the first two.
CANDIDATE = np.dtype(
    [
        ("is_gap", "i8"),
        ("gap_us", "i8"),
        ("emit_us", "i8"),  # time of the sample that completed it; of a gap, the first sample after it
        ("upslope_us", "i8"),
        ("onset_us", "i8"),
        ("peak_us", "i8"),
        ("onset_index", "i8"),
        ("onset_total", "f8"),  # raw sum up to the onset, for the mean over a cycle
        ("slope_sum", "f8"),
        ("foot", "f8"),  # filtered
        ("amplitude", "f8"),
        ("raw_max", "f8"),
        ("raw_min", "f8"),
        ("rise_s", "f8"),
        ("is_saturated", "i8"),  # touches a known rail, or has a flat top
        ("steepness", "f8"),  # of the snippet, in its heights a second
        ("roughness", "f8"),  # of the snippet: power of the bends in that of the slopes
    ]
)

_CHANNELS, _CANDIDATES = (nb.types.Array(nb.from_dtype(dtype), 1, "C") for dtype in (CHANNEL, CANDIDATE))
_F8 = nb.float64[::1]
_F8_2D = nb.float64[:, ::1]
_I8 = nb.int64[::1]


@njit()
def index_of_max(ring: NDArray[np.float64], shift: int, sign: int, first: int, last: int) -> int:
    """Index of the first largest value of ``sign * ring`` in first..last."""
    best = first
    value = sign * ring[first - shift]
    for k in range(first + 1, last + 1):
        v = sign * ring[k - shift]
        if v > value:
            value = v
            best = k
    return best


@njit()
def interpolate(ring: NDArray[np.float64], shift: int, at: float) -> float:
    """Linear interpolation at a fractional index."""
    k = int(np.floor(at))
    part = at - k
    a = ring[k - shift]
    return float(a + part * (ring[(k + 1) - shift] - a))


@njit()
def smooth(ring_x, ring_total, shift, half, k):  # type: ignore[no-untyped-def]  # kernel
    """Mean of the ``2 half + 1`` raw samples around ``k``, from the running sum: a low-pass without delay."""
    first = k - half
    before = ring_total[first - shift] - ring_x[first - shift]
    return (ring_total[(k + half) - shift] - before) / (2 * half + 1)


@njit()
def upslope_time(ring_x, ring_total, curve, setup, shift, first, last):  # type: ignore[no-untyped-def]  # noqa: PLR0917  # records
    """Fractional index where the smoothed raw signal last rises through its level of the upslope; -1 if it does not.

    The filtered signal would do, but its delay depends on how steep the pulse is. ``curve`` is scratch.
    """
    half = setup["smooth"]
    top = last
    for k in range(last, first - 1, -1):
        curve[k - shift] = smooth(ring_x, ring_total, shift, half, k)
        if curve[k - shift] > curve[top - shift]:
            top = k
    top_value = curve[top - shift]
    foot_value = top_value
    for k in range(first, top):
        foot_value = min(foot_value, curve[k - shift])
    level = foot_value + setup["upslope_share"] * (top_value - foot_value)
    after = top_value
    for k in range(top - 1, first - 1, -1):
        value = curve[k - shift]
        if value < level <= after:
            return k + (level - value) / (after - value)
        after = value
    return -1.0


@njit()
def crossing(ring: NDArray[np.float64], shift: int, level: float, first: int, last: int) -> float:
    """Fractional index where the signal last rises through ``level`` in first..last."""
    for k in range(last, first, -1):
        a = ring[(k - 1) - shift]
        b = ring[k - shift]
        if a < level <= b:
            return float(k - 1 + (level - a) / (b - a))
    return float(first)


@njit()
def tangent_onset(ring: NDArray[np.float64], shift: int, foot: int, top: int) -> float:
    """Fractional index where the tangent at the steepest rise meets the level of the foot."""
    steepest = 0.0
    at = foot + 1
    for k in range(foot + 1, top + 1):
        d = ring[k - shift] - ring[(k - 1) - shift]
        if d > steepest:
            steepest = d
            at = k
    if steepest <= 0.0:
        return float(foot)
    middle = 0.5 * (ring[at - shift] + ring[(at - 1) - shift])
    onset = at - 0.5 - (middle - ring[foot - shift]) / steepest
    return float(max(onset, float(foot)))


@njit()
def time_at(ring_t: NDArray[np.float64], capacity: int, at: float, period_us: float) -> int:
    """Time of a fractional index."""
    k = int(np.floor(at))
    return int(ring_t[k % capacity] + int(np.floor((at - k) * period_us + 0.5)))


@njit()
def measure_raw(row, setup, ring_x, shift, first, upslope, last):  # type: ignore[no-untyped-def]  # noqa: PLR0917  # records
    """Fill in what is read from the raw signal: extremes on both sides of the upslope, rails; return the peak."""
    peak = index_of_max(ring_x, shift, 1, upslope, last)
    value = ring_x[peak - shift]
    row["raw_max"] = value
    row["raw_min"] = ring_x[index_of_max(ring_x, shift, -1, first, upslope) - shift]
    end = peak + 1
    while end <= last and ring_x[end - shift] == value:
        end += 1
    row["is_saturated"] = 1 if (end - peak - 1) * setup["period_us"] >= setup["clipped_us"] else 0
    for k in range(first, last + 1):
        x = ring_x[k - shift]
        if x <= setup["rail_low"] or x >= setup["rail_high"]:
            row["is_saturated"] = 1
    return peak


@njit()
def cut(snippet, ring_y, shift, start, step, first, last):  # type: ignore[no-untyped-def]  # noqa: PLR0917  # kernel
    """Fill the snippet from the filtered signal: zero mean, unit power, edges repeated beyond first..last."""
    mean = 0.0
    for j in range(len(snippet)):
        snippet[j] = interpolate(ring_y, shift, min(max(start + j * step, first), last))
        mean += snippet[j]
    mean /= len(snippet)
    power = 0.0
    for j in range(len(snippet)):
        snippet[j] -= mean
        power += snippet[j] * snippet[j]
    scale = 1.0 / np.sqrt(power) if power > 0.0 else 0.0
    for j in range(len(snippet)):
        snippet[j] *= scale


@njit()
def steepest(snippet: NDArray[np.float64], step_s: float) -> float:
    """Largest slope, in heights of the snippet a second."""
    low = high = snippet[0]
    rise = -np.inf
    for j in range(1, len(snippet)):
        low = min(low, snippet[j])
        high = max(high, snippet[j])
        rise = max(rise, snippet[j] - snippet[j - 1])
    return float(rise / ((high - low) * step_s)) if high > low else 0.0


@njit()
def measure(row, snippet, state, ring_t, ring_x, ring_y, ring_total, curve, now):  # type: ignore[no-untyped-def]  # noqa: PLR0917  # records
    """Fill one candidate from the rings; ``now`` is the newest sample. False if it is too small for a pulse."""
    capacity, delay, period_us = state["capacity"], state["delay"], state["period_us"]
    oldest = max(state["begin"], now - capacity + 2)
    start = oldest - oldest % capacity  # of the indices in the rings, so that none need be divided
    first = max(state["hump_start"], oldest)
    last = now
    if state["rising"] == 1:  # the next hump has begun: its upslope is not this pulse's peak
        last = min(now, max(state["i_start"], state["hump_top"]))
    top = index_of_max(ring_y, start, 1, max(first, state["hump_top"] - state["window"]), last)
    foot = index_of_max(ring_y, start, -1, first, top)
    low = ring_y[foot - start]
    high = ring_y[top - start]
    if not high - low >= max(state["faintest"], state["faintest_steps"] * state["step"]):
        return False
    middle = crossing(ring_y, start, 0.5 * (low + high), foot, top)
    # Where the rise has begun; noise and the last low point lie below 2 % of the height. Against the marks of a finger
    # pressure (aac0027) this is 10 ms late, the tangent at the steepest point 21.
    onset = crossing(ring_y, start, low + 0.02 * (high - low), foot, top)
    # A baseline that moves with breathing has its lowest point anywhere in diastole; the tangent knows where it rises.
    onset = max(onset, tangent_onset(ring_y, start, foot, top) - 0.04e6 / period_us)

    shift = int(np.floor(delay + 0.5))
    upslope = max(oldest, int(middle) - shift)
    raw_last = min(now, max(top - shift + state["margin"], upslope))
    peak = measure_raw(
        row, state, ring_x, start, min(max(oldest, foot - shift - state["margin"]), upslope), upslope, raw_last
    )
    cut(snippet, ring_y, start, middle + state["snippet_from"], state["snippet_step"], float(oldest), now - 1.0)

    begin = float(state["begin"])
    half = state["smooth"]
    first_mean = max(foot - shift - state["margin"], oldest + half)
    timed = upslope_time(ring_x, ring_total, curve, state, start, first_mean, min(raw_last, now - half))
    if timed < 0.0:
        timed = max(begin, middle - delay)
    onset_raw = max(begin, onset - delay)
    row["is_gap"] = 0
    row["emit_us"] = int(ring_t[now % capacity])
    row["gap_us"] = 0
    row["upslope_us"] = time_at(ring_t, capacity, timed, period_us)
    row["onset_us"] = time_at(ring_t, capacity, onset_raw, period_us)
    row["peak_us"] = int(ring_t[peak % capacity])
    row["onset_index"] = int(np.floor(onset_raw + 0.5))
    row["onset_total"] = ring_total[int(np.floor(onset_raw + 0.5)) % capacity]
    row["slope_sum"] = state["hump_z"]
    row["foot"] = low
    row["amplitude"] = high - low
    row["steepness"] = steepest(snippet, state["snippet_step_s"])
    row["roughness"] = roughness(snippet)
    row["rise_s"] = (top - onset) * period_us * 1e-6
    return True


@njit()
def roughness(snippet: NDArray[np.float64]) -> float:
    """Power of the second differences in that of the first: what oscillates has much of it."""
    slopes = bends = before = 0.0
    for k in range(1, len(snippet)):
        slope = snippet[k] - snippet[k - 1]
        slopes += slope * slope
        if k > 1:
            bends += (slope - before) * (slope - before)
        before = slope
    return bends / slopes if slopes > 0.0 else 0.0


@njit()
def restart(state, x):  # type: ignore[no-untyped-def]  # records
    """Forget the signal: filters settled on ``x``, no hump, no pulse."""
    c = state["coefficients"]
    state["begin"] = state["index"]
    state["equal_run"] = 0
    state["railed_run"] = 0
    state["last_x"] = x
    state["step"] = np.inf
    state["total"] = 0.0
    state["s1"] = (c[1] + c[2] - c[3] - c[4]) * x
    state["s2"] = (c[2] - c[4]) * x
    state["s3"] = (c[6] + c[7] - c[8] - c[9]) * x
    state["s4"] = (c[7] - c[9]) * x
    state["z"] = 0.0
    state["envelope"] = 0.0
    state["rising"] = 0
    state["z_low"] = 0.0
    state["i_low"] = state["index"]
    state["due"] = -1


@njit()
def low_pass(state, x):  # type: ignore[no-untyped-def]  # records
    """Two biquads, transposed direct form II."""
    c = state["coefficients"]
    v = c[0] * x + state["s1"]
    state["s1"] = c[1] * x - c[3] * v + state["s2"]
    state["s2"] = c[2] * x - c[4] * v
    y = c[5] * v + state["s3"]
    state["s3"] = c[6] * v - c[8] * y + state["s4"]
    state["s4"] = c[7] * v - c[9] * y
    return y


@njit()
def sum_slopes(state, ring_y, now, at):  # type: ignore[no-untyped-def]  # records
    """Advance the sum of rises within the window: Zong et al., Computers in Cardiology 2003, 30:259."""
    window = state["window"]
    age = now - state["begin"]
    if age > 0:
        state["z"] += max(0.0, ring_y[at] - ring_y[at - 1])
    if age > window:
        state["z"] -= max(0.0, ring_y[at - window] - ring_y[at - window - 1])
    state["envelope"] = max(state["z"], state["envelope"] * state["decay"])


@njit()
def follow(state, now):  # type: ignore[no-untyped-def]  # records
    """Advance the hysteresis on the slope sum; True when a hump has just ended."""
    fall = 0.6  # a hump ends at this share of its top, so humps closer than the window stay one
    rise = 0.05  # and begins this share of the recent envelope above the trough: below is noise
    z = state["z"]
    if state["rising"] == 0:
        if z <= state["z_low"]:
            state["z_low"] = z
            state["i_low"] = now
        elif z > max(state["z_low"] / fall, state["z_low"] + rise * state["envelope"]):
            state["rising"] = 1
            state["i_start"] = state["i_low"]
            state["z_high"] = z
            state["i_high"] = now
        return False
    if z > state["z_high"]:
        state["z_high"] = z
        state["i_high"] = now
        return False
    return z < fall * state["z_high"]


@njit()
def schedule(state, now):  # type: ignore[no-untyped-def]  # records
    """Keep the hump that has just ended until its pulse has its peak, and look for the next."""
    state["rising"] = 0
    state["hump_start"] = state["i_start"]
    state["hump_top"] = state["i_high"]
    state["hump_z"] = state["z_high"]
    state["z_low"] = state["z"]
    state["i_low"] = now
    state["due"] = max(now, state["i_high"] + state["hold"])


@njit()
def note(state, t, x):  # type: ignore[no-untyped-def]  # records
    """Keep what is known of the raw signal: runs of equal and railed samples, the converter's step, the sum."""
    if x == state["last_x"]:
        state["equal_run"] += 1
    else:
        state["equal_run"] = 1
        state["step"] = min(state["step"], abs(x - state["last_x"]))
    railed = x <= state["rail_low"] or x >= state["rail_high"]
    state["railed_run"] = state["railed_run"] + 1 if railed else 0
    if railed:
        state["railed_at"] = state["index"]
    state["total"] += x
    state["last_x"] = x
    state["last_t_us"] = t


@njit(nb.int64(_I8, _F8, _CHANNELS, _F8_2D, _CANDIDATES, _F8_2D), cache=True)
def detect(t_us, samples, channels, rings, rows, snippets):  # type: ignore[no-untyped-def]  # noqa: PLR0917  # records
    """Take the samples of one block; write candidates and gaps to ``rows`` and return how many.

    ``rows`` and ``snippets`` need two rows a sample. Samples at or before the last time and non-finite ones are
    left out; a step of more than 1.5 periods is a gap. ``channels`` holds one record: a record alone takes ten times as
    long to hand over.
    """
    state = channels[0]
    ring_t, ring_x, ring_y = rings[TIME_US], rings[RAW], rings[FILTERED]
    ring_total, curve = rings[TOTAL], rings[SCRATCH]
    count = 0
    capacity = state["capacity"]
    for i in range(len(samples)):
        t = t_us[i]
        x = samples[i]
        now = state["index"]
        if not np.isfinite(x) or (now > 0 and t <= state["last_t_us"]):
            continue
        if now == 0:
            restart(state, x)
        elif t - state["last_t_us"] > 1.5 * state["period_us"]:
            rows[count]["is_gap"] = 1
            rows[count]["emit_us"] = t
            rows[count]["gap_us"] = t - state["last_t_us"]
            count += 1
            restart(state, x)
        note(state, t, x)
        k = now % capacity
        at = k + capacity
        y = low_pass(state, x)
        ring_t[k], ring_x[k], ring_y[k], ring_total[k] = t, x, y, state["total"]
        ring_t[at], ring_x[at], ring_y[at], ring_total[at] = t, x, y, state["total"]
        sum_slopes(state, ring_y, now, at)
        ended = follow(state, now)
        if state["due"] >= 0 and (ended or now >= state["due"]):
            if measure(rows[count], snippets[count], state, ring_t, ring_x, ring_y, ring_total, curve, now):
                count += 1
            state["due"] = -1
        if ended:
            schedule(state, now)
        state["index"] = now + 1
    return count
