"""What lowers the quality or takes a value away, and what never does: the patient being ill."""

import numpy as np
import pytest

from dsp import (
    Beat,
    Cause,
    Channel,
    Interruption,
    Measured,
    MonitorConfig,
    Quantity,
    Reason,
    Tick,
    Unavailable,
    Validity,
    VitalsMonitor,
)
from dsp.interruption import LONGEST_US, RECOVERY_US
from tests import naive
from tests.dsp.optics import MOTION_RATE_HZ, finger, watch
from tests.dsp.signals import RATE_HZ, accepted, block, run, value, wave

PRESSURES = (Quantity.SYSTOLIC, Quantity.DIASTOLIC, Quantity.MEAN_PRESSURE)
BAD_SIGNAL = {Reason.DAMPED, Reason.RINGING, Reason.ARTIFACT, Reason.FLAT, Reason.CALIBRATION, Reason.SIGNAL_LOST}


def reasons_of(vitals, quantities, seconds):
    return {reason for q in quantities for s in seconds for reason in vitals[q, s].reasons}


def smoothed(x, width_s):
    n = round(width_s * RATE_HZ)
    return np.convolve(x, np.ones(n) / n)[: len(x)]


# Illness is no bad signal


@pytest.mark.parametrize(
    ("rate_bpm", "systolic", "diastolic"), [(72, 50, 30), (25, 90, 50), (185, 100, 70), (72, 230, 130), (110, 75, 60)]
)
def test_an_ill_patient_has_a_good_signal(rate_bpm, systolic, diastolic):
    _, vitals = run(*wave(40.0, rate_bpm, systolic, diastolic), RATE_HZ)
    for second in range(26, 40):
        for quantity in (Quantity.PULSE_RATE, *PRESSURES):
            reading = vitals[quantity, second]
            assert isinstance(reading, Measured), (quantity, second, reading)
            assert reading.sqi >= 0.6, (quantity, second, reading)


@pytest.mark.parametrize(("rate_bpm", "within_s"), [(110, 40), (185, 55), (40, 45)])
def test_a_change_of_the_rate_is_shown_at_once_and_good_within_a_minute(rate_bpm, within_s):
    before, after = wave(90.0), wave(70.0, rate_bpm)
    _, vitals = run(np.r_[before[0], after[0] + 90_000_000], np.r_[before[1], after[1]], RATE_HZ)
    for second in range(102, 158):
        assert value(vitals, Quantity.PULSE_RATE, second) == pytest.approx(rate_bpm, abs=2)
        assert second < 90 + within_s or not vitals[Quantity.PULSE_RATE, second].reasons


@pytest.mark.parametrize(("systolic", "diastolic"), [(70, 40), (55, 35), (95, 78), (190, 110)])
@pytest.mark.parametrize("within_s", [0.5, 20.0])
def test_a_fall_or_rise_of_pressure_is_never_called_a_bad_line(systolic, diastolic, within_s):
    t_us, x = wave(80.0)
    other = wave(80.0, 72.0, systolic, diastolic)[1]
    share = np.clip((t_us / 1e6 - 40) / within_s, 0, 1)
    _, vitals = run(t_us, x + share * (other - x), RATE_HZ)
    assert not reasons_of(vitals, PRESSURES, range(20, 80)) & {Reason.DAMPED, Reason.RINGING, Reason.CALIBRATION}
    for second in range(72, 80):
        assert value(vitals, Quantity.SYSTOLIC, second) == pytest.approx(systolic, abs=2)


def test_a_desaturation_has_a_good_signal():
    truth = np.interp(np.arange(9000) / 100, [30, 50, 90], [97.0, 82.0, 82.0])
    _, vitals = watch(*finger(truth, 90.0, noise=5.0))
    readings = [vitals[Quantity.SPO2, second] for second in range(15, 90)]
    assert all(isinstance(r, Measured) and r.sqi >= 0.6 for r in readings)


# The line


@pytest.mark.parametrize("width_s", [0.25, 0.4])
def test_a_damped_line_shows_the_mean_and_nothing_else(width_s):
    t_us, x = wave(70.0)
    _, vitals = run(t_us, np.where(t_us < 35_000_000, x, smoothed(x, width_s)), RATE_HZ)
    for second in range(45, 70):
        for quantity in (Quantity.SYSTOLIC, Quantity.DIASTOLIC):
            assert vitals[quantity, second] == Unavailable(reason=Reason.DAMPED)
        assert value(vitals, Quantity.MEAN_PRESSURE, second) == pytest.approx(x.mean(), abs=2)


def test_a_line_that_is_damped_from_the_start_is_doubted():
    t_us, x = wave(40.0)
    _, vitals = run(t_us, smoothed(x, 0.3), RATE_HZ)
    for second in range(20, 40):
        reading = vitals[Quantity.SYSTOLIC, second]
        assert reading.validity is Validity.QUESTIONABLE
        assert Reason.DAMPED in reading.reasons
        assert reading.sqi < 0.5


def test_a_line_that_begins_to_ring_is_doubted():
    t_us, x = wave(70.0)
    after_s = np.arange(0, 0.6, 1 / RATE_HZ)
    response = np.exp(-0.1 * 2 * np.pi * 8 * after_s) * np.sin(2 * np.pi * 8 * after_s)
    ringing = np.convolve(x - 90, response / response.sum())[: len(x)] + 90
    _, vitals = run(t_us, np.where(t_us < 35_000_000, x, ringing), RATE_HZ)
    for second in range(46, 70):
        assert Reason.RINGING in vitals[Quantity.SYSTOLIC, second].reasons
        assert vitals[Quantity.SYSTOLIC, second].sqi < 0.5


@pytest.mark.parametrize("is_ringing", [True, False])
def test_a_line_that_has_rung_since_it_was_connected_is_doubted(is_ringing):
    t_us = naive.times_us(RATE_HZ, 30.0)
    phase_s = t_us / 1e6 % (60 / 72)
    steep = 40 * np.where(phase_s < 0.1, np.exp(-0.5 * ((phase_s - 0.1) / 0.025) ** 2), np.exp((0.1 - phase_s) / 0.25))
    after_s = np.arange(0, 0.6, 1 / RATE_HZ)
    response = np.exp(-0.1 * 2 * np.pi * 11 * after_s) * np.sin(2 * np.pi * 11 * after_s)
    seen = np.convolve(steep, response / response.sum())[: len(steep)] if is_ringing else steep
    _, vitals = run(t_us, 80 + seen + np.random.default_rng(3).normal(0, 0.2, len(seen)), RATE_HZ)
    for second in range(15, 30):
        assert (Reason.RINGING in vitals[Quantity.SYSTOLIC, second].reasons) is is_ringing
        assert not vitals[Quantity.MEAN_PRESSURE, second].reasons


def test_a_line_that_rings_does_not_mend_because_the_pressure_falls():
    t_us, x = wave(70.0)
    fallen = wave(70.0, systolic=84.0, diastolic=58.0)[1]
    after_s = np.arange(0, 0.6, 1 / RATE_HZ)
    response = np.exp(-0.1 * 2 * np.pi * 8 * after_s) * np.sin(2 * np.pi * 8 * after_s)
    lower = np.where(t_us < 48_000_000, x, fallen)
    ringing = np.convolve(lower - 90, response / response.sum())[: len(x)] + 90
    _, vitals = run(t_us, np.where(t_us < 35_000_000, x, ringing), RATE_HZ)
    for second in range(46, 70):
        assert Reason.RINGING in vitals[Quantity.SYSTOLIC, second].reasons
        assert isinstance(vitals[Quantity.SYSTOLIC, second], Measured)


# Calibration pause, cuff, lost signal


def test_a_calibration_pause_is_calibrating_and_over_when_it_is_over():
    t_us, x = wave(60.0)
    steps = np.array([92.0, 98.0, 104.0])[(t_us // 800_000) % 3]
    pause = (t_us >= 30_000_000) & (t_us < 35_000_000)
    _, vitals = run(t_us, np.where(pause, steps, x), RATE_HZ)
    for quantity in (Quantity.PULSE_RATE, *PRESSURES):
        assert vitals[quantity, 35].validity is Validity.CALIBRATING
        assert vitals[quantity, 35] == Unavailable(reason=Reason.CALIBRATION)
        assert isinstance(vitals[quantity, 50], Measured)
        assert vitals[quantity, 50].sqi >= 0.6


def test_an_arrest_is_no_calibration_pause():
    t_us, x = wave(50.0)
    after_s = np.maximum(t_us / 1e6 - 30, 0)
    _, vitals = run(t_us, np.where(after_s > 0, 15 + 70 * np.exp(-after_s / 6), x), RATE_HZ)
    assert reasons_of(vitals, PRESSURES, range(34, 50)) == {Reason.NO_PULSE}


def both(pressure, pleth, said=()):
    """Vitals of both channels, with what is said at whole seconds."""
    t_us, x = pressure
    monitor = VitalsMonitor(MonitorConfig(pressure_rate_hz=RATE_HZ, pleth_rate_hz=RATE_HZ))
    monitor.feed(Tick(t_us=0))
    vitals = {}
    for second in range(1, int(t_us[-1]) // 1_000_000 + 1):
        now_us = second * 1_000_000
        span = (t_us > now_us - 1_000_000) & (t_us <= now_us)
        monitor.feed(block(t_us[span], x[span]))
        monitor.feed(block(t_us[span], pleth[span], Channel.PLETH))
        for event in said:
            if now_us - 1_000_000 < event.t_us <= now_us:
                monitor.feed(event)
        vitals |= {(v.quantity, second): v.reading for v in monitor.feed(Tick(t_us=now_us)) if not isinstance(v, Beat)}
    return vitals


def test_a_pulse_that_one_sensor_still_sees_is_a_lost_signal_and_no_arrest():
    t_us, pleth = wave(50.0, systolic=1.0, diastolic=0.0, noise=0.002)
    x = wave(50.0)[1]
    noise = np.random.default_rng(1).normal(0, 0.1, len(x))
    gone = t_us > 25_000_000
    vitals = both((t_us, np.where(gone, 30 + noise, x)), pleth)
    assert reasons_of(vitals, PRESSURES, range(30, 50)) == {Reason.SIGNAL_LOST}
    assert value(vitals, Quantity.PULSE_RATE, 45) == pytest.approx(72, abs=1)
    vitals = both((t_us, np.where(gone, 30 + noise, x)), np.where(gone, 0.001 * noise, pleth))
    assert reasons_of(vitals, PRESSURES, range(30, 50)) == {Reason.NO_PULSE}
    assert reasons_of(vitals, [Quantity.PULSE_RATE], range(30, 50)) == {Reason.NO_PULSE}


def test_a_doubtful_pleth_takes_nothing_away_from_a_good_pressure():
    t_us, pleth = wave(90.0, systolic=1.0, diastolic=0.0, noise=0.002)
    other = wave(90.0, 118.0, 1.0, 0.0, noise=0.002)[1] ** 2  # of another rhythm and shape
    pleth = np.where(t_us > 50_000_000, other, pleth)
    vitals = both(wave(90.0), pleth)
    for second in range(60, 75):
        assert value(vitals, Quantity.PULSE_RATE, second) == pytest.approx(72, abs=1)
        assert vitals[Quantity.PULSE_RATE, second].reasons == ()


def test_sensors_that_count_different_pulses_are_both_doubted():
    pleth = wave(50.0, 100.0, 1.0, 0.0, noise=0.002)[1]
    vitals = both(wave(50.0), pleth)
    for second in range(20, 50):
        reading = vitals[Quantity.PULSE_RATE, second]
        assert Reason.DISAGREEMENT in reading.reasons
        assert reading.sqi < 0.5
    vitals = both(wave(50.0), wave(50.0, 74.0, 1.0, 0.0, noise=0.002)[1])
    assert vitals[Quantity.PULSE_RATE, 30].reasons == ()


CUFF_ON = Interruption(t_us=20_000_000, cause=Cause.CUFF, is_on=True)
CUFF_OFF = Interruption(t_us=30_000_000, cause=Cause.CUFF, is_on=False)


def test_an_announced_cuff_is_no_arrest_and_its_pulses_do_not_count():
    t_us, x = wave(60.0)
    pleth = wave(60.0, systolic=1.0, diastolic=0.0, noise=0.002)[1]
    low = (t_us > 20_000_000) & (t_us < 30_000_000)
    vitals = both((t_us, np.where(low, 0.5 * x, x)), pleth, [CUFF_ON, CUFF_OFF])
    end_s = (CUFF_OFF.t_us + RECOVERY_US[Cause.CUFF]) // 1_000_000
    for quantity in (Quantity.PULSE_RATE, *PRESSURES):
        for second in range(21, end_s + 1):
            assert vitals[quantity, second] == Unavailable(reason=Reason.CUFF)
        assert isinstance(vitals[quantity, end_s + 6], Measured)
    assert value(vitals, Quantity.SYSTOLIC, end_s + 6) == pytest.approx(120, abs=1)


def test_a_cuff_that_nobody_ends_ends_by_itself():
    monitor = VitalsMonitor(MonitorConfig(pressure_rate_hz=RATE_HZ))
    monitor.feed(CUFF_ON)
    end_s = 1 + (CUFF_ON.t_us + LONGEST_US[Cause.CUFF] + RECOVERY_US[Cause.CUFF]) // 1_000_000
    seen = {}
    for second in range(1, end_s + 3):
        for vital in monitor.feed(Tick(t_us=second * 1_000_000)):
            seen[vital.quantity, second] = vital.reading
    assert seen[Quantity.SYSTOLIC, end_s - 2] == Unavailable(reason=Reason.CUFF)
    assert seen[Quantity.SYSTOLIC, end_s + 1] == Unavailable(reason=Reason.NO_DATA)


# Movement


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_movement_counts_alike_in_every_direction(axis):
    acceleration = np.tile([0.0, 0.0, 1.0], (40 * 50, 1))
    acceleration[1000:, axis] += 0.1 * np.sin(np.arange(1000) / 50 * 2 * np.pi * 3)
    _, vitals = watch(*finger(96.0, 40.0, noise=5.0), acceleration=acceleration)
    assert value(vitals, Quantity.MOTION, 30) == pytest.approx(0.1 / np.sqrt(2), rel=0.05)


@pytest.mark.parametrize(("hz", "is_doubted"), [(1.2, True), (3.1, False)])
def test_a_small_movement_in_step_with_the_pulse_lowers_its_quality(hz, is_doubted):
    acceleration = np.tile([0.0, 0.0, 1.0], (round(40 * MOTION_RATE_HZ), 1))
    acceleration[:, 0] += 0.03 * np.sin(2 * np.pi * hz * np.arange(len(acceleration)) / MOTION_RATE_HZ)
    _, vitals = watch(*finger(96.0, 40.0, rate_bpm=72.0, noise=5.0), acceleration=acceleration)
    for quantity in (Quantity.PULSE_RATE, Quantity.SPO2):
        for second in range(20, 40):
            reading = vitals[quantity, second]
            assert (Reason.MOTION in reading.reasons) is is_doubted
            assert isinstance(reading, Measured)
            assert (reading.sqi < 0.5) is is_doubted


# Noise on top


def test_hum_on_the_raw_signal_lowers_the_quality_of_the_pressures():
    t_us, x = wave(40.0)
    _, vitals = run(t_us, x + 12 * np.sin(2 * np.pi * 50 * t_us / 1e6), RATE_HZ)
    assert all(r.sqi < 0.5 for (q, s), r in vitals.items() if q in PRESSURES and isinstance(r, Measured))


def test_a_converter_with_a_stuck_bit_is_doubted():
    t_us, x = wave(40.0)
    codes = np.rint(x * 10).astype(np.int64) | 128
    beats, vitals = run(t_us, codes / 10, RATE_HZ)
    assert accepted(beats)
    assert all(r.sqi < 0.5 for (q, s), r in vitals.items() if q in PRESSURES and isinstance(r, Measured))
