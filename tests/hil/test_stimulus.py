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
    assert np.corrcoef(np.log(infrared), PULSES)[0, 1] == pytest.approx(-1)
    assert np.corrcoef(np.log(red), PULSES)[0, 1] == pytest.approx(-1)
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


@pytest.mark.parametrize(("name", "second"), [("baseline", 5), ("desaturation", 140), ("iv", 1580)])
def test_ratio_of_ratios_is_that_of_the_saturation(name, second):
    t_us = np.arange(second * S, (second + 2) * S, 10_000)
    patient = Patient(3, name)
    stimulus = Stimulus(patient)
    spo2 = patient.finger(t_us).spo2_pct.mean()
    red, infrared = np.log(stimulus.light(t_us)).T
    top, foot = infrared.argmax(), infrared.argmin()
    ratio = (red[top] - red[foot]) / (infrared[top] - infrared[foot])
    assert 110 - 25 * ratio == pytest.approx(spo2, abs=0.05)
    assert (name == "baseline") == (spo2 > 97)


def test_noise_is_of_the_sensors_size_and_white_and_a_function_of_time():
    t_us = np.arange(0, 60 * S, 10_000)
    noisy, same, other = (Stimulus(Patient(1), noise_seed=seed) for seed in (1, 1, 2))
    noise = noisy.light(t_us) - Stimulus(Patient(1)).light(t_us)
    assert noise.std(axis=0) == pytest.approx(12, rel=0.05)
    assert abs(noise.mean(axis=0)).max() < 0.6
    assert abs(np.corrcoef(noise[1:, 0], noise[:-1, 0])[0, 1]) < 0.05
    assert abs(np.corrcoef(noise.T)[0, 1]) < 0.05
    volts = noisy.volts(t_us)
    assert np.array_equal(volts, np.concatenate([same.volts(piece) for piece in np.split(t_us, [3, 700])]))
    assert not np.array_equal(volts, other.volts(t_us))
    assert 0.0005 < (volts - Stimulus(Patient(1)).volts(t_us)).std() < 0.002


def test_a_recording_lies_still():
    acceleration = recorded(signal(Channel.PLETH, T, PULSES)).acceleration(T)
    assert acceleration.shape == (len(T), 3)
    assert (acceleration == [0, 0, 1]).all()
