"""Whole heart cycles in numbers: cut from a ring, compared with each other, and remembered."""

from __future__ import annotations

import numba as nb
import numpy as np
from numba import njit
from numpy.typing import NDArray

CAPACITY = 64  # cycles remembered
POINTS = 208  # of one: all that a ring holds
# A row of the memory: time of its end, how many points, height, what its likeness to the usual ones of its time lacked,
# and the points from HEAD on. After the remembered ones come the cycle in hand and scratch.
END, COUNT, HEIGHT, UNLIKE = range(4)
HEAD = 4
IN_HAND, SCRATCH = range(CAPACITY, CAPACITY + 2)
ROWS, COLUMNS = CAPACITY + 2, HEAD + POINTS

SETUP = np.dtype(
    [
        ("capacity", "i8"),  # of the rings
        ("raw", "i8"),  # rows of the rings
        ("filtered", "i8"),
        ("delay", "f8"),  # of the filtered one, samples
        ("step", "f8"),  # of the points, samples
        ("from_us", "i8"),  # ages between which a cycle is a usual one
        ("until_us", "i8"),
        ("apart_us", "i8"),  # one cycle of so long a time is remembered
        ("least_usual", "i8"),
        ("least_points", "i8"),
        ("rank", "f8"),  # of the likenesses to the usual ones
        ("tiny", "f8"),
        ("first", "i8"),  # row of the oldest that is remembered, and how many there are
        ("count", "i8"),
    ]
)

# Outputs of ``compare``; of a cycle with nothing to compare it with, NaN.
IS_WHOLE, UNUSUAL, SPREAD, LENGTH_RATIO, HEIGHT_RATIO, JUMPS = range(6)
OUTPUTS = 6

_F8 = nb.float64[::1]
_F8_2D = nb.float64[:, ::1]
_SETUPS = nb.types.Array(nb.from_dtype(SETUP), 1, "C")


@njit()
def sample(ring: NDArray[np.float64], start: int, first: float, step: float, row: NDArray[np.float64]) -> None:
    """Fill a row with the signal at ``first + k * step`` (fractional indices), by linear interpolation."""
    least = np.inf
    greatest = -np.inf
    for k in range(int(row[COUNT])):
        at = first + k * step
        left = int(np.floor(at))
        a = ring[left - start]
        x = a + (at - left) * (ring[(left + 1) - start] - a)
        row[HEAD + k] = x
        least = min(least, x)
        greatest = max(greatest, x)
    row[HEIGHT] = greatest - least


@njit()
def likeness(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Correlation of the beginnings that both have, each without its straight trend; 0 where one is straight."""
    n = int(min(a[COUNT], b[COUNT]))
    middle = 0.5 * (n - 1)
    mean_a = mean_b = slope_a = slope_b = weight = 0.0
    for k in range(n):
        mean_a += a[HEAD + k]
        mean_b += b[HEAD + k]
        slope_a += (k - middle) * a[HEAD + k]
        slope_b += (k - middle) * b[HEAD + k]
        weight += (k - middle) * (k - middle)
    if n < 3:
        return 0.0
    mean_a, mean_b, slope_a, slope_b = mean_a / n, mean_b / n, slope_a / weight, slope_b / weight
    power_a = power_b = both = 0.0
    for k in range(n):
        x = a[HEAD + k] - mean_a - slope_a * (k - middle)
        y = b[HEAD + k] - mean_b - slope_b * (k - middle)
        power_a += x * x
        power_b += y * y
        both += x * y
    return float(both / np.sqrt(power_a * power_b)) if power_a > 0.0 and power_b > 0.0 else 0.0


@njit()
def jumps(ring: NDArray[np.float64], start: int, first: int, last: int, least: float) -> int:
    """How many single steps between two indices exceed both neighbours by ``least``, and the mean step eightfold."""
    total = 0.0
    for k in range(first + 1, last + 1):
        total += abs(ring[k - start] - ring[(k - 1) - start])
    usual = 8.0 * total / max(1, last - first)
    count = 0
    for k in range(first + 2, last):
        before = abs(ring[(k - 1) - start] - ring[(k - 2) - start])
        step = abs(ring[k - start] - ring[(k - 1) - start])
        after = abs(ring[(k + 1) - start] - ring[k - start])
        if step - max(before, after) > least and step > usual:
            count += 1
    return count


@njit()
def usual_ones(memory, setup, now_us):  # type: ignore[no-untyped-def]  # records
    """Forget the cycles of too long ago; return how many of the others, from the oldest on, are the usual ones."""
    while setup["count"] > 0 and memory[setup["first"]][END] < now_us - setup["until_us"]:
        setup["first"] = (setup["first"] + 1) % CAPACITY
        setup["count"] -= 1
    old = 0
    while old < setup["count"] and memory[(setup["first"] + old) % CAPACITY][END] <= now_us - setup["from_us"]:
        old += 1
    if old >= setup["least_usual"]:
        return old
    return min(setup["count"], max(setup["least_usual"], setup["count"] // 2))


@njit()
def nearer(ratio: float, best: float) -> bool:
    """Whether a ratio is nearer to one than another."""
    return bool(max(ratio, 1.0 / ratio) < max(best, 1.0 / best))


@njit()
def spread(memory, setup, usual):  # type: ignore[no-untyped-def]  # records
    """How unlike the usual cycles were to those of their own time, the median; 0 as long as few are known."""
    found = memory[SCRATCH]
    known = 0
    for i in range(usual):
        unlike = memory[(setup["first"] + i) % CAPACITY][UNLIKE]
        if not np.isnan(unlike):
            j = known
            while j > 0 and found[j - 1] > unlike:
                found[j] = found[j - 1]
                j -= 1
            found[j] = unlike
            known += 1
    if known < setup["least_usual"]:
        return 0.0
    return 0.5 * (found[(known - 1) // 2] + found[known // 2])


@njit()
def compare_usual(memory, setup, usual, out):  # type: ignore[no-untyped-def]  # records
    """Compare the cycle in hand with the oldest ``usual`` ones."""
    cycle, found = memory[IN_HAND], memory[SCRATCH]
    height = max(cycle[HEIGHT], setup["tiny"])
    for i in range(usual):
        old = memory[(setup["first"] + i) % CAPACITY]
        alike = likeness(cycle, old)
        j = i
        while j > 0 and found[j - 1] > alike:
            found[j] = found[j - 1]
            j -= 1
        found[j] = alike
        length_ratio = cycle[COUNT] / old[COUNT]
        height_ratio = height / max(old[HEIGHT], setup["tiny"])
        if i == 0 or nearer(length_ratio, out[LENGTH_RATIO]):
            out[LENGTH_RATIO] = length_ratio
        if i == 0 or nearer(height_ratio, out[HEIGHT_RATIO]):
            out[HEIGHT_RATIO] = height_ratio
    out[UNUSUAL] = 1.0 - found[int(setup["rank"] * (usual - 1))]
    out[SPREAD] = spread(memory, setup, usual)


@njit()
def keep(memory, setup, end_us):  # type: ignore[no-untyped-def]  # records
    """Remember the cycle in hand, unless one was remembered a moment ago."""
    count = setup["count"]
    if count > 0 and end_us - memory[(setup["first"] + count - 1) % CAPACITY][END] < setup["apart_us"]:
        return
    if count == CAPACITY:
        setup["first"] = (setup["first"] + 1) % CAPACITY
        count -= 1
    cycle, row = memory[IN_HAND], memory[(setup["first"] + count) % CAPACITY]
    for k in range(HEAD + int(cycle[COUNT])):
        row[k] = cycle[k]
    row[END] = end_us
    setup["count"] = count + 1


@njit(nb.void(_F8_2D, nb.int64, nb.int64, nb.int64, nb.int64, nb.float64, _F8_2D, _SETUPS, _F8), cache=True)
def compare(rings, newest, begin, end, end_us, least_jump, memory, setups, out):  # type: ignore[no-untyped-def]  # noqa: PLR0917  # records
    """Fill ``out`` for the cycle between two indices of onsets, and remember it.

    Parameters
    ----------
    rings : as of dsp.kernels.pulse; ``newest`` is the index of the newest sample
    end_us : time of the end
    least_jump : steps of the raw signal that are as large and stand alone are counted
    """
    setup = setups[0]
    capacity = setup["capacity"]
    oldest = newest - capacity + 3
    start = oldest - oldest % capacity  # of the indices in the rings, so that none need be divided
    first = begin + setup["delay"]
    count = int((end + setup["delay"] - first) / setup["step"])
    out[IS_WHOLE] = 0.0
    if first < oldest or count < 1 or count > POINTS:
        return
    out[IS_WHOLE] = 1.0
    out[UNUSUAL] = np.nan
    cycle = memory[IN_HAND]
    cycle[COUNT] = count
    sample(rings[setup["filtered"]], start, first, setup["step"], cycle)
    out[JUMPS] = jumps(rings[setup["raw"]], start, begin, end, least_jump) if begin >= oldest else 0
    usual = usual_ones(memory, setup, end_us)
    if usual >= setup["least_usual"] and count >= setup["least_points"]:
        compare_usual(memory, setup, usual, out)
    cycle[UNLIKE] = out[UNUSUAL]
    keep(memory, setup, end_us)
