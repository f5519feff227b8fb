"""Compiled search for the dicrotic notch in the raw pressure of one cycle."""

from __future__ import annotations

import numba as nb
import numpy as np
from numba import njit
from numpy.typing import NDArray

# Outputs of ``find``: time of the notch (us, 0 if there is none), bend there in pulse pressures.
NOTCH_US, BEND = range(2)
OUTPUTS = 2

_F8 = nb.float64[::1]
_I8 = nb.int64[::1]


@njit()
def index_at(ring_t: NDArray[np.float64], capacity: int, oldest: int, newest: int, t_us: int) -> int:
    """Index of the newest sample that is not later than a time, ``oldest - 1`` if there is none."""
    low = oldest
    high = newest + 1
    while low < high:
        middle = (low + high) // 2
        if ring_t[middle % capacity] <= t_us:
            low = middle + 1
        else:
            high = middle
    return low - 1


@njit()
def smoothed(x: NDArray[np.float64], k: int, half: int) -> float:
    """Mean under a triangle of ``2 * half + 1`` samples around an index."""
    total = 0.0
    weight = 0.0
    for j in range(-half, half + 1):
        w = half + 1.0 - abs(j)
        total += w * x[k + j]
        weight += w
    return float(total / weight)


@njit()
def bend_at(x: NDArray[np.float64], k: int, span: int) -> float:
    """How much a curve bends up: the second difference over three points."""
    return float(x[k - span] - 2.0 * x[k] + x[k + span])


@njit()
def sharpest(x: NDArray[np.float64], first: int, last: int, span: int) -> int:
    """Index of the sharpest bend upwards between two, both excluded, -1 if there is none."""
    best = -1
    most = 0.0
    for k in range(first + 1, last):
        bend = bend_at(x, k, span)
        if bend > most and bend >= bend_at(x, k - 1, span) and bend > bend_at(x, k + 1, span):
            most = bend
            best = k
    return best


@njit(nb.void(_F8, _F8, nb.int64, nb.int64, _I8, _I8, nb.float64[:, ::1], _F8), cache=True)
def find(ring_t, ring_x, newest, oldest, cycle, setup, scratch, out):  # type: ignore[no-untyped-def]  # noqa: PLR0917  # kernel
    """Fill ``out`` for the cycle given by four times.

    Parameters
    ----------
    newest, oldest : indices between which the rings (slot = index modulo half the length) are whole
    cycle : time of the onset, first and last time searched, last time that belongs to the cycle, us
    setup : samples between the points that a bend is measured over, half width of the smoothing, reach of a minimum
    scratch : shape (2, n), n longer than the searched span

    Notes
    -----
    The aortic valve closes where the falling pressure bends up most sharply; where the pressure really rises there, the
    notch is its lowest point (Li, Dong and Vai, Biomed Eng Online 2010, 9:62, look for the same two).
    """
    out[NOTCH_US] = 0.0
    out[BEND] = 0.0
    capacity = len(ring_t) // 2
    span = setup[0]
    half = setup[1]
    reach = setup[2]
    margin = span + half + 1
    onset = index_at(ring_t, capacity, oldest, newest, cycle[0])
    first = index_at(ring_t, capacity, oldest, newest, cycle[1])
    last = index_at(ring_t, capacity, oldest, newest, cycle[2])
    end = index_at(ring_t, capacity, oldest, newest, cycle[3])
    if onset < oldest or first - margin < onset or end + margin > newest or last <= first + 2:
        return
    begin = first - margin
    count = end + margin - begin + 1
    raw, curve = scratch[0], scratch[1]
    if count > len(curve):
        return
    start = onset - onset % capacity  # of the indices in the rings, so that none need be divided
    low = ring_x[onset - start]
    high = low
    for k in range(onset, first + 1):
        high = max(high, ring_x[k - start])
    if not high > low:
        return
    for j in range(count):
        raw[j] = ring_x[begin + j - start]
    for j in range(count):
        curve[j] = smoothed(raw, j, min(half, j, count - 1 - j))
    best = sharpest(curve, margin, last - begin, span)
    if best < 0:
        return
    at = best
    for j in range(max(margin, best - reach), min(last - begin, best + reach) + 1):
        is_minimum = curve[j] <= curve[j - 1] and curve[j] < curve[j + 1]
        if is_minimum and (at == best or curve[j] < curve[at]):
            at = j
    out[NOTCH_US] = ring_t[(begin + at) % capacity]
    out[BEND] = bend_at(curve, best, span) / (high - low)
