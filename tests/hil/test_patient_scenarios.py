"""What each scenario does to the patient and to the sensors, and when."""

from dataclasses import replace

import numpy as np
import pytest

from gateway.errors import UserError
from hil.patient import Patient
from hil.scenarios import SCENARIOS, described
from hil.stimulus import Stimulus
from hil.truth import second, seconds

S = 1_000_000
_PRESSURES = ("systolic", "diastolic", "pulse_rate")


@pytest.fixture(scope="module")
def truths():
    """The seconds of a scenario, made once."""
    made = {}

    def get(name):
        if name not in made:
            made[name] = list(seconds(Patient(1, name)))
        return made[name]

    return get


def mean(truth, name, start_s, end_s):
    return float(np.mean([getattr(t, name) for t in truth[round(start_s) : round(end_s)]]))


@pytest.mark.parametrize(
    ("name", "peak_min", "rise"),
    [("iv", 39, (20, 13, 12)), ("iv-surge", 29, (56, 30, 25)), ("im", 21, (24, 15, 14)), ("oral", 79, (10, 6, 7))],
)
def test_ketamine_raises_pressure_and_rate_by_so_much_at_its_time(truths, name, peak_min, rise):
    truth = truths(name)
    for quantity, expected in zip(_PRESSURES, rise, strict=True):
        before = mean(truth, quantity, 0, 240)
        minutes = [m for m in range(4, len(truth) // 60) if "desaturation" not in truth[60 * m + 30].events]
        around = {m: mean(truth, quantity, 60 * m, 60 * m + 60) - before for m in minutes}
        assert around[peak_min] == pytest.approx(expected, abs=2.0)
        assert max(around, key=around.get) == pytest.approx(peak_min, abs=8), "not much earlier or later"
        assert max(around.values()) < expected + 3


@pytest.mark.parametrize(("name", "left"), [("iv-surge", 0.45), ("im", 0.4), ("oral", 0.6)])
def test_the_response_recedes(truths, name, left):
    truth = truths(name)
    before = mean(truth, "systolic", 0, 240)
    peak = max(mean(truth, "systolic", s, s + 60) for s in range(240, len(truth) - 60, 60)) - before
    assert mean(truth, "systolic", len(truth) - 60, len(truth)) - before < left * peak


def test_the_surge_passes_the_limits_of_a_clinic_and_the_usual_patient_does_not(truths):
    assert max(t.systolic for t in truths("iv-surge")) > 175
    assert max(t.systolic for t in truths("iv")) < 160


def test_desaturation_takes_three_minutes_and_breathing_slows_first(truths):
    truth = truths("desaturation")
    spo2 = np.array([t.spo2 for t in truth])
    breaths = np.array([t.respiration_rate for t in truth])
    assert spo2[:60].min() == spo2[-60:].min() == 98
    assert spo2.min() == pytest.approx(86, abs=0.2)
    assert 50 < (spo2 < 90).sum() < 100
    assert np.flatnonzero(breaths < 8)[0] < np.flatnonzero(spo2 < 95)[0]
    assert 4 < breaths.min() < 7
    assert np.mean(breaths[-60:]) == pytest.approx(14, abs=1)


def test_vasovagal_episode_falls_within_a_minute_and_recovers(truths):
    truth = truths("vasovagal")
    assert mean(truth, "pulse_rate", 90, 120) == pytest.approx(70, abs=2)
    assert mean(truth, "pulse_rate", 182, 215) == pytest.approx(45, abs=1)
    assert mean(truth, "systolic", 182, 215) == pytest.approx(78, abs=2)
    assert mean(truth, "diastolic", 182, 215) == pytest.approx(45, abs=2)
    assert mean(truth, "systolic", 350, 410) == pytest.approx(122, abs=2)


@pytest.mark.parametrize("name", ["iv", "artifacts", "desaturation", "vasovagal"])
def test_events_stand_in_the_seconds_that_they_touch(truths, name):
    for truth in truths(name):
        expected = {e.name for e in SCENARIOS[name].events if e.start_s < truth.t_s and e.end_s > truth.t_s - 1}
        assert set(truth.events) == expected
    (first,) = {e.start_s for e in SCENARIOS["iv"].events if e.name == "motion"}
    assert first == 900


def test_what_an_artifact_hides_is_not_measurable_and_nothing_else(truths):
    hidden = {"motion": "spo2", "finger out": "spo2", "strong light": "spo2", "line flush": "systolic"}
    hidden |= {"damped line": "systolic"}
    for truth in truths("artifacts"):
        spoiled = {hidden[e] for e in truth.events if e in hidden}
        for quantity in ("spo2", "systolic"):
            assert truth.is_measurable[quantity] == (quantity not in spoiled)
        assert truth.is_measurable["pulse_rate"], "one signal is left at any time"


def test_an_artifact_changes_only_its_own_time():
    t_us = np.arange(0, 300 * S, 10_000)
    clean, disturbed = Patient(1, "artifacts"), Patient(1, "artifacts")
    clean.scenario = replace(clean.scenario, artifacts=())
    changed = {}
    for name in ("volts", "light", "acceleration"):
        a, b = (getattr(Stimulus(p), name)(t_us) for p in (clean, disturbed))
        changed[name] = (a != b).reshape(len(t_us), -1).any(axis=1)
        clean, disturbed = Patient(1, "artifacts"), Patient(1, "artifacts")
        clean.scenario = replace(clean.scenario, artifacts=())

    def during(*names):
        events = [e for e in disturbed.scenario.artifacts if e.name in names]
        return np.any([(t_us / S >= e.start_s) & (t_us / S < e.end_s) for e in events], axis=0)

    for signal, names in (
        ("volts", ("line flush", "damped line")),
        ("light", ("motion", "finger out", "strong light")),
        ("acceleration", ("motion",)),
    ):
        inside = during(*names)
        assert not changed[signal][~inside].any()
        assert changed[signal][inside].mean() > 0.95


@pytest.fixture(scope="module")
def disturbed():
    """The artifacts' scenario as the sensors see it, 100 a second: light, mmHg, g."""
    stimulus = Stimulus(Patient(1, "artifacts"), noise_seed=1)
    pieces = np.split(np.arange(0, 300 * S, 10_000), 300)
    made = [(stimulus.light(t), stimulus.volts(t) * 100, stimulus.acceleration(t)) for t in pieces]
    return tuple(np.concatenate([one[k] for one in made]) for k in range(3))


def test_movement_is_seen_by_pleth_and_accelerometer_together(disturbed):
    light, _, acceleration = disturbed
    moving = slice(4050, 4950)
    absorbed = -np.log(light[moving])
    assert np.ptp(absorbed, axis=0).min() > 5 * 0.03, "several pulses high"
    assert np.corrcoef(absorbed[:, 1], acceleration[moving, 0])[0, 1] > 0.95
    assert 0.2 < np.sqrt(np.mean((acceleration[moving] - [0, 0, 1]) ** 2 @ np.ones(3))) < 1.0
    assert np.std(acceleration[:3900], axis=0).max() < 0.002
    assert Patient(1, "artifacts").acceleration(np.array([0]))[0].tolist() == [0, 0, 1]


def test_finger_out_is_dark_strong_light_is_full_scale(disturbed):
    light, _, _ = disturbed
    assert light[7500:8700].max() < 400
    assert light[8700:9000].min() > 80_000, "back, and settling"
    assert light[11_000:11_600].min() > 1 << 18


def test_a_flush_is_high_and_square_a_damped_line_is_its_mean(disturbed):
    _, pressure, _ = disturbed
    assert pressure[14_010:14_330].min() > 275
    assert np.ptp(pressure[17_300:19_200]) < 0.5 * np.ptp(pressure[16_000:16_900])
    assert pressure[17_300:19_200].mean() == pytest.approx(pressure[16_000:16_900].mean(), abs=2)


def test_poor_perfusion_is_a_quarter_of_a_percent(disturbed):
    light, _, _ = disturbed
    cold = light[23_000:26_000, 1].reshape(30, 100)
    assert 0.15 < 100 * np.median(np.ptp(cold, axis=1)) / cold.mean() < 0.4


def test_an_endless_patient_goes_on():
    patient = Patient(1)
    assert patient.duration_s is None
    for hour in (1, 2):
        assert 110 < second(patient, 3600 * hour).systolic < 134
    with pytest.raises(ValueError, match="expected one that ends, got baseline"):
        seconds(patient)


def test_every_scenario_is_described_and_an_unknown_one_is_wrong_use():
    text = "\n".join(described())
    for name, scenario in SCENARIOS.items():
        assert f"{name} " in text
        assert scenario.summary in text
    assert "25:00 to 28:00    desaturation" in text
    with pytest.raises(UserError, match=r"scenario: expected one of baseline, iv, .*, got party"):
        Patient(1, "party")
