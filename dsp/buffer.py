"""Blocks of one channel in, any stretch of its newest samples out."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from dsp.kernels.buffer import sift

KEPT_US = 3_600_000_000  # what nobody has asked for; bounds the memory
MOST_WAITING = 1024  # blocks
_NEVER_US = -(2**62)


class SampleBuffer:
    """Finite samples in order of time, however they were cut into blocks; each may have several columns.

    Blocks only wait until somebody asks, once a second: then they are multiplied by a factor and cut at the ``most``,
    and what is not finite, or not newer than what was there, is taken out. Their arrays must not change meanwhile.
    """

    def __init__(self, *, factor: float = 1.0, most: float = math.inf, columns: tuple[int, ...] = ()) -> None:
        self._factor, self._most = factor, most
        self._t_us, self._samples = np.zeros(0, np.int64), np.zeros((0, *columns))
        self._waiting: list[tuple[NDArray[np.int64], NDArray[np.float64]]] = []
        self._newest_us = self._forgotten_us = _NEVER_US

    def append(self, t_us: NDArray[np.int64], samples: NDArray[np.float64]) -> None:
        """Take a block."""
        self._waiting.append((t_us, samples))
        if len(self._waiting) == MOST_WAITING:
            self._settle()

    def stretch(self, since_us: int, until_us: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """The samples after ``since_us`` up to and including ``until_us``; not to be changed."""
        self._settle()
        first = self._t_us.searchsorted(max(since_us, self._forgotten_us), side="right")
        last = self._t_us.searchsorted(until_us, side="right") if until_us < self._newest_us else len(self._t_us)
        return self._t_us[first:last], self._samples[first:last]

    def forget(self, until_us: int) -> None:
        """Drop the samples up to and including ``until_us``."""
        self._forgotten_us = max(self._forgotten_us, until_us)

    def _settle(self) -> None:
        """Put what waits behind what is kept."""
        if not self._waiting:
            return
        self.forget(self._newest_us - KEPT_US)
        first = self._t_us.searchsorted(self._forgotten_us, side="right")
        kept = len(self._t_us) - int(first)
        t_us = np.concatenate([self._t_us[first:], *[t_us for t_us, _ in self._waiting]])
        samples = np.concatenate([self._samples[first:], *[samples for _, samples in self._waiting]])
        self._waiting.clear()
        columns = samples.size // max(1, len(t_us))
        end = sift(t_us, samples.reshape(-1), columns, kept, len(t_us), self._newest_us, self._factor, self._most)
        self._t_us, self._samples = t_us[:end], samples[:end]
        if end > kept:
            self._newest_us = t_us.item(end - 1)
