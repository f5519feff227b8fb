"""What is about the newest beats is doubted while a window holds them; rates without order; light that is not blood."""

import numpy as np
import pytest

from dsp import Measured, Quantity, Reason
from dsp.cycles import LEAST_USUAL
from dsp.doubt import LINGERING_SECONDS, Lingering
from dsp.oximetry import MOVED_US, before
from tests import naive
from tests.dsp.optics import finger, watch
from tests.dsp.signals import run

RATE_HZ = 125.0
WINDOW_S = 8


def found_at(seconds, until, **options):
    """The seconds in which a doubt stands that was found in those."""
    doubt = Lingering(**options)
    return [s for s in range(1, until) if doubt.stands(s * 1_000_000, is_found=s in seconds)]


def test_a_doubt_stands_until_the_window_holds_less_than_three_seconds_of_it():
    assert found_at({10}, 40) == [10]
    assert found_at({10, 11}, 40) == [10, 11]
    assert found_at({10, 11, 12}, 40) == list(range(10, 12 + WINDOW_S - LINGERING_SECONDS + 1))
    assert found_at({10}, 40, least=1) == list(range(10, 10 + WINDOW_S))


def test_from_the_fourth_second_on_a_saturation_is_compared_in_every_second():
    values = [(second * 1_000_000, float(second)) for second in range(1, 90)]
    for count in range(LEAST_USUAL, len(values)):
        now_us = values[count][0]
        compared = before(values[:count], now_us)
        assert len(compared) >= LEAST_USUAL, count
        assert max(compared) <= max(LEAST_USUAL, count // 2, now_us / 1e6 - 30), count


def ringing(t_us, x):
    after_s = np.arange(0, 0.6, 1 / RATE_HZ)
    response = np.exp(-0.1 * 2 * np.pi * 8 * after_s) * np.sin(2 * np.pi * 8 * after_s)
    rung = np.convolve(x - 90, response / response.sum())[: len(x)] + 90
    return np.where((t_us > 35_000_000) & (t_us < 50_000_000), rung, x)


def smoothed(t_us, x):
    width = round(0.4 * RATE_HZ)
    damped = np.convolve(x, np.ones(width) / width)[: len(x)]
    return np.where((t_us > 35_000_000) & (t_us < 50_000_000), damped, x)


@pytest.mark.parametrize("disturb", [ringing, smoothed])
@pytest.mark.parametrize("rate_bpm", [48.0, 72.0, 110.0])
def test_no_pressure_of_a_line_that_was_wrong_meanwhile_is_good(disturb, rate_bpm):
    t_us = naive.times_us(RATE_HZ, 80.0)
    x = naive.pressure_wave(t_us / 1e6, naive.beat_times(80.0, rate_bpm))
    _, vitals = run(t_us, disturb(t_us, x), RATE_HZ)
    for quantity, truth in ((Quantity.SYSTOLIC, 120), (Quantity.DIASTOLIC, 80)):
        for second in range(20, 80):
            reading = vitals[quantity, second]
            if isinstance(reading, Measured) and reading.sqi >= 0.5:
                assert reading.value == pytest.approx(truth, abs=5), (quantity, second)
        assert all(vitals[quantity, second].sqi >= 0.5 for second in [*range(20, 35), *range(68, 80)])


def test_an_offset_of_both_lights_is_doubted_with_what_is_made_of_it_and_the_rate_is_not():
    t_us, infrared, red = finger(92.0, 70.0, noise=4.0)
    more = np.where((t_us > 30_000_000) & (t_us < 40_000_000), 65_536.0, 0.0)
    _, vitals = watch(t_us, infrared - more, red - more)
    wrong = {Quantity.SPO2: 0, Quantity.PERFUSION_INDEX: 0}
    for quantity, truth, tolerance in ((Quantity.SPO2, 92.0, 2.0), (Quantity.PERFUSION_INDEX, 2.0, 0.5)):
        for second in range(20, 70):
            reading = vitals[quantity, second]
            if isinstance(reading, Measured) and abs(reading.value - truth) > tolerance:
                wrong[quantity] += 1
                assert reading.sqi < 0.5, (quantity, second)
    assert min(wrong.values()) >= 3
    assert vitals[Quantity.PULSE_RATE, 38].sqi >= 0.5


def test_a_first_pulse_that_moves_both_lights_alike_is_doubted_for_half_a_minute():
    _, vitals = watch(*finger(85.0, 60.0, noise=4.0))
    first = next(s for s in range(1, 60) if isinstance(vitals[Quantity.SPO2, s], Measured))
    for second in range(first, first + MOVED_US // 1_000_000):
        reading = vitals[Quantity.PULSE_RATE, second]
        assert set(reading.reasons) & {Reason.ARTIFACT, Reason.LEARNING}
        assert reading.sqi < 0.5
    assert vitals[Quantity.PULSE_RATE, 55].reasons == ()


def test_a_first_pulse_of_blood_is_not_doubted():
    _, vitals = watch(*finger(92.0, 30.0, noise=4.0))
    assert all(vitals[Quantity.PULSE_RATE, second].reasons == () for second in range(12, 30))


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("rate_bpm", [50.0, 80.0, 115.0])
def test_the_rate_of_a_pulse_without_order_is_that_of_its_intervals_or_doubted(seed, rate_bpm):
    random = np.random.default_rng(seed)
    starts = 0.3 + np.cumsum(60 / rate_bpm * np.clip(random.normal(1, 0.15, 150), 0.6, 1.5))
    t_us = naive.times_us(RATE_HZ, 60.0)
    x = naive.pressure_wave(t_us / 1e6, starts) + random.normal(0, 0.2, len(t_us))
    _, vitals = run(t_us, x, RATE_HZ)
    for second in range(15, 60):
        reading = vitals[Quantity.PULSE_RATE, second]
        if not isinstance(reading, Measured) or reading.sqi < 0.5:
            continue
        upslopes = starts + naive.UPSLOPE_S
        rates = []
        for late_s in (0.0, 0.5, 1.0):  # the newest pulse is known up to so late
            seen = upslopes[(upslopes > second - WINDOW_S) & (upslopes <= second - late_s)]
            rates.append(60 * (len(seen) - 1) / (seen[-1] - seen[0]))
        assert min(abs(reading.value - rate) for rate in rates) < 5, second
