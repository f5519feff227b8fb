"""Whole heart cycles in numbers: cut from a ring, and compared with each other."""

from __future__ import annotations

import numba as nb
import numpy as np
from numba import njit
from numpy.typing import NDArray

_F8 = nb.float64[::1]


@njit(nb.void(_F8, nb.int64, nb.float64, nb.float64, _F8), cache=True)
def sample(ring: NDArray[np.float64], capacity: int, first: float, step: float, out: NDArray[np.float64]) -> None:
    """Fill ``out`` with the signal at ``first + k * step`` (fractional indices), by linear interpolation."""
    for k in range(len(out)):
        at = first + k * step
        left = int(np.floor(at))
        a = ring[left % capacity]
        out[k] = a + (at - left) * (ring[(left + 1) % capacity] - a)


@njit(nb.float64(_F8, _F8), cache=True)
def likeness(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Correlation of the beginnings that both have, each without its straight trend; 0 where one is straight."""
    n = min(len(a), len(b))
    middle = 0.5 * (n - 1)
    mean_a = mean_b = slope_a = slope_b = weight = 0.0
    for k in range(n):
        mean_a += a[k]
        mean_b += b[k]
        slope_a += (k - middle) * a[k]
        slope_b += (k - middle) * b[k]
        weight += (k - middle) * (k - middle)
    if n < 3:
        return 0.0
    mean_a, mean_b, slope_a, slope_b = mean_a / n, mean_b / n, slope_a / weight, slope_b / weight
    power_a = power_b = both = 0.0
    for k in range(n):
        x = a[k] - mean_a - slope_a * (k - middle)
        y = b[k] - mean_b - slope_b * (k - middle)
        power_a += x * x
        power_b += y * y
        both += x * y
    return both / np.sqrt(power_a * power_b) if power_a > 0.0 and power_b > 0.0 else 0.0


@njit(nb.int64(_F8, nb.int64, nb.int64, nb.int64, nb.float64), cache=True)
def jumps(ring: NDArray[np.float64], capacity: int, first: int, last: int, least: float) -> int:
    """How many single steps between two indices exceed both neighbours by ``least``, and the mean step eightfold."""
    total = 0.0
    for k in range(first + 1, last + 1):
        total += abs(ring[k % capacity] - ring[(k - 1) % capacity])
    usual = 8.0 * total / max(1, last - first)
    count = 0
    for k in range(first + 2, last):
        before = abs(ring[(k - 1) % capacity] - ring[(k - 2) % capacity])
        step = abs(ring[k % capacity] - ring[(k - 1) % capacity])
        after = abs(ring[(k + 1) % capacity] - ring[k % capacity])
        if step - max(before, after) > least and step > usual:
            count += 1
    return count


@njit(nb.int64(_F8, nb.int64, nb.int64, nb.int64, nb.int64, nb.float64, nb.float64, nb.float64), cache=True)
def levels(  # noqa: PLR0917  # kernel
    ring: NDArray[np.float64], capacity: int, first: int, last: int, window: int, most: float, low: float, high: float
) -> int:
    """How many levels between ``low`` and ``high`` the signal keeps to, within ``most``, for a window or longer."""
    count = 0
    level = 0.0
    for end in range(first + window, last + 1):
        least = greatest = ring[end % capacity]
        for k in range(end - window + 1, end):
            x = ring[k % capacity]
            least = min(least, x)
            greatest = max(greatest, x)
            if greatest - least > most:
                break
        if greatest - least <= most and least >= low and greatest <= high:
            here = 0.5 * (least + greatest)
            if count == 0 or abs(here - level) > 2 * most:
                count += 1
                level = here
    return count
