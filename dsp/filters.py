"""Butterworth low-pass coefficients in closed form, and the delay they cause."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

# Quality factors of the two sections of a fourth-order Butterworth filter: 1 / (2 cos(pi/8)), 1 / (2 cos(3 pi/8)).
_SECTION_Q = (1 / (2 * math.cos(math.pi / 8)), 1 / (2 * math.cos(3 * math.pi / 8)))
_HIGHEST_SHARE = 0.4  # of the sampling rate: a slow sensor gets the highest cutoff that still is a filter


def low_pass(cutoff_hz: float, rate_hz: float) -> NDArray[np.float64]:
    """Two biquads (b0 b1 b2 a1 a2 each) of a fourth-order Butterworth low-pass.

    Parameters
    ----------
    cutoff_hz : -3 dB frequency, lowered to 0.4 of the sampling rate where it is above

    Returns
    -------
    ndarray, shape (10,)

    Notes
    -----
    Bilinear transform with the cutoff prewarped: Oppenheim and Schafer, Discrete-Time Signal Processing, 3rd ed., 7.2.
    """
    warped = math.tan(math.pi * min(cutoff_hz / rate_hz, _HIGHEST_SHARE))
    sections = []
    for q in _SECTION_Q:
        scale = 1 / (1 + warped / q + warped * warped)
        b0 = warped * warped * scale
        a1 = 2 * (warped * warped - 1) * scale
        a2 = (1 - warped / q + warped * warped) * scale
        sections += [b0, 2 * b0, b0, a1, a2]
    return np.array(sections)


def delay_samples(coefficients: NDArray[np.float64]) -> float:
    """Group delay of the sections at 0 Hz: what a slow upslope is late by."""
    delay = 0.0
    for b0, b1, b2, a1, a2 in coefficients.reshape(-1, 5):
        delay += (b1 + 2 * b2) / (b0 + b1 + b2) - (a1 + 2 * a2) / (1 + a1 + a2)
    return float(delay)
