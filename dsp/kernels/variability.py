"""Compiled sums over a table of pulses: interval variability, and the swing of the pulse pressure with breathing."""

from __future__ import annotations

import numba as nb
import numpy as np
from numba import njit

# Outputs of ``intervals``: root mean square of successive differences (us) and how many, share of the pulses whose
# interval is usual, mean quality; over all rows, standard deviation of the usual intervals and their sum (us).
RMSSD_US, PAIRS, USUAL_SHARE, QUALITY, SDNN_US, COVERED_US = range(6)
OUTPUTS = 6

_F8 = nb.float64[::1]
_F8_2D = nb.float64[:, ::1]


@njit()
def successive(rows, first, interval, usual, quality, out):  # type: ignore[no-untyped-def]  # noqa: PLR0917  # kernel
    """Fill in RMSSD, pairs, the share of usual intervals and the quality, of the rows from ``first`` on."""
    pulses = 0
    known = 0
    trust = 0.0
    squares = 0.0
    pairs = 0
    for k in range(first, len(rows)):
        if rows[k, usual] < 0.0:
            continue
        pulses += 1
        trust += rows[k, quality]
        if rows[k, usual] > 0.0:
            known += 1
            if k > first and rows[k - 1, usual] > 0.0:
                step = rows[k, interval] - rows[k - 1, interval]
                squares += step * step
                pairs += 1
    out[RMSSD_US] = np.sqrt(squares / max(1, pairs))
    out[PAIRS] = pairs
    out[USUAL_SHARE] = known / max(1, pulses)
    out[QUALITY] = trust / max(1, pulses)


@njit()
def deviation(rows, interval, usual, out):  # type: ignore[no-untyped-def]  # kernel
    """Fill in the standard deviation of the usual intervals and the time they cover."""
    count = 0
    total = 0.0
    for k in range(len(rows)):
        if rows[k, usual] > 0.0:
            count += 1
            total += rows[k, interval]
    out[SDNN_US] = 0.0
    out[COVERED_US] = total
    if count < 2:
        return
    mean = total / count
    squares = 0.0
    for k in range(len(rows)):
        if rows[k, usual] > 0.0:
            squares += (rows[k, interval] - mean) * (rows[k, interval] - mean)
    out[SDNN_US] = np.sqrt(squares / (count - 1))


@njit(nb.void(_F8_2D, nb.int64, nb.int64, nb.int64, nb.int64, _F8), cache=True)
def intervals(rows, first, interval, usual, quality, out):  # type: ignore[no-untyped-def]  # noqa: PLR0917  # kernel
    """Fill ``out`` from a table of pulses, what says how intervals follow each other from the row ``first`` on."""
    successive(rows, first, interval, usual, quality, out)
    deviation(rows, interval, usual, out)


@njit(nb.void(_F8_2D, nb.int64, nb.int64, nb.int64, _F8), cache=True)
def rhythm(rows, interval, usual, quality, out):  # type: ignore[no-untyped-def]  # kernel
    """Fill ``out`` over all rows but the first: unusual or unknown intervals, mean interval (us), mean quality."""
    out[0] = 0.0
    out[1] = 0.0
    out[2] = 0.0
    n = len(rows) - 1
    for k in range(1, n + 1):
        if rows[k, usual] == 0.0 or np.isnan(rows[k, interval]):
            out[0] += 1.0
        else:
            out[1] += rows[k, interval] / n
        out[2] += rows[k, quality] / n


@njit(nb.int64(_F8_2D, nb.float64, nb.float64, nb.int64, nb.int64, nb.int64, nb.int64, _F8), cache=True)
def breath_swings(rows, end_us, breath_us, least, time, systolic, diastolic, swings):  # type: ignore[no-untyped-def]  # noqa: PLR0917  # kernel
    """Fill ``swings`` with (largest - smallest) / mean of both of the pulse pressure, breath by breath back from
    ``end_us``; return how many breaths have at least ``least`` pulses. Stops at the first that has fewer."""
    k = len(rows) - 1
    while k >= 0 and rows[k, time] > end_us:
        k -= 1
    found = 0
    for b in range(len(swings)):
        begin = end_us - (b + 1) * breath_us
        high = -np.inf
        low = np.inf
        count = 0
        while k >= 0 and rows[k, time] > begin:
            height = rows[k, systolic] - rows[k, diastolic]
            high = max(high, height)
            low = min(low, height)
            count += 1
            k -= 1
        if count < least or not low > 0.0:
            break
        swings[found] = 2.0 * (high - low) / (high + low)
        found += 1
    return found
