"""Compiled sums over stretches of acceleration: how much a sensor moves, and how much of that at one frequency."""

from __future__ import annotations

import numba as nb
import numpy as np
from numba import njit
from numpy.typing import NDArray

# Outputs of ``survey``: samples of the newest second, their mean length, and the root mean square about their mean.
COUNT, LENGTH_G, RMS_G = range(3)
# Outputs of ``rhythm``.
AT_HZ_G, WHOLE_G = range(2)
OUTPUTS = 3
AXES = 3
TURN = 2.0 * np.pi

_F8 = nb.float64[::1]
_F8_2D = nb.float64[:, ::1]
_I8 = nb.int64[::1]


@njit()
def spread(axes: NDArray[np.float64], first: int) -> float:
    """Root mean square of the vector about its mean, from a sample on."""
    n = len(axes) - first
    power = 0.0
    for j in range(AXES):
        mean = 0.0
        for k in range(first, len(axes)):
            mean += axes[k, j]
        mean /= n
        squares = 0.0
        for k in range(first, len(axes)):
            squares += (axes[k, j] - mean) * (axes[k, j] - mean)
        power += squares / n
    return float(np.sqrt(power))


@njit(nb.void(_I8, _F8_2D, nb.int64, _F8), cache=True)
def survey(t_us: NDArray[np.int64], axes: NDArray[np.float64], second_us: int, out: NDArray[np.float64]) -> None:
    """Fill ``out`` from the samples of the last ``second_us``; ``t_us`` is not empty."""
    first = len(t_us)
    while first > 0 and t_us[first - 1] > t_us[len(t_us) - 1] - second_us:
        first -= 1
    n = len(t_us) - first
    length = 0.0
    for k in range(first, len(t_us)):
        length += np.sqrt(axes[k, 0] * axes[k, 0] + axes[k, 1] * axes[k, 1] + axes[k, 2] * axes[k, 2])
    out[COUNT] = n
    out[LENGTH_G] = length / n
    out[RMS_G] = spread(axes, first)


@njit(nb.void(_I8, _F8_2D, nb.float64, _F8), cache=True)
def rhythm(t_us: NDArray[np.int64], axes: NDArray[np.float64], hz: float, out: NDArray[np.float64]) -> None:
    """Fill ``out`` with the root mean square at a frequency, by projection under a Hann window, and the whole one."""
    n = len(t_us)
    power = 0.0
    means = np.empty(AXES)
    real = np.empty(AXES)
    imaginary = np.empty(AXES)
    for j in range(AXES):
        means[j] = 0.0
        real[j] = 0.0
        imaginary[j] = 0.0
        for k in range(n):
            means[j] += axes[k, j]
        means[j] /= n
    step_us = 0
    c, s = 1.0, 0.0  # the wave, turned from sample to sample
    turn_c, turn_s = 1.0, 0.0
    hann_c, hann_s = np.cos(0.5 * TURN / n), np.sin(0.5 * TURN / n)
    step_c, step_s = np.cos(TURN / n), np.sin(TURN / n)
    for k in range(n):
        if k > 0:
            if t_us[k] - t_us[k - 1] != step_us:
                step_us = t_us[k] - t_us[k - 1]
                turn_c, turn_s = np.cos(TURN * hz * 1e-6 * step_us), np.sin(TURN * hz * 1e-6 * step_us)
            c, s = c * turn_c - s * turn_s, s * turn_c + c * turn_s
        window = 1.0 - hann_c
        hann_c, hann_s = hann_c * step_c - hann_s * step_s, hann_s * step_c + hann_c * step_s
        for j in range(AXES):
            real[j] += (axes[k, j] - means[j]) * window * c
            imaginary[j] += (axes[k, j] - means[j]) * window * s
    for j in range(AXES):
        power += (real[j] / n) * (real[j] / n) + (imaginary[j] / n) * (imaginary[j] / n)
    out[AT_HZ_G] = np.sqrt(2.0 * power)
    out[WHOLE_G] = spread(axes, 0)
