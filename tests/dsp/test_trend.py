"""Trends: medians, slope, distance from the baseline and forecast, against plain ones and under gaps."""

from statistics import median

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dsp import Measured, Quantity, Reason, Unavailable, Vital
from dsp.trend import HORIZON_S, LONG_S, MIDDLE_S, SHORT_S, SLOPE_S, Limits, Trends, forecast_of

SYSTOLIC = Quantity.SYSTOLIC
LOST = Unavailable(reason=Reason.ARTIFACT)


def vital(second, value, quantity=SYSTOLIC, **changes):
    reading = LOST if value is None else Measured(value=value, sqi=0.9, newest_us=0, **changes)
    return Vital(t_us=second * 1_000_000, quantity=quantity, reading=reading)


def play(values, trends=None, start=1):
    """The trend at each second of a course; None is a second without a value."""
    trends = trends or Trends()
    return [trends.feed([vital(start + k, value)]).get(SYSTOLIC) for k, value in enumerate(values)]


def plain(values, second, seconds):
    """The median of the last seconds, None if fewer than half of them count."""
    known = [v for v in values[max(0, second - seconds + 1) : second + 1] if v is not None]
    return median(known) if len(known) >= seconds / 2 else None


@settings(deadline=None, derandomize=True, max_examples=40)
@given(st.lists(st.one_of(st.none(), st.floats(50, 200)), min_size=1, max_size=400))
def test_the_medians_are_those_of_the_measured_seconds(values):
    for second, trend in enumerate(play(values)):
        expected = [plain(values, second, seconds) for seconds in (SHORT_S, MIDDLE_S, LONG_S)]
        if trend is None:
            assert expected == [None, None, None]
        else:
            assert [trend.median_15s, trend.median_1min, trend.median_5min] == pytest.approx(expected)


@settings(deadline=None, derandomize=True, max_examples=25)
@given(st.lists(st.one_of(st.none(), st.floats(50, 200)), min_size=120, max_size=500))
def test_the_slope_is_that_of_the_line_through_them(values):
    for second, trend in enumerate(play(values)):
        if trend is None or trend.slope is None:
            continue
        window = range(max(0, second - SLOPE_S + 1), second + 1)
        known = [(k, values[k]) for k in window if values[k] is not None]
        assert trend.slope == pytest.approx(60 * np.polyfit(*zip(*known, strict=True), 1)[0], abs=1e-6)


def test_without_enough_seconds_there_is_no_trend():
    trends = play([120.0] * 7 + [None] * 100)
    assert trends[:8] == [None] * 8
    assert play([120.0] * 8)[-1].median_15s == 120.0
    assert all(trend is None for trend in trends)


def test_a_doubtful_second_does_not_count_and_an_uncalibrated_one_does():
    trends = Trends()
    for second in range(1, 20):
        doubtful = vital(second, 200.0, reasons=(Reason.MOTION,))
        uncalibrated = vital(second, 97.0, Quantity.SPO2, reasons=(Reason.UNCALIBRATED,))
        found = trends.feed([doubtful, uncalibrated])
    assert SYSTOLIC not in found
    assert found[Quantity.SPO2].median_15s == 97.0


@pytest.mark.parametrize("height", [-40.0, 3.0, 60.0])
def test_a_step_is_in_the_medians_after_half_their_windows(height):
    trends = play([120.0] * 300 + [120.0 + height] * 300)
    assert trends[300 + SHORT_S // 2].median_15s == 120.0 + height
    assert trends[300 + MIDDLE_S // 2].median_1min == 120.0 + height
    assert trends[300 + LONG_S // 2].median_5min == 120.0 + height


@pytest.mark.parametrize("per_min", [-10.0, -0.5, 4.0, 30.0])
def test_a_ramp_is_in_the_slope_within_its_window(per_min):
    ramp = [120.0] * 200 + [120.0 + per_min / 60 * k for k in range(SLOPE_S + 1)]
    trends = play(ramp)
    assert trends[-1].slope == pytest.approx(per_min, rel=1e-6)
    assert trends[199].slope == pytest.approx(0.0, abs=1e-9)


def test_the_distance_is_from_the_given_baseline():
    trends = Trends()
    assert play([130.0] * 60, trends)[-1].from_baseline is None
    trends.set_baseline({SYSTOLIC: 118.0})
    assert play([130.0], trends, start=61)[-1].from_baseline == pytest.approx(12.0)
    trends.restart()
    assert play([130.0], trends, start=62) == [None]


def test_a_gap_of_any_length_leaves_the_seconds_out():
    trends = Trends()
    play([100.0] * 100, trends)
    assert play([150.0] * 8, trends, start=1000)[-1].median_15s == 150.0
    assert play([150.0], trends, start=1008)[-1].median_1min is None


def test_another_unit_begins_another_trend():
    trends = Trends()
    for second in range(1, 100):
        trends.feed([vital(second, 100.0, Quantity.CARDIAC_OUTPUT, is_relative=True, reasons=(Reason.UNCALIBRATED,))])
    trends.set_baseline({Quantity.CARDIAC_OUTPUT: 5.0})
    relative = vital(100, 100.0, Quantity.CARDIAC_OUTPUT, is_relative=True, reasons=(Reason.UNCALIBRATED,))
    assert trends.feed([relative])[Quantity.CARDIAC_OUTPUT].from_baseline is None  # per cent less L/min is nothing
    assert trends.feed([vital(101, 5.2, Quantity.CARDIAC_OUTPUT)]) == {}
    for second in range(102, 200):
        found = trends.feed([vital(second, 5.2, Quantity.CARDIAC_OUTPUT)])
    assert found[Quantity.CARDIAC_OUTPUT].from_baseline == pytest.approx(0.2)


def test_values_of_a_baseline_that_is_taken_anew_are_forgotten_and_the_others_are_not():
    trends = Trends()
    for second in range(1, 100):
        relative = vital(second, 100.0, Quantity.CARDIAC_OUTPUT, is_relative=True, reasons=(Reason.UNCALIBRATED,))
        trends.feed([relative, vital(second, 120.0)])
    trends.forget_relative()
    assert trends.feed([vital(100, None, Quantity.CARDIAC_OUTPUT), vital(100, 120.0)]).keys() == {SYSTOLIC}


def noisy_ramp(per_min, seconds=400, seed=1):
    noise = np.random.default_rng(seed).normal(0, 1.5, seconds // 8 + 1).repeat(8)[:seconds]  # 8 s share their beats
    return [140.0 + per_min / 60 * k + noise[k] for k in range(seconds)]


def test_a_forecast_says_when_a_steady_rise_reaches_its_limit():
    trends = Trends()
    trends.set_limits({SYSTOLIC: Limits(low=(90.0,), high=(160.0, 200.0, 180.0))})
    forecast = play(noisy_ramp(4.0), trends)[-1].forecast
    truth_s = (180.0 - 140.0 - 4.0 / 60 * 399) / 4.0 * 60
    assert forecast.limit == 180.0
    assert forecast.earliest_s <= truth_s <= forecast.latest_s
    assert forecast.in_s == pytest.approx(truth_s, rel=0.15)
    assert forecast.confidence > 0.95


@pytest.mark.parametrize("seed", range(20))
def test_a_level_with_noise_hardly_ever_has_a_forecast(seed):
    trends = Trends()
    trends.set_limits({SYSTOLIC: Limits(low=(90.0,), high=(180.0,))})
    found = [trend.forecast for trend in play(noisy_ramp(0.0, 600, seed), trends) if trend is not None]
    assert found.count(None) == len(found)


@pytest.mark.parametrize(
    ("now", "slope", "limits"),
    [
        (120.0, 0.0, Limits(high=(180.0,))),  # no way to go
        (120.0, 0.1, Limits(low=(90.0,))),  # away from the only limit
        (185.0, 0.1, Limits(high=(180.0,))),  # beyond already: that is the alarm's
        (120.0, 59.9 / HORIZON_S, Limits(high=(180.0,))),  # too far off
    ],
)
def test_there_is_no_forecast_where_there_is_none_to_make(now, slope, limits):
    assert forecast_of(now, slope, 0.0, limits) is None


def test_an_uncertain_slope_has_no_latest_time():
    forecast = forecast_of(175.0, 0.1, 0.09, Limits(high=(180.0,)))
    assert forecast.latest_s is None
    assert forecast.confidence < 0.9
    assert forecast_of(175.0, 0.1, 0.3, Limits(high=(180.0,))) is None
