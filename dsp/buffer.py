"""Blocks of one channel in, any stretch of its newest samples out."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from dsp.kernels.buffer import sift

KEPT_US = 3_600_000_000  # what nobody has asked for; bounds the memory
_LEAST_CAPACITY = 4096
_NEVER_US = -(2**62)


class SampleBuffer:
    """Finite samples in order of time, however they were cut into blocks; each may have several columns.

    Blocks are only put down until somebody asks, once a second: then they are multiplied by a factor and cut at the
    ``most``, and what is not finite, or not newer than what was there, is taken out.
    """

    def __init__(self, *, factor: float = 1.0, most: float = math.inf, columns: tuple[int, ...] = ()) -> None:
        self._factor, self._most = factor, most
        self._columns = columns
        self._settled = self._end = 0  # of what is known to be in order, of all
        self._newest_us = self._forgotten_us = _NEVER_US
        self._allocate(_LEAST_CAPACITY)

    @property
    def is_empty(self) -> bool:
        """Whether there never was a sample."""
        self._settle()
        return self._newest_us == _NEVER_US

    def append(self, t_us: NDArray[np.int64], samples: NDArray[np.float64]) -> None:
        """Keep a copy of a block."""
        end = self._end + len(t_us)
        if end > len(self._t_us):
            self._make_room(len(t_us))
            end = self._end + len(t_us)
        self._t_us[self._end : end] = t_us
        self._samples[self._end : end] = samples
        self._end = end

    def stretch(self, since_us: int, until_us: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """The samples after ``since_us`` up to and including ``until_us``: views, whole until the next block comes."""
        if self._settled < self._end:
            self._settle()
        t_us = self._t_us[: self._end]
        first = t_us.searchsorted(max(since_us, self._forgotten_us), side="right")
        last = t_us.searchsorted(until_us, side="right") if until_us < self._newest_us else self._end
        return t_us[first:last], self._samples[first:last]

    def forget(self, until_us: int) -> None:
        """Drop the samples up to and including ``until_us``; their room is used when there is no other."""
        self._forgotten_us = max(self._forgotten_us, until_us)

    def _settle(self) -> None:
        begin = self._settled
        columns = self._flat.size // len(self._t_us)
        self._settled = self._end = sift(
            self._t_us, self._flat, columns, begin, self._end, self._newest_us, self._factor, self._most
        )
        if self._end > begin:
            self._newest_us = self._t_us.item(self._end - 1)

    def _make_room(self, count: int) -> None:
        """Move what is kept to the front of arrays in which as much again, and so many more, find room."""
        self._settle()
        self.forget(self._newest_us - KEPT_US)
        t_us, samples = self.stretch(_NEVER_US, self._newest_us)
        self._allocate(max(_LEAST_CAPACITY, 2 * len(t_us) + count))
        self._t_us[: len(t_us)], self._samples[: len(t_us)] = t_us, samples
        self._settled = self._end = len(t_us)

    def _allocate(self, capacity: int) -> None:
        self._t_us = np.zeros(capacity, np.int64)
        self._samples = np.zeros((capacity, *self._columns))
        self._flat = self._samples.reshape(-1)
