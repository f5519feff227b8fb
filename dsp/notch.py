"""Pulses of the pressure in, how long each ejection lasted out: from the onset to the dicrotic notch."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from dsp.kernels import notch as kernel
from dsp.pulse import Pulse
from dsp.waveform import CandidateFinder

# Where the notch is looked for, from the onset on, in the ejection time that is usual at the rate: 413 ms less 1.7 ms
# for each beat a minute (Weissler 1968, men; women have 5 ms more). It is a search range, not an estimate.
USUAL_MS, USUAL_MS_PER_BPM, LEAST_USUAL_MS = 413.0, 1.7, 160.0
EARLIEST, LATEST = 0.65, 1.5
AFTER_PEAK_US = 40_000
BEFORE_NEXT_US = 80_000
BEND_S = 0.024  # between the three points of a bend
SMOOTHING_S = 0.020  # half width of the triangle before it
REACH_S = 0.04  # a minimum so near to the sharpest bend is the notch
# In pulse pressures. Of 25 records with a pulse 5 % of the beats have less than 0.024 in the faintest; a wave
# without any bend has none.
LEAST_BEND = 0.02


class Ejection(NamedTuple):
    """One cycle whose notch was seen, or was not (``length_us`` None); ``t_us`` is the upslope of the next pulse."""

    t_us: int
    length_us: int | None


class NotchFinder:
    """Looks at each cycle once, when its successor is known."""

    def __init__(self, finder: CandidateFinder, rate_hz: float) -> None:
        self._finder = finder
        self._done_us = -1
        samples = (max(1, round(BEND_S * rate_hz)), round(SMOOTHING_S * rate_hz), max(1, round(REACH_S * rate_hz)))
        self._setup = np.array(samples, np.int64)
        self._scratch = np.zeros((2, int(rate_hz) + 4 * sum(samples)))
        self._cycle = np.zeros(4, np.int64)
        self._out = np.zeros(kernel.OUTPUTS)

    def feed(self, beats: tuple[Pulse, ...]) -> tuple[Ejection, ...]:
        """The cycles of these beats that were not seen before; call while their samples are in the finder's memory."""
        ejections = []
        known = len(beats)
        while known and beats[known - 1].candidate.upslope_us > self._done_us:
            known -= 1
        for a, b in pairwise(beats[max(0, known - 1) :]):
            t_us = b.candidate.upslope_us
            if t_us > self._done_us:
                self._done_us = t_us
                if b.interval_us == t_us - a.candidate.upslope_us:
                    ejections.append(Ejection(t_us=t_us, length_us=self._length_us(a, b, b.interval_us)))
        return tuple(ejections)

    def _length_us(self, a: Pulse, b: Pulse, interval_us: int) -> int | None:
        onset_us = a.candidate.onset_us
        usual_us = 1e3 * max(LEAST_USUAL_MS, USUAL_MS - USUAL_MS_PER_BPM * 60e6 / interval_us)
        self._cycle[:] = (
            onset_us,
            max(a.candidate.peak_us + AFTER_PEAK_US, onset_us + int(EARLIEST * usual_us)),
            min(b.candidate.onset_us - BEFORE_NEXT_US, onset_us + int(LATEST * usual_us)),
            b.candidate.onset_us,
        )
        ring = self._finder.ring()
        kernel.find(
            ring.t_us, ring.samples, ring.newest, ring.oldest, self._cycle, self._setup, self._scratch, self._out
        )
        notch_us, bend = self._out.tolist()
        return int(notch_us) - onset_us if notch_us and bend >= LEAST_BEND else None
