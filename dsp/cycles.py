"""Whole heart cycles in, how much each looks like the one before and like the usual ones out.

A hump's upslope looks alike wherever it comes from; the whole way to the next one does not. Two pulses of the same
heart are alike over all of it, also when they are irregular (the longer one is cut); a pulse with something else in it
is not, because that has another rhythm. What has a pulse's rhythm itself still has another shape than the patient's
pulses had before.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isnan

import numpy as np
from numpy.typing import NDArray

from dsp.kernels import cycles as kernel
from dsp.kernels.pulse import FILTERED, RAW
from dsp.waveform import Candidate, CandidateFinder

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

    def __init__(self, finder: CandidateFinder) -> None:
        self._finder = finder
        self._memory = np.zeros((kernel.ROWS, kernel.COLUMNS))
        self._setup = _setup(finder)
        self._out = np.zeros(kernel.OUTPUTS)

    def forget(self) -> None:
        self._setup["count"] = self._setup["has_before"] = 0

    def compare(self, begin: int, candidate: Candidate) -> Likeness | None:
        """Compare the cycle from an index to the onset of a candidate with those before, and keep it.

        None where its samples are too long ago.
        """
        rings, newest = self._finder.rings()
        end, end_us, least = candidate.onset_index, candidate.onset_us, LEAST_JUMP * candidate.amplitude
        kernel.compare(rings, newest, begin, end, end_us, least, self._memory, self._setup, self._out)
        is_whole, previous, usual, length_ratio, height_ratio, jumps = self._out.tolist()
        if not is_whole:
            return None
        is_compared = not isnan(usual)
        return Likeness(
            previous=None if isnan(previous) else previous,
            usual=usual if is_compared else None,
            length_ratio=length_ratio if is_compared else None,
            height_ratio=height_ratio if is_compared else None,
            jumps=int(jumps),
        )


def _setup(finder: CandidateFinder) -> NDArray[np.void]:
    setup = np.zeros(1, kernel.SETUP)
    setup["capacity"] = finder.capacity
    setup["raw"], setup["filtered"] = RAW, FILTERED
    setup["delay"] = finder.delay
    setup["step"] = STEP_S * 1e6 / finder.period_us
    setup["from_us"], setup["until_us"] = USUAL_FROM_US, USUAL_UNTIL_US
    setup["apart_us"] = APART_US
    setup["least_usual"] = LEAST_USUAL
    setup["least_points"] = _LEAST_POINTS
    setup["rank"] = USUAL_RANK
    setup["tiny"] = _TINY
    return setup
