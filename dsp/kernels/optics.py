"""Compiled comparison of two lights: a second of both in, what is wrong with them out; a heart cycle in, variances,
covariance and noise out."""

from __future__ import annotations

import numba as nb
import numpy as np
from numba import njit
from numpy.typing import NDArray

OUTPUTS = 8
DC_INFRARED, DC_RED, INFRARED, RED, BOTH, NOISE_INFRARED, NOISE_RED, INDEPENDENT = range(OUTPUTS)

# What ``compare`` returns.
WHOLE, UNPAIRED, INCOMPLETE, BROKEN, AT_FULL_SCALE, AT_ZERO = range(6)
# Outputs of ``survey``, of one light: how many samples, and if any, of the newest second.
COUNT, NEWEST_US, OLDEST_US, CLIPPED, MEAN, DARK, IS_CONSTANT = range(7)
LIGHT_OUTPUTS = 7
# And of both: means over the last second of what both have, exchanges, last time of one, how far was searched.
MEAN_INFRARED, MEAN_RED, EXCHANGES, EXCHANGED_US, SEARCHED_US = range(2 * LIGHT_OUTPUTS, 2 * LIGHT_OUTPUTS + 5)
SURVEY_OUTPUTS = 2 * LIGHT_OUTPUTS + 5

# What ``survey`` is told: samples up to this time are too old, and these up to this for the means of both lights; full
# scales. An exchange is a change by at least so much of the intensity, between samples not further apart, of lights
# that are at least so strong, and leaves at most this share of the change.
SINCE_US, MEAN_SINCE_US, FULL_INFRARED, FULL_RED, LEAST_CHANGE, LONGEST_US, LIT_INFRARED, LIT_RED, REST = range(9)
SECOND_US = 1_000_000

_F8 = nb.float64[::1]
_I8 = nb.int64[::1]


@njit()
def look(t_us, x, since_us, full, out, at):  # type: ignore[no-untyped-def]  # noqa: PLR0917  # kernel
    """Fill ``out``, from a place on, for one light after ``since_us``: its last second, the mean of its last half.

    ``CLIPPED`` and ``DARK`` are the shares of samples at full scale and at or below zero.
    """
    last = len(t_us) - 1
    out[at + COUNT] = 0.0
    if last < 0 or t_us[last] <= since_us:
        return
    newest = t_us[last]
    count = 0
    counted = 0
    clipped = 0
    dark = 0
    total = 0.0
    is_constant = True
    k = last
    while k >= 0 and t_us[k] > newest - SECOND_US:
        count += 1
        if x[k] >= full:
            clipped += 1
        if x[k] <= 0.0:
            dark += 1
        if x[k] != x[last]:
            is_constant = False
        if t_us[k] > newest - SECOND_US // 2:
            total += x[k]
            counted += 1
        k -= 1
    oldest = last
    while oldest > 0 and t_us[oldest - 1] > since_us:
        oldest -= 1
    out[at + COUNT] = count
    out[at + NEWEST_US] = newest
    out[at + OLDEST_US] = t_us[oldest]
    out[at + CLIPPED] = clipped / count
    out[at + MEAN] = total / counted
    out[at + DARK] = dark / count
    out[at + IS_CONSTANT] = 1.0 if is_constant else 0.0


@njit()
def pair(t_infrared, infrared, t_red, red, setup, out):  # type: ignore[no-untyped-def]  # noqa: PLR0917  # kernel
    """Fill ``out`` from the samples that both lights have at equal times."""
    out[MEAN_INFRARED] = 0.0
    out[MEAN_RED] = 0.0
    out[EXCHANGES] = 0.0
    count = 0
    searched = out[SEARCHED_US]
    before_us = 0
    a0 = b0 = 0.0
    is_first = True
    i = j = 0
    while i < len(t_infrared) and j < len(t_red):
        if t_infrared[i] < t_red[j]:
            i += 1
            continue
        if t_red[j] < t_infrared[i]:
            j += 1
            continue
        t = t_infrared[i]
        a = infrared[i]
        b = red[j]
        i += 1
        j += 1
        if t > setup[MEAN_SINCE_US]:
            out[MEAN_INFRARED] += a
            out[MEAN_RED] += b
            count += 1
        if t <= searched:
            continue
        if not is_first:
            own = abs(a - a0) + abs(b - b0)
            other = abs(b - a0) + abs(a - b0)
            is_jump = own > 2.0 * setup[LEAST_CHANGE] * max(abs(a), abs(b))
            is_lit = min(a, a0) > setup[LIT_INFRARED] and min(b, b0) > setup[LIT_RED]
            if is_jump and is_lit and t - before_us <= setup[LONGEST_US] and other < setup[REST] * own:
                out[EXCHANGES] += 1.0
                out[EXCHANGED_US] = t
        is_first = False
        before_us = t
        a0, b0 = a, b
        out[SEARCHED_US] = t - 1  # the last sample is the first of the next search
    if count:
        out[MEAN_INFRARED] /= count
        out[MEAN_RED] /= count


@njit(nb.void(_I8, _F8, _I8, _F8, _F8, _F8), cache=True)
def survey(t_infrared, infrared, t_red, red, setup, out):  # type: ignore[no-untyped-def]  # noqa: PLR0917  # kernel
    """Fill ``out`` from the newest samples of both lights.

    Parameters
    ----------
    setup : see the names of its places
    out : its last time searched is where the search for exchanges begins
    """
    look(t_infrared, infrared, setup[SINCE_US], setup[FULL_INFRARED], out, 0)
    look(t_red, red, setup[SINCE_US], setup[FULL_RED], out, LIGHT_OUTPUTS)
    pair(t_infrared, infrared, t_red, red, setup, out)


@njit()
def smooth(samples: NDArray[np.float64], taps: NDArray[np.float64], out: NDArray[np.float64]) -> None:
    """Symmetric filter around each sample of ``out``, which is changed; ``samples`` is longer by the taps less one."""
    for k in range(len(out)):
        total = 0.0
        for j in range(len(taps)):
            total += taps[j] * samples[k + j]
        out[k] = total


@njit()
def detrend(x: NDArray[np.float64]) -> None:
    """Take the least-squares straight line away; ``x`` is changed."""
    n = len(x)
    middle = 0.5 * (n - 1)
    mean = 0.0
    slope = 0.0
    power = 0.0
    for k in range(n):
        mean += x[k]
        slope += (k - middle) * x[k]
        power += (k - middle) * (k - middle)
    mean /= n
    slope = slope / power if power > 0.0 else 0.0
    for k in range(n):
        x[k] -= mean + slope * (k - middle)


@njit()
def white_variance(x: NDArray[np.float64]) -> float:
    """Variance of the white noise in a slow signal: that of second differences is six times as large."""
    total = 0.0
    for k in range(1, len(x) - 1):
        d = x[k + 1] - 2.0 * x[k] + x[k - 1]
        total += d * d
    return float(total / (6.0 * (len(x) - 2)))


@njit()
def absorb(intensities: NDArray[np.float64], dc: float, out: NDArray[np.float64]) -> None:
    """Fill ``out`` with the logarithm of intensity over ``dc``, which blood changes in proportion (Beer and Lambert).

    By the series of the inverse hyperbolic tangent: exact to 1e-8 within a factor of 1.3, and the same bits everywhere.
    """
    for k in range(len(intensities)):
        z = (intensities[k] - dc) / (intensities[k] + dc)
        zz = z * z
        out[k] = 2.0 * z * (1.0 + zz * (1.0 / 3.0 + zz * (1.0 / 5.0 + zz / 7.0)))


@njit()
def obstacle(t_us, infrared, red, limits, taps):  # type: ignore[no-untyped-def]  # kernel
    """Why a stretch of both lights cannot be compared."""
    n = len(t_us)
    if n == 0 or t_us[n - 1] < limits[0]:
        return INCOMPLETE
    if n < len(taps) + 3:
        return BROKEN
    for k in range(1, n):
        if t_us[k] - t_us[k - 1] > limits[1]:
            return BROKEN
    is_dark = False
    for k in range(n):
        if infrared[k] >= limits[2] or red[k] >= limits[3]:
            return AT_FULL_SCALE
        is_dark |= infrared[k] <= 0.0 or red[k] <= 0.0
    return AT_ZERO if is_dark else WHOLE


@njit(nb.int64(_I8, _F8, _I8, _F8, _F8, _F8, _F8), cache=True)
def compare(t_infrared, infrared, t_red, red, limits, taps, out):  # type: ignore[no-untyped-def]  # noqa: PLR0917  # kernel
    """Fill ``out`` (shape (OUTPUTS,)) for one cycle and return WHOLE, or return what is against it.

    Parameters
    ----------
    infrared, red : ndarray, shape (n + taps - 1,), intensities of the cycle with half of the taps on either side
    limits : time that the last sample must have reached, longest time between two, us; full scale of infrared and red
    taps : ndarray, odd length, sum 1

    Notes
    -----
    Variances, the covariance and the noise left by the filter are those of the logarithms of intensity: for the small
    pulses of a finger the same as AC over DC, and for large ones still in the proportion of the absorptions.
    ``INDEPENDENT`` is how many independent samples the filter leaves.
    """
    if len(t_infrared) != len(t_red):
        return UNPAIRED
    for k in range(len(t_red)):
        if t_infrared[k] != t_red[k]:
            return UNPAIRED
    against = obstacle(t_red, infrared, red, limits, taps)
    if against != WHOLE:
        return against
    n = len(infrared) - len(taps) + 1
    half = len(taps) // 2
    dc_infrared = 0.0
    dc_red = 0.0
    for k in range(half, half + n):
        dc_infrared += infrared[k]
        dc_red += red[k]
    dc_infrared /= n
    dc_red /= n
    infrared_log = np.empty(len(infrared))
    red_log = np.empty(len(red))
    absorb(infrared, dc_infrared, infrared_log)
    absorb(red, dc_red, red_log)
    u = np.empty(n)
    v = np.empty(n)
    smooth(infrared_log, taps, u)
    smooth(red_log, taps, v)
    detrend(u)
    detrend(v)
    uu = 0.0
    vv = 0.0
    uv = 0.0
    for k in range(n):
        uu += u[k] * u[k]
        vv += v[k] * v[k]
        uv += u[k] * v[k]
    passed = 0.0
    for j in range(len(taps)):
        passed += taps[j] * taps[j]
    out[DC_INFRARED] = dc_infrared
    out[DC_RED] = dc_red
    out[INFRARED] = uu / n
    out[RED] = vv / n
    out[BOTH] = uv / n
    out[NOISE_INFRARED] = white_variance(infrared_log) * passed
    out[NOISE_RED] = white_variance(red_log) * passed
    out[INDEPENDENT] = n * passed
    return WHOLE
