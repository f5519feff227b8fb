"""Streams and sources of the firmware's loop, with a link and sensors that do what a test says."""

import json

import pytest

from gateway.link.frame import MAX_PAYLOAD, Flag
from tests.firmware.stand_in import imported


@pytest.fixture
def bench():
    with imported("node.clock", "node.frame", "node.sampler") as (time, clock, frame, sampler):
        yield time, clock, frame, sampler


class Link:
    """Keeps what is sent as (stream, epoch, index, n, ticks, flags)."""

    def __init__(self, time, cost_us=0):
        self.time, self.cost_us = time, cost_us
        self.sent = []
        self.has_room = True

    def send(self, header, payload, length):
        fields = (header.stream, header.epoch, header.index, header.n, header.ticks, Flag(header.flags))
        if self.has_room:
            self.sent.append((*fields, bytes(payload[:length])))
            self.time.now_ns += self.cost_us * 1000
        return self.has_room


def told(link):
    return [fields[:6] for fields in link.sent]


def test_loss_is_told_by_the_first_frame_that_leaves(bench):
    time, _, _, sampler = bench
    link = Link(time)
    stream = sampler.Stream(1, 7, 6, link)
    stream.send(bytes(6), 1, 10)
    stream.start_epoch(sampler.LOSS_UNKNOWN | sampler.SENSOR_ERROR)
    link.has_room = False
    stream.send(bytes(6), 1, 20)
    link.has_room = True
    stream.send(bytes(6), 1, 30)
    stream.send(bytes(6), 1, 40)
    assert told(link) == [
        (1, 7, 0, 1, 10, Flag(0)),
        (1, 8, 1, 1, 30, Flag.LOSS_UNKNOWN | Flag.SENSOR_ERROR | Flag.TX_DROPPED),
        (1, 8, 2, 1, 40, Flag(0)),
    ]


def test_each_stream_tells_of_its_own_dropped_frames(bench):
    time, _, _, sampler = bench
    link = Link(time)
    first, second = (sampler.Stream(number, 0, 3, link) for number in (1, 2))
    link.has_room = False
    first.flag(sampler.CLIPPED)
    first.send(bytes(3), 1, 0)
    link.has_room = True
    second.send(bytes(3), 1, 0)
    first.send(bytes(3), 1, 0)
    assert [(f[0], f[5]) for f in told(link)] == [(2, Flag(0)), (1, Flag.TX_DROPPED)]


LAST = (1 << 30) - 1


def test_index_that_would_pass_30_bits_starts_an_epoch(bench):
    time, _, _, sampler = bench
    link = Link(time)
    stream = sampler.Stream(1, 255, 3, link)
    stream._header.index = LAST - 8  # as after 62 days at 200 Hz
    for _ in range(2):
        stream.send(bytes(24), 8, 0)
    stream._header.index = LAST - 3
    stream.skip(4)
    stream.send(bytes(24), 8, 0)
    assert [(f[1], f[2], f[5]) for f in told(link)] == [
        (255, LAST - 8, Flag(0)),
        (0, 0, Flag(0)),
        (1, 0, Flag.LOSS_UNKNOWN),
    ]


class Adc:
    FULL = 16 * 65535

    def __init__(self, time):
        self.time = time
        self.raw = None  # shows the time, us

    def read(self):
        raw = self.time.now_ns // 1000 if self.raw is None else self.raw
        self.time.now_ns += 200_000
        return raw


@pytest.mark.parametrize("cost_us", [0, 500, 1_500, 4_000])
@pytest.mark.parametrize("late_us", [0, 7_000, 23_000])
def test_pressure_is_taken_before_anything_slow(bench, cost_us, late_us):
    """After late ticks the samples before go out first, which takes time: the sample is still where its index says."""
    time, clock, _, sampler = bench
    link = Link(time, cost_us)
    source = sampler.PressureSource(Adc(time), sampler.Stream(2, 0, 3, link))
    pace = clock.Pace(5_000)
    for k in range(60):
        source.take(pace.wait())
        if k == 20:
            time.now_ns += late_us * 1000
    taken = [
        (index + k, int.from_bytes(payload[3 * k : 3 * k + 3], "big"))
        for _, _, index, n, _, _, payload in link.sent
        for k in range(n)
    ]
    base = taken[0][1]
    assert max(abs(us - base - 5_000 * index) for index, us in taken) <= 1_000
    ends = [(index + n - 1, ticks) for _, _, index, n, ticks, _ in told(link)]
    assert max(abs(ticks - dict(taken)[index]) for index, ticks in ends) <= 10


def test_pressure_at_full_scale_is_flagged(bench):
    time, _, _, sampler = bench
    link, adc = Link(time), Adc(time)
    source = sampler.PressureSource(adc, sampler.Stream(2, 0, 3, link))
    for k in range(24):
        adc.raw = Adc.FULL - (k != 12)
        source.take(0)
    assert [f[5] for f in told(link)] == [Flag(0), Flag.CLIPPED, Flag(0)]
    assert link.sent[1][6][12:15] == Adc.FULL.to_bytes(3, "big")


class Sensor:
    """Fails, is silent or yields two samples, as a test says."""

    def __init__(self):
        self.samples = bytearray(12)
        self.ticks = 0
        self.lost = self.clipped = 0
        self.is_lost_unknown = self.is_waiting = False
        self.is_failing = False
        self.n = 2
        self.resets = 0

    def reset(self):
        self.resets += 1
        self._answer()

    def configure(self):
        self._answer()

    def read(self):
        self._answer()
        return self.n

    def _answer(self):
        if self.is_failing:
            raise OSError(110)


@pytest.fixture
def source(bench):
    time, _, _, sampler = bench
    link = Link(time)
    sensor = Sensor()
    source = sampler.FifoSource(sensor, sampler.Stream(1, 0, 6, link))
    for _ in range(3):
        source.poll()
    assert len(link.sent) == 1
    return source, sensor, link


def polls(source, sensor, *failing):
    for sensor.is_failing in failing:
        source.poll()


@pytest.mark.parametrize("failures", [1, 2])
def test_bus_error_is_told_and_costs_nothing_else(source, failures):
    source, sensor, link = source
    polls(source, sensor, *[True] * failures, False, True, True, False)
    assert [f[1:4] for f in told(link)] == [(0, 0, 2), (0, 2, 2), (0, 4, 2)]
    assert [f[5] for f in told(link)] == [Flag(0), Flag.SENSOR_ERROR, Flag.SENSOR_ERROR]
    assert sensor.resets == 1


def test_third_bus_error_in_a_row_starts_the_sensor_anew(source):
    source, sensor, link = source
    polls(source, sensor, True, True, True, *[False] * 30)
    assert sensor.resets == 2
    first = told(link)[1]
    assert first[1:3] == (1, 0)
    assert first[5] == Flag.LOSS_UNKNOWN | Flag.SENSOR_ERROR | Flag.RECONFIGURED


def test_sensor_that_is_gone_is_tried_every_25_polls(source):
    source, sensor, _ = source
    polls(source, sensor, *[True] * 253)
    assert sensor.resets == 1 + 10


def test_silent_sensor_is_started_anew(source):
    source, sensor, link = source
    sensor.n = 0
    polls(source, sensor, *[False] * 10)
    sensor.n = 2
    polls(source, sensor, *[False] * 27)
    assert sensor.resets == 2
    assert told(link)[1][5] == Flag.LOSS_UNKNOWN | Flag.SENSOR_ERROR | Flag.RECONFIGURED


def test_fifo_at_full_scale_is_flagged(source):
    source, sensor, link = source
    sensor.clipped = 1
    polls(source, sensor, False)
    sensor.clipped = 0
    polls(source, sensor, False)
    assert [f[5] for f in told(link)] == [Flag(0), Flag.CLIPPED, Flag(0)]


class Part:
    NAME, CHANNELS, UNIT, RATE_HZ, PART = "name", ("x",), "g", 50, "PART"
    FULL, OFFSET, NUM, DEN = 1, 0, 1, 1
    SAMPLE_BYTES = 6
    clipped = lost = is_lost_unknown = is_waiting = 0

    def __init__(self, size=24):
        self.samples = bytearray(size)

    def reset(self):
        pass

    def configure(self):
        pass


class Board:
    out = None
    optical, pressure, motion = Part(), Part(), None
    uid, entropy, reset_cause = b"\x01", bytes(range(7)), 1


def test_board_describes_itself_in_one_frame_a_tick(bench, monkeypatch):
    """All at once would take longer than a tick on the board."""
    time, _, _, sampler = bench
    link = Link(time)
    link.flush = lambda: link.has_room
    monkeypatch.setattr(sampler, "Link", lambda _: link)
    monkeypatch.setattr(Part, "read", lambda _: 0, raising=False)
    chair = sampler.Sampler(Board)
    described = []
    for tick in range(1, 1004):
        link.has_room = tick != 2
        before = len(link.sent)
        chair.step(0)
        described += [(tick, f[0]) for f in told(link)[before:] if f[3] == 0]
        link.sent = link.sent[:0]
    assert described == [(1, 0), (3, 1), (4, 2), (1001, 0), (1002, 1), (1003, 2)]


def test_board_without_a_motion_sensor_declares_two_streams(bench):
    *_, sampler = bench
    board, *streams = [json.loads(payload) for payload in sampler._describe(Board)]
    assert (board["streams"], len(streams)) == (2, 2)
    assert board["selftest"] is True


@pytest.mark.parametrize("size", [MAX_PAYLOAD + 1, 300])
def test_payload_that_no_frame_can_hold_is_refused_at_boot(bench, monkeypatch, size):
    *_, sampler = bench
    monkeypatch.setattr(Board, "optical", Part(size))
    with pytest.raises(ValueError, match=f"payload of {size} bytes"):
        sampler._describe(Board)


def test_failed_selftest_is_told(bench):
    *_, frame, sampler = bench
    frame.CRC_TABLE[1] ^= 1
    assert json.loads(sampler._describe(Board)[0])["selftest"] is False
