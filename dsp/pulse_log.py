"""Summaries of one channel in, its accepted pulses of the last minutes as one table out: what slow quantities read."""

from __future__ import annotations

import math
from bisect import bisect_right

import numpy as np
from numpy.typing import NDArray

from dsp.channel import Summary
from dsp.pulse import Pulse

# Columns of a row.
UPSLOPE_US, INTERVAL_US, FOOT, TOP, RISE_S, SYSTOLIC, DIASTOLIC, MEAN, SQI, IS_USUAL = range(10)
COLUMNS = 10

KEPT_US = 320_000_000  # the longest window (5 min), and what lies before its first second
CAPACITY = 4096  # rows; 320 s of the fastest pulse (240/min) are 1280
NEIGHBOURS = 2  # intervals on both sides that say what is usual
# An interval that differs by more from its neighbours is an early beat or its pause: 20 % is the rule in use for rate
# variability (Malik 1989; Task Force 1996), against the median of five so that a step of the rate is usual at once.
UNUSUAL = 0.2


class PulseLog:
    """Rows in order of time; levels in the channel's unit, NaN for an interval or a mean that is not known.

    ``IS_USUAL`` of an interval is 1, 0, or -1 as long as the neighbours have not come.
    """

    def __init__(self) -> None:
        self._table = np.zeros((CAPACITY, COLUMNS))
        self._begin = self._end = 0
        self._times_us: list[float] = []  # of all rows up to the end: a search in a list costs a tenth
        self._newest_us = -1.0

    def take(self, summary: Summary) -> None:
        """Add the pulses that are new; ask for each second once, in order."""
        new: list[Pulse] = []
        for pulse in reversed(summary.pulses):
            if pulse.candidate.upslope_us <= self._newest_us:
                break
            if pulse.accepted:
                new.append(pulse)
        for pulse in reversed(new):
            self._add(pulse)
        oldest_us = summary.t_us - KEPT_US
        while self._begin < self._end and self._times_us[self._begin] < oldest_us:
            self._begin += 1

    @property
    def newest_us(self) -> int | None:
        """Time of the newest pulse, None before the first."""
        return int(self._newest_us) if self._newest_us >= 0 else None

    def rows(self, since_us: float) -> NDArray[np.float64]:
        """The pulses after ``since_us``, shape (n, COLUMNS); a view, C-contiguous."""
        return self._table[bisect_right(self._times_us, since_us, self._begin) : self._end]

    def _add(self, pulse: Pulse) -> None:
        if self._end == CAPACITY:
            kept = self._end - self._begin
            self._table[:kept] = self._table[self._begin : self._end]
            del self._times_us[: self._begin]
            self._begin, self._end = 0, kept
        c = pulse.candidate
        self._newest_us = float(c.upslope_us)
        self._table[self._end] = (
            self._newest_us,
            np.nan if pulse.interval_us is None else float(pulse.interval_us),
            c.foot,
            c.foot + c.amplitude,
            c.rise_s,
            c.raw_max,
            c.raw_min,
            np.nan if pulse.cycle_mean is None else pulse.cycle_mean,
            pulse.sqi,
            -1.0,
        )
        self._times_us.append(self._newest_us)
        self._end += 1
        self._judge(self._end - 1 - NEIGHBOURS)

    def _judge(self, row: int) -> None:
        """Say whether the interval of a row is usual among its neighbours, now that the last of them has come."""
        first = row - NEIGHBOURS
        if first < self._begin:
            return
        intervals = self._table[first : row + NEIGHBOURS + 1, INTERVAL_US].tolist()
        known = sorted(i for i in intervals if not math.isnan(i))
        own = intervals[NEIGHBOURS]
        is_usual = len(known) == len(intervals) and abs(own - known[NEIGHBOURS]) <= UNUSUAL * known[NEIGHBOURS]
        self._table[row, IS_USUAL] = 1.0 if is_usual else 0.0
