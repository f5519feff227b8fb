"""What a chair with alarms publishes: documents, alerts, the state of the alarm system, and what the board shows."""

import json
import random

import pytest
from msgspec import structs

from gateway.alarm_profiles import load_profile
from gateway.alarms import Acknowledge, AlarmEngine, Condition
from gateway.announcer import Announcer
from gateway.chunklog import Chunk, Origin, OriginKind
from gateway.link.downlink import Verb, annunciate
from gateway.link.frame import FrameParser, FrameType
from gateway.messages import Composer, Message
from gateway.pipeline import Pipeline
from tests.gateway.test_pipeline import chunks, pulse, silence
from tests.link_bytes import PRESSURE, Board

ROOT = "chairside/v1/clinic/chair-7/"


class Chair:
    """A pipeline with alarms, and all that came out of it."""

    def __init__(self):
        origin = Origin(kind=OriginKind.SIMULATED, label="a test")
        composer = Composer("clinic", "chair-7", boot="b1", version="1", origin=origin, started_utc_ms=0)
        self.announcer = Announcer(composer, AlarmEngine(load_profile("adult"), series="b1"))
        self.pipeline = Pipeline(composer, announcer=self.announcer)
        self.messages = []
        self.to_board = []

    def play(self, chunk_list):
        for chunk in chunk_list:
            for output in self.pipeline.feed(chunk):
                (self.messages if isinstance(output, Message) else self.to_board).append(output)
        return self

    def of(self, leaf):
        return [json.loads(m.payload) for m in self.messages if m.topic == ROOT + leaf]


@pytest.fixture(scope="module")
def lost():
    """Thirty quiet seconds, then the cable is pulled."""
    return Chair().play(chunks(30) + silence(30, 10))


def test_every_condition_is_retained_from_the_first_second(lost):
    first = [m for m in lost.messages if "/alarms/" in m.topic][: len(Condition)]
    assert [m.topic for m in first] == [f"{ROOT}alarms/{condition.value}" for condition in Condition]
    assert all(m.qos == 1 and m.retain for m in first)
    assert {json.loads(m.payload)["alarm"]["presence"] for m in first} == {"off"}


def test_a_pulled_cable_is_one_alarm_of_high_priority_again_each_second(lost):
    documents = [d["alarm"] for d in lost.of("alarms/link-lost") if d["t_us"] > 31_000_000]
    assert [d["presence"] for d in documents] == ["on"] * len(documents)
    assert len(documents) >= 8
    assert documents[-1]["text"] == "Board does not answer: link lost"
    [alert] = lost.of("alerts/high")
    assert (alert["change"], alert["alarm"]["condition"], alert["t_us"]) == ("raised", "link-lost", 32_000_000)
    others = {m.topic.rsplit("/", 1)[1] for m in lost.messages if "/alarms/" in m.topic} - {"link-lost"}
    for name in others - {"sensor-fault"}:  # the red light of the test's board is frozen
        assert {d["alarm"]["presence"] for d in lost.of(f"alarms/{name}")} == {"off"}, name


def test_the_alarm_system_tells_each_second_what_is_in_force_and_when_it_checked_itself(lost):
    seconds = lost.of("alarm-system")
    assert [s["t_us"] for s in seconds] == [k * 1_000_000 for k in range(1, 41)]
    last = seconds[-1]
    assert last["profile"] == "adult"
    assert last["signed_off_by"] is None
    assert last["limits"]["systolic-low"][1] == "high: under 80 mm[Hg] for 10 s"
    assert last["active"] == ["link-lost", "sensor-fault"]
    assert last["self_check"]["passed"]
    assert last["self_check"]["t_us"] == 1_000_000


def test_the_board_is_told_each_second_what_to_show(lost):
    quiet, medium, high = ((0, 0), (2, 2), (3, 3))
    for number, (light, sound) in ((1, quiet), (31, medium), (32, high), (40, high)):
        assert orders(lost)[number - 1].payload == annunciate(light, sound=sound, expiry_ms=3000), number
    assert lost.announcer.annunciation.light.value == "high"
    assert lost.announcer.annunciation.sound.value == "high"


def test_a_board_that_acknowledges_nothing_is_an_alarm_within_five_seconds():
    chair = Chair().play(chunks(10) + chunks(8, board=Board(boot=5, start_us=10_000_000), start_s=10, does_hear=False))
    [alert] = [a for a in chair.of("alerts/high") if a["alarm"]["condition"] == "link-lost"]
    assert alert["alarm"]["text"] == "Board does not answer: the board does not hear the gateway"
    assert 13_000_000 <= alert["t_us"] <= 15_000_000


def test_what_is_seen_and_what_is_heard_have_each_their_priority():
    chair = Chair().play(chunks(20) + silence(20, 4))
    name = next(a for a in chair.announcer.engine.alarms() if a.condition is Condition.LINK_LOST).id
    chair.announcer.take(Acknowledge(t_us=24_000_000, who="nurse", condition=Condition.LINK_LOST, id=name))
    chair.play(silence(24, 1))
    assert tuple(orders(chair)[-1].payload[:2]) == (3, 2)


def orders(chair):
    """What the board was told to show, each second."""
    said = [frame for one in chair.to_board for frame in FrameParser().feed(one.data)]
    return [frame for frame in said if (frame.type, frame.stream) == (FrameType.CMD, Verb.ANNUNCIATE)]


def test_an_acknowledgement_is_told_at_once_and_ends_the_sound():
    chair = Chair().play(chunks(20) + silence(20, 4))
    name = next(a for a in chair.announcer.engine.alarms() if a.condition is Condition.LINK_LOST).id
    command = Acknowledge(t_us=24_000_000, who="nurse", condition=Condition.LINK_LOST, id=name)
    messages, answer = chair.announcer.take(command)
    assert answer.accepted
    alert, document = (json.loads(m.payload) for m in messages)
    assert (alert["change"], alert["who"]) == ("acknowledged", "nurse")
    assert document["alarm"]["presence"] == "ack"
    now = chair.announcer.annunciation
    assert now.light.value == "high"
    assert now.sound.value == "medium"  # the frozen light is another condition, and nobody has answered it


@pytest.mark.parametrize("share", [0.05, 0.2])
def test_lost_frames_never_raise_an_alarm_of_the_patient(share):
    rng = random.Random(1)
    chair = Chair().play([structs.replace(c, data=b"") if rng.random() < share else c for c in chunks(60)])
    raised = {a["alarm"]["condition"] for leaf in ("low", "medium", "high") for a in chair.of(f"alerts/{leaf}")}
    assert raised <= {"sensor-fault", "artifact-pressure", "artifact-finger", "no-pulse-rate", "link-noise"}
    assert ("link-noise" in raised) == (share > 0.1)


def test_a_board_that_restarts_is_a_lost_link_and_then_well_again():
    again = Board(boot=77, start_us=33_000_000)
    chair = Chair().play(chunks(30) + silence(30, 3) + chunks(20, board=again, start_s=33))
    link = [(a["change"], a["t_us"]) for a in chair.of("alerts/high") if a["alarm"]["condition"] == "link-lost"]
    assert link == [("raised", 32_000_000), ("ended", 39_000_000)]
    assert [a for a in chair.of("alerts/high") if a["alarm"]["kind"] == "physiological"] == []


def test_a_board_that_comes_back_without_its_finger_sensor_is_told():
    back, after = Board(boot=77, streams=(PRESSURE,), start_us=33_000_000), []
    for k in range(15 * 25):
        t_us = 33_000_000 + (k + 1) * 40_000
        rows = [[round(8_000 + 4_000 * pulse(t_us / 1e6 - 0.005 * (7 - i)))] for i in range(8)]
        hello = back.hello(t_us) if k % 125 == 0 else b""
        hello += back._frame(8, t_us, stream=3, payload=b"\0")
        after.append(Chunk(t_us=t_us, data=hello + back.data(1, t_us, rows)))
    chair = Chair().play(chunks(30) + silence(30, 3) + after)
    told = [document["alarm"] for document in chair.of("alarms/no-finger-signal")]
    assert (told[-1]["presence"], told[-1]["text"]) == ("on", "No signal from the finger: no such sensor")
    assert chair.of("alarms/no-pressure-signal")[-1]["alarm"]["presence"] == "off"


def test_a_broker_that_has_forgotten_is_told_everything_again(lost):
    assert len(lost.announcer.everything(41_000_000)) == len(Condition)
