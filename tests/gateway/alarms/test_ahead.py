"""The limits that a forecast looks out for: the absolute ones of a profile, each on its own side."""

import dsp
from gateway.alarms import forecast_limits
from tests.gateway.alarms.chair import adult, profile, tier


def test_a_forecast_looks_out_for_the_absolute_limits_of_the_default():
    assert forecast_limits(adult()) == {  # clinical.md 2.4; what is relative or counted in beats is not among them
        dsp.Quantity.SPO2: dsp.Limits(low=(92.0, 90.0, 85.0)),
        dsp.Quantity.SYSTOLIC: dsp.Limits(low=(90.0, 80.0), high=(160.0, 180.0)),
        dsp.Quantity.DIASTOLIC: dsp.Limits(high=(100.0, 110.0)),
        dsp.Quantity.MEAN_PRESSURE: dsp.Limits(low=(60.0,)),
        dsp.Quantity.PULSE_RATE: dsp.Limits(low=(50.0,), high=(110.0, 120.0)),
        dsp.Quantity.RESPIRATION_RATE: dsp.Limits(low=(10.0,), high=(30.0,)),
    }


def test_two_conditions_of_one_side_are_both_looked_out_for():
    both = profile(
        systolic_low=[tier("medium", limit=90)],
        systolic_high=[tier("medium", limit=160)],
        systolic_rise=[tier("high", limit=170)],
        mean_low=[tier("high", limit=60)],
        mean_high=[tier("medium", limit=120)],
    )
    assert forecast_limits(both) == {
        dsp.Quantity.SYSTOLIC: dsp.Limits(low=(90,), high=(160, 170)),
        dsp.Quantity.MEAN_PRESSURE: dsp.Limits(low=(60,), high=(120,)),
    }
