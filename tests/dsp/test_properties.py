"""Any step, ramp, gap and rubbish: followed within the stated latency or no value; never held, never made up."""

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from bench.campaign_noise import watched
from dsp import Channel, Measured, Quantity
from dsp.oximetry import KNOWN_PCT
from hil.noise import COLOURS
from tests import naive
from tests.dsp import followed
from tests.dsp.optics import finger, watch
from tests.dsp.signals import accepted, run

RATE_HZ = 125.0
PRESSURES = (Quantity.SYSTOLIC, Quantity.DIASTOLIC, Quantity.MEAN_PRESSURE)
CHANGE_S, END_S = 25.0, 45.0
PHASES = (Phase.explicit, Phase.generate)  # a smaller example would cost minutes
SETTINGS = settings(deadline=None, max_examples=6, derandomize=True, database=None, phases=PHASES)


FOLLOWED = {Quantity.PULSE_RATE, Quantity.SPO2, Quantity.PERFUSION_INDEX, *PRESSURES}  # the others beside


def levels(before, after, slope):
    return followed.levels(before, after, slope, CHANGE_S)


def good_seconds(vitals, quantity, true, tolerance):
    return followed.good_seconds(vitals, quantity, true, tolerance, END_S)


def beats_at(rate_of, duration_s):
    """Starts of beats whose rate is a function of time."""
    times, t = [], 0.3
    while t < duration_s:
        times.append(t)
        t += 60 / float(rate_of(t))
    return np.array(times)


def wave(starts, systolic, diastolic, seed=0):
    """Pulses between two pressures that are functions of time."""
    t_us = naive.times_us(RATE_HZ, END_S)
    t_s = t_us / 1e6
    unit = naive.pressure_wave(t_s, starts, 1.0, 0.0)
    low, high = diastolic(t_s), systolic(t_s)
    return t_us, low + (high - low) * unit + np.random.default_rng(seed).normal(0, 0.2, len(t_us))


SLOPES = st.one_of(st.none(), st.floats(0.5, 30.0))


@SETTINGS
@given(before=st.floats(60, 200), after=st.floats(45, 220), share=st.floats(0.45, 0.75), slope=SLOPES)
def test_any_change_of_pressure_is_followed_or_null(before, after, share, slope):
    systolic = levels(before, after, slope)

    def diastolic(t_s):
        return share * systolic(t_s)

    t_us, x = wave(naive.beat_times(END_S, 72.0), systolic, diastolic)
    _, vitals = run(t_us, x, RATE_HZ, until_s=END_S)
    assert good_seconds(vitals, Quantity.SYSTOLIC, systolic, 3.0) >= 10
    assert good_seconds(vitals, Quantity.DIASTOLIC, diastolic, 3.0) >= 10
    mean = naive.pressure_wave(t_us / 1e6, naive.beat_times(END_S, 72.0), 1.0, 0.0)[1000:-1000].mean()

    def mean_pressure(t_s):
        return diastolic(t_s) + mean * (systolic(t_s) - diastolic(t_s))

    assert good_seconds(vitals, Quantity.MEAN_PRESSURE, mean_pressure, 4.0) >= 10


@SETTINGS
@given(before=st.floats(40, 170), after=st.floats(35, 180), slope=SLOPES)
def test_any_change_of_rate_is_followed_or_null(before, after, slope):
    rate = levels(before, after, slope)
    t_us, x = wave(beats_at(rate, END_S), lambda t: 120.0 + 0 * t, lambda t: 75.0 + 0 * t)
    _, vitals = run(t_us, x, RATE_HZ, until_s=END_S)
    assert good_seconds(vitals, Quantity.PULSE_RATE, rate, 3.0) >= 10


@SETTINGS
@given(before=st.floats(72, 99.5), after=st.floats(72, 99.5), slope=st.one_of(st.none(), st.floats(0.3, 10.0)))
def test_any_change_of_saturation_is_followed_or_null(before, after, slope):
    truth = levels(before, after, slope)
    light = finger(truth(np.arange(int(END_S * 100)) / 100), END_S, noise=4.0)
    _, vitals = watch(*light)
    good = good_seconds(vitals, Quantity.SPO2, truth, 1.5)
    assert sum(isinstance(vitals[Quantity.SPO2, second], Measured) for second in range(1, int(END_S) + 1)) >= 30
    assert good >= 8 or before < KNOWN_PCT  # a first saturation below may be that of swapped lights: doubted


@SETTINGS
@given(before=st.floats(0.6, 8.0), after=st.floats(0.6, 8.0), slope=st.one_of(st.none(), st.floats(0.1, 3.0)))
def test_any_change_of_perfusion_is_followed_or_null(before, after, slope):
    truth = levels(before, after, slope)
    share = truth(np.arange(int(END_S * 100)) / 100)
    t_us, infrared, red = finger(96.0, END_S, perfusion_pct=1.0)
    dc = np.array([[infrared.max()], [red.max()]])
    lights = np.rint(dc * np.exp(share * np.log(np.stack([infrared, red]) / dc)))
    _, vitals = watch(t_us, *lights)
    assert good_seconds(vitals, Quantity.PERFUSION_INDEX, truth, 0.15 * max(before, after)) >= 15


@SETTINGS
@given(gaps=st.lists(st.tuples(st.floats(1, 44), st.floats(0.01, 12)), min_size=1, max_size=5))
def test_gaps_of_any_length_and_place_hold_nothing(gaps):
    t_us, x = wave(naive.beat_times(END_S, 80.0), lambda t: 118.0 + 0 * t, lambda t: 74.0 + 0 * t)
    keep = np.ones(len(t_us), bool)
    for start_s, length_s in gaps:
        keep &= (t_us < start_s * 1e6) | (t_us > (start_s + length_s) * 1e6)
    _, vitals = run(t_us[keep], x[keep], RATE_HZ, until_s=END_S)
    for second in range(1, int(END_S) + 1):
        newest = t_us[keep & (t_us <= second * 1_000_000)]
        is_old = not len(newest) or second * 1_000_000 - newest[-1] > 3_000_000
        for quantity, truth, tolerance in ((Quantity.PULSE_RATE, 80, 2), (Quantity.SYSTOLIC, 118, 2)):
            reading = vitals[quantity, second]
            assert not (is_old and isinstance(reading, Measured)), (quantity, second)
            if isinstance(reading, Measured):
                assert reading.value == pytest.approx(truth, abs=tolerance), (quantity, second)


@SETTINGS
@given(
    gaps=st.lists(
        st.tuples(st.floats(1, 44), st.floats(0.01, 12), st.sampled_from([(0,), (1,), (0, 1)])), min_size=1, max_size=4
    )
)
def test_gaps_in_either_light_hold_no_saturation(gaps):
    t_us, *lights = finger(95.0, END_S, noise=4.0)
    for start_s, length_s, where in gaps:
        for light in where:
            lights[light][(t_us > start_s * 1e6) & (t_us <= (start_s + length_s) * 1e6)] = np.nan
    _, vitals = watch(t_us, *lights)
    for second in range(1, int(END_S) + 1):
        now_us = second * 1_000_000
        newest_us = [max(t_us[np.isfinite(light) & (t_us <= now_us)], default=0) for light in lights]
        for quantity, of, truth, tolerance in (
            (Quantity.SPO2, min(newest_us), 95.0, 1.0),
            (Quantity.PERFUSION_INDEX, newest_us[0], 2.0, 0.3),
            (Quantity.PULSE_RATE, newest_us[0], 72.0, 2.0),
        ):
            reading = vitals[quantity, second]
            assert not (now_us - of > 3_000_000 and isinstance(reading, Measured)), (quantity, second)
            if isinstance(reading, Measured):
                assert reading.value == pytest.approx(truth, abs=tolerance), (quantity, second)


RUBBISH = st.sampled_from([np.nan, np.inf, -np.inf, 0.0, 1e308, -1e308, 1e-300, 300.0])


@SETTINGS
@given(
    values=st.lists(st.one_of(RUBBISH, st.floats(allow_nan=True, allow_infinity=True)), min_size=1, max_size=40),
    repeats=st.integers(1, 400),
    channel=st.sampled_from([Channel.PLETH, Channel.PRESSURE]),
)
@pytest.mark.filterwarnings("ignore:overflow", "ignore:invalid value")
def test_rubbish_never_crashes_and_never_is_a_value(values, repeats, channel):
    x = np.repeat(np.array(values), repeats)[:2500]
    t_us = naive.times_us(RATE_HZ, len(x) / RATE_HZ)
    beats, vitals = run(t_us, x, RATE_HZ, channel=channel, until_s=24)
    assert not accepted(beats)
    assert not any(isinstance(reading, Measured) for reading in vitals.values())


@SETTINGS
@given(
    values=st.lists(st.tuples(RUBBISH, RUBBISH, RUBBISH), min_size=1, max_size=40),
    repeats=st.integers(1, 100),
)
@pytest.mark.filterwarnings("ignore:overflow", "ignore:invalid value")
def test_rubbish_is_no_movement(values, repeats):
    x = np.repeat(np.array(values), repeats, axis=0)[:1200]
    t_us = naive.times_us(50.0, len(x) / 50.0)
    _, vitals = run(t_us, x, 50.0, channel=Channel.MOTION, until_s=24)
    assert not any(isinstance(reading, Measured) for reading in vitals.values())


# Noise has no pulse


@pytest.mark.parametrize("channel", [Channel.PLETH, Channel.PRESSURE])
@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize("rate_hz", [50.0, 125.0])
def test_noise_of_any_colour_has_no_beat(colour, channel, rate_hz):
    minutes = 4  # thirty in make campaign-noise
    found = watched(colour, channel, rate_hz, seed=0, minutes=minutes)
    assert found.good == 0
    assert found.beats == 0
