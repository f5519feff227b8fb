"""Compiled search for the breathing in a series of pulses: one call a second and channel.

No library transform and no function of the mathematical library is called, so bits are equal on every processor.
"""

from __future__ import annotations

import numba as nb
import numpy as np
from numba import njit
from numpy.typing import NDArray

POINTS = 256  # of the transform; the series fills at most half of it, the rest is zero
MOST_SAMPLES = 128
SERIES = 4

# Outputs of ``estimate``.
FREQUENCY, CONCENTRATION, SECONDS, SAMPLES, LOST_SHARE, COUNTED_SHARE, VARYING, COUNTED_HZ, BEGIN_US = range(9)
OUTPUTS = 9

SETUP = np.dtype(
    [
        ("time", "i8"),  # columns of the table
        ("interval", "i8"),
        ("usual", "i8"),  # whether the interval is: 0 is not
        ("series", "i8", (SERIES,)),  # foot, top, and two more
        ("step_us", "f8"),  # of the resampled series
        ("bridge_us", "f8"),  # a longer time without a pulse breaks the series
        ("least", "f8"),  # samples
        ("outlier", "f8"),  # root mean squares
        ("lowest_hz", "f8"),
        ("highest_hz", "f8"),
        ("highest_share", "f8"),  # of the rate of the pulses that count
        ("half_width_hz", "f8"),  # of a peak, with MOST_SAMPLES
        ("least_rms", "f8", (SERIES,)),  # foot and top in heights of the pulse, the others in their own means
    ]
)

_SETUP = nb.from_dtype(SETUP)
_SETUPS = nb.types.Array(_SETUP, 1, "C")

_F8 = nb.float64[::1]
_F8_2D = nb.float64[:, ::1]
_I8 = nb.int64[::1]


@njit()
def transform(real, imaginary, cosines, sines, order):  # type: ignore[no-untyped-def]  # kernel
    """Fourier transform in place, radix 2, of the two parts of a complex series; both are changed.

    ``cosines`` and ``sines`` hold one turn in len(real) steps, ``order`` the bit-reversed indices (Cooley, Tukey 1965).
    """
    n = len(real)
    for k in range(n):
        j = order[k]
        if j > k:
            real[k], real[j] = real[j], real[k]
            imaginary[k], imaginary[j] = imaginary[j], imaginary[k]
    half = 1
    while half < n:
        stride = n // (2 * half)
        for start in range(0, n, 2 * half):
            for k in range(half):
                c = cosines[k * stride]
                s = -sines[k * stride]
                a = start + k
                b = a + half
                x = c * real[b] - s * imaginary[b]
                y = c * imaginary[b] + s * real[b]
                real[b] = real[a] - x
                imaginary[b] = imaginary[a] - y
                real[a] += x
                imaginary[a] += y
        half *= 2


@njit()
def straighten(x: NDArray[np.float64], n: int) -> None:
    """Take the straight line through the first ``n`` values off them."""
    mean = 0.0
    for k in range(n):
        mean += x[k]
    mean /= n
    middle = 0.5 * (n - 1)
    slope = 0.0
    scale = 0.0
    for k in range(n):
        slope += (k - middle) * (x[k] - mean)
        scale += (k - middle) * (k - middle)
    slope /= scale
    for k in range(n):
        x[k] -= mean + slope * (k - middle)


@njit()
def clip(x: NDArray[np.float64], n: int, limit: float) -> float:
    """Cut the first ``n`` values at ``limit`` times their root mean square; return that."""
    power = 0.0
    for k in range(n):
        power += x[k] * x[k]
    rms = np.sqrt(power / n)
    most = limit * rms
    for k in range(n):
        x[k] = min(most, max(-most, x[k]))
    return float(rms)


@njit()
def counts(rows, setup, column, k):  # type: ignore[no-untyped-def]  # records
    """Whether a pulse says something of the breathing: an early one and the one after its pause do not."""
    return rows[k, setup["usual"]] != 0.0 and not np.isnan(rows[k, column])


@njit()
def resample(out, rows, setup, column, first, begin, n):  # type: ignore[no-untyped-def]  # noqa: PLR0917  # records
    """Values of a column at ``n`` equal steps from ``begin``, on straight lines between the pulses that count."""
    time = setup["time"]
    k = first
    while not counts(rows, setup, column, k) and k + 1 < len(rows):
        k += 1
    t1, x1 = rows[k, time], rows[k, column]
    t0, x0 = t1, x1
    for j in range(n):
        at = begin + j * setup["step_us"]
        while at > t1 and k + 1 < len(rows):
            k += 1
            if counts(rows, setup, column, k):
                t0, x0 = t1, x1
                t1, x1 = rows[k, time], rows[k, column]
        if at <= t0 or t1 == t0:
            out[j] = x0
        elif at >= t1:
            out[j] = x1
        else:
            out[j] = x0 + (x1 - x0) * ((at - t0) / (t1 - t0))


@njit()
def mean_size(rows, first, upper, lower):  # type: ignore[no-untyped-def]  # kernel
    """Mean of a column, less that of another where there is one (-1 is none), from a row on; NaN is left out."""
    total = 0.0
    count = 0
    for k in range(first, len(rows)):
        x = rows[k, upper] - rows[k, lower] if lower >= 0 else rows[k, upper]
        if not np.isnan(x):
            total += x
            count += 1
    return float(total / count) if count else 0.0


@njit()
def highest(spectrum, low, high):  # type: ignore[no-untyped-def]  # kernel
    """Index of the highest local maximum between low and high, -1 if there is none."""
    best = -1
    for k in range(low + 1, high):
        is_maximum = spectrum[k] >= spectrum[k - 1] and spectrum[k] >= spectrum[k + 1]
        if is_maximum and (best < 0 or spectrum[k] > spectrum[best]):
            best = k
    return best


@njit()
def share_around(spectrum, peak, half, low, high):  # type: ignore[no-untyped-def]  # kernel
    """Share of the power in low..high that lies within ``half`` of the peak."""
    near = 0.0
    total = 0.0
    for k in range(low, high + 1):
        total += spectrum[k]
        if abs(k - peak) <= half:
            near += spectrum[k]
    return float(near / total)


@njit()
def add_weighted(total, spectrum, low, high, half):  # type: ignore[no-untyped-def]  # kernel
    """Add a spectrum of power 1 to ``total``, weighted by the square of how much of it lies around its peak."""
    peak = highest(spectrum, low, high)
    if peak < 0:
        return
    power = 0.0
    for k in range(low, high + 1):
        power += spectrum[k]
    if not power > 0.0:
        return
    weight = share_around(spectrum, peak, half, low, high)
    for k in range(low, high + 1):
        total[k] += weight * weight * spectrum[k] / power


@njit()
def first_of(rows, setup, out):  # type: ignore[no-untyped-def]  # records
    """Index of the first pulse of the window, which lies at or before its begin; fills what is known of the window."""
    time = setup["time"]
    last = len(rows) - 1
    step = setup["step_us"]
    end = np.floor(rows[last, time] / step) * step
    oldest = end - (MOST_SAMPLES - 1) * step
    first = last
    lost = 0.0
    counted = 0
    while first > 0 and rows[first, time] > oldest:
        wait = rows[first, time] - rows[first - 1, time]
        if wait > setup["bridge_us"]:
            break
        if np.isnan(rows[first, setup["interval"]]):
            lost += wait
        if rows[first, setup["usual"]] != 0.0:
            counted += 1
        first -= 1
    begin = max(np.ceil(rows[first, time] / step) * step, oldest)
    samples = int((end - begin) / step + 0.5) + 1
    out[BEGIN_US] = begin
    out[SECONDS] = samples * step * 1e-6
    out[LOST_SHARE] = lost / (samples * step)
    if first < last:
        out[COUNTED_SHARE] = counted / (last - first)
        out[COUNTED_HZ] = counted * 1e6 / (rows[last, time] - rows[first, time])
    out[SAMPLES] = samples if samples >= setup["least"] else 0
    return first


@njit()
def prepare(x: NDArray[np.float64], n: int, limit: float, least: float) -> bool:
    """Straighten, cut outliers, taper ``n`` values and zero the rest; False, and all zero, if they hardly vary."""
    straighten(x, n)
    rms = clip(x, n, limit)
    clip(x, n, limit)
    straighten(x, n)
    for k in range(n, len(x)):
        x[k] = 0.0
    for k in range(n):
        u = (2.0 * k + 1.0) / n - 1.0
        x[k] *= (1.0 - u * u) * (1.0 - u * u) if rms > least else 0.0
    return bool(rms > least)


@njit()
def to_spectra(a: NDArray[np.float64], b: NDArray[np.float64]) -> None:
    """Turn the transform of the complex series of two real ones into their two spectra, times the frequency."""
    for k in range(1, POINTS // 2):
        m = POINTS - k
        u = a[k] + a[m]
        v = b[k] - b[m]
        w = b[k] + b[m]
        z = a[m] - a[k]
        a[k] = (u * u + v * v) * k
        b[k] = (w * w + z * z) * k


@njit()
def read_peak(total, low, high, half, bins_per_hz, out):  # type: ignore[no-untyped-def]  # noqa: PLR0917  # kernel
    """Fill in the centre of the highest peak and how much of the power is in it."""
    peak = highest(total, low, high)
    if peak < 0 or not total[peak] > 0.0:
        return
    near = 0.0
    moment = 0.0
    for k in range(max(low, peak - half), min(high, peak + half) + 1):
        near += total[k]
        moment += k * total[k]
    out[FREQUENCY] = moment / near / bins_per_hz
    out[CONCENTRATION] = share_around(total, peak, half, low, high)


@njit(nb.void(_F8_2D, _F8_2D, _F8, _F8, _I8, _SETUPS, _F8), cache=True)
def estimate(rows, series, cosines, sines, order, setups, out):  # type: ignore[no-untyped-def]  # noqa: PLR0917  # kernel
    """Fill ``out`` from the newest pulses: ``SAMPLES`` 0 if they are too few, ``FREQUENCY`` 0 if none stands out.

    Parameters
    ----------
    rows : shape (n, columns), pulses in order of time
    series : shape (SERIES + 1, POINTS), scratch
    cosines, sines, order : as of ``transform``

    Notes
    -----
    Each spectrum is multiplied by its frequency: the baseline of a pulse wanders about as pink noise. Spectra of equal
    power are added by how peaked they are: Lazaro et al., IEEE J Biomed Health Inform 2014, 18:2041.
    """
    setup = setups[0]  # handed over as an array: a record costs three times as much
    for k in range(OUTPUTS):
        out[k] = 0.0
    last = len(rows) - 1
    if last < 1:
        return
    first = first_of(rows, setup, out)
    n = int(out[SAMPLES])
    if n == 0:
        return
    bins_per_hz = POINTS * setup["step_us"] * 1e-6
    low = int(np.ceil(setup["lowest_hz"] * bins_per_hz))
    high = int(np.floor(min(setup["highest_hz"], setup["highest_share"] * out[COUNTED_HZ]) * bins_per_hz))
    half = int(setup["half_width_hz"] * bins_per_hz * MOST_SAMPLES / n)
    height = mean_size(rows, first, setup["series"][1], setup["series"][0])
    for j in range(SERIES):
        column = setup["series"][j]
        size = height if j < 2 else mean_size(rows, first, column, -1)
        resample(series[j], rows, setup, column, first, out[BEGIN_US], n)
        if prepare(series[j], n, setup["outlier"], setup["least_rms"][j] * size):
            out[VARYING] += 1.0
    total = series[SERIES]
    total[:] = 0.0
    for j in range(0, SERIES, 2):
        transform(series[j], series[j + 1], cosines, sines, order)
        to_spectra(series[j], series[j + 1])
        add_weighted(total, series[j], low, high, half)
        add_weighted(total, series[j + 1], low, high, half)
    read_peak(total, low, high, half, bins_per_hz, out)
