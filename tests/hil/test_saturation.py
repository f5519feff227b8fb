"""Saturation at the emulated sensor, from light to the published value: followed or unavailable, never held."""

import contextlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import hil
from gateway.calibration import load_calibration
from gateway.chunklog import Origin, OriginKind
from gateway.messages import Composer, Message
from gateway.pipeline import Pipeline
from hil import chair
from hil.patient import Patient
from hil.stimulus import Stimulus

pytestmark = pytest.mark.rig

CURVE = Path(hil.__file__).parent / "calibration" / "emulated_max30102.toml"
LATENCY_S = 9  # window of 8 s and the second between two values (dsp.oximetry)
FALL_S = 30  # when the saturation begins to change


class Changing:
    """A quiet patient whose saturation is a function of time."""

    def __init__(self, spo2_pct, duration_s):
        self._patient, self._spo2_pct = Patient(1), spo2_pct
        self.duration_s = duration_s

    def finger(self, t_us):
        finger = self._patient.finger(t_us)
        return replace(finger, spo2_pct=self._spo2_pct(t_us / 1e6))

    def pressure(self, t_us):
        return self._patient.pressure(t_us)

    def acceleration(self, t_us):
        return self._patient.acceleration(t_us)


def published(stimulus, *, at=None, bus=None):
    """The vitals of each second, by second; ``at`` may change the rig when a time has come."""
    origin = Origin(kind=OriginKind.SIMULATED, label="a test")
    composer = Composer("s", "c", boot="b", version="0", origin=origin, started_utc_ms=0)
    pipeline = Pipeline(composer, load_calibration(CURVE))
    out = {}
    with contextlib.closing(chair.play(stimulus, bus=bus)) as chunks:
        for chunk in chunks:
            if at is not None:
                at(chunk.t_us / 1e6)
            for message in pipeline.feed(chunk):
                if isinstance(message, Message) and message.topic.endswith("/vitals"):
                    payload = json.loads(message.payload)
                    out[payload["t_us"] // 1_000_000] = payload["quantities"]
    return out


def is_followed(vitals, spo2_pct, tolerance=1.5):
    """Every published saturation lies within what was true in its window and its latency."""
    for t_s, quantities in vitals.items():
        value = quantities["spo2"]["value"]
        if value is None:
            assert quantities["spo2"]["reasons"], t_s
            continue
        true = spo2_pct(np.arange(t_s - LATENCY_S, t_s, 0.1))
        assert true.min() - tolerance <= value <= true.max() + tolerance, (t_s, value)


def test_a_step_from_98_to_85_is_followed_within_the_stated_latency():
    def spo2_pct(t_s):
        return np.where(t_s < FALL_S, 98.0, 85.0)

    vitals = published(Stimulus(Changing(spo2_pct, 60), noise_seed=1))
    is_followed(vitals, spo2_pct)
    assert vitals[FALL_S - 1]["spo2"]["value"] == pytest.approx(98, abs=1)
    assert vitals[FALL_S - 1]["spo2"]["validity"] == "measured"
    assert vitals[FALL_S + LATENCY_S]["spo2"]["value"] == pytest.approx(85, abs=1)


@pytest.mark.parametrize("points_a_second", [0.5, 1.0, 3.0])
def test_a_ramp_is_followed_within_the_stated_latency(points_a_second):
    def spo2_pct(t_s):
        return np.clip(98.0 - points_a_second * (t_s - FALL_S), 72.0, 98.0)

    end_s = FALL_S + int(26 / points_a_second) + LATENCY_S
    vitals = published(Stimulus(Changing(spo2_pct, end_s + 3), noise_seed=1))
    is_followed(vitals, spo2_pct)
    assert vitals[end_s + 1]["spo2"]["value"] == pytest.approx(72, abs=1)


def nulls(vitals, since_s, until_s, name="spo2"):
    """Reasons given from three seconds after a fault to its end; a value in between fails."""
    reasons = set()
    for t_s in range(since_s + 3, until_s):
        assert vitals[t_s][name]["value"] is None, (t_s, vitals[t_s][name])
        reasons.update(vitals[t_s][name]["reasons"])
    return reasons


def test_a_finger_that_is_out_and_a_light_that_is_too_strong_are_null_with_their_reason():
    vitals = published(Stimulus(Patient(1, "artifacts"), noise_seed=1))
    assert nulls(vitals, 75, 87) == {"probe off"}  # from 87 on the finger is back and settles
    assert nulls(vitals, 110, 116) == {"saturated"}, "however far the board turns its own lights down"
    assert vitals[105]["spo2"]["value"] == pytest.approx(98, abs=2)  # and come back in between


def test_an_unplugged_sensor_is_null_and_comes_back_by_itself():
    stimulus = Stimulus(Patient(1), noise_seed=1)
    stimulus.duration_s = 60
    bus = chair.wire(stimulus)
    sensor = bus.i2c[chair.OPTICAL_ADDRESS]

    def plug(t_s):
        if sensor.is_present != (not 20 <= t_s < 35):
            sensor.is_present = not sensor.is_present
            if sensor.is_present:
                sensor.power_on()

    vitals = published(stimulus, at=plug, bus=bus)
    assert nulls(vitals, 20, 35) == {"stale"}
    assert nulls(vitals, 20, 35, "perfusion_index") == {"stale"}
    assert vitals[30]["pulse_rate"]["value"] == pytest.approx(70, abs=4)  # the pressure has a pulse too
    assert vitals[58]["spo2"]["value"] == pytest.approx(98, abs=1.5)
