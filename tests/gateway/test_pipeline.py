"""Pipeline: what a subscriber is told when signals come, stop, break and come back."""

import functools
import json
import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.chunklog import Chunk, Origin, OriginKind
from gateway.messages import Composer, Message
from gateway.pipeline import Pipeline
from tests.link_bytes import OPTICAL, PRESSURE, Board

ORIGIN = Origin(kind=OriginKind.SIMULATED, label="a test")
RATE_HZ = 1.2  # 72 a minute


def pipeline():
    return Pipeline(
        Composer("clinic", "chair-7", boot="b1", version="0.1.0", origin=ORIGIN, started_utc_ms=1_700_000_000_000)
    )


def pulse(t_s):
    """A plain pulse, 0..1: fast rise, slow fall, a small dicrotic wave."""
    phase = t_s * RATE_HZ % 1.0
    return math.exp(-(((phase - 0.18) / 0.08) ** 2)) + 0.35 * math.exp(-(((phase - 0.5) / 0.12) ** 2))


def chunks(seconds, *, board=None, start_s=0.0, hello=True, does_hear=True, wave=pulse):
    """What a healthy board sends, a chunk each 40 ms: 120/80 mmHg at 72 a minute, or another ``wave`` of t_s, 0..1."""
    board = board or Board(start_us=round(start_s * 1e6) - 1_000_000)
    out = []
    for k in range(int(seconds * 25)):
        end_us = round(start_s * 1e6) + (k + 1) * 40_000
        data = board.hello(end_us) if hello and k % 125 == 0 else b""
        optical = [[150_000, round(110_000 - 2_000 * wave(end_us / 1e6 - 0.01 * (3 - i)))] for i in range(4)]
        pressure = [[round(8_000 + 4_000 * wave(end_us / 1e6 - 0.005 * (7 - i)))] for i in range(8)]
        data += board.data(1, end_us, optical) + board.data(2, end_us, pressure)
        data += board.status(end_us) if k % 25 == 1 else b""
        if does_hear and k % 25 == 0:  # what it is to show is taken, each second
            data += board._frame(8, end_us, stream=3, payload=b"\0")
        out.append(Chunk(t_us=end_us, data=data))
    return out


def silence(start_s, seconds):
    return [Chunk(t_us=round((start_s + k * 0.05) * 1e6), data=b"") for k in range(1, int(seconds * 20) + 1)]


def play(chunk_list, target=None):
    target = target or pipeline()
    return [output for chunk in chunk_list for output in target.feed(chunk) if isinstance(output, Message)]


def of(messages, leaf):
    return [json.loads(one.payload) for one in messages if one.topic == f"chairside/v1/clinic/chair-7/{leaf}"]


def value(vitals, quantity):
    return vitals["quantities"][quantity]


@functools.cache
def twenty_seconds():
    """Made once; not a fixture, because hypothesis writes down what a test is given."""
    return tuple(chunks(20))


@pytest.fixture
def healthy():
    return list(twenty_seconds())


def test_a_healthy_chair_is_online_and_measured_within_ten_seconds(healthy):
    messages = play(healthy)
    first = next(v for v in of(messages, "vitals") if value(v, "pulse_rate")["value"] is not None)
    assert first["t_us"] <= 10_000_000
    last = of(messages, "vitals")[-1]
    assert value(last, "pulse_rate")["value"] == pytest.approx(72, abs=0.5)
    assert value(last, "systolic")["value"] == pytest.approx(120, abs=1)
    assert value(last, "diastolic")["value"] == pytest.approx(80, abs=1)
    assert value(last, "pulse_rate")["validity"] == "measured"
    statuses = of(messages, "status")
    assert [s["reasons"] for s in statuses] == [
        ["nothing heard from the board"],
        ["the board has not described its streams yet"],
        [],
    ]
    assert [s["state"] for s in statuses] == ["degraded", "degraded", "online"]
    assert statuses[-1]["board_boot"] == 123456789
    assert all(s["origin"] == "simulated" for s in statuses)


def test_every_quantity_is_there_each_second_and_null_has_a_reason(healthy):
    for vitals in of(play(healthy), "vitals"):
        assert len(vitals["quantities"]) == 14
        for quantity in vitals["quantities"].values():
            assert (quantity["value"] is None) == (quantity["validity"] in ("unavailable", "stale", "calibrating"))
            assert quantity["value"] is not None or quantity["reasons"]
        assert value(vitals, "stroke_volume")["reasons"] in (["learning"], ["taking the baseline"])


def test_vitals_and_heartbeat_come_every_second_also_in_silence(healthy):
    messages = play(healthy + silence(20, 10))
    for leaf in ("vitals", "heartbeat"):
        seconds = [m["t_us"] for m in of(messages, leaf)]
        assert seconds == list(range(1_000_000, 30_000_001, 1_000_000))


def test_silence_nulls_every_value_within_three_seconds_and_says_link_lost(healthy):
    messages = play(healthy + silence(20, 10))
    for vitals in of(messages, "vitals"):
        if vitals["t_us"] >= 23_000_000:
            assert all(q["value"] is None for q in vitals["quantities"].values())
            assert value(vitals, "systolic")["reasons"] == ["link lost"]
    lost = of(messages, "status")[-1]
    assert (lost["state"], lost["reasons"]) == ("degraded", ["link lost"])
    assert lost["t_us"] <= 23_000_000


def test_a_restarted_board_is_live_again_within_ten_seconds(healthy):
    again = Board(boot=77, start_us=25_000_000)
    messages = play(healthy + silence(20, 5) + chunks(12, board=again, start_s=25))
    measured = [v["t_us"] for v in of(messages, "vitals") if value(v, "systolic")["value"] is not None]
    assert min(t for t in measured if t > 24_000_000) <= 35_000_000
    assert of(messages, "status")[-1]["board_boot"] == 77


def test_a_stream_that_stops_alone_is_named_while_the_other_goes_on():
    target = pipeline()
    board = Board(start_us=-1_000_000)
    messages = []
    for chunk in chunks(10, board=board):
        messages += play([chunk], target)
    for k in range(250):
        t_us = 10_000_000 + (k + 1) * 40_000
        rows = [[round(8_000 + 4_000 * pulse(t_us / 1e6 - 0.005 * (7 - i)))] for i in range(8)]
        data = board.data(2, t_us, rows)
        data += board.status(t_us) if k % 25 == 0 else b""
        messages += play([Chunk(t_us=t_us, data=data)], target)
    last = of(messages, "vitals")[-1]
    assert value(last, "systolic")["value"] == pytest.approx(120, abs=1)
    assert value(last, "pulse_rate")["value"] == pytest.approx(72, abs=0.5)  # pressure has a pulse too
    assert of(messages, "status")[-1]["reasons"] == ["pleth: no fresh samples"]
    assert of(messages, "heartbeat")[-1]["age_ms"]["pleth"] >= 9_000


def test_data_that_come_late_in_a_burst_are_not_shown_as_live_in_between():
    target = pipeline()
    board = Board(start_us=-1_000_000)
    steady = chunks(26, board=board)
    messages = play(steady[:500], target)
    messages += play(silence(20, 6), target)
    stalled = [v for v in of(messages, "vitals") if v["t_us"] >= 23_000_000]
    assert stalled
    assert all(value(v, "pulse_rate")["value"] is None for v in stalled)
    burst = b"".join(chunk.data for chunk in steady[500:650])
    late = of(play([Chunk(t_us=26_050_000, data=burst)], target), "beats")
    pressure_beats = [b for b in late if b["channel"] == "pressure" and b["accepted"]]
    assert len(pressure_beats) >= 5  # six seconds at 72 a minute, but for what the end still holds back
    assert all(20_000_000 - 500_000 < b["t_us"] < 26_050_000 for b in late)  # when they were, not when they came


def test_data_that_stay_late_are_never_shown_as_live():
    target = pipeline()
    steady = chunks(60, board=Board(start_us=-1_000_000))
    late = [Chunk(t_us=c.t_us + 5_000_000, data=c.data) for c in steady[500:]]
    messages = play(steady[:500], target) + play(silence(20, 5), target) + play(late, target)
    for vitals in of(messages, "vitals"):
        if vitals["t_us"] >= 23_000_000:
            assert value(vitals, "systolic")["value"] is None, vitals["t_us"]
    assert of(messages, "status")[-1]["reasons"] == ["pleth: no fresh samples", "pressure: no fresh samples"]


def test_a_board_that_describes_itself_and_sends_nothing_is_not_online():
    board, target = Board(), pipeline()
    said = [(t_us, board.hello(t_us) + board.status(t_us)) for t_us in range(500_000, 10_000_000, 500_000)]
    messages = play([Chunk(t_us=t_us, data=data) for t_us, data in said], target)
    last = of(messages, "status")[-1]
    assert last["state"] == "degraded"
    assert last["reasons"] == ["pleth: no fresh samples", "pressure: no fresh samples"]


def test_a_board_that_has_not_described_itself_is_no_lost_link():
    target = pipeline()
    board = Board()
    board.hello(0)
    quiet = [Chunk(t_us=k * 40_000, data=board.data(2, k * 40_000, [[1]])) for k in range(1, 250)]
    last = of(play(quiet, target), "vitals")[-1]
    assert value(last, "systolic")["reasons"] == ["no data"]


def test_a_stream_that_cannot_be_read_is_named_while_the_others_are_measured():
    future = {**PRESSURE, "name": "future", "channels": ["magic"], "format": "f64"}
    board = Board(streams=(OPTICAL, PRESSURE, future), start_us=-1_000_000)
    messages = play(chunks(12, board=board))
    assert of(messages, "status")[-1]["reasons"] == ["stream 3 of the board: cannot be read"]
    assert value(of(messages, "vitals")[-1], "systolic")["value"] == pytest.approx(120, abs=1)


def test_light_that_falls_in_systole_rises_as_pleth(healthy):
    beats = [b for b in of(play(healthy), "beats") if b["accepted"]]
    pleth = [b for b in beats if b["channel"] == "pleth"][3:]
    for beat in pleth:  # both are made of one pulse: the infrared one must not lie half a cycle off
        nearest = min((b["t_us"] for b in beats if b["channel"] == "pressure"), key=lambda t: abs(t - beat["t_us"]))
        assert abs(nearest - beat["t_us"]) < 60_000


def test_full_scale_is_saturation_and_zero_is_a_flat_line():
    for raw, light, reason in ((33_000, 262_143, "saturated"), (0, 0, "flat line")):
        board, target = Board(start_us=-1_000_000), pipeline()
        fed = []
        for k in range(1, 250):
            t_us = k * 40_000
            data = board.hello(t_us) if k == 1 else b""
            data += board.data(1, t_us, [[light, light]] * 4) + board.data(2, t_us, [[raw]] * 8)
            fed.append(Chunk(t_us=t_us, data=data))
        last = of(play(fed, target), "vitals")[-1]
        assert value(last, "systolic")["reasons"] == [reason]
        assert value(last, "pulse_rate")["value"] is None


@given(st.integers(0, 2**32))
@settings(max_examples=8, deadline=None)
def test_the_messages_do_not_depend_on_how_the_bytes_were_cut(seed):
    rng = random.Random(seed)
    short = twenty_seconds()[:200]
    whole = play(short)
    cut = []
    for chunk in short:
        at = 0
        while at < len(chunk.data):
            step = rng.choice([0, 1, 7, 60, 400])
            cut.append(Chunk(t_us=chunk.t_us, data=chunk.data[at : at + step]))
            at += step
        if not chunk.data:
            cut.append(chunk)
    assert play(cut) == whole


def test_byte_by_byte_and_all_at_once_are_equal(healthy):
    short = healthy[:200]
    one_by_one = [Chunk(t_us=c.t_us, data=bytes([byte])) for c in short for byte in c.data]
    assert play(one_by_one) == play(short)
    stream = b"".join(c.data for c in short)
    at_once = [Chunk(t_us=0, data=b""), Chunk(t_us=9_000_000, data=stream)]
    spread = [Chunk(t_us=0, data=b""), *(Chunk(t_us=9_000_000, data=stream[k : k + 1]) for k in range(len(stream)))]
    assert play(spread) == play(at_once)


def test_a_little_noise_on_the_line_is_counted_and_changes_nothing_else(healthy):
    noisy = [Chunk(t_us=c.t_us, data=(b"" if k % 13 else b"\x01\x02garbage\0") + c.data) for k, c in enumerate(healthy)]
    clean, got = play(healthy), play(noisy)
    assert of(got, "vitals") == of(clean, "vitals")
    link = of(got, "heartbeat")[-1]["link"]
    assert link["faults"] == 39
    assert link["frames"] >= 980
    assert (link["frames_lost"], link["samples_lost"], link["refused"], link["boots"]) == (0, 0, 0, 1)


def test_the_orderly_end_says_offline():
    target = pipeline()
    play(chunks(2), target)
    [last] = target.close(2_000_000)
    assert json.loads(last.payload)["state"] == "offline"
    assert last.retain
