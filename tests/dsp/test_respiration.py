"""Respiration rate: its spectrum, what it follows, and what it does not take for breathing."""

import numpy as np
import pytest

from dsp import TIMINGS, Channel, Measured, Quantity, Reason, Unavailable
from dsp import pulse_log as columns
from dsp.kernels import respiration as kernel
from dsp.respiration import WINDOW_US, Respiration
from tests import naive
from tests.dsp.signals import run
from tests.dsp.tables import Table, summary_of, table

RATE_HZ = 125.0
RESPIRATION = Quantity.RESPIRATION_RATE


def reading_of(rows, *, respiration=None, is_moving=False):
    return (respiration or Respiration()).reading(summary_of(rows), Table(rows), is_moving=is_moving)


def breathing(breaths_bpm, *, count=120, depth=0.1, noise=0.0):
    """Rows whose foot and top move with breathing."""
    random = np.random.default_rng(1)
    t_s = 0.8 * np.arange(1, count + 1)
    breath = np.sin(2 * np.pi * breaths_bpm / 60 * t_s)
    intervals = np.full(count, 0.8) + random.normal(0, 0.003, count)
    foot = depth * breath + random.normal(0, noise, count)
    return table(intervals, foot=foot, top=foot + random.normal(0, noise, count))


def test_the_transform_is_the_fourier_transform():
    random = np.random.default_rng(1)
    real, imaginary = random.normal(size=(2, kernel.POINTS))
    expected = np.fft.fft(real + 1j * imaginary)
    respiration = Respiration()
    kernel.transform(real, imaginary, respiration._cosines, respiration._sines, respiration._order)
    np.testing.assert_allclose(real + 1j * imaginary, expected, atol=1e-9)


def test_two_real_series_share_one_transform():
    random = np.random.default_rng(2)
    a, b = random.normal(size=(2, kernel.POINTS))
    expected = [np.abs(np.fft.fft(x)) ** 2 * np.arange(kernel.POINTS) for x in (a, b)]
    respiration = Respiration()
    kernel.transform(a, b, respiration._cosines, respiration._sines, respiration._order)
    kernel.to_spectra(a, b)
    for got, want in zip((a, b), expected, strict=True):
        np.testing.assert_allclose(got[1 : kernel.POINTS // 2] / 4, want[1 : kernel.POINTS // 2], atol=1e-6)


@pytest.mark.parametrize("breaths_bpm", [6.0, 9.0, 12.0, 15.0, 20.0, 26.0, 32.0])
@pytest.mark.parametrize("noise", [0.0, 0.05])
def test_the_rate_of_the_modulation_is_measured(breaths_bpm, noise):
    reading = reading_of(breathing(breaths_bpm, noise=noise))
    assert isinstance(reading, Measured)
    assert not reading.reasons
    assert reading.value == pytest.approx(breaths_bpm, abs=0.6)


def test_half_a_window_gives_a_first_value_and_less_none():
    assert reading_of(breathing(15.0, count=44)).value == pytest.approx(15, abs=1)
    short = reading_of(breathing(15.0, count=38))
    assert (short.reason, short.validity.value) == (Reason.LEARNING, "unavailable")


@pytest.mark.parametrize("breaths_bpm", [34.0, 36.0, 39.0, 40.0])
def test_breathing_near_half_the_pulse_rate_is_never_given_as_something_slower(breaths_bpm):
    reading = reading_of(breathing(breaths_bpm))  # the pulse is 75/min
    assert isinstance(reading, Unavailable) or reading.value == pytest.approx(breaths_bpm, abs=1)


def test_a_still_pulse_has_no_breathing():
    for rows in (table(np.full(120, 0.8)), breathing(15.0, depth=0.001)):
        assert reading_of(rows).reason is Reason.BREATHING_UNCLEAR


@pytest.mark.parametrize(("colour", "most"), [("white", 0.05), ("pink", 0.12)])
def test_noise_is_hardly_ever_measured_without_doubt(colour, most):
    random = np.random.default_rng(4)
    trusted = 0
    for _ in range(200):
        noise = random.normal(size=(4, 128))
        if colour == "pink":
            spectrum = np.fft.rfft(noise)
            spectrum[:, 1:] /= np.sqrt(np.arange(1, 65))
            noise = np.fft.irfft(spectrum)
        rows = table(0.8 + 0.02 * noise[0], foot=0.1 * noise[1], top=0.1 * noise[2], rise=0.01 * noise[3])
        reading = reading_of(rows)
        trusted += isinstance(reading, Measured) and not reading.reasons
    assert trusted / 200 <= most


@pytest.mark.parametrize("every", [3, 4, 5])
def test_a_regular_extrasystole_is_not_a_breath(every):
    random = np.random.default_rng(5)
    is_early = np.arange(150) % every == 0
    intervals = np.where(is_early, 0.5, np.where(np.roll(is_early, 1), 1.1, 0.8)) + random.normal(0, 0.005, 150)
    t_s = np.cumsum(intervals)
    breath = 0.05 * np.sin(2 * np.pi * 14 / 60 * t_s)
    usual = np.where(is_early | np.roll(is_early, 1), 0.0, 1.0)
    rows = table(intervals, foot=breath + 0.3 * is_early, top=breath - 0.4 * is_early, usual=usual)
    reading = reading_of(rows)
    assert isinstance(reading, Unavailable) or reading.value == pytest.approx(14, abs=1)


def test_a_break_begins_the_series_anew():
    rows = breathing(15.0, count=200)
    rows[100:, columns.UPSLOPE_US] += 5e6
    rows[100, columns.INTERVAL_US] = np.nan
    assert reading_of(rows[:130]).reason is Reason.LEARNING
    assert reading_of(rows[:160]).value == pytest.approx(15, abs=1)


def test_many_missing_pulses_leave_no_value():
    rows = breathing(15.0)
    keep = np.arange(len(rows)) % 5 != 0
    rows[1:, columns.INTERVAL_US][~keep[:-1]] = np.nan
    assert reading_of(rows[keep]).reason is Reason.ARTIFACT


def test_a_rate_that_jumps_is_questionable():
    respiration = Respiration()
    before = reading_of(breathing(12.0), respiration=respiration)
    after = reading_of(breathing(20.0), respiration=respiration)
    assert not before.reasons
    assert after.reasons == (Reason.BREATHING_UNCLEAR,)
    assert after.sqi < 0.6


def test_movement_makes_it_questionable():
    respiration = Respiration()
    rows = breathing(15.0, count=140)
    for count in range(120, 140):
        reading = reading_of(rows[:count], respiration=respiration, is_moving=True)
    assert reading.reasons == (Reason.MOTION,)


@pytest.mark.parametrize(("before", "after"), [(12.0, 24.0), (26.0, 10.0), (15.0, 20.0)])
def test_a_change_of_the_rate_is_followed_within_the_stated_latency(before, after):
    t_us = naive.times_us(RATE_HZ, 240.0)
    first, _ = naive.breathing_wave(t_us / 1e6, 80.0, before)
    second, starts = naive.breathing_wave(t_us / 1e6, 80.0, after, seed=1)
    change = starts[starts > 100.0][0]
    _, vitals = run(t_us, np.where(t_us < change * 1e6, first, second), RATE_HZ)
    assert vitals[RESPIRATION, 95].value == pytest.approx(before, abs=1)
    late = int(change + TIMINGS[RESPIRATION].latency_us / 1e6) + 1
    for second_of in range(late, 240):
        assert vitals[RESPIRATION, second_of].value == pytest.approx(after, abs=1)
    between = [vitals[RESPIRATION, s] for s in range(101, late)]
    wrong = [r for r in between if isinstance(r, Measured) and min(abs(r.value - before), abs(r.value - after)) > 2]
    assert all(r.reasons for r in wrong)


def test_breathing_that_stops_is_never_called_a_rate_of_nothing():
    t_us = naive.times_us(RATE_HZ, 240.0)
    first, _ = naive.breathing_wave(t_us / 1e6, 80.0, 15.0)
    still, starts = naive.breathing_wave(t_us / 1e6, 80.0, 15.0, depth=0.0)
    change = starts[starts > 100.0][0]
    _, vitals = run(t_us, np.where(t_us < change * 1e6, first, still), RATE_HZ)
    for second in range(int(change + TIMINGS[RESPIRATION].latency_us / 1e6) + 1, 240):
        reading = vitals[RESPIRATION, second]
        assert isinstance(reading, Unavailable) or reading.reasons


@pytest.mark.parametrize("channel", [Channel.PLETH, Channel.PRESSURE])
def test_both_channels_carry_it(channel):
    t_us = naive.times_us(RATE_HZ, 100.0)
    x, _ = naive.breathing_wave(t_us / 1e6, 70.0, 14.0)
    _, vitals = run(t_us, x, RATE_HZ, channel=channel)
    assert WINDOW_US == 64_000_000
    for second in range(45, 100):
        assert vitals[RESPIRATION, second].value == pytest.approx(14, abs=1)


@pytest.mark.filterwarnings("ignore:The inplace keyword")  # pandas of wfdb
def test_two_patients_of_a_ward_are_followed(recordings):
    import json

    from dsp import Vital
    from gateway.analysis import analyze
    from gateway.recordings import load

    errors = []
    for name in ("bidmc07", "bidmc29"):
        reference = json.loads((recordings / "references" / f"{name}.json").read_text())
        rates = {
            event.t_us // 1_000_000: event.reading.value
            for event in analyze(load(recordings / reference["recording"]))
            if isinstance(event, Vital) and event.quantity is RESPIRATION and isinstance(event.reading, Measured)
        }
        for end in range(64, 480, 32):
            counts = [[t for t in breaths if end - 64 <= t < end] for breaths in reference["breaths_s"]]
            truths = [60 * (len(c) - 1) / (c[-1] - c[0]) for c in counts]
            if abs(truths[0] - truths[1]) <= 2 and end in rates:
                errors.append(abs(rates[end] - sum(truths) / 2))
    assert len(errors) >= 20
    assert np.mean(errors) < 1.2
