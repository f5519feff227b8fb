"""Whole heart cycles in, how much each looks like the one before and like the usual ones out.

A hump's upslope looks alike wherever it comes from; the whole way to the next one does not. Two pulses of the same
heart are alike over all of it, also when they are irregular (the longer one is cut); a pulse with something else in it
is not, because that has another rhythm. What has a pulse's rhythm itself still has another shape than the patient's
pulses had before. How far those differ among themselves is the measure: a pulse that alternates is not strange.
"""

from __future__ import annotations

from math import isnan, log
from typing import NamedTuple

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
# A cycle is strange by how unlike the usual ones it is in shape, length and height together; 1 is too strange, by any
# of these alone: likeness 0.93 (less than 5 % of the cycles of the recordings at hand) or twice what the usual ones
# lack among themselves, 1.3 times longer or shorter, 3 times higher or lower.
STRANGE_SHAPE, STRANGE_LENGTH, STRANGE_HEIGHT = 0.07, log(1.3), log(3.0)
STRANGE_SPREAD = 2.0
NEW_US = 12_000_000  # after the first cycle nothing is strange yet: nobody knows this patient
LEAST_JUMP = 0.08  # of the pulse's height, between two samples
_LEAST_POINTS = 5
_TINY = 1e-12


class Likeness(NamedTuple):
    """How much a cycle looks like others.

    Attributes
    ----------
    strangeness : how unlike those some while ago in shape, length and height together; None where there are none
    jumps : single steps in the raw signal that no vessel makes
    """

    strangeness: float | None
    jumps: int


class Cycles:
    """The last cycles of one channel."""

    def __init__(self, finder: CandidateFinder) -> None:
        self._finder = finder
        self._memory = np.zeros((kernel.ROWS, kernel.COLUMNS))
        self._setup = _setup(finder)
        self._out = np.zeros(kernel.OUTPUTS)
        self._first_us: int | None = None

    def forget(self) -> None:
        self._setup["count"] = 0
        self._first_us = None

    def compare(self, begin: int, candidate: Candidate) -> Likeness | None:
        """Compare the cycle from an index to the onset of a candidate with those before, and keep it.

        None where its samples are too long ago.
        """
        rings, newest = self._finder.rings()
        end, end_us, least = candidate.onset_index, candidate.onset_us, LEAST_JUMP * candidate.amplitude
        kernel.compare(rings, newest, begin, end, end_us, least, self._memory, self._setup, self._out)
        is_whole, unusual, spread, length_ratio, height_ratio, jumps = self._out.tolist()
        if not is_whole:
            return None
        self._first_us = end_us if self._first_us is None else self._first_us
        strangeness = None
        if not isnan(unusual):
            shape = unusual / max(STRANGE_SHAPE, STRANGE_SPREAD * spread)
            strangeness = shape + abs(log(length_ratio)) / STRANGE_LENGTH + abs(log(height_ratio)) / STRANGE_HEIGHT
        elif end_us - self._first_us < NEW_US:
            strangeness = 0.0
        return Likeness(strangeness=strangeness, jumps=int(jumps))


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
