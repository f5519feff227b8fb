"""The simulated patient: its pulses, breaths and early beats, and that cutting time changes nothing."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hil import pulse_wave
from hil.patient import Patient
from hil.scenarios import SCENARIOS
from hil.stimulus import Stimulus

S = 1_000_000


def beats_of(patient, seconds):
    return [beat for k in range(seconds) for beat in patient.beats(k * S, (k + 1) * S)]


def sensed(patient, pieces):
    stimulus = Stimulus(patient, noise_seed=7)
    columns = [
        np.column_stack([stimulus.volts(t), stimulus.light(t), stimulus.acceleration(t)]) for t in pieces if len(t)
    ]
    return np.concatenate(columns)


@settings(deadline=None, max_examples=25)
@given(st.lists(st.integers(0, 5999), max_size=12), st.sampled_from([0, 40, 135, 168, 215]))
def test_samples_do_not_depend_on_how_time_is_cut(cuts, start_s):
    t_us = np.arange(start_s * S, (start_s + 30) * S, 5_000)
    whole = sensed(Patient(2, "artifacts"), [t_us])
    assert np.array_equal(whole, sensed(Patient(2, "artifacts"), np.split(t_us, sorted(cuts))))


def test_samples_do_not_depend_on_which_signal_is_asked_first_or_how_far_ahead():
    seconds = np.split(np.arange(0, 20 * S, 10_000), 20)
    patient, alone = Patient(5), Patient(5)
    for now, ahead in zip(seconds, [*seconds[5:], *seconds[-1:] * 5], strict=True):
        patient.finger(ahead)
        patient.acceleration(ahead)
        assert np.array_equal(patient.pressure(now), alone.pressure(now))


def test_another_seed_is_another_patient_and_the_same_is_the_same():
    t_us = np.arange(0, 10 * S, 10_000)
    one, same, other = (sensed(Patient(seed), [t_us]) for seed in (2, 2, 3))
    assert np.array_equal(one, same)
    assert abs(one[:, 0] - other[:, 0]).max() > 0.2


def test_the_far_past_is_forgotten_and_says_so():
    patient = Patient(1)
    patient.pressure(np.array([60 * S]))
    patient.pressure(np.array([50 * S]))
    with pytest.raises(ValueError, match=r"time: expected at least \d+, got 1000000"):
        patient.pressure(np.array([S]))


@pytest.mark.parametrize(("scenario", "start_s"), [("baseline", 0), ("iv-surge", 1700), ("vasovagal", 110)])
def test_a_beats_numbers_are_those_of_the_pressure(scenario, start_s):
    patient = Patient(4, scenario)
    t_us = np.arange(start_s * S, (start_s + 90) * S, 1000)
    pressure = np.concatenate([patient.pressure(piece) for piece in np.split(t_us, 90)])
    beats = [b for b in beats_of(Patient(4, scenario), start_s + 88) if b.onset_us >= t_us[0]]
    assert len(beats) > 60
    for beat in beats:
        cycle = pressure[(t_us >= beat.onset_us) & (t_us < beat.onset_us + beat.interval_us)]
        assert cycle.max() == pytest.approx(beat.systolic_mmhg, abs=0.05)
        assert cycle[0] == pytest.approx(beat.diastolic_mmhg, abs=0.3)
        assert cycle[:100].min() == cycle[0], "the onset is the foot"
        assert cycle.mean() == pytest.approx(beat.mean_mmhg, abs=0.1)


def test_the_quiet_patient_is_as_described():
    beats = beats_of(Patient(1), 300)
    pulse_pressure = [b.systolic_mmhg - b.diastolic_mmhg for b in beats if not b.is_ectopic]
    assert np.mean([b.systolic_mmhg for b in beats]) == pytest.approx(122, abs=1)
    assert np.mean([b.diastolic_mmhg for b in beats]) == pytest.approx(76, abs=1)
    assert 60e6 / np.mean([b.interval_us for b in beats]) == pytest.approx(70, abs=1)
    share = np.mean([(b.mean_mmhg - b.diastolic_mmhg) / (b.systolic_mmhg - b.diastolic_mmhg) for b in beats])
    assert 0.3 < share < 0.42, "the mean lies about a third above the diastolic pressure"
    assert 0.01 < np.std(pulse_pressure) / np.mean(pulse_pressure) < 0.06


def test_rate_pressure_and_pleth_swing_with_the_breath():
    patient = Patient(3)
    patient.scenario = replace(patient.scenario, ectopic_share=0.0)
    beats = beats_of(patient, 300)
    t_s = np.array([b.onset_us for b in beats]) / S
    hz = np.arange(0.05, 0.5, 0.005)
    for values in (
        [b.interval_us for b in beats],
        [b.systolic_mmhg for b in beats],
        [b.pleth_height for b in beats],
    ):
        swing = np.array(values) - np.mean(values)
        power = abs(np.exp(-2j * np.pi * hz[:, None] * t_s) @ swing)
        assert hz[power.argmax()] * 60 == pytest.approx(14, abs=1.5)
    intervals_ms = np.array([b.interval_us for b in beats]) / 1000
    assert 15 < np.sqrt(np.mean(np.diff(intervals_ms) ** 2)) < 45, "RMSSD of a healthy adult at rest"


def test_an_early_beat_is_small_and_its_pause_makes_up_for_it():
    beats = beats_of(Patient(1, "iv"), 1500)
    early = [k for k, b in enumerate(beats) if b.is_ectopic]
    assert 3 <= len(early) <= 20
    for k in early:
        before, ectopic, after, usual = beats[k - 1], beats[k], beats[k + 1], beats[k - 2].interval_us
        assert before.interval_us < 0.7 * usual < usual < ectopic.interval_us
        assert before.interval_us + ectopic.interval_us == pytest.approx(2 * usual, rel=0.1)
        heights = [b.systolic_mmhg - b.diastolic_mmhg for b in (ectopic, before, after)]
        assert heights[0] < 0.8 * heights[1] < heights[1] < heights[2]
        assert ectopic.pleth_height < 0.8
        feet = [b.diastolic_mmhg for b in (after, before, ectopic)]
        assert feet[0] + 2 < feet[1] < feet[2] - 2, "the pressure runs off in the pause"


def extremes(curve):
    """Places of the local maxima and minima between a curve's ends."""
    slope = np.sign(np.diff(curve))
    turns = np.flatnonzero(np.diff(slope)) + 1
    return [k for k in turns if slope[k - 1] > 0], [k for k in turns if slope[k - 1] < 0]


@pytest.mark.parametrize(("rate", "systolic"), [(45, 78), (60, 110), (70, 122), (82, 142)])
def test_a_pressure_pulse_has_one_peak_one_notch_and_a_dicrotic_wave(rate, systolic):
    interval_s = 60 / rate
    shape = pulse_wave.pressure_shape(interval_s, rate, systolic)
    peaks, notches = extremes(shape)
    assert (len(peaks), len(notches)) == (2, 1)
    assert shape[peaks[0]] == 1
    assert peaks[0] < notches[0] < peaks[1]
    notch_s = pulse_wave.PHASES[notches[0]] * interval_s
    assert notch_s == pytest.approx(pulse_wave.ejection_s(rate), abs=0.06), "the notch is the end of ejection"
    assert 0.09 < pulse_wave.PHASES[peaks[0]] * interval_s < 0.18, "the upstroke takes a tenth of a second"
    assert (shape[0], shape[-1]) == (0, 0)


def test_a_slow_pulse_has_a_long_diastole_and_a_high_pressure_a_late_shoulder():
    fast, slow = (pulse_wave.pressure_shape(60 / rate, rate, 120) for rate in (100, 50))
    assert (fast > 0.3).mean() > 1.3 * (slow > 0.3).mean()
    low, high = (pulse_wave.pressure_shape(0.85, 70, systolic) for systolic in (110, 180))
    shoulder = round(0.25 / 0.85 * (pulse_wave.POINTS - 1))
    assert high[shoulder] > low[shoulder] + 0.05


def test_pleth_lags_the_pressure_and_has_no_sharp_notch():
    t_us = np.arange(0, 60 * S, 5_000)
    pressure, pleth = Patient(1).pressure(t_us), Patient(1).finger(t_us).pleth
    lags = np.arange(0, 80)
    slope_pressure, slope_pleth = np.diff(pressure), np.diff(pleth)
    fit = [np.corrcoef(slope_pressure[:-100], np.roll(slope_pleth, -lag)[:-100])[0, 1] for lag in lags]
    assert 0.15 < lags[int(np.argmax(fit))] * 0.005 < 0.30
    assert 0.8 < np.median([np.ptp(piece) for piece in np.split(pleth, 30)]) < 1.3


@pytest.mark.parametrize("name", SCENARIOS)
def test_every_scenario_stays_within_what_a_person_can_have(name):
    patient = Patient(11, name)
    for k in range(0, round(patient.duration_s or 600), 7):
        for beat in patient.beats(k * S, (k + 7) * S):
            assert 60 < beat.systolic_mmhg < 215
            assert 30 < beat.diastolic_mmhg < 130
            assert beat.diastolic_mmhg < beat.mean_mmhg < beat.systolic_mmhg
            assert 0.3 * S < beat.interval_us < 2.5 * S
