"""Whole heart cycles in, how much each looks like the one before and like the usual ones out.

A hump's upslope looks alike wherever it comes from; the whole way to the next one does not. Two pulses of the same
heart are alike over all of it, also when they are irregular (the longer one is cut); a pulse with something else in it
is not, because that has another rhythm. What has a pulse's rhythm itself still has another shape than the patient's
pulses had before.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dsp.kernels import cycles as kernel

STEP_S = 0.04  # of the points compared; 8 Hz need 0.06
LONGEST_S = 2.5
# What the pulse usually looks like is what it looked like so long ago (at the beginning, in the first half): a new
# shape is the usual one half a minute later, and until then nobody knows whether it is the patient or a movement. Own
# choice.
USUAL_FROM_US, USUAL_UNTIL_US = 30_000_000, 90_000_000
APART_US = 1_500_000  # one cycle of so long a time is kept
LEAST_USUAL = 4
USUAL_RANK = 0.75  # of the likeness to the usual ones: what went before may have been disturbed itself
LEAST_JUMP = 0.08  # of the pulse's height, between two samples
_LEAST_POINTS = 5
_TINY = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class Likeness:
    """How much a cycle looks like others.

    Attributes
    ----------
    previous, usual : correlation with the cycle before, and with those some while ago; None where there are none
    length_ratio : its length in that of the usual one that comes nearest, None where there are none
    height_ratio : the same of its height
    jumps : single steps in the raw signal that no vessel makes
    """

    previous: float | None
    usual: float | None
    length_ratio: float | None
    height_ratio: float | None
    jumps: int


class Cycles:
    """The last cycles of one channel."""

    def __init__(self) -> None:
        self._usual: deque[tuple[int, NDArray[np.float64]]] = deque()  # end, samples
        self._last: tuple[int, NDArray[np.float64]] | None = None  # index of the end, samples

    def forget(self) -> None:
        self._usual.clear()
        self._last = None

    def compare(self, cycle: NDArray[np.float64], begin: int, end: int, t_us: int, jumps: int) -> Likeness:
        """Compare a cycle between two indices, that ended at a time, with those before, and keep it."""
        previous = None
        if self._last is not None and self._last[0] == begin:
            previous = kernel.likeness(cycle, self._last[1])
        self._last = (end, cycle)
        usual = self._usual_ones(t_us)
        if not self._usual or t_us - self._usual[-1][0] >= APART_US:
            self._usual.append((t_us, cycle))
        if len(usual) < LEAST_USUAL or len(cycle) < _LEAST_POINTS:
            return Likeness(previous=previous, usual=None, length_ratio=None, height_ratio=None, jumps=jumps)
        likenesses = sorted(kernel.likeness(cycle, old) for old in usual)
        height = max(float(np.ptp(cycle)), _TINY)
        return Likeness(
            previous=previous,
            usual=likenesses[int(USUAL_RANK * (len(likenesses) - 1))],
            length_ratio=_nearest([len(cycle) / len(old) for old in usual]),
            height_ratio=_nearest([height / max(float(np.ptp(old)), _TINY) for old in usual]),
            jumps=jumps,
        )

    def _usual_ones(self, t_us: int) -> list[NDArray[np.float64]]:
        while self._usual and self._usual[0][0] < t_us - USUAL_UNTIL_US:
            self._usual.popleft()
        old = [cycle for end_us, cycle in self._usual if end_us <= t_us - USUAL_FROM_US]
        if len(old) >= LEAST_USUAL:
            return old
        return [cycle for _, cycle in list(self._usual)[: max(LEAST_USUAL, len(self._usual) // 2)]]


def _nearest(ratios: list[float]) -> float:
    """The ratio nearest to one."""
    return min(ratios, key=lambda ratio: max(ratio, 1 / ratio))
