"""The quantities that look back on many beats, on whole signals: any cut, any gap, any garbage, a simulated patient."""

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dsp import Channel, Measured, MonitorConfig, Quantity, Reason, Tick, Vital, VitalsMonitor
from dsp.channel import Summary
from dsp.window import Window
from hil.patient import Patient
from tests import naive
from tests.dsp.signals import block, run

RATE_HZ = 125.0
DURATION_S = 150
SLOW = (
    Quantity.RESPIRATION_RATE,
    Quantity.PULSE_PRESSURE_VARIATION,
    Quantity.STROKE_VOLUME,
    Quantity.CARDIAC_OUTPUT,
    Quantity.SYSTEMIC_VASCULAR_RESISTANCE,
    Quantity.EJECTION_TIME,
    Quantity.PULSE_RATE_VARIABILITY,
)


@cache
def signal():
    t_us = naive.times_us(RATE_HZ, DURATION_S)
    return t_us, naive.breathing_wave(t_us / 1e6, 72.0, 14.0)[0]


def vitals_of(cuts, late_s):
    """All vitals of the signal, cut into blocks at the given samples; ticks come so many seconds late."""
    t_us, x = signal()
    monitor = VitalsMonitor(MonitorConfig(pressure_rate_hz=RATE_HZ))
    events = []
    for part in naive.spans(len(t_us), cuts):
        events += monitor.feed(block(t_us[part], x[part]))
        second = int(t_us[part.stop - 1]) // 1_000_000 - late_s
        if second > 0:
            events += monitor.feed(Tick(t_us=second * 1_000_000))
    events += monitor.feed(Tick(t_us=DURATION_S * 1_000_000))
    return [event for event in events if isinstance(event, Vital)]


@cache
def whole():
    return vitals_of(list(range(0, len(signal()[0]), 125)), 0)


@settings(deadline=None, derandomize=True, max_examples=5)
@given(st.lists(st.integers(0, 150 * 125), min_size=1, max_size=60), st.integers(0, 12))
def test_any_cut_and_any_late_tick_give_equal_bits(cuts, late_s):
    assert vitals_of(cuts, late_s) == whole()


def test_the_whole_signal_has_every_slow_quantity():
    measured = {vital.quantity for vital in whole() if isinstance(vital.reading, Measured)}
    assert set(SLOW) - measured == set()


@settings(deadline=None, derandomize=True, max_examples=6)
@given(st.lists(st.tuples(st.floats(5, 140), st.floats(0.05, 40)), min_size=1, max_size=4))
def test_a_gap_anywhere_leaves_the_value_right_or_away(gaps):
    t_us, x = signal()
    keep = np.ones(len(t_us), bool)
    for start_s, length_s in gaps:
        keep &= (t_us < start_s * 1e6) | (t_us > (start_s + length_s) * 1e6)
    _, vitals = run(t_us[keep], x[keep], RATE_HZ, until_s=DURATION_S)
    truth = {vital.quantity: vital.reading.value for vital in whole()[-14:] if isinstance(vital.reading, Measured)}
    bounds = {
        Quantity.RESPIRATION_RATE: 1.5,
        Quantity.PULSE_PRESSURE_VARIATION: 2.5,
        Quantity.STROKE_VOLUME: 5,
        Quantity.CARDIAC_OUTPUT: 5,
        Quantity.SYSTEMIC_VASCULAR_RESISTANCE: 5,
        Quantity.EJECTION_TIME: 15,
        Quantity.PULSE_RATE_VARIABILITY: 6,
    }
    for (quantity, second), reading in vitals.items():
        if quantity in bounds and isinstance(reading, Measured):
            assert reading.value == pytest.approx(truth[quantity], abs=bounds[quantity]), (quantity, second)


GARBAGE = {
    "nan": lambda t, _: np.full(len(t), np.nan),
    "infinite": lambda t, r: np.where(r.random(len(t)) < 0.5, np.inf, -np.inf),
    "constant": lambda t, _: np.full(len(t), 93.0),
    "white": lambda t, r: r.normal(90, 15, len(t)),
    "brown": lambda t, r: 90 + np.cumsum(r.normal(0, 1, len(t))),
    "huge": lambda t, r: r.normal(0, 1e12, len(t)),
    "steps": lambda t, r: np.repeat(r.choice([0.0, 300.0], len(t) // 25 + 1), 25)[: len(t)],
    "hum": lambda t, _: 90 + 20 * np.sin(2 * np.pi * 50 * t / 1e6),
}


@pytest.mark.parametrize("kind", GARBAGE)
@pytest.mark.parametrize("channel", [Channel.PRESSURE, Channel.PLETH])
def test_garbage_is_never_measured_without_doubt(kind, channel):
    t_us = naive.times_us(RATE_HZ, 140)
    x = GARBAGE[kind](t_us, np.random.default_rng(7))
    _, vitals = run(t_us, x, RATE_HZ, channel=channel)
    wrong = [key for key, r in vitals.items() if key[0] in SLOW and isinstance(r, Measured) and r.sqi >= 0.5]
    assert wrong == []


@pytest.mark.parametrize("seed", [1, 2])
def test_a_simulated_patient_is_measured_as_it_breathes(seed):
    patient = Patient(seed)
    t_us = naive.times_us(RATE_HZ, 240)
    x = np.concatenate([patient.pressure(part) for part in np.split(t_us, 24)])
    _, vitals = run(t_us, x, RATE_HZ)
    errors, answered = [], 0
    for second in range(80, 240):
        reading = vitals[Quantity.RESPIRATION_RATE, second]
        if isinstance(reading, Measured):
            answered += 1
            errors.append(abs(reading.value - 14.0))  # breaths last 6 % more or less
    assert answered > 120
    assert np.median(errors) < 0.7
    assert np.percentile(errors, 90) < 2.0
    ejection = vitals[Quantity.EJECTION_TIME, 200].value
    assert 250 < ejection < 420  # 294 ms of its valve, and the dicrotic wave after it
    outputs = [r.value for s in range(150, 240) if isinstance(r := vitals[Quantity.CARDIAC_OUTPUT, s], Measured)]
    assert np.mean(outputs) == pytest.approx(100, abs=6)


def test_what_is_doubtful_about_a_window_is_doubtful_about_what_is_made_of_it():
    t_us, x = signal()
    monitor = VitalsMonitor(MonitorConfig(pressure_rate_hz=RATE_HZ))
    monitor.feed(block(t_us, x))
    monitor.feed(Tick(t_us=149_000_000))
    channel = monitor._channels[Channel.PRESSURE]
    doubtful = channel.summary(150_000_000).doubted(Reason.ARTIFACT)
    absent = Summary(t_us=150_000_000, pulses=Window(), unavailable=Reason.NO_CHANNEL)
    readings = monitor._derived.readings(doubtful, absent, is_moving=False)
    for quantity in SLOW:
        assert Reason.ARTIFACT in readings[quantity].reasons
        assert readings[quantity].sqi < 0.5
