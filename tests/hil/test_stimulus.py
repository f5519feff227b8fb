import numpy as np
import pytest

from dsp.types import Channel
from gateway.recordings import Recording, Signal
from hil.patient import Patient
from hil.recorded import RecordedSource
from hil.stimulus import Stimulus

S = 1_000_000


def signal(channel, t_us, samples, rate_hz=100.0):
    return Signal(
        channel=channel,
        name=channel.value,
        unit="",
        rate_hz=rate_hz,
        t_us=np.asarray(t_us, dtype=np.int64),
        samples=np.asarray(samples, dtype=float),
    )


def recorded(*signals):
    return Stimulus(RecordedSource(Recording(name="r", duration_s=10.0, signals={one.channel: one for one in signals})))


T = np.arange(0, 10 * S, 10_000)
PULSES = 5 + 300 * np.sin(2 * np.pi * 1.2 * T / S)


def test_light_falls_in_systole_by_two_percent_of_infrared_and_half_of_that_of_red():
    stimulus = recorded(signal(Channel.PLETH, T, PULSES))
    red, infrared = stimulus.light(T).T
    assert np.corrcoef(infrared, PULSES)[0, 1] == pytest.approx(-1)
    assert np.median(infrared) == pytest.approx(110_000, rel=0.001)
    assert np.ptp(infrared) / infrared.mean() == pytest.approx(0.02, rel=0.01)
    assert np.ptp(red) / red.mean() == pytest.approx(0.01, rel=0.01)


def test_one_large_artifact_does_not_shrink_the_pulses():
    samples = PULSES.copy()
    samples[500:520] += 50_000
    infrared = recorded(signal(Channel.PLETH, T, samples)).light(T)[:, 1]
    assert np.ptp(infrared[:400]) == pytest.approx(2200, rel=0.02)


def test_gap_looks_like_a_finger_out_and_is_not_bridged():
    kept = (T < 4 * S) | (T >= 6 * S)
    light = recorded(signal(Channel.PLETH, T[kept], PULSES[kept])).light(T)
    assert ((light < 1000).all(axis=1) == ~kept).all()


def test_pressure_is_100_mmhg_a_volt_between_its_own_samples():
    stimulus = recorded(signal(Channel.PRESSURE, [0, 10_000, 20_000], [80, 120, 400]))
    assert stimulus.volts(np.array([0, 5_000, 10_000, 20_000])) == pytest.approx([0.8, 1.0, 1.2, 3.3])
    assert stimulus.volts(np.array([30_000])) == [0.0], "beyond the end there is none"


def test_absent_signal_is_a_finger_out_or_no_voltage():
    assert (recorded(signal(Channel.PRESSURE, T, PULSES)).light(T) < 1000).all()
    assert (recorded(signal(Channel.PLETH, T, PULSES)).volts(T) == 0).all()


@pytest.mark.parametrize("seed", [0, 1, 7])
def test_patient_keeps_to_its_truth(seed):
    patient = Patient(seed)
    t_us = np.arange(0, 60 * S, 5_000)
    pressure = patient.pressure(t_us)
    beats = Patient(seed).beats(0, 59 * S)
    assert 69 < 60e6 / np.mean([beat.interval_us for beat in beats]) < 75
    for beat in beats:
        cycle = (t_us >= beat.onset_us) & (t_us < beat.onset_us + beat.interval_us)
        assert pressure[cycle].max() == pytest.approx(beat.systolic_mmhg, abs=0.5)
        assert pressure[cycle][0] == pytest.approx(beat.diastolic_mmhg, abs=1.0)
    assert 110 < np.percentile(pressure, 97) < 128
    assert 70 < np.percentile(pressure, 3) < 85


def test_patient_does_not_depend_on_how_time_is_cut():
    t_us = np.arange(0, 30 * S, 10_000)
    whole = Patient(2)
    cut = Patient(2)
    pieces = np.split(t_us, [1, 50, 51, 1700])
    assert np.array_equal(whole.pressure(t_us), np.concatenate([cut.pressure(piece) for piece in pieces]))
    assert not np.array_equal(whole.pleth(t_us[-100:]), Patient(3).pleth(t_us[-100:]))
