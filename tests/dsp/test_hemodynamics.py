"""Stroke volume, output and resistance: relative to their baseline, absolute by a reference, never silently either."""

import numpy as np
import pytest

from dsp import (
    RELATIVE_UNIT,
    Channel,
    Detail,
    Measured,
    MonitorConfig,
    OutputReference,
    Quantity,
    Reason,
    Tick,
    Unavailable,
    Validity,
    VitalsMonitor,
)
from dsp.hemodynamics import BASELINE_SECONDS, CENTRAL_VENOUS_MMHG
from tests import naive
from tests.dsp.signals import block

RATE_HZ = 125.0
STROKE, OUTPUT = Quantity.STROKE_VOLUME, Quantity.CARDIAC_OUTPUT
RESISTANCE = Quantity.SYSTEMIC_VASCULAR_RESISTANCE
ALL = (STROKE, OUTPUT, RESISTANCE)
FIRST_S = BASELINE_SECONDS + 20  # by then the baseline has been taken
HOUR_US = 3_600_000_000


def pressure(t_us, change_s=None, rate_bpm=75.0):
    """120/80 mmHg, from ``change_s`` on 140/80."""
    starts = naive.beat_times(t_us[-1] / 1e6 + 1, rate_bpm)
    x = naive.pressure_wave(t_us / 1e6, starts, 120, 80)
    if change_s is None:
        return x
    return np.where(t_us < change_s * 1e6, x, naive.pressure_wave(t_us / 1e6, starts, 140, 80))


def play(duration_s, told=(), **shape):
    """Vitals by quantity and second; events of the clinician come when they are told."""
    t_us = naive.times_us(RATE_HZ, duration_s)
    x = pressure(t_us, **shape)
    return feed(t_us, x, duration_s, told)


def feed(t_us, x, duration_s, told=()):
    monitor = VitalsMonitor(MonitorConfig(pressure_rate_hz=RATE_HZ))
    told = sorted(told, key=lambda event: event.t_us)
    vitals = {}
    for second in range(1, int(duration_s) + 1):
        while told and told[0].t_us <= second * 1_000_000:
            assert monitor.feed(told.pop(0)) == []
        cut = slice(*np.searchsorted(t_us, [(second - 1) * 1_000_000 + 1, second * 1_000_000 + 1]))
        monitor.feed(block(t_us[cut], x[cut]))
        for vital in monitor.feed(Tick(t_us=second * 1_000_000)):
            vitals[vital.quantity, second] = vital
    return vitals


def reference(measured_s, *, told_s=None, output=5.0, valid_us=HOUR_US):
    return OutputReference(
        t_us=int((measured_s if told_s is None else told_s) * 1e6),
        measured_us=int(measured_s * 1e6),
        output_l_min=output,
        valid_us=valid_us,
    )


def test_the_baseline_is_taken_first_and_says_so():
    vitals = play(60)
    for quantity in ALL:
        vital = vitals[quantity, 50]
        assert vital.reading == Unavailable(reason=Reason.BASELINE)
        assert vital.reading.validity is Validity.CALIBRATING
        assert vital.unit == quantity.unit


def test_without_a_reference_they_are_per_cent_of_the_baseline():
    vitals = play(FIRST_S + 60, change_s=FIRST_S + 10)
    before, after = FIRST_S + 8, FIRST_S + 50
    for quantity in ALL:
        vital = vitals[quantity, before]
        assert vital.reading.value == pytest.approx(100, abs=1)
        assert (vital.unit, vital.reading.validity) == (RELATIVE_UNIT, Validity.UNCALIBRATED)
        assert vital.reading.reasons == (Reason.UNCALIBRATED,)
    stroke = (60 / 220) / (40 / 200)
    means = [vitals[Quantity.MEAN_PRESSURE, second].reading.value - CENTRAL_VENOUS_MMHG for second in (before, after)]
    assert vitals[STROKE, after].reading.value == pytest.approx(100 * stroke, rel=0.02)
    assert vitals[OUTPUT, after].reading.value == pytest.approx(100 * stroke, rel=0.02)
    assert vitals[RESISTANCE, after].reading.value == pytest.approx(100 * means[1] / means[0] / stroke, rel=0.02)


def test_a_reference_makes_them_absolute_and_its_age_stands_beside_them():
    told_s = FIRST_S + 40
    vitals = play(FIRST_S + 60, [reference(told_s - 10, told_s=told_s)])
    assert vitals[OUTPUT, told_s - 1].unit == RELATIVE_UNIT
    waiting = vitals[OUTPUT, told_s + 1].reading
    assert waiting.reasons == (Reason.UNCALIBRATED, Reason.REFERENCE_PENDING)
    second = told_s + 20
    output, stroke, resistance = (vitals[q, second] for q in (OUTPUT, STROKE, RESISTANCE))
    assert output.reading.value == pytest.approx(5.0, rel=0.01)
    assert stroke.reading.value == pytest.approx(5000 / 75, rel=0.01)
    mean = vitals[Quantity.MEAN_PRESSURE, second].reading.value
    assert resistance.reading.value == pytest.approx(80 * (mean - CENTRAL_VENOUS_MMHG) / 5, rel=0.01)
    for vital in (output, stroke, resistance):
        assert (vital.unit, vital.reading.validity) == (vital.quantity.unit, Validity.MEASURED)
        assert vital.reading.details == ((Detail.REFERENCE_AGE_S, 30.0),)


def test_a_reference_of_shortly_before_the_start_is_compared_with_the_first_good_signal():
    vitals = play(90, [reference(-120, told_s=0)])
    assert vitals[OUTPUT, 80].reading.value == pytest.approx(5.0, rel=0.01)
    assert vitals[OUTPUT, 20].reading.reason is Reason.BASELINE


def test_a_reference_without_good_signal_near_it_is_not_used_and_says_so():
    vitals = play(FIRST_S + 30, [reference(-400, told_s=0)])
    reading = vitals[OUTPUT, FIRST_S + 20].reading
    assert reading.is_relative
    assert reading.reasons == (Reason.UNCALIBRATED, Reason.REFERENCE_UNMATCHED)


def test_an_expired_reference_gives_way_to_the_trend_and_says_so():
    vitals = play(FIRST_S + 60, [reference(30, valid_us=120_000_000)])
    assert vitals[OUTPUT, 149].reading.value == pytest.approx(5.0, rel=0.01)
    reading = vitals[OUTPUT, 152].reading
    assert (reading.is_relative, reading.validity) == (True, Validity.UNCALIBRATED)
    assert reading.reasons == (Reason.UNCALIBRATED, Reason.REFERENCE_EXPIRED)


def test_a_later_reference_replaces_the_one_before():
    vitals = play(200, [reference(60), reference(120, output=8.0)])
    assert vitals[OUTPUT, 110].reading.value == pytest.approx(5.0, rel=0.01)
    assert vitals[OUTPUT, 190].reading.value == pytest.approx(8.0, rel=0.01)


def test_after_a_long_time_without_a_pulse_the_reference_is_not_believed_any_more():
    t_us = naive.times_us(RATE_HZ, 800)
    x = pressure(t_us)
    keep = (t_us < 150_000_000) | (t_us > 460_000_000)
    vitals = feed(t_us[keep], x[keep], 800, [reference(60)])
    assert vitals[OUTPUT, 140].reading.value == pytest.approx(5.0, rel=0.01)
    assert vitals[OUTPUT, 300].reading == Unavailable(reason=Reason.STALE)
    reading = vitals[OUTPUT, 790].reading
    assert reading.value == pytest.approx(100, abs=1)
    assert reading.reasons == (Reason.UNCALIBRATED, Reason.REFERENCE_UNMATCHED)


def test_doubtful_seconds_do_not_make_the_baseline():
    t_us = naive.times_us(RATE_HZ, FIRST_S + 100)
    x = pressure(t_us)
    noise = np.random.default_rng(1).normal(0, 12.0, len(t_us))
    vitals = feed(t_us, np.where(t_us < 60_000_000, x + noise, x), FIRST_S + 100)
    doubtful = sum(
        not isinstance(vitals[Quantity.SYSTOLIC, s].reading, Measured)
        or bool(vitals[Quantity.SYSTOLIC, s].reading.reasons)
        for s in range(20, 60)
    )
    assert doubtful > 20
    assert vitals[OUTPUT, FIRST_S].reading.reason is Reason.BASELINE
    # Clean pulses are strange beside those with noise until they have been the usual ones for a while (dsp.cycles).
    assert vitals[OUTPUT, FIRST_S + 95].reading.value == pytest.approx(100, abs=2)


@pytest.mark.parametrize(("output", "valid_us"), [(0.4, HOUR_US), (26.0, HOUR_US), (float("nan"), HOUR_US), (5.0, 0)])
def test_an_impossible_reference_is_refused(output, valid_us):
    with pytest.raises(ValueError, match="expected"):
        reference(0, output=output, valid_us=valid_us)


def test_the_channel_they_come_from_is_the_pressure():
    monitor = VitalsMonitor(MonitorConfig(pleth_rate_hz=RATE_HZ))
    t_us = naive.times_us(RATE_HZ, 20)
    monitor.feed(block(t_us, pressure(t_us), Channel.PLETH))
    for vital in monitor.feed(Tick(t_us=19_000_000)):
        if vital.quantity in ALL:
            assert vital.reading == Unavailable(reason=Reason.NO_CHANNEL)
