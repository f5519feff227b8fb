"""Compiled means over a table of pressure pulses: what stroke volume, output and resistance are made of."""

from __future__ import annotations

import numba as nb
import numpy as np
from numba import njit
from numpy.typing import NDArray

# Outputs of ``circulation``: median of pulse pressure in the sum of systolic and diastolic, mean interval (us), median
# of the means (mmHg), and of how many pulses.
STROKE, INTERVAL_US, MEAN_MMHG, COUNT = range(4)
OUTPUTS = 4

_F8 = nb.float64[::1]
_F8_2D = nb.float64[:, ::1]


@njit()
def median_of(values: NDArray[np.float64], count: int) -> float:
    """Median of the first ``count`` values, which are sorted in place."""
    for k in range(1, count):
        x = values[k]
        j = k - 1
        while j >= 0 and values[j] > x:
            values[j + 1] = values[j]
            j -= 1
        values[j + 1] = x
    middle = count // 2
    return float(values[middle] if count % 2 else 0.5 * (values[middle - 1] + values[middle]))


@njit(nb.void(_F8_2D, nb.int64, nb.int64, nb.int64, nb.int64, _F8, _F8, _F8), cache=True)
def circulation(rows, interval, systolic, diastolic, mean, strokes, means, out):  # type: ignore[no-untyped-def]  # noqa: PLR0917  # kernel
    """Fill ``out`` from the pulses that are whole and above zero; ``strokes`` and ``means`` are scratch."""
    count = 0
    total = 0.0
    for k in range(len(rows)):
        high, low = rows[k, systolic], rows[k, diastolic]
        if np.isnan(rows[k, interval]) or np.isnan(rows[k, mean]) or not high > low or not low > 0.0:
            continue
        if count == len(strokes):
            break
        strokes[count] = (high - low) / (high + low)
        means[count] = rows[k, mean]
        total += rows[k, interval]
        count += 1
    out[COUNT] = count
    if count == 0:
        return
    out[STROKE] = median_of(strokes, count)
    out[MEAN_MMHG] = median_of(means, count)
    out[INTERVAL_US] = total / count
