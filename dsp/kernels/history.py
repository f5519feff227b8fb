"""Compiled memory of what the accepted pulses of one channel looked like: one more pulse in, what is usual out."""

from __future__ import annotations

import numba as nb
import numpy as np
from numba import njit
from numpy.typing import NDArray

HISTORY = 8  # beats in every median (dsp.md, section 5)
# Rows of the memory: how many numbers, then those, the newest last. After the remembered ones comes scratch.
SLOPE_SUMS, AMPLITUDES, INTERVALS_US, NOISES, BEATS_US, BEAT_SIZES, SCRATCH = range(7)
ROWS, COLUMNS = 7, HISTORY + 2  # one beat more than medians have, for as many intervals between large ones

# Outputs of ``add``, and what it reads of the time before.
SLOPE_SUM, AMPLITUDE, INTERVAL_US, STRONG_INTERVAL_US, NOISE, LIKENESS = range(6)
OUTPUTS = 6

_F8 = nb.float64[::1]
_F8_2D = nb.float64[:, ::1]


@njit()
def agreement(a: NDArray[np.float64], b: NDArray[np.float64], points: int) -> float:
    """Correlation of the first ``points`` of two snippets; 0 where one of them is constant."""
    mean_a = mean_b = 0.0
    for j in range(points):
        mean_a += a[j]
        mean_b += b[j]
    mean_a /= points
    mean_b /= points
    ab = aa = bb = 0.0
    for j in range(points):
        da = a[j] - mean_a
        db = b[j] - mean_b
        ab += da * db
        aa += da * da
        bb += db * db
    return float(ab / np.sqrt(aa * bb)) if aa * bb > 0.0 else 0.0


@njit(nb.void(_F8, _F8, nb.int64, _F8), cache=True)
def agreements(a: NDArray[np.float64], b: NDArray[np.float64], points: int, out: NDArray[np.float64]) -> None:
    """Fill ``out`` with the correlations of the first ``points`` of two snippets, and of all."""
    out[0] = agreement(a, b, points)
    out[1] = agreement(a, b, len(a))


@njit()
def blend(template: NDArray[np.float64], snippet: NDArray[np.float64], share: float) -> None:
    """Move ``template`` towards ``snippet`` by ``share``, keeping unit power; ``template`` is changed."""
    power = 0.0
    for j in range(len(template)):
        template[j] += share * (snippet[j] - template[j])
        power += template[j] * template[j]
    if power > 0.0:
        for j in range(len(template)):
            template[j] /= np.sqrt(power)


@njit()
def remember(row: NDArray[np.float64], most: int, value: float) -> None:
    """Append a value to a row that keeps the newest ``most``."""
    n = int(row[0])
    if n == most:
        for k in range(1, n):
            row[k] = row[k + 1]
    else:
        n += 1
        row[0] = n
    row[n] = value


@njit()
def sort(x: NDArray[np.float64], n: int) -> None:
    """Put the first ``n`` values in order of size."""
    for i in range(1, n):
        value = x[i]
        j = i
        while j > 0 and x[j - 1] > value:
            x[j] = x[j - 1]
            j -= 1
        x[j] = value


@njit()
def middle(x: NDArray[np.float64], n: int) -> float:
    """Median of the first ``n`` values, which are sorted."""
    sort(x, n)
    return float(x[n // 2] if n % 2 == 1 else (x[n // 2 - 1] + x[n // 2]) / 2.0)


@njit()
def middle_of(row: NDArray[np.float64], scratch: NDArray[np.float64]) -> float:
    """Median of what a row remembers."""
    n = int(row[0])
    for k in range(n):
        scratch[k] = row[1 + k]
    return middle(scratch, n)


@njit()
def usual_size(row: NDArray[np.float64], scratch: NDArray[np.float64]) -> float:
    """Median of a row; two small ones in a row already lower it, so that a fall of amplitude is followed at once."""
    n = int(row[0])
    newest = max(row[n - 1], row[n]) if n > 1 else row[n]
    return float(min(middle_of(row, scratch), 1.6 * newest))


@njit()
def strong_interval(memory: NDArray[np.float64]) -> float:
    """Median of the times between the large beats; 0 of few."""
    scratch, times, sizes = memory[SCRATCH], memory[BEATS_US], memory[BEAT_SIZES]
    n = int(sizes[0])
    for k in range(n):
        scratch[k] = sizes[1 + k]
    sort(scratch, n)
    least = 0.6 * scratch[max(0, n - 3)]
    steps = -1
    before = 0.0
    for k in range(1, n + 1):
        if sizes[k] >= least:
            if steps >= 0:
                scratch[steps] = times[k] - before
            steps += 1
            before = times[k]
    return middle(scratch, steps) if steps >= 3 else 0.0


@njit(
    nb.void(
        _F8_2D,
        _F8,
        _F8,
        _F8,
        nb.int64,
        nb.float64,
        nb.float64,
        nb.float64,
        nb.float64,
        nb.float64,
        nb.float64,
        nb.float64,
    ),
    cache=True,
)
def add(memory, template, snippet, out, upslope_us, slope_sum, amplitude, interval_us, likeness, noise, share, most):  # type: ignore[no-untyped-def]  # noqa: PLR0917  # kernel
    """Take a pulse: change the memory and the template, and fill ``out``.

    Parameters
    ----------
    interval_us, likeness, noise : NaN where it is not known
    noise : slope sum of the largest other hump since the pulse before
    share : by which the template moves to the snippet
    most : sizes count as at most so many times the usual ones
    """
    scratch = memory[SCRATCH]
    if not np.isnan(noise):
        remember(memory[NOISES], HISTORY, noise / out[SLOPE_SUM])
        out[NOISE] = middle_of(memory[NOISES], scratch)
    if not np.isnan(likeness) and slope_sum > 0.5 * out[SLOPE_SUM]:  # small early ones sit on the slope of another
        out[LIKENESS] += 0.12 * (min(1.0, max(0.0, (likeness - 0.3) / 0.65)) - out[LIKENESS])
    remember(memory[SLOPE_SUMS], HISTORY, min(slope_sum, most * out[SLOPE_SUM]))
    remember(memory[AMPLITUDES], HISTORY, min(amplitude, most * out[AMPLITUDE]))
    remember(memory[BEATS_US], HISTORY + 1, upslope_us)
    remember(memory[BEAT_SIZES], HISTORY + 1, slope_sum)
    if not np.isnan(interval_us):
        remember(memory[INTERVALS_US], HISTORY, interval_us)
        out[INTERVAL_US] = middle_of(memory[INTERVALS_US], scratch)
    if share > 0.0:
        blend(template, snippet, share)
    out[SLOPE_SUM] = usual_size(memory[SLOPE_SUMS], scratch)
    out[AMPLITUDE] = usual_size(memory[AMPLITUDES], scratch)
    out[STRONG_INTERVAL_US] = max(strong_interval(memory), out[INTERVAL_US])
