"""The unmodified firmware on the virtual board, in virtual time."""

import contextlib
import itertools
import json
import os
import signal

import pytest

from gateway.chunklog import Chunk
from gateway.link.frame import Flag, FrameType
from hil.board.bus import Op, Stall
from hil.board.unix import Boot, RigError, UnixBoard
from hil.chair import OPTICAL_ADDRESS, play, wire
from hil.patient import Patient
from hil.stimulus import Stimulus
from tests.hil.link import (
    OPTICAL,
    PRESSURE,
    TimeCode,
    data,
    frames,
    lost_samples,
    rig,
    times,
    until,
    wrap,
    wrong_samples,
)

S = 1_000_000


def run(stimulus, seconds, **options):
    with contextlib.closing(play(stimulus, **options)) as chunks:
        return until(chunks, seconds * S)


def stalled(*stalls):
    bus = wire(TimeCode())
    bus.stalls += stalls
    return frames(run(TimeCode(), 8, bus=bus)), bus.i2c[OPTICAL_ADDRESS]


def boots(found):
    return [json.loads(f.payload)["boot"] for _, f in found if f.type is FrameType.HELLO and f.stream == 0]


@rig
def test_two_minutes_arrive_without_a_lost_or_wrong_sample():
    chunks = run(TimeCode(), 120)
    found = frames(chunks)
    seqs = [frame.seq for _, frame in found]
    assert seqs == list(range(len(found)))
    for stream, rate in ((OPTICAL, 100), (PRESSURE, 200)):
        received = data(found, stream)
        assert lost_samples(received) == wrong_samples(received) == 0
        assert 119.5 * rate < received[-1].index + received[-1].n <= 120 * rate
        assert {int(frame.flags) for frame in received} <= {0, Flag.CLIPPED}
        assert len({frame.epoch for frame in received}) == 1


@rig
def test_frames_carry_the_time_of_their_last_sample():
    for _, frame in frames(run(TimeCode(), 20)):
        if frame.type is FrameType.DATA:
            late_us = (frame.ticks_us - times(frame)[-1] + 5_000) % wrap(frame) - 5_000
            assert abs(late_us) <= (5_200 if frame.stream == OPTICAL else 1_000)


@rig
def test_board_describes_itself_first_and_every_five_seconds():
    found = frames(run(TimeCode(), 12))
    hellos = [(t_us, frame) for t_us, frame in found if frame.type is FrameType.HELLO]
    assert [frame.stream for _, frame in hellos] == [0, 1, 2] * 3
    assert [frame for _, frame in found[:3]] == [frame for _, frame in hellos[:3]]
    assert [round(t_us / S) for t_us, _ in hellos[::3]] == [0, 5, 10]
    assert len(set(boots(found))) == 1
    described = [json.loads(frame.payload) for _, frame in hellos[:3]]
    assert described[0] | {"boot": 0} == {"fw": "0.1.0", "uid": "e660000000000001", "boot": 0, "reset": 1, "streams": 2}
    assert [d["name"] for d in described[1:]] == ["optical", "pressure"]
    assert described[2]["full"] * described[2]["num"] / described[2]["den"] == 330


@rig
def test_same_seed_gives_the_same_bytes_at_the_same_times():
    first, second = (run(Stimulus(Patient(3)), 15, seed=3) for _ in range(2))
    assert first == second
    assert run(Stimulus(Patient(3)), 1, seed=4) != first[: len(first) // 15]


@rig
def test_some_chunk_comes_every_50_ms_and_the_last_before_the_end():
    chunks = list(play(TimeCode(duration_s=3.0)))
    steps = [b.t_us - a.t_us for a, b in itertools.pairwise([Chunk(t_us=0, data=b""), *chunks])]
    assert 0 < max(steps) <= 50_000
    assert 2.95 * S < chunks[-1].t_us <= 3 * S


@rig
@pytest.mark.parametrize("stall_ms", [4, 7, 125, 345, 400, 500, 570])
def test_stall_within_the_counter_is_counted_exactly(stall_ms):
    found, sensor = stalled(Stall(at_us=2_003_000, lasts_us=stall_ms * 1000))
    for stream in (OPTICAL, PRESSURE):
        received = data(found, stream)
        assert wrong_samples(received) == 0
        assert len({frame.epoch for frame in received}) == 1
    assert lost_samples(data(found, OPTICAL)) == sensor.dropped
    assert (sensor.dropped > 0) == (stall_ms >= 345)
    assert abs(lost_samples(data(found, PRESSURE)) - stall_ms / 5) < 1, "the stall begins in a pause of up to 5 ms"
    for stream in (OPTICAL, PRESSURE):
        received = data(found, stream)
        flagged = [f.index for f in received if f.flags & Flag.OVERFLOW_COUNTED]
        jumps = [b.index for a, b in itertools.pairwise(received) if b.index != a.index + a.n]
        assert flagged == jumps


@rig
@pytest.mark.parametrize(
    "stall",
    [
        Stall(at_us=2_003_000, lasts_us=900_000),
        Stall(at_us=2_003_000, lasts_us=400_000, op=Op.I2C),  # between pointers and burst: hides a loss
    ],
)
def test_stall_that_cannot_be_counted_starts_an_epoch(stall):
    found, _ = stalled(stall)
    received = data(found, OPTICAL)
    epochs = list(dict.fromkeys(frame.epoch for frame in received))
    assert len(epochs) == 2
    assert epochs[1] == (epochs[0] + 1) % 256
    assert wrong_samples(received) == 0
    first = next(frame for frame in received if frame.epoch == epochs[1])
    assert first.index == 0
    assert first.flags & Flag.LOSS_UNKNOWN
    assert wrong_samples(data(found, PRESSURE)) == 0
    assert len({frame.epoch for frame in data(found, PRESSURE)}) == 1


@rig
def test_missing_optical_sensor_leaves_pressure_alone_and_comes_back():
    bus = wire(TimeCode())
    sensor = bus.i2c[OPTICAL_ADDRESS]
    seen = []
    with contextlib.closing(play(TimeCode(), bus=bus)) as chunks:
        for chunk in chunks:
            sensor.is_present = not 3 * S < chunk.t_us < 6 * S
            seen.append(chunk)
            if chunk.t_us > 10 * S:
                break
    found = frames(seen)
    pressure, optical = data(found, PRESSURE), data(found, OPTICAL)
    assert lost_samples(pressure) == wrong_samples(pressure) == wrong_samples(optical) == 0
    back = next(frame for frame in optical if frame.epoch != optical[0].epoch)
    assert back.flags == Flag.LOSS_UNKNOWN | Flag.SENSOR_ERROR | Flag.RECONFIGURED
    assert back.index == 0
    assert 6 * S < back.ticks_us < 7.3 * S


@rig
def test_sensor_that_lost_its_configuration_is_configured_again():
    bus = wire(TimeCode())
    with contextlib.closing(play(TimeCode(), bus=bus)) as chunks:
        seen = until(chunks, 2 * S)
        bus.i2c[OPTICAL_ADDRESS].power_on()  # a glitch of its supply
        seen += until(chunks, 6 * S)
    optical = data(frames(seen), OPTICAL)
    assert wrong_samples(optical) == 0
    assert len({frame.epoch for frame in optical}) == 2
    assert optical[-1].ticks_us > 5.9 * S


@rig
def test_host_that_stops_reading_does_not_stop_the_sampling():
    board = UnixBoard(wire(TimeCode()), Boot())
    chunks = []
    try:
        while True:
            request = board.wait_request()
            t_us = request.now_ns // 1000
            if not 2 * S < t_us < 12 * S:
                chunks.append(Chunk(t_us=t_us, data=board.read_link()))
            if t_us > 15 * S:
                break
            board.answer(request)
    finally:
        board.close()
    found = frames(chunks)
    assert len(found) < found[-1][1].seq, "frames were dropped, the sequence number went on"
    for stream in (OPTICAL, PRESSURE):
        received = data(found, stream)
        assert wrong_samples(received) == 0
        assert lost_samples(received) > 500
        assert len({frame.epoch for frame in received}) == 1
    flagged = [frame for _, frame in found if frame.flags & Flag.TX_DROPPED]
    assert len(flagged) == 1
    assert 11.99 * S < flagged[0].ticks_us < 12.1 * S


@rig
def test_ticks_wrap_without_a_trace():
    start = (1 << 30) - 4 * S
    found = frames(run(TimeCode(), 10, boot_ticks_us=start))
    assert found[0][1].ticks_us > start
    assert found[-1][1].ticks_us < 6 * S
    for stream in (OPTICAL, PRESSURE):
        received = data(found, stream)
        assert lost_samples(received) == wrong_samples(received) == 0
        steps = {(b.ticks_us - a.ticks_us) % (1 << 30) for a, b in itertools.pairwise(received[2:])}
        assert max(steps) - min(steps) < 200


@rig
def test_killed_firmware_leaves_silence_and_boots_anew(capsys):
    chunks = play(TimeCode(), seed=5)
    seen = [next(chunks)]
    pid = int(capsys.readouterr().err.split()[-1])
    with contextlib.closing(chunks):
        for chunk in chunks:
            seen.append(chunk)
            if chunk.t_us > 3 * S and pid:
                os.kill(pid, signal.SIGKILL)
                pid = 0
            if chunk.t_us > 12 * S:
                break
    steps = [b.t_us - a.t_us for a, b in itertools.pairwise(seen)]
    assert 0 < max(steps) <= 50_000
    found = frames(seen)
    assert len(set(boots(found))) == 2
    silent_us = max(b - a for (a, _), (b, _) in itertools.pairwise(found))
    assert 5 * S < silent_us < 5.2 * S
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("firmware died (signal 9) at 3.")
    assert lines[1].startswith("firmware pid ")


@rig
def test_firmware_that_does_not_start_fails_the_rig_with_its_reason(monkeypatch, tmp_path):
    program = tmp_path / "main.py"
    program.write_text("import nothing_of_this_name")
    monkeypatch.setattr(UnixBoard.__init__, "__kwdefaults__", {"link": None, "program": program})
    with pytest.raises(RigError, match="nothing_of_this_name"):
        run(TimeCode(), 20)


@rig
def test_speed_holds_virtual_time_back():
    import time

    start = time.monotonic()
    run(TimeCode(), 2, speed=4.0)
    assert time.monotonic() - start >= 0.49
