"""Compiled sieve of new samples: those that count, moved together."""

from __future__ import annotations

import numba as nb
import numpy as np
from numba import njit
from numpy.typing import NDArray

_F8 = nb.float64[::1]
_I8 = nb.int64[::1]


@njit(nb.int64(_I8, _F8, nb.int64, nb.int64, nb.int64, nb.int64, nb.float64, nb.float64), cache=True)
def sift(  # noqa: PLR0917  # kernel
    t_us: NDArray[np.int64],
    samples: NDArray[np.float64],
    columns: int,
    begin: int,
    end: int,
    newest_us: int,
    factor: float,
    most: float,
) -> int:
    """Multiply the samples from ``begin`` on by a factor and cut them at ``most``, both ways; return the new end.

    One that is not newer than the last that counts, or has a number that is still not finite, is taken out.
    """
    kept = begin
    for k in range(begin, end):
        counts = t_us[k] > newest_us
        for j in range(columns):
            x = factor * samples[k * columns + j]
            if np.isnan(x):
                counts = False
            else:
                x = min(most, max(-most, x))
                samples[kept * columns + j] = x
                if not np.isfinite(x):
                    counts = False
        if counts:
            newest_us = t_us[k]
            t_us[kept] = newest_us
            kept += 1
    return kept
