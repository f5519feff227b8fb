"""The stated times hold: a step is followed within its latency, an end of the signal within its silence."""

import numpy as np
import pytest

from dsp import TIMINGS, Measured, Quantity
from tests import naive
from tests.dsp.signals import run

RATE_HZ = 125.0
STEP_S = 30.0
BEFORE, AFTER = (120.0, 80.0), (170.0, 110.0)
TOLERANCE_MMHG = 2.0  # a held value is 30 and more off
PRESSURES = (Quantity.SYSTOLIC, Quantity.MEAN_PRESSURE, Quantity.DIASTOLIC)


@pytest.fixture(scope="module", params=[30.0, 66.0, 140.0])
def step(request):
    """Vitals of a pressure that steps, and what is true after the step: of the wave, not of what was published."""
    t_us = naive.times_us(RATE_HZ, 60.0)
    starts = naive.beat_times(60.0, request.param)
    before, after = [naive.pressure_wave(t_us / 1e6, starts, *level) for level in (BEFORE, AFTER)]
    _, vitals = run(t_us, np.where(t_us < STEP_S * 1e6, before, after), RATE_HZ)
    whole = after[(t_us >= 30e6) & (t_us < 58e6)]  # whole cycles of 30/min and 140/min
    return vitals, dict(zip(PRESSURES, (whole.max(), whole.mean(), whole.min()), strict=True))


@pytest.mark.parametrize("quantity", PRESSURES)
def test_a_step_of_pressure_is_followed_within_the_stated_latency(step, quantity):
    vitals, true = step
    late = int(STEP_S + TIMINGS[quantity].latency_us / 1e6) + 1
    for second in range(late, 60):
        reading = vitals[quantity, second]
        if isinstance(reading, Measured):
            assert reading.value == pytest.approx(true[quantity], abs=TOLERANCE_MMHG)
    assert any(isinstance(vitals[quantity, second], Measured) for second in range(late, late + 6))


@pytest.mark.parametrize("quantity", [Quantity.PULSE_RATE, *PRESSURES])
@pytest.mark.parametrize("rate_bpm", [25.0, 70.0])
def test_nothing_is_measured_beyond_the_stated_silence(quantity, rate_bpm):
    t_us = naive.times_us(RATE_HZ, 60.0)
    x = naive.pressure_wave(t_us / 1e6, naive.beat_times(40.2, rate_bpm))
    _, vitals = run(t_us, x + np.random.default_rng(2).normal(0, 0.1, len(x)), RATE_HZ)
    assert isinstance(vitals[quantity, 39], Measured)
    for second in range(int(40.2 + TIMINGS[quantity].silence_us / 1e6) + 1, 60):
        assert not isinstance(vitals[quantity, second], Measured)


def test_every_measured_quantity_has_its_times():
    t_us = naive.times_us(RATE_HZ, 20.0)
    _, vitals = run(t_us, naive.pressure_wave(t_us / 1e6, naive.beat_times(20.0, 70.0)), RATE_HZ)
    measured = {quantity for (quantity, _), reading in vitals.items() if isinstance(reading, Measured)}
    assert measured
    assert measured <= TIMINGS.keys()
