"""Any step and ramp of what looks back on many beats, of movement and of trends: followed in time or null."""

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from dsp import TIMINGS, Channel, Detail, Measured, Quantity
from dsp.hemodynamics import BASELINE_SECONDS, CENTRAL_VENOUS_MMHG
from dsp.trend import HORIZON_S, SLOPE_S, Limits, Trends
from tests import naive
from tests.dsp import test_ejection, test_properties, test_trend, test_variability
from tests.dsp.followed import breathing, good_seconds, levels
from tests.dsp.optics import MOTION_RATE_HZ
from tests.dsp.signals import run

RATE_HZ = 125.0
PHASES = (Phase.explicit, Phase.generate)  # a smaller example would cost minutes
SETTINGS = settings(deadline=None, max_examples=8, derandomize=True, database=None, phases=PHASES)
PLAIN = settings(deadline=None, max_examples=40, derandomize=True, database=None)
RATE_BPM = 75.0


def slopes(least, most):
    return st.one_of(st.none(), st.floats(least, most))


def of_breathing(breaths_bpm, depth, end_s):
    t_us = naive.times_us(RATE_HZ, end_s)
    x = breathing(t_us / 1e6, breaths_bpm, depth, RATE_BPM)
    return run(t_us, x + np.random.default_rng(0).normal(0, 0.1, len(x)), RATE_HZ, until_s=end_s)[1]


@SETTINGS
@given(before=st.floats(8, 20), after=st.floats(8, 20), slope=slopes(0.02, 1.0))
def test_any_change_of_respiration_is_followed_or_null(before, after, slope):
    true = levels(before, after, slope, 90.0)
    vitals = of_breathing(true, levels(0.1, 0.1, None, 0.0), 180.0)
    assert good_seconds(vitals, Quantity.RESPIRATION_RATE, true, 2.0, 180.0) >= 20


@SETTINGS
@given(before=st.floats(0.03, 0.15), after=st.floats(0.03, 0.15), slope=slopes(0.002, 0.05), breaths=st.floats(9, 16))
def test_any_change_of_the_swing_with_breathing_is_followed_or_null(before, after, slope, breaths):
    depth = levels(before, after, slope, 90.0)
    vitals = of_breathing(levels(breaths, breaths, None, 0.0), depth, 180.0)
    most = max(before, after)
    true = lambda t_s: 200 * depth(t_s)  # noqa: E731 - a truth like the others
    assert good_seconds(vitals, Quantity.PULSE_PRESSURE_VARIATION, true, 1.5 + 40 * most, 180.0) >= 20
    # Of intervals that swing as a sine, each so far from the one before.
    step = np.sqrt(2) * np.sin(np.pi * breaths / RATE_BPM) * 0.5 * 60e3 / RATE_BPM
    true = lambda t_s: step * depth(t_s)  # noqa: E731
    assert good_seconds(vitals, Quantity.PULSE_RATE_VARIABILITY, true, 4.0 + 0.1 * step * most, 180.0) >= 20


@PLAIN
@given(
    spread=st.tuples(st.floats(0.005, 0.06), st.floats(0.005, 0.06)), at=st.integers(5, 445), scale=st.floats(0.8, 1.25)
)
def test_any_change_of_the_intervals_is_in_the_variability_as_far_as_its_windows_reach(spread, at, scale):
    noise = np.random.default_rng(at).normal(size=450)
    is_late = np.arange(450) >= at
    steps = np.where(is_late, scale, 1.0) * (0.8 + np.where(is_late, spread[1], spread[0]) * np.clip(noise, -2, 2))
    reading = test_variability.reading_of(steps)
    if not isinstance(reading, Measured):
        assert reading.reason
        return
    rmssd, sdnn = test_variability.expected(steps)
    assert reading.value == pytest.approx(rmssd, rel=1e-6)
    assert dict(reading.details).get(Detail.SDNN_MS, sdnn) == pytest.approx(sdnn, rel=1e-6)


@SETTINGS
@given(before=st.floats(0.24, 0.36), after=st.floats(0.24, 0.36), slope=slopes(0.002, 0.05))
def test_any_change_of_ejection_time_is_followed_or_null(before, after, slope):
    notch_s = levels(before, after, slope, 30.0)
    t_us = naive.times_us(test_ejection.RATE_HZ, 60.0)
    x = np.full(len(t_us), 80.0)
    for start in naive.beat_times(60.0, 70.0):
        x += test_ejection.notched(t_us / 1e6, [start], notch_s=float(notch_s(start))) - 80.0
    _, vitals = run(t_us, x, test_ejection.RATE_HZ, until_s=60.0)
    true = lambda t_s: 1e3 * notch_s(t_s)  # noqa: E731 - a truth like the others
    # The corners are rounded by the sensor's filter, which the notch itself is not.
    assert good_seconds(vitals, Quantity.EJECTION_TIME, true, 25.0, 60.0) >= 15


@SETTINGS
@given(before=st.floats(55, 95), after=st.floats(55, 95), slope=slopes(0.5, 10.0))
def test_any_change_of_the_circulation_is_followed_or_null(before, after, slope):
    change_s, end_s, systolic = BASELINE_SECONDS + 25.0, BASELINE_SECONDS + 75.0, 125.0
    diastolic = levels(before, after, slope, change_s)
    t_us = naive.times_us(RATE_HZ, end_s)
    unit = naive.pressure_wave(t_us / 1e6, naive.beat_times(end_s + 1, RATE_BPM), 1.0, 0.0)
    low = diastolic(t_us / 1e6)
    _, vitals = run(t_us, low + (systolic - low) * unit, RATE_HZ, until_s=end_s)

    def stroke(t_s):
        return (systolic - diastolic(t_s)) / (systolic + diastolic(t_s))  # Liljestrand and Zander 1928

    def resistance(t_s):
        mean = diastolic(t_s) + (systolic - diastolic(t_s)) * unit.mean()
        return (mean - CENTRAL_VENOUS_MMHG) / stroke(t_s)

    for quantity, of in (
        (Quantity.STROKE_VOLUME, stroke),
        (Quantity.CARDIAC_OUTPUT, stroke),
        (Quantity.SYSTEMIC_VASCULAR_RESISTANCE, resistance),
    ):
        true = lambda t_s, of=of: 100 * of(t_s) / of(0.0)  # noqa: E731 - a truth like the others
        largest = float(true(np.array([0.0, end_s])).max())
        assert good_seconds(vitals, quantity, true, 2 + 0.05 * largest, end_s) >= 20


@SETTINGS
@given(
    before=st.floats(0.005, 1.5), after=st.floats(0.005, 1.5), slope=slopes(0.01, 2.0), gap_s=st.floats(0.0, 8.0),
    gap_at_s=st.floats(5.0, 40.0),
)  # fmt: skip
def test_any_change_of_motion_is_followed_or_null_with_a_gap_anywhere(before, after, slope, gap_s, gap_at_s):
    true = levels(before, after, slope, 25.0)
    t_us = naive.times_us(MOTION_RATE_HZ, 45.0)
    swing = np.sqrt(2) * true(t_us / 1e6) * np.sin(2 * np.pi * 3.0 * t_us / 1e6)
    x = np.stack([0.6 * swing, 0.8 * swing, np.ones(len(t_us))], axis=1)
    keep = (t_us < gap_at_s * 1e6) | (t_us > (gap_at_s + gap_s) * 1e6)
    _, vitals = run(t_us[keep], x[keep], MOTION_RATE_HZ, channel=Channel.MOTION, until_s=45.0)
    assert good_seconds(vitals, Quantity.MOTION, true, 0.01 + 0.1 * max(before, after), 45.0) >= 20


@PLAIN
@given(per_min=st.floats(-30, 30), level=st.floats(80, 160), after=st.floats(-30, 30), seconds=st.integers(130, 400))
def test_a_forecast_of_any_ramp_is_right_or_absent_and_gone_when_the_ramp_has_turned(per_min, level, after, seconds):
    trends = Trends()
    trends.set_limits({Quantity.SYSTOLIC: Limits(low=(60.0,), high=(180.0,))})
    ramp = level + per_min / 60 * np.arange(seconds)
    turned = ramp[-1] + after / 60 * np.arange(1, SLOPE_S + 1)
    for slope, found, now in (
        (per_min, test_trend.play(list(ramp), trends)[-1], ramp[-1]),
        (after, test_trend.play(list(turned), trends, start=seconds + 1)[-1], turned[-1]),
    ):
        assert found.slope == pytest.approx(slope, abs=1e-6)
        if found.forecast is None:
            continue
        limit = 180.0 if slope > 0 else 60.0
        truth_s = 60 * (limit - now) / slope
        assert found.forecast.limit == limit
        assert 0 <= found.forecast.earliest_s <= truth_s + 1
        assert truth_s <= HORIZON_S + 1
        assert found.forecast.in_s == pytest.approx(truth_s, abs=1.0)


FOLLOWED = {
    Quantity.RESPIRATION_RATE,
    Quantity.PULSE_PRESSURE_VARIATION,
    Quantity.PULSE_RATE_VARIABILITY,
    Quantity.EJECTION_TIME,
    Quantity.STROKE_VOLUME,
    Quantity.CARDIAC_OUTPUT,
    Quantity.SYSTEMIC_VASCULAR_RESISTANCE,
    Quantity.MOTION,
}


def test_every_quantity_is_followed_here_or_beside():
    assert FOLLOWED | test_properties.FOLLOWED == set(Quantity) == set(TIMINGS)
