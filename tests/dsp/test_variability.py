"""Pulse rate variability and pulse pressure variation against plain sums, and when neither is said."""

from itertools import pairwise
from statistics import median

import numpy as np
import pytest

from dsp import Detail, Measured, Quantity, Reason, Unavailable
from dsp import pulse_log as columns
from dsp.variability import PressureVariation, RateVariability
from tests import naive
from tests.dsp.signals import run
from tests.dsp.tables import Table, summary_of, table

RATE_HZ = 125.0


def intervals(count, *, spread=0.03, early=()):
    """Intervals about 0.8 s; an early beat and its pause at the given places."""
    out = 0.8 + spread * np.random.default_rng(3).normal(size=count)
    for k in early:
        out[k : k + 2] = 0.5, 1.1
    return out


def usual(steps):
    """The rule in words: within a fifth of the median of five."""
    flags = np.full(len(steps), -1.0)
    for k in range(2, len(steps) - 2):
        middle = median(steps[k - 2 : k + 3])
        flags[k] = float(abs(steps[k] - middle) <= 0.2 * middle)
    return flags


def reading_of(steps, **changes):
    rows = table(steps, usual=usual(steps), **changes)
    return RateVariability().reading(summary_of(rows), Table(rows))


def expected(steps):
    """RMSSD of the last 60 s and SDNN of the last 300 s in ms, pair by pair."""
    steps = np.round(np.asarray(steps) * 1e6) / 1e6
    ends = np.cumsum(steps)
    now = np.ceil(ends[-1])
    good = [(end, step) if flag == 1 else None for end, step, flag in zip(ends, steps, usual(steps), strict=True)]
    squares = [(b[1] - a[1]) ** 2 for a, b in pairwise(good) if a and b and a[0] > now - 60]
    long = [g[1] for g in good if g and g[0] > now - 300]
    return 1e3 * np.sqrt(np.mean(squares)), 1e3 * np.std(long, ddof=1)


@pytest.mark.parametrize("early", [(), (300, 310, 330, 351)])
def test_rmssd_and_sdnn_are_those_of_the_usual_intervals(early):
    steps = intervals(400, early=early)
    reading = reading_of(steps)
    rmssd, sdnn = expected(steps)
    assert reading.value == pytest.approx(rmssd, rel=1e-6)
    assert dict(reading.details)[Detail.SDNN_MS] == pytest.approx(sdnn, rel=1e-6)
    assert reading.reasons == ()
    assert reading.newest_us == table(steps)[-1, columns.UPSLOPE_US]  # it has judged those in the value


def test_sdnn_needs_five_minutes_and_rmssd_one():
    assert reading_of(intervals(200)).details == ()
    short = reading_of(intervals(60))
    assert (type(short), short.reason) == (Unavailable, Reason.LEARNING)


def test_a_rhythm_of_early_beats_has_no_variability():
    assert reading_of(intervals(200, early=range(2, 198, 6))).reason is Reason.IRREGULAR


def test_the_log_marks_early_beats_and_their_pauses():
    t_us = naive.times_us(RATE_HZ, 60.0)
    steps = intervals(75, spread=0.005, early=(30, 50))
    starts = 0.3 + np.concatenate([[0], np.cumsum(steps)])
    _, vitals = run(t_us, naive.pressure_wave(t_us / 1e6, starts), RATE_HZ)
    reading = vitals[Quantity.PULSE_RATE_VARIABILITY, 59]
    assert reading.value == pytest.approx(1e3 * np.sqrt(2) * 0.005, abs=3)


def breath_rows(breaths_bpm=14.0, depth=0.1, count=60, steps=None):
    """A pressure whose pulse pressure swings by ``depth`` of its mean to both sides."""
    rows = table(np.full(count, 0.8) if steps is None else steps)
    breath = np.sin(2 * np.pi * breaths_bpm / 60 * rows[:, columns.UPSLOPE_US] / 1e6)
    rows[:, columns.SYSTOLIC] = 80 + 40 * (1 + depth * breath)
    return rows


def variation_of(rows, breaths_bpm=14.0, **changes):
    respiration = Measured(value=breaths_bpm, sqi=0.9, newest_us=0, **changes)
    return PressureVariation().reading(summary_of(rows), Table(rows), respiration)


@pytest.mark.parametrize("depth", [0.02, 0.05, 0.10])
def test_the_swing_of_the_pulse_pressure_is_measured(depth):
    reading = variation_of(breath_rows(depth=depth))
    assert reading.value == pytest.approx(200 * depth, rel=0.15)  # the tops of a breath fall between its pulses
    assert reading.sqi == 0.9


def test_an_irregular_rhythm_a_missing_pulse_or_fast_breathing_give_none():
    rows = breath_rows()
    rows[40, columns.IS_USUAL] = 0.0
    assert variation_of(rows).reason is Reason.IRREGULAR
    rows = breath_rows()
    rows[-1, columns.INTERVAL_US] = np.nan
    assert variation_of(rows).reason is Reason.IRREGULAR
    assert variation_of(breath_rows(), 22.0).reason is Reason.BREATHING_UNCLEAR  # 3.4 pulses a breath
    assert variation_of(breath_rows(count=8)).reason is Reason.LEARNING
    assert variation_of(breath_rows(breaths_bpm=5.0), 5.0).reason is Reason.LEARNING  # fewer than three whole breaths


def test_doubt_about_breathing_is_doubt_about_its_swing():
    assert variation_of(breath_rows(), reasons=(Reason.BREATHING_UNCLEAR,)).reasons == (Reason.BREATHING_UNCLEAR,)


def test_the_monitor_measures_both_from_a_waveform():
    t_us = naive.times_us(RATE_HZ, 100.0)
    x, _ = naive.breathing_wave(t_us / 1e6, 75.0, 14.0, depth=0.1)
    _, vitals = run(t_us, x, RATE_HZ)
    for second in range(70, 100):
        assert vitals[Quantity.PULSE_PRESSURE_VARIATION, second].value == pytest.approx(10, abs=2.5)
        assert vitals[Quantity.PULSE_RATE_VARIABILITY, second].value > 20
