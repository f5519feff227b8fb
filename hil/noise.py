"""Times in, sensor noise out: a function of the seed and of each sample's own time, so blocks may be cut anywhere."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

COLOURS = {"white": 0, "pink": 1, "brown": 2, "blue": -1}  # power falls with frequency to this power
_HALF = np.float64(2.0**-32)


def standard_normal(seed: int, channel: int, t_us: NDArray[np.int64]) -> NDArray[np.float64]:
    """Independent values of mean 0 and deviation 1, one for each time.

    Notes
    -----
    The time is the counter of SplitMix64 (Steele, Lea, Flood 2014), its two halves go through Box and Muller's method.
    """
    start = (seed * 0x9E3779B97F4A7C15 + channel * 0xD1B54A32D192ED03) & (2**64 - 1)
    z = np.atleast_1d(t_us).astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(start)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z ^= z >> np.uint64(31)
    radius = np.sqrt(-2 * np.log(((z >> np.uint64(32)).astype(np.float64) + 1) * _HALF))
    angle = 2 * np.pi * _HALF * (z & np.uint64(0xFFFFFFFF)).astype(np.float64)
    return np.asarray(radius * np.cos(angle))


def coloured(colour: str, count: int, rate_hz: float, seed: int) -> NDArray[np.float64]:
    """Noise of mean 0 and deviation 1 of a colour, one value for each sample."""
    spectrum = np.fft.rfft(np.random.default_rng(seed).normal(size=count))
    hz = np.fft.rfftfreq(count, 1 / rate_hz)
    spectrum[1:] *= hz[1:] ** (-COLOURS[colour] / 2)
    spectrum[0] = 0
    x = np.fft.irfft(spectrum, count)
    return np.asarray(x / x.std())
