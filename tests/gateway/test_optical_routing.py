"""Red, infrared and acceleration of a board arrive in the monitor with the right sign and unit."""

import json

import numpy as np
import pytest

from gateway.chunklog import Chunk, Origin, OriginKind
from gateway.messages import Composer, Message
from gateway.pipeline import Pipeline
from tests.dsp.optics import finger
from tests.link_bytes import OPTICAL, PRESSURE, Board, descriptor

# Descriptors have one offset: 0 g is at 2048.
MOTION = {**descriptor("motion", ["x", "y", "z"], rate=50, full=4095, num=1, den=1000, unit="g"), "offset": 2048}
SECONDS = 25


def play(optical=OPTICAL, motion=MOTION, *, swap=False, spo2_pct=92.0):
    """Vitals by second, beats and last ages of a finger, the board turned upside down and shaken from 15 s on."""
    board = Board(streams=(optical, PRESSURE, motion), start_us=-1_000_000)
    _, infrared, red = finger(spo2_pct, SECONDS, noise=3.0)
    lights = np.stack([infrared, red] if swap else [red, infrared], axis=1)
    shaken = np.where(np.arange(SECONDS * 50) < 15 * 50, 0, 300 * np.sin(np.arange(SECONDS * 50)))
    target = Pipeline(
        Composer("s", "c", boot="b", version="1", origin=Origin(kind=OriginKind.LIVE, label=""), started_utc_ms=0)
    )
    vitals, beats = {}, []
    for k in range(SECONDS * 25):
        end_us = (k + 1) * 40_000
        data = board.hello(end_us) if k % 125 == 0 else b""
        data += board.data(1, end_us, [row[: len(optical["channels"])] for row in lights[4 * k : 4 * k + 4]])
        data += board.data(3, end_us, [[2048, 2048, 2048 - 1000 + x] for x in shaken[2 * k : 2 * k + 2]])
        for message in target.feed(Chunk(t_us=end_us, data=data)):
            if not isinstance(message, Message):
                continue
            if message.topic.endswith("/vitals"):
                payload = json.loads(message.payload)
                vitals[payload["t_us"] // 1_000_000] = payload["quantities"]
            elif message.topic.endswith("/beats"):
                beats.append(json.loads(message.payload))
            elif message.topic.endswith("/heartbeat"):
                ages = json.loads(message.payload)["age_ms"]
    return vitals, beats, ages


def test_saturation_perfusion_and_motion_are_on_the_wire():
    vitals, beats, ages = play()
    calm = vitals[14]
    assert calm["spo2"]["value"] == pytest.approx(92, abs=0.3)
    assert (calm["spo2"]["validity"], calm["spo2"]["reasons"]) == ("uncalibrated", ["uncalibrated"])
    assert calm["perfusion_index"]["value"] == pytest.approx(2.0, rel=0.05)
    assert calm["perfusion_index"]["validity"] == "measured"
    assert calm["motion"]["value"] == pytest.approx(0.0, abs=0.005)
    shaken = vitals[24]
    assert shaken["motion"]["value"] == pytest.approx(0.3 / np.sqrt(2), rel=0.1)
    assert "motion" in shaken["spo2"]["reasons"]
    assert "motion" in shaken["pulse_rate"]["reasons"]
    assert {beat["channel"] for beat in beats} == {"pleth"}
    assert set(ages) == {"pleth", "pressure", "motion"}


def test_a_board_that_names_its_lights_wrongly_is_recognised():
    vitals, _, _ = play(swap=True, spo2_pct=97.0)
    assert all(vitals[second]["spo2"]["value"] is None for second in range(1, 15))
    assert vitals[14]["spo2"]["reasons"] == ["red and infrared swapped"]
    doubtful = play(swap=True, spo2_pct=92.0)[0][14]["spo2"]  # looks like 75 %, which a person can have
    assert doubtful["validity"] == "questionable"
    assert doubtful["reasons"] == ["red and infrared swapped", "uncalibrated"]


def test_a_board_without_red_or_acceleration_says_so():
    only_infrared = {**OPTICAL, "channels": ["infrared"]}
    vitals, _, ages = play(only_infrared, {**MOTION, "unit": "m/s2"})
    for quantity in ("spo2", "perfusion_index", "motion"):
        assert vitals[14][quantity]["reasons"] == ["no such sensor"]
    assert set(ages) == {"pleth", "pressure"}
