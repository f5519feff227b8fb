"""Saturation, perfusion and motion as a subscriber sees them: followed, or null with a reason, never held."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dsp import (
    Beat,
    Channel,
    Measured,
    MonitorConfig,
    OximeterCurve,
    Quantity,
    Rails,
    Reason,
    Tick,
    Unavailable,
    Validity,
    VitalsMonitor,
)
from dsp.curve import DEMONSTRATION
from dsp.optics import Optics
from dsp.oximetry import SPO2_LATENCY_US, SPO2_WINDOW_US, slope
from tests import naive
from tests.dsp.optics import AMBIENT, FULL, MOTION_RATE_HZ, RATE_HZ, finger, upright, wander, watch
from tests.dsp.signals import block, reason, run, value

CURVE = OximeterCurve(coefficients=(110.0, -25.0), r_min=0.4, r_max=2.4)
OPTICAL = (Quantity.SPO2, Quantity.PERFUSION_INDEX, Quantity.PULSE_RATE)


def measure(*light, **options):
    return watch(*light, **{"oximeter": CURVE, **options})[1]


def spo2_of(vitals, start_s, end_s):
    return [vitals[Quantity.SPO2, second] for second in range(start_s, end_s)]


def arms(spo2_pct, readings):
    errors = [r.value - spo2_pct for r in readings if isinstance(r, Measured)]
    return float(np.sqrt(np.mean(np.square(errors))))


# Accuracy


@pytest.mark.parametrize("perfusion_pct", [1.0, 2.0, 10.0])
def test_a_clean_signal_is_measured_to_a_tenth(perfusion_pct):
    for spo2_pct in (72.0, 80.0, 90.0, 97.0, 99.5):
        readings = spo2_of(measure(*finger(spo2_pct, 40.0, perfusion_pct=perfusion_pct)), 12, 40)
        assert all(isinstance(r, Measured) for r in readings)
        assert arms(spo2_pct, readings) <= 0.1


def test_low_perfusion_in_noise_is_measured_without_bias():
    errors = []
    for seed, spo2_pct in enumerate((75.0, 85.0, 92.0, 98.0)):
        readings = spo2_of(measure(*finger(spo2_pct, 60.0, perfusion_pct=0.5, noise=20.0, seed=seed)), 12, 60)
        assert sum(isinstance(r, Measured) for r in readings) >= 45
        assert arms(spo2_pct, readings) <= 1.0
        errors += [r.value - spo2_pct for r in readings if isinstance(r, Measured)]
    assert abs(np.mean(errors)) <= 0.15


@pytest.mark.parametrize("rate_bpm", [25.0, 45.0, 120.0, 180.0])
def test_any_pulse_rate_has_a_saturation(rate_bpm):
    readings = spo2_of(measure(*finger(90.0, 50.0, rate_bpm=rate_bpm, noise=3.0)), 20, 50)
    assert all(isinstance(r, Measured) for r in readings)
    assert arms(90.0, readings) <= 0.3


def test_breathing_that_moves_the_baseline_changes_little():
    readings = spo2_of(measure(*finger(97.0, 40.0, breath=0.5, noise=3.0)), 12, 40)
    assert all(isinstance(r, Measured) and not r.reasons for r in readings)
    assert arms(97.0, readings) <= 0.3


@pytest.mark.parametrize("perfusion_pct", [0.3, 0.5, 2.0, 8.0])
def test_the_perfusion_index_is_the_height_of_the_pulse(perfusion_pct):
    vitals = measure(*finger(97.0, 30.0, perfusion_pct=perfusion_pct))
    for second in range(12, 30):
        # The index refers to the mean light, the stimulus to the diastolic, and the filter rounds the peak.
        assert value(vitals, Quantity.PERFUSION_INDEX, second) == pytest.approx(perfusion_pct, rel=0.05)
        assert vitals[Quantity.PERFUSION_INDEX, second].validity is Validity.MEASURED


@pytest.mark.parametrize("size", [3.0, 0.5, 0.1])
def test_the_slope_of_total_least_squares_is_unbiased_where_plain_least_squares_is_not(size):
    rng = np.random.default_rng(4)
    x = size * np.sin(np.arange(200_000) / 7)
    u, v = x + rng.normal(0, 0.3, len(x)), 0.6 * x + rng.normal(0, 0.15, len(x))
    found = slope(np.mean(u * u), np.mean(v * v), np.mean(u * v), 0.09, 0.0225)
    assert found == pytest.approx(0.6, rel=0.02 if size > 0.1 else 0.06)
    assert slope(1.0, 1.0, -0.5, 0.1, 0.1) is None


# Changes are followed, never held


def between(truth, t_s, second, tolerance_pct):
    """The range of the truth within the stated window before a second, with a tolerance."""
    near = truth[(t_s >= second - SPO2_WINDOW_US / 1e6 - 0.2) & (t_s <= second)]
    return near.min() - tolerance_pct, near.max() + tolerance_pct


def assert_followed(truth, t_us, vitals, *, start_s=8):
    for second in range(start_s, round(int(t_us[-1]) / 1e6)):
        reading = vitals[Quantity.SPO2, second]
        if isinstance(reading, Measured):
            low, high = between(truth, t_us / 1e6, second, 1.5)
            assert low <= reading.value <= high, f"{second} s: {reading}, truth {low:.1f} to {high:.1f}"


def test_healthypi_spo2_latch_a_fall_from_98_to_85_is_shown():
    # HealthyPi 5, data_module.c: values more than 5 points below the own average are replaced by it, so 98 is shown
    # for ever.
    truth = np.where(np.arange(6000) < 3000, 98.0, 85.0)
    vitals = measure(*finger(truth, 60.0, noise=3.0))
    assert value(vitals, Quantity.SPO2, 30) == pytest.approx(98, abs=0.5)
    assert value(vitals, Quantity.SPO2, 36) == pytest.approx(85, abs=0.5)
    for second in range(30 + SPO2_LATENCY_US // 1_000_000, 60):
        assert value(vitals, Quantity.SPO2, second) == pytest.approx(85, abs=0.5)


def test_healthypi_spo2_latch_a_fall_of_two_points_per_update_is_shown_down_to_70():
    # The same rule freezes at 96 while the truth goes down to 70.
    t_s = np.arange(6000) / RATE_HZ
    truth = np.clip(98.0 - 2.0 * (t_s - 25.0), 70.5, 98.0)
    t_us, *light = finger(truth, 60.0, noise=3.0)
    vitals = measure(t_us, *light)
    assert_followed(truth, t_us, vitals)
    assert sum(isinstance(r, Measured) for r in spo2_of(vitals, 25, 40)) >= 12
    for second in range(50, 60):
        assert value(vitals, Quantity.SPO2, second) == pytest.approx(70.5, abs=0.5)


@settings(deadline=None, max_examples=25)
@given(
    before=st.floats(70.5, 99.5),
    after=st.floats(70.5, 99.5),
    at_s=st.floats(20.0, 24.0),
    rate_bpm=st.floats(30.0, 170.0),
    seed=st.integers(0, 1000),
)
def test_any_step_is_followed_within_the_stated_latency_or_null(before, after, at_s, rate_bpm, seed):
    t_s = np.arange(4000) / RATE_HZ
    truth = np.where(t_s < at_s, before, after)
    t_us, *light = finger(truth, 40.0, rate_bpm=rate_bpm, noise=5.0, seed=seed)
    vitals = measure(t_us, *light)
    assert_followed(truth, t_us, vitals)
    late = spo2_of(vitals, int(at_s) + 2 + SPO2_LATENCY_US // 1_000_000, 40)
    assert all(isinstance(r, Measured) for r in late)


@settings(deadline=None, max_examples=15)
@given(slope_pct=st.floats(0.5, 3.0), down=st.booleans(), rate_bpm=st.floats(40.0, 150.0))
def test_any_ramp_is_followed_within_the_stated_latency_or_null(slope_pct, down, rate_bpm):
    t_s = np.arange(5000) / RATE_HZ
    course = np.clip(slope_pct * (t_s - 20.0), 0.0, 29.0)
    truth = 99.5 - course if down else 70.5 + course
    t_us, *light = finger(truth, 50.0, rate_bpm=rate_bpm, noise=5.0)
    vitals = measure(t_us, *light)
    assert_followed(truth, t_us, vitals)
    assert np.mean([isinstance(r, Measured) for r in spo2_of(vitals, 20, 50)]) >= 0.9


def test_a_deep_desaturation_after_a_normal_start_is_a_value_not_a_fault():
    truth = np.clip(97.0 - 1.5 * (np.arange(8000) / RATE_HZ - 20), 55.0, 97.0)
    vitals = measure(*finger(truth, 80.0, noise=3.0))
    assert vitals[Quantity.SPO2, 75].validity is Validity.MEASURED
    assert value(vitals, Quantity.SPO2, 75) == pytest.approx(55, abs=0.5)


# Doubt


@pytest.mark.parametrize("has_accelerometer", [False, True])
def test_movement_of_twice_the_pulse_is_flagged(has_accelerometer):
    flagged = count = 0
    for seed, ratio in enumerate((0.7, 1.0, 1.0, 1.3)):
        light = finger(96.0, 60.0, motion=2.0, motion_ratio=ratio, noise=5.0, seed=seed)
        shaken = 1 + 0.6 * wander(60 * 50, np.random.default_rng(seed), 0.25, 2.0) if has_accelerometer else None
        readings = spo2_of(measure(*light, acceleration=shaken), 12, 60)
        flagged += sum(bool(r.reasons) for r in readings)
        count += len(readings)
        if has_accelerometer:
            assert sum(Reason.MOTION in r.reasons for r in readings) >= 0.9 * len(readings)
    assert flagged >= 0.95 * count


def test_a_movement_is_named_and_over_when_it_is_over():
    acceleration = np.ones(60 * 50)
    acceleration[20 * 50 : 30 * 50] += 0.3 * np.sin(np.arange(500) / 50 * 2 * np.pi * 3)
    vitals = measure(*finger(96.0, 60.0, noise=5.0), acceleration=acceleration)
    assert value(vitals, Quantity.MOTION, 19) == pytest.approx(0.0, abs=1e-9)
    assert value(vitals, Quantity.MOTION, 25) == pytest.approx(0.3 / np.sqrt(2), rel=0.05)
    assert vitals[Quantity.MOTION, 25].validity is Validity.MEASURED
    for quantity in (Quantity.SPO2, Quantity.PULSE_RATE, Quantity.PERFUSION_INDEX):
        assert Reason.MOTION in vitals[quantity, 29].reasons
        assert not vitals[quantity, 19].reasons
        assert not vitals[quantity, 42].reasons


def test_a_fall_during_a_short_movement_is_shown_after_it():
    truth = np.where(np.arange(6000) < 3100, 98.0, 84.0)
    acceleration = np.ones(60 * 50)
    acceleration[30 * 50 : 33 * 50] += 0.5 * np.sin(np.arange(150) / 50 * 2 * np.pi * 2)
    t_us, *light = finger(truth, 60.0, noise=3.0)
    vitals = measure(t_us, *light, acceleration=acceleration)
    assert_followed(truth, t_us, vitals)
    for second in range(41, 60):
        assert value(vitals, Quantity.SPO2, second) == pytest.approx(84, abs=0.5)


def test_motion_is_null_where_nothing_measures_it():
    t_us, infrared, red = finger(97.0, 20.0)
    assert reason(measure(t_us, infrared, red), Quantity.MOTION, 15) is Reason.NO_CHANNEL
    stopped = measure(t_us, infrared, red, acceleration=np.ones(10 * 50))
    assert isinstance(stopped[Quantity.MOTION, 10], Measured)
    assert reason(stopped, Quantity.MOTION, 12) is Reason.STALE
    dead = measure(t_us, infrared, red, acceleration=np.zeros(20 * 50))
    assert reason(dead, Quantity.MOTION, 15) is Reason.IMPLAUSIBLE


@pytest.mark.parametrize(("perfusion_pct", "noise"), [(0.02, 0.0), (0.05, 5.0), (0.1, 20.0)])
def test_too_little_perfusion_gives_no_saturation(perfusion_pct, noise):
    vitals = measure(*finger(97.0, 40.0, perfusion_pct=perfusion_pct, noise=noise))
    assert not any(isinstance(r, Measured) for r in spo2_of(vitals, 1, 40))


def test_perfusion_that_fades_is_named_within_six_seconds():
    t_us, infrared, red = finger(97.0, 40.0, noise=2.0)
    _, faint_infrared, faint_red = finger(97.0, 40.0, noise=2.0, perfusion_pct=0.08, seed=1)
    fades = t_us > 20_000_000
    vitals = measure(t_us, np.where(fades, faint_infrared, infrared), np.where(fades, faint_red, red))
    assert not any(isinstance(r, Measured) for r in spo2_of(vitals, 26, 40))
    assert reason(vitals, Quantity.SPO2, 39) is Reason.LOW_PERFUSION
    assert value(vitals, Quantity.PERFUSION_INDEX, 39) == pytest.approx(0.08, abs=0.02)


# Faults of the sensor


def faulty(kind, *, at_s=20, duration_s=40.0):
    """A finger at 97 %, and from ``at_s`` on what the fault makes of its light."""
    t_us, infrared, red = finger(97.0, duration_s, noise=3.0)
    late = t_us > at_s * 1_000_000
    if kind == "unplugged":
        return t_us[~late], infrared[~late], red[~late]
    ambient = np.rint(AMBIENT + np.random.default_rng(9).normal(0, 3, len(t_us)))
    after = {
        "finger out": (ambient, ambient),
        "saturated": (FULL, FULL),
        "diastole clipped": (np.minimum(infrared + FULL - 109_000, FULL), red),
        "red saturated": (infrared, FULL),
        "red dark": (infrared, ambient),
        "red frozen": (infrared, 95_000.0),
        "infrared dark": (ambient, red),
        "missing": (np.nan, np.nan),
        "red missing": (infrared, np.nan),
    }
    return t_us, np.where(late, after[kind][0], infrared), np.where(late, after[kind][1], red)


@pytest.mark.parametrize(
    ("kind", "why", "lost"),
    [
        ("finger out", Reason.PROBE_OFF, OPTICAL),
        ("saturated", Reason.SATURATED, OPTICAL),
        ("diastole clipped", Reason.SATURATED, OPTICAL),
        ("red saturated", Reason.SATURATED, OPTICAL[:1]),
        ("red dark", Reason.LED_FAULT, OPTICAL[:1]),
        ("red frozen", Reason.LED_FAULT, OPTICAL[:1]),
        ("infrared dark", Reason.LED_FAULT, OPTICAL),
        ("missing", Reason.STALE, OPTICAL),
        ("red missing", Reason.STALE, OPTICAL[:1]),
        ("unplugged", Reason.STALE, OPTICAL),
    ],
)
def test_a_fault_of_the_sensor_is_named_within_three_seconds(kind, why, lost):
    vitals = measure(*faulty(kind), until_s=40)
    for quantity in OPTICAL:
        assert isinstance(vitals[quantity, 20], Measured)
        for second in range(23, 40):
            if quantity in lost:
                assert reason(vitals, quantity, second) is why
            else:
                assert isinstance(vitals[quantity, second], Measured)


@pytest.mark.parametrize("kind", ["finger out", "saturated", "red dark", "missing"])
@settings(deadline=None, max_examples=4)
@given(at_s=st.floats(15.0, 25.0))
def test_whenever_the_fault_comes_nothing_is_shown_three_seconds_later(kind, at_s):
    vitals = measure(*faulty(kind, at_s=at_s, duration_s=32.0), until_s=32)
    assert not any(isinstance(r, Measured) for r in spo2_of(vitals, int(at_s) + 3, 32))


def test_the_finger_put_back_is_measured_again_within_ten_seconds():
    t_us, infrared, red = finger(97.0, 50.0, noise=3.0)
    out = (t_us > 20_000_000) & (t_us < 30_000_000)
    vitals = measure(t_us, np.where(out, AMBIENT, infrared), np.where(out, AMBIENT, red))
    assert reason(vitals, Quantity.SPO2, 29) is Reason.PROBE_OFF
    assert value(vitals, Quantity.SPO2, 41) == pytest.approx(97, abs=0.3)


@pytest.mark.parametrize("share", [0.005, 0.04, 0.08])
def test_room_light_without_a_finger_is_no_finger(share):
    t_us, infrared, red = finger(97.0, 40.0, noise=3.0)
    room = share * FULL + np.random.default_rng(3).normal(0, 10, (2, len(t_us)))
    late = t_us > 20_000_000
    vitals = measure(t_us, np.where(late, room[0], infrared), np.where(late, room[1], red))
    for second in range(23, 40):
        for quantity in OPTICAL:
            assert reason(vitals, quantity, second) is Reason.PROBE_OFF


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 2**32))
def test_no_light_whatever_raises_or_is_a_saturation(seed):
    rng = np.random.default_rng(seed)
    t_us = naive.times_us(RATE_HZ, 30.0)

    def anything():
        kinds = [
            lambda n: np.full(n, rng.choice([0.0, -1.0, 1e5, FULL, 1e300, np.inf, -np.inf, np.nan])),
            lambda n: rng.normal(rng.uniform(-1e5, 2e5), 10.0 ** rng.uniform(-3, 6), n),
            lambda n: np.cumsum(rng.normal(0, 100, n)),
            lambda n: np.linspace(*rng.uniform(-1e4, FULL, 2), n),
        ]
        return np.concatenate([kinds[rng.integers(len(kinds))](n) for n in (700, 1100, 1200)])

    vitals = measure(t_us, anything(), anything(), acceleration=anything()[:1500])
    assert sum(isinstance(r, Measured) and not r.reasons for r in spo2_of(vitals, 1, 30)) <= 1


@pytest.mark.parametrize("spo2_pct", [95.0, 97.0, 99.5])
def test_lights_swapped_from_the_start_are_recognised(spo2_pct):
    t_us, infrared, red = finger(spo2_pct, 30.0, noise=3.0)
    vitals = measure(t_us, red, infrared)
    assert not any(isinstance(r, Measured) for r in spo2_of(vitals, 1, 30))
    for second in range(10, 30):
        assert reason(vitals, Quantity.SPO2, second) is Reason.CHANNEL_ORDER


@pytest.mark.parametrize("spo2_pct", [80.0, 88.0, 97.0])
def test_lights_that_change_places_meanwhile_are_recognised(spo2_pct):
    t_us, infrared, red = finger(spo2_pct, 60.0, noise=10.0)
    late = (t_us > 25_000_000) & (t_us < 45_000_000)
    vitals = measure(t_us, np.where(late, red, infrared), np.where(late, infrared, red))
    assert not any(isinstance(r, Measured) for r in spo2_of(vitals, 26, 45))
    for second in range(35, 45):
        assert reason(vitals, Quantity.SPO2, second) is Reason.CHANNEL_ORDER
    for second in range(56, 60):
        assert value(vitals, Quantity.SPO2, second) == pytest.approx(spo2_pct, abs=0.5)


@pytest.mark.parametrize("is_swapped_before", [False, True])
def test_lights_that_may_have_changed_places_in_a_break_are_looked_at_anew(is_swapped_before):
    t_us, infrared, red = finger(96.0, 80.0, noise=10.0)
    is_first, is_kept = t_us <= 40_000_000, (t_us <= 40_000_000) | (t_us > 52_000_000)
    is_swapped = (t_us > 20_000_000) & is_first if is_swapped_before else ~is_first
    lights = np.where(is_swapped, red, infrared), np.where(is_swapped, infrared, red)
    vitals = measure(t_us[is_kept], *(light[is_kept] for light in lights))
    for second in range(64, 80):
        if is_swapped_before:
            assert value(vitals, Quantity.SPO2, second) == pytest.approx(96.0, abs=0.5)
        else:
            assert reason(vitals, Quantity.SPO2, second) is Reason.CHANNEL_ORDER


def test_a_single_empty_sample_is_no_dead_light():
    t_us, infrared, red = finger(96.0, 30.0, noise=10.0)
    red[t_us == 20_000_000] = 0.0
    vitals = measure(t_us, infrared, red)
    assert all(Reason.LED_FAULT not in vitals[q, s].reasons for q in OPTICAL for s in range(18, 26))


def test_movement_from_the_start_is_not_called_swapped_lights():
    # Movement that pulls red twice as much as infrared has a ratio like that of swapped lights.
    light = finger(96.0, 60.0, motion=2.0, motion_ratio=2.0, noise=5.0)
    readings = spo2_of(measure(*light), 12, 60)
    assert sum(Reason.CHANNEL_ORDER in r.reasons for r in readings) <= 0.05 * len(readings)


def test_a_first_value_that_may_be_swapped_lights_says_so():
    reading = measure(*finger(76.0, 30.0, noise=3.0))[Quantity.SPO2, 25]
    assert reading.validity is Validity.QUESTIONABLE
    assert Reason.CHANNEL_ORDER in reading.reasons


def test_a_ratio_outside_the_curve_is_null_not_100():
    vitals = measure(*finger(102.0, 30.0))
    for second in range(12, 30):
        assert reason(vitals, Quantity.SPO2, second) is Reason.IMPLAUSIBLE


# Calibration


def test_without_a_calibration_the_value_is_marked():
    vitals = watch(*finger(97.0, 30.0))[1]
    reading = vitals[Quantity.SPO2, 25]
    assert reading.value == pytest.approx(97, abs=0.2)
    assert reading.reasons == (Reason.UNCALIBRATED,)
    assert reading.validity is Validity.UNCALIBRATED
    assert vitals[Quantity.PERFUSION_INDEX, 25].validity is Validity.MEASURED


def test_doubt_hides_no_missing_calibration_nor_is_hidden_by_it():
    reading = watch(*finger(76.0, 30.0))[1][Quantity.SPO2, 25]
    assert reading.validity is Validity.QUESTIONABLE
    assert reading.reasons == (Reason.CHANNEL_ORDER, Reason.UNCALIBRATED)


def test_another_curve_gives_another_value():
    curve = OximeterCurve(coefficients=(94.845, 30.354, -45.060), r_min=0.4, r_max=1.7)
    reading = measure(*finger(90.0, 30.0), oximeter=curve)[Quantity.SPO2, 25]
    assert reading.value == pytest.approx(94.845 + 30.354 * 0.8 - 45.060 * 0.64, abs=0.2)


def test_the_demonstration_curve_is_the_customary_one():
    assert DEMONSTRATION == CURVE
    assert CURVE.spo2_pct(0.4) == 100.0
    assert CURVE.spo2_pct(0.39) is None
    assert CURVE.spo2_pct(2.5) is None
    assert CURVE.spo2_pct(float("nan")) is None


def test_a_monitors_pleth_has_neither_saturation_nor_perfusion():
    t_us = naive.times_us(125.0, 20.0)
    pleth = naive.pressure_wave(t_us / 1e6, naive.beat_times(20.0, 72.0), 1.0, 0.0)
    _, vitals = run(t_us, pleth, 125.0, channel=Channel.PLETH)
    assert isinstance(vitals[Quantity.PULSE_RATE, 15], Measured)
    for quantity in (Quantity.SPO2, Quantity.PERFUSION_INDEX, Quantity.MOTION):
        assert vitals[quantity, 15] == Unavailable(reason=Reason.NO_CHANNEL)


def test_red_has_the_rate_of_infrared():
    with pytest.raises(ValueError, match="red_rate_hz"):
        MonitorConfig(pleth_rate_hz=100.0, red_rate_hz=50.0)
    with pytest.raises(ValueError, match="red_rate_hz"):
        MonitorConfig(red_rate_hz=100.0)


# Cutting


def trouble():
    """A fall, a gap in both lights and one in red, missing samples, movement, the finger out: 40 s."""
    truth = np.where(np.arange(4000) < 1500, 97.0, 86.0)
    t_us, infrared, red = finger(truth, 40.0, noise=10.0)
    red[2150:2200] = np.nan
    infrared[700] = np.nan
    infrared[3500:], red[3500:] = AMBIENT, AMBIENT
    keep = (t_us < 25_000_000) | (t_us > 25_500_000)
    moved = 1 + 0.02 * wander(2000, np.random.default_rng(2), 0.25, 2.0)
    moved[1400:1500] += 0.3 * np.sin(np.arange(100))
    moving_us = naive.times_us(MOTION_RATE_HZ, 40.0)
    return [
        (Channel.PLETH, t_us[keep], -infrared[keep]),
        (Channel.RED, t_us[keep], -red[keep]),
        (Channel.MOTION, moving_us, upright(moved)),
    ]


def fed(cuts_us, order, ticks):
    """Feed the three channels up to each time, in the given order."""
    options = {"pleth_rate_hz": RATE_HZ, "red_rate_hz": RATE_HZ, "motion_rate_hz": MOTION_RATE_HZ}
    monitor = VitalsMonitor(MonitorConfig(**options))
    monitor.feed(Tick(t_us=0))
    events = []
    done = [0, 0, 0]
    for end_us in sorted({*cuts_us, 42_000_000}):
        for k in order:
            channel, t_us, samples = TROUBLE[k]
            stop = int(np.searchsorted(t_us, end_us, side="right"))
            events += monitor.feed(block(t_us[done[k] : stop], samples[done[k] : stop], channel))
            done[k] = stop
        if ticks:
            events += monitor.feed(Tick(t_us=end_us))
    events += monitor.feed(Tick(t_us=43_000_000))
    return [e for e in events if isinstance(e, Beat)], [e for e in events if not isinstance(e, Beat)]


TROUBLE = trouble()
WHOLE = fed([], (0, 1, 2), ticks=False)


def test_there_is_something_to_compare():
    saturations = [v.reading for v in WHOLE[1] if v.quantity is Quantity.SPO2]
    assert len(saturations) == 43
    assert sum(isinstance(r, Measured) for r in saturations) >= 15
    assert any(Reason.MOTION in r.reasons for r in saturations)


@settings(deadline=None, max_examples=20)
@given(
    cuts_us=st.lists(st.integers(0, 42_000_000), max_size=40),
    order=st.permutations([0, 1, 2]),
    ticks=st.booleans(),
)
def test_any_cut_in_any_order_gives_equal_bits(cuts_us, order, ticks):
    assert fed(cuts_us, order, ticks) == WHOLE


def test_one_sample_at_a_time_gives_equal_bits():
    assert fed(range(0, 42_000_000, 10_000), (2, 1, 0), ticks=True) == WHOLE


@pytest.mark.parametrize("seed", range(20))
def test_a_sensor_in_the_dark_is_not_taken_for_lights_that_change_places(seed):
    full = 262_143.0
    optics = Optics(Rails(low=-full, high=np.inf), Rails(low=-full, high=np.inf))
    random = np.random.default_rng(seed)
    for second in range(30):  # a finger, then none for most of the time, then a finger again
        t_us = np.arange(second * 1_000_000, (second + 1) * 1_000_000, 10_000)
        is_out = 3 <= second < 27
        for channel, level in ((Channel.RED, 95_000), (Channel.PLETH, 110_000)):
            counts = (500 if is_out else level) + random.normal(0, 12, len(t_us))
            optics.buffers[channel].append(t_us, -counts)
        optics.faults((second + 1) * 1_000_000)
    assert optics.exchanges == 0
