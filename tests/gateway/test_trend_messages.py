"""Trends and details as they stand on the wire, and the limits that forecasts look out for."""

import dsp
from gateway.alarm_profiles import load_profile
from gateway.alarms import forecast_limits
from gateway.payloads import ForecastValue, TrendValue, value_of


def test_a_trend_stands_beside_its_value():
    forecast = dsp.Forecast(limit=180.0, in_s=239.6, earliest_s=200.2, latest_s=None, confidence=0.912)
    trend = dsp.Trend(
        median_15s=150.126, median_1min=149.0, median_5min=None, slope=7.456, from_baseline=31.0, forecast=forecast
    )
    vital = dsp.Vital(t_us=0, quantity=dsp.Quantity.SYSTOLIC, reading=dsp.Measured(value=151.0, sqi=0.9, newest_us=0))
    assert value_of(vital, trend).trend == TrendValue(
        median_15s=150.13,
        median_1min=149.0,
        median_5min=None,
        slope_per_min=7.46,
        from_baseline=31.0,
        forecast=ForecastValue(limit=180.0, in_s=240, earliest_s=200, latest_s=None, confidence=0.91),
    )
    assert value_of(vital, trend).trend.forecast.advisory
    assert value_of(vital).trend is None


def test_a_relative_value_has_its_own_unit_and_details_have_theirs():
    relative = dsp.Measured(value=104.0, sqi=0.9, newest_us=0, is_relative=True, reasons=(dsp.Reason.UNCALIBRATED,))
    output = value_of(dsp.Vital(t_us=0, quantity=dsp.Quantity.CARDIAC_OUTPUT, reading=relative))
    assert (output.unit, output.validity, output.details) == ("%{baseline}", "uncalibrated", {})
    varied = dsp.Measured(value=31.0, sqi=0.9, newest_us=0, details=((dsp.Detail.SDNN_MS, 44.04),))
    variability = value_of(dsp.Vital(t_us=0, quantity=dsp.Quantity.PULSE_RATE_VARIABILITY, reading=varied))
    assert (variability.unit, variability.details) == ("ms", {"sdnn_ms": 44.0})


def test_forecasts_look_out_for_the_absolute_limits_of_the_profile():
    profile = load_profile("adult")
    limits = forecast_limits(profile)
    for name, side in (("systolic-high", "high"), ("systolic-low", "low"), ("spo2-low", "low")):
        condition = next(c for c in profile.conditions if c.value == name)
        expected = {tier.limit for tier in profile.tiers(condition) if tier.limit is not None}
        quantity = dsp.Quantity.SPO2 if name.startswith("spo2") else dsp.Quantity.SYSTOLIC
        assert expected <= set(getattr(limits[quantity], side))
