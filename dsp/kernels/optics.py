"""Compiled comparison of two lights over one heart cycle: intensities in, variances, covariance and noise out."""

from __future__ import annotations

import numba as nb
import numpy as np
from numba import njit
from numpy.typing import NDArray

OUTPUTS = 8
DC_INFRARED, DC_RED, INFRARED, RED, BOTH, NOISE_INFRARED, NOISE_RED, INDEPENDENT = range(OUTPUTS)

_F8 = nb.float64[::1]


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


@njit(nb.void(_F8, _F8, _F8, _F8), cache=True)
def compare(
    infrared: NDArray[np.float64], red: NDArray[np.float64], taps: NDArray[np.float64], out: NDArray[np.float64]
) -> None:
    """Fill ``out`` (shape (OUTPUTS,)) for one cycle.

    Parameters
    ----------
    infrared, red : ndarray, shape (n + taps - 1,), intensities of the cycle with half of the taps on either side
    taps : ndarray, odd length, sum 1

    Notes
    -----
    Variances, the covariance and the noise left by the filter are those of the logarithms of intensity: for the small
    pulses of a finger the same as AC over DC, and for large ones still in the proportion of the absorptions.
    ``INDEPENDENT`` is how many independent samples the filter leaves.
    """
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
