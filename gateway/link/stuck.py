"""Raw numbers of a converter in, a bit of it that never changes out.

A signal that is smooth runs through all numbers: where the lower bits run over, from all ones to all zeros or back,
the bit above them changes. With a bit that is stuck the number leaps by that bit's value instead, and goes on as
smoothly as before, each time the signal passes there. Noise, spikes and steps of the signal leap by any amount; low
bits, that noise changes at random, are not judged: their error is no larger than the noise.

A bit whose neighbours the signal never makes run over cannot be told from a right one: a pressure that lies between two
such places is wrong by a constant. What no patient can have is told elsewhere (dsp.arterial).
"""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

_WINDOW = 5  # blocks of a second
_AGAIN = 3  # of them in which the bit has changed as it should: it is well again
_LEAPS = 5  # of a bit in it: a pulse of 60 passes a place twice a second
_SMOOTH = 8  # what goes on smoothly moves by less than this part of the bit's value from one sample to the next
_LAGS = (
    1,
    2,
    4,
    8,
)  # samples that a leap may take: the mean of conversions some of which are behind the place lies between


class StuckBits:
    """One stream's.

    Parameters
    ----------
    full : the largest number there is
    a_second : samples
    highest : so many bits are judged: those whose value is well above the noise, and above the steps of recordings
    """

    def __init__(self, full: int, channels: int, a_second: int, highest: int) -> None:
        self._lowest = max(0, full.bit_length() - highest)
        self._values = 1 << np.arange(self._lowest, full.bit_length(), dtype=np.int64)
        self._a_second = max(a_second, 1)
        self._channels = channels
        self._kept: list[NDArray[np.int64]] = []
        self._n = 0
        self._seconds: deque[NDArray[np.int64]] = deque(maxlen=_WINDOW)
        self.found: tuple[int, int] | None = None  # channel and bit

    def feed(self, raw: NDArray[np.int64], *, is_contiguous: bool) -> None:
        """Take samples, shape (n, channels); ``is_contiguous`` if none is missing before them."""
        if not is_contiguous:
            self._kept, self._n = [], 0
        self._kept.append(raw)
        self._n += len(raw)
        if self._n > self._a_second:
            block = np.concatenate(self._kept)
            self._judge(block)
            self._kept, self._n = [block[-3 * _LAGS[-1] :]], 0  # what leaps between two blocks is seen in the second

    def _judge(self, block: NDArray[np.int64]) -> None:
        """Count, by channel and bit, leaps without a change of the bit, and changes where the lower bits ran over."""
        counts = np.stack([self._count(block[:, channel]) for channel in range(self._channels)], axis=1)
        self._seconds.append(counts)
        missed, right = np.sum(self._seconds, axis=0)
        if self.found is not None:
            channel, bit = self.found
            missed, right = np.sum(list(self._seconds)[-_AGAIN:], axis=0)[:, channel, bit - self._lowest]
            if right >= _AGAIN and not missed:
                self.found = None
                self._seconds.clear()
            return
        wrong = np.argwhere((missed >= _LEAPS) & (right < missed))
        if len(wrong):
            channel, bit = wrong[-1]  # the highest: its leaps may look like those of another
            self.found = (int(channel), int(bit) + self._lowest)

    def _count(self, numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        """Both for each bit of one channel, shape (2, bits)."""
        values = self._values[:, None]
        low, held = numbers % values, numbers & values
        step = np.diff(numbers)
        is_right = (np.abs(np.diff(low)) * _SMOOTH > values * (_SMOOTH - 1)) & (np.abs(step) * _SMOOTH < values)
        right = (is_right & (np.diff(held) != 0)).sum(axis=1)
        missed = np.zeros(len(values), dtype=np.int64)
        for lag in _LAGS:
            if len(numbers) <= 3 * lag:
                continue
            leap = np.abs(numbers[lag:] - numbers[:-lag])[None, :]
            is_leap = np.abs(leap - values) * _SMOOTH < values
            is_smooth = leap * _SMOOTH < values
            ran_over = np.abs(low[:, lag:] - low[:, :-lag]) * _SMOOTH > values * (_SMOOTH - 1)
            is_same = held[:, lag:] == held[:, :-lag]
            found = (is_leap & ran_over & is_same)[:, lag:-lag] & is_smooth[:, : -2 * lag] & is_smooth[:, 2 * lag :]
            missed = np.maximum(missed, _runs(found))
        return np.array([missed, right])


def _runs(found: NDArray[np.bool_]) -> NDArray[np.int64]:
    """How often each row begins to be true."""
    return np.asarray((found[:, 1:] & ~found[:, :-1]).sum(axis=1) + found[:, 0], dtype=np.int64)
