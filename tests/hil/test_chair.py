"""The unmodified firmware on the virtual board, in virtual time."""

import contextlib
import itertools
import json
import os
import signal

import numpy as np
import pytest
from msgspec import structs

import hil.board.unix
from gateway.chunklog import Chunk
from gateway.link.frame import PROGRAM_STREAM, Flag, FrameType
from hil.board.bus import NoAcknowledgeError, Op, PromiseError, Span, Stall
from hil.board.unix import Boot, RigError, UnixBoard
from hil.chair import MOTION_ADDRESS, OPTICAL_ADDRESS, play, wire
from hil.patient import Patient
from hil.stimulus import Stimulus
from tests.firmware.stand_in import FIRMWARE
from tests.hil.link import (
    FULL,
    MOTION,
    OPTICAL,
    PRESSURE,
    STREAMS,
    TimeCode,
    confessed,
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
    for stream, rate in ((OPTICAL, 100), (PRESSURE, 200), (MOTION, 50)):
        received = data(found, stream)
        assert lost_samples(received) == wrong_samples(received) == 0
        assert 119.5 * rate < received[-1].index + received[-1].n <= 120 * rate
        assert {confessed(frame) for frame in received} <= {Flag(0), Flag.CLIPPED}
        assert len({frame.epoch for frame in received}) == 1


@rig
def test_frames_carry_the_time_of_their_last_sample():
    for _, frame in frames(run(TimeCode(), 20)):
        if frame.type is FrameType.DATA:
            late_us = (frame.ticks_us - times(frame)[-1] + 50_000) % wrap(frame) - 50_000
            assert abs(late_us) <= {OPTICAL: 5_200, PRESSURE: 1_000, MOTION: 10_500}[frame.stream]


@rig
def test_board_describes_itself_first_and_every_five_seconds():
    found = frames(run(TimeCode(), 12))
    hellos = [(t_us, frame) for t_us, frame in found if frame.type is FrameType.HELLO]
    parts = json.loads(hellos[4][1].payload)["parts"]
    assert [frame.stream for _, frame in hellos] == [0, 1, 2, 3, *[PROGRAM_STREAM] * parts] * 3
    assert [frame for _, frame in found[:4]] == [frame for _, frame in hellos[:4]]
    assert [round(t_us / S) for t_us, frame in hellos if frame.stream == 0] == [0, 5, 10]
    assert len(set(boots(found))) == 1
    described = [json.loads(frame.payload) for _, frame in hellos[:4]]
    assert described[0] | {"boot": 0} == {
        "fw": "0.1.0",
        "uid": "e660000000000001",
        "boot": 0,
        "reset": 1,
        "streams": 3,
        "selftest": True,
    }
    assert [d["name"] for d in described[1:]] == ["optical", "pressure", "motion"]
    assert described[2]["full"] * described[2]["num"] / described[2]["den"] == 330
    motion = described[3]
    assert (motion["channels"], motion["unit"], motion["rate"]) == (["x", "y", "z"], "g", [50, 1])
    assert [(raw - motion["offset"]) * motion["num"] / motion["den"] for raw in (0, 40768)] == [-4.096, 1.0]


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
    for stream in STREAMS:
        received = data(found, stream)
        assert wrong_samples(received) == 0
        assert len({frame.epoch for frame in received}) == 1
    assert lost_samples(data(found, MOTION)) == 0, "640 ms fit into its FIFO"
    assert lost_samples(data(found, OPTICAL)) == sensor.dropped
    assert (sensor.dropped > 0) == (stall_ms >= 345)
    missed = lost_samples(data(found, PRESSURE)) - stall_ms / 5
    assert -1 < missed <= 1, "the stall begins in a pause of up to 5 ms, and a full FIFO takes 4.4 ms to empty"
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
        Stall(at_us=2_003_000, lasts_us=400_000, ops=(Op.I2C,)),  # between pointers and burst: hides a loss
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
    assert confessed(back) == Flag.LOSS_UNKNOWN | Flag.SENSOR_ERROR | Flag.RECONFIGURED
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


def frames_in(seconds):
    """Samples; and STATUS each second, without HELLO, which waits."""
    return seconds * (25 + 25 + 12.5 + 1)


@rig
@pytest.mark.parametrize("ms", [120, 10_000])
def test_host_that_stops_reading_does_not_stop_the_sampling(ms):
    """The USB port fills up, then frames are dropped; not one pressure sample is taken late."""
    bus = wire(TimeCode())
    end = 2 * S + ms * 1000
    bus.deaf.append(Span(from_us=2 * S, to_us=end))
    found = frames(run(TimeCode(), 15, bus=bus))
    seqs = [frame.seq for _, frame in found]
    assert seqs == sorted(seqs), "the sequence number goes on"
    dropped = [seq for a, b in itertools.pairwise(seqs) for seq in range(a + 1, b)]
    assert len(dropped) == pytest.approx(frames_in(ms / 1000) - 6, abs=5), "five frames fit, one waits"
    for stream in STREAMS:
        received = data(found, stream)
        assert wrong_samples(received) == 0
        assert len({frame.epoch for frame in received}) == 1
        assert not any(frame.flags & Flag.OVERFLOW_COUNTED for frame in received)
        flagged = [frame.index for frame in received if frame.flags & Flag.TX_DROPPED]
        jumps = [b.index for a, b in itertools.pairwise(received) if b.index != a.index + a.n]
        assert flagged == jumps
        assert len(jumps) == 1 or ms < 1000


@rig
def test_loss_is_told_although_the_host_did_not_read_when_it_happened():
    bus = wire(TimeCode())
    bus.deaf.append(Span(from_us=2 * S, to_us=5 * S))
    bus.stalls.append(Stall(at_us=3 * S, lasts_us=900_000))
    found = frames(run(TimeCode(), 8, bus=bus))
    for stream, loss in (
        (OPTICAL, Flag.LOSS_UNKNOWN),
        (PRESSURE, Flag.OVERFLOW_COUNTED),
        (MOTION, Flag.LOSS_UNKNOWN),
    ):
        flags = [confessed(frame) for frame in data(found, stream) if confessed(frame)]
        assert flags == [loss | Flag.TX_DROPPED]


@rig
def test_hello_comes_after_a_host_that_did_not_read():
    bus = wire(TimeCode())
    bus.deaf.append(Span(from_us=0, to_us=3 * S))
    found = frames(run(TimeCode(), 4, bus=bus))
    hellos = [frame for _, frame in found if frame.type is FrameType.HELLO]
    assert [frame.stream for frame in hellos[:5]] == [0, 1, 2, 3, PROGRAM_STREAM]
    assert 3 * S <= hellos[-1].ticks_us < 3.1 * S


def nak(bus, address, register, at_us, count=1):
    """Let the first reads of a register at a time fail."""
    sensor = bus.i2c[address]
    transfer, left = sensor.transfer, [None] * count

    def sometimes(now_ns, written, wanted):
        if now_ns >= at_us * 1000 and left and written[0] == register and wanted:
            left.pop()
            raise NoAcknowledgeError
        return transfer(now_ns, written, wanted)

    sensor.transfer, sensor.promise = sometimes, lambda _written: None


@rig
@pytest.mark.parametrize(
    ("stream", "address", "register"), [(OPTICAL, OPTICAL_ADDRESS, 0x04), (MOTION, MOTION_ADDRESS, 0x2F)]
)
@pytest.mark.parametrize("count", [1, 2])
def test_one_failed_look_at_a_sensor_costs_nothing(stream, address, register, count):
    bus = wire(TimeCode())
    nak(bus, address, register, 3 * S, count)
    received = data(frames(run(TimeCode(), 6, bus=bus)), stream)
    assert wrong_samples(received) == lost_samples(received) == 0
    assert len({frame.epoch for frame in received}) == 1
    assert [confessed(frame) for frame in received if confessed(frame)] == [Flag.SENSOR_ERROR]


@rig
@pytest.mark.parametrize(
    ("stream", "address", "register"), [(OPTICAL, OPTICAL_ADDRESS, 0x07), (MOTION, MOTION_ADDRESS, 0xA8)]
)
def test_one_failed_burst_costs_two_blocks_and_an_epoch(stream, address, register):
    bus = wire(TimeCode())
    nak(bus, address, register, 3 * S)
    received = data(frames(run(TimeCode(), 6, bus=bus)), stream)
    assert wrong_samples(received) == 0
    assert len({frame.epoch for frame in received}) == 2
    assert [confessed(frame) for frame in received if confessed(frame)] == [Flag.SENSOR_ERROR | Flag.LOSS_UNKNOWN]
    gap_us = max(b.ticks_us - a.ticks_us for a, b in itertools.pairwise(received))
    assert gap_us <= {OPTICAL: 130_000, MOTION: 260_000}[stream]


@rig
@pytest.mark.parametrize(
    ("stream", "address", "register"), [(OPTICAL, OPTICAL_ADDRESS, 0x08), (MOTION, MOTION_ADDRESS, 0xA0)]
)
def test_a_block_whose_configuration_cannot_be_read_is_lost_and_counted(stream, address, register):
    bus = wire(TimeCode())
    nak(bus, address, register, 3 * S)
    received = data(frames(run(TimeCode(), 6, bus=bus)), stream)
    assert wrong_samples(received) == 0
    assert len({frame.epoch for frame in received}) == 1
    assert 2 <= lost_samples(received) <= 24
    assert [confessed(frame) for frame in received if confessed(frame)] == [Flag.SENSOR_ERROR | Flag.OVERFLOW_COUNTED]


@rig
def test_hung_bus_costs_few_pressure_samples_and_the_sensors_come_back():
    bus = wire(TimeCode())
    bus.hangs.append(Span(from_us=3 * S, to_us=8 * S))
    found = frames(run(TimeCode(), 12, bus=bus))
    pressure = data(found, PRESSURE)
    assert wrong_samples(pressure) == 0
    assert 0 < lost_samples(pressure) < 30, "a time-out of 6 ms is one sample"
    for stream in (OPTICAL, MOTION):
        received = data(found, stream)
        assert wrong_samples(received) == 0
        assert len({frame.epoch for frame in received}) == 2
        back = next(frame for frame in received if frame.epoch != received[0].epoch)
        assert confessed(back) == Flag.LOSS_UNKNOWN | Flag.SENSOR_ERROR | Flag.RECONFIGURED
        assert 8 * S < back.ticks_us < 10.3 * S


@rig
def test_board_without_a_motion_sensor_says_so():
    bus = wire(TimeCode())
    del bus.i2c[MOTION_ADDRESS]
    found = frames(run(TimeCode(), 6, bus=bus))
    hello = next(json.loads(f.payload) for _, f in found if f.type is FrameType.HELLO)
    assert hello["streams"] == 2
    assert {frame.stream for _, frame in found} == {0, OPTICAL, PRESSURE, PROGRAM_STREAM}
    for stream in (OPTICAL, PRESSURE):
        assert lost_samples(data(found, stream)) == wrong_samples(data(found, stream)) == 0


@rig
def test_absent_sensor_is_asked_once_a_second():
    bus = wire(TimeCode())
    bus.i2c[OPTICAL_ADDRESS].is_present = False
    asked = []
    bus.i2c[OPTICAL_ADDRESS].transfer = counted(bus.i2c[OPTICAL_ADDRESS].transfer, asked)
    run(TimeCode(), 10, bus=bus)
    assert 9 <= len(asked) <= 11


def counted(transfer, asked):
    def count(*request):
        asked.append(request)
        return transfer(*request)

    return count


class Bright(TimeCode):
    """Everything at full scale for a second, from 2 s on."""

    def light(self, t_us):
        return np.where(self._is_on(t_us)[:, None], FULL - 1.0, 1000.0)

    def volts(self, t_us):
        return np.where(self._is_on(t_us), 3.3, 1.0)

    def acceleration(self, t_us):
        return np.where(self._is_on(t_us)[:, None], -5.0, 0.0) * np.ones(3)

    def _is_on(self, t_us):
        return (t_us >= 2 * S) & (t_us < 3 * S)


@rig
def test_frames_with_samples_at_full_scale_are_flagged():
    found = frames(run(Bright(), 4))
    for stream in STREAMS:
        clipped = [f.ticks_us for f in data(found, stream) if f.flags & Flag.CLIPPED]
        assert 2 * S <= clipped[0] + 20_000 < clipped[-1] <= 3.11 * S
        assert len(clipped) >= 12
        assert not any(f.flags & Flag.CLIPPED for f in data(found, stream) if f.ticks_us < 1.9 * S)


@rig
def test_pressure_is_the_mean_of_16_conversions():
    """One conversion has a noise of 2 codes; 16 repeated codes would sum to multiples of 16, and be as noisy."""

    class Steady(TimeCode):
        def volts(self, t_us):
            return np.full(len(t_us), 1.0)

    found = frames(run(Steady(), 10, bus=wire(Steady(), adc_seed=1)))
    raw = np.concatenate([np.frombuffer(f.payload, np.uint8).reshape(-1, 3) for f in data(found, PRESSURE)])
    codes = (raw.astype(int) @ [65536, 256, 1]) / 16 / 16.004
    assert codes.mean() == pytest.approx(1.0 * 4095 / 3.3 + 3, abs=0.5)
    assert codes.std() == pytest.approx(2 / 4, rel=0.1)


@rig
def test_epochs_of_a_boot_are_random():
    found = [frames(run(TimeCode(), 0.5, seed=seed)) for seed in (1, 2, 3)]
    for stream in STREAMS:
        assert len({data(one, stream)[0].epoch for one in found}) > 1


@rig
def test_ticks_wrap_without_a_trace():
    start = (1 << 30) - 4 * S
    found = frames(run(TimeCode(), 10, boot_ticks_us=start))
    assert found[0][1].ticks_us > start
    assert found[-1][1].ticks_us < 6 * S
    for stream in STREAMS:
        received = data(found, stream)
        assert lost_samples(received) == wrong_samples(received) == 0
        timed = [frame for frame in received if frame.flags & Flag.TIMED]
        sample_us = {
            (b.ticks_us - a.ticks_us) % (1 << 30) / (b.index + b.n - a.index - a.n)
            for a, b in itertools.pairwise(timed)
        }
        assert len(timed) > 5
        assert max(sample_us) - min(sample_us) < 200


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


def runs(monkeypatch, tmp_path, text):
    """Let the rig run this program instead of the firmware's main.py."""
    program = tmp_path / "main.py"
    program.write_text(text)
    monkeypatch.setattr(UnixBoard.__init__, "__kwdefaults__", {"link": None, "program": program})


@rig
def test_firmware_that_does_not_start_fails_the_rig_with_its_reason(monkeypatch, tmp_path):
    runs(monkeypatch, tmp_path, "import nothing_of_this_name")
    with pytest.raises(RigError, match=r"does not start: died .*nothing_of_this_name"):
        run(TimeCode(), 20)


@rig
def test_firmware_that_only_resets_itself_fails_the_rig(monkeypatch, tmp_path):
    runs(monkeypatch, tmp_path, "import machine; machine.reset()")
    with pytest.raises(RigError, match="does not start"):
        run(TimeCode(), 20)


@rig
def test_unforeseen_error_resets_the_board(monkeypatch, tmp_path, capsys):
    """The firmware's own main.py, with a sensor that one day raises what nobody expects."""
    breaks = """
import time
from node.drivers.pressure_adc import PressureAdc
read = PressureAdc.read
def broken(self):
    if time.ticks_us() > 3_000_000:
        raise ValueError("one day")
    return read(self)
PressureAdc.read = broken
"""
    runs(monkeypatch, tmp_path, breaks + (FIRMWARE / "main.py").read_text())
    bus, powered = wire(TimeCode()), []
    bus.i2c[MOTION_ADDRESS].power_on = lambda: powered.append(True)
    found = frames(run(TimeCode(), 4, bus=bus))
    assert not powered, "a reset of the processor leaves the sensors running"
    hellos = [json.loads(f.payload) for _, f in found if f.type is FrameType.HELLO and f.stream == 0]
    assert [hello["reset"] for hello in hellos] == [1, 3]
    assert len({hello["boot"] for hello in hellos}) == 2
    silent_us = max(b - a for (a, _), (b, _) in itertools.pairwise(found))
    assert silent_us < 0.3 * S
    assert "firmware has reset itself at 3.0 s; starts again in 0.2 s" in capsys.readouterr().err


@rig
def test_interrupt_characters_from_the_host_are_data():
    board = UnixBoard(wire(TimeCode()), Boot())
    t_us = 0
    try:
        while t_us < 1 * S:
            request = board.wait_request()
            assert request is not None, "the firmware has ended"
            t_us = request.now_ns // 1000
            board.write_link(b"\x03\x04")
            board.answer(request)
    finally:
        board.close()


@rig
def test_hang_is_not_called_a_death(monkeypatch):
    monkeypatch.setattr("hil.board.unix._HUNG_S", 1)
    board = UnixBoard(wire(TimeCode()), Boot())
    os.kill(board.pid, signal.SIGSTOP)
    try:
        while (request := board.wait_request()) is not None:
            board.answer(request)
    finally:
        ending = board.close()
    assert str(ending) == "hangs: no request for 1 s"


@rig
@pytest.mark.parametrize("skew_ppm", [0, 400])
def test_what_a_sensor_promises_changes_no_byte_and_spares_half_of_the_requests(skew_ppm, monkeypatch):
    asked, heard, decode = [], [], hil.board.unix.decode
    for promises in (False, True):
        bus, n = wire(TimeCode()), []
        monkeypatch.setattr(hil.board.unix, "decode", counted(decode, n))
        if not promises:
            for device in bus.i2c.values():
                device.promise = lambda _written: None
        chunks = play(TimeCode(12), bus=bus, skew_ppm=skew_ppm)
        heard.append([(chunk.t_us, chunk.data) for chunk in chunks if chunk.data])
        asked.append(len(n))
    assert heard[0] == heard[1]
    assert asked[1] < 0.6 * asked[0]


@rig
def test_a_model_that_breaks_its_promise_fails_the_rig():
    bus = wire(TimeCode())
    sensor = bus.i2c[OPTICAL_ADDRESS]
    promise = sensor.promise

    def wrong(written):
        true = promise(written)
        return true and structs.replace(true, burst=bytes(len(true.burst)))

    sensor.promise = wrong
    with pytest.raises(PromiseError, match="not as promised"):
        run(TimeCode(), 2, bus=bus)


@rig
def test_speed_holds_virtual_time_back():
    import time

    start = time.monotonic()
    run(TimeCode(), 2, speed=4.0)
    assert time.monotonic() - start >= 0.49
