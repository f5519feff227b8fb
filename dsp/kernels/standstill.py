"""Compiled search of a raw signal for what no vessel does: standing still on levels, and single steps."""

from __future__ import annotations

import numba as nb
import numpy as np
from numba import njit
from numpy.typing import NDArray

_F8 = nb.float64[::1]


@njit(nb.int64(_F8, nb.int64, nb.int64, nb.int64, nb.int64, nb.float64, nb.float64, nb.float64), cache=True)
def levels(  # noqa: PLR0917  # kernel
    ring: NDArray[np.float64], start: int, first: int, last: int, window: int, most: float, low: float, high: float
) -> int:
    """How many levels between ``low`` and ``high`` the signal keeps to, within ``most``, for a window or longer."""
    count = 0
    level = 0.0
    end = first + window
    while end <= last:
        least = greatest = ring[end - start]
        k = end - 1
        while k > end - window:
            x = ring[k - start]
            least = min(least, x)
            greatest = max(greatest, x)
            if greatest - least > most:
                break
            k -= 1
        if k > end - window:  # no window that holds both ends of this stretch keeps to a level
            end = k + window
            continue
        if least >= low and greatest <= high:
            here = 0.5 * (least + greatest)
            if count == 0 or abs(here - level) > 2 * most:
                count += 1
                level = here
        end += 1
    return count


@njit(nb.float64(_F8, nb.int64, nb.int64, nb.int64), cache=True)
def lone_step(ring: NDArray[np.float64], start: int, first: int, last: int) -> float:
    """By how much the largest step that has one before and one after it in first..last exceeds those two; else 0."""
    if last - first < 3:
        return 0.0
    largest = -1.0
    at = first
    for k in range(first + 2, last):
        step = abs(ring[k - start] - ring[(k - 1) - start])
        if step > largest:
            largest = step
            at = k
    before = abs(ring[(at - 1) - start] - ring[(at - 2) - start])
    after = abs(ring[(at + 1) - start] - ring[at - start])
    return float(largest - max(before, after))
