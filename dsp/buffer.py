"""Blocks of one channel in, any stretch of its newest samples out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

KEPT_US = 3_600_000_000  # what nobody has asked for; bounds the memory


class SampleBuffer:
    """Finite samples in order of time, however they were cut into blocks; each may have several columns."""

    def __init__(self, columns: tuple[int, ...] = ()) -> None:
        self._t_us = np.zeros(0, np.int64)
        self._samples = np.zeros((0, *columns))
        self._pending: list[tuple[NDArray[np.int64], NDArray[np.float64]]] = []
        self.newest_us: int | None = None

    def append(self, t_us: NDArray[np.int64], samples: NDArray[np.float64]) -> None:
        """Keep a copy of a block; samples not newer than the last and non-finite ones are left out."""
        is_new = len(t_us) > 0 and (self.newest_us is None or int(t_us[0]) > self.newest_us)
        if is_new and np.isfinite(samples).all():  # as nearly always
            self._pending.append((t_us.copy(), samples.copy()))
            self.newest_us = int(t_us[-1])
            return
        keep = np.isfinite(samples)
        if samples.ndim > 1:
            keep = np.asarray(np.all(keep, axis=1))
        if self.newest_us is not None:
            keep &= t_us > self.newest_us
        if not keep.any():
            return
        self._pending.append((t_us[keep], np.asarray(samples[keep], np.float64)))
        self.newest_us = int(t_us[keep][-1])

    def stretch(self, since_us: int, until_us: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """The samples after ``since_us`` up to and including ``until_us``."""
        if self._pending:
            self._t_us = np.concatenate([self._t_us, *(t for t, _ in self._pending)])
            self._samples = np.concatenate([self._samples, *(x for _, x in self._pending)])
            self._pending.clear()
            self.forget(int(self._t_us[-1]) - KEPT_US)
        first, last = np.searchsorted(self._t_us, (since_us, until_us), side="right")
        return self._t_us[first:last], self._samples[first:last]

    def forget(self, until_us: int) -> None:
        """Drop the samples up to and including ``until_us``."""
        first = int(np.searchsorted(self._t_us, until_us, side="right"))
        self._t_us, self._samples = self._t_us[first:], self._samples[first:]
