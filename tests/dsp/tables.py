"""Tables of pulses as the slow quantities read them, given instead of measured."""

from __future__ import annotations

import numpy as np

from dsp import pulse_log as columns
from dsp.channel import Summary
from dsp.window import Window

SECOND_US = 1_000_000


class Table:
    """A pulse log whose rows are given."""

    def __init__(self, rows):
        self._rows = rows

    def rows(self, since_us):
        return np.ascontiguousarray(self._rows[self._rows[:, columns.UPSLOPE_US] > since_us])


def table(intervals_s, *, foot=0.0, top=0.0, rise=0.0, usual=1.0):
    """Rows of pulses with these intervals and deviations, of a pulse 1 high; of a pressure, 80 to 120 mmHg."""
    rows = np.zeros((len(intervals_s), columns.COLUMNS))
    rows[:, columns.INTERVAL_US] = np.round(np.asarray(intervals_s) * 1e6)
    rows[:, columns.UPSLOPE_US] = np.cumsum(rows[:, columns.INTERVAL_US])
    rows[:, columns.FOOT] = foot
    rows[:, columns.TOP] = 1 + np.asarray(top)
    rows[:, columns.RISE_S] = 0.15 + np.asarray(rise)
    rows[:, columns.SYSTOLIC] = 120
    rows[:, columns.DIASTOLIC] = 80
    rows[:, columns.MEAN] = 93
    rows[:, columns.IS_USUAL] = usual
    rows[:, columns.SQI] = 1.0
    return rows


def summary_of(rows):
    """The whole second after the last pulse, with nothing against it."""
    end_us = -(-int(rows[-1, columns.UPSLOPE_US]) // SECOND_US) * SECOND_US
    return Summary(t_us=end_us, pulses=Window(), unavailable=None)
