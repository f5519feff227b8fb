"""Streams, sources and loop of the firmware, with a link and sensors that do what a test says."""

import errno
import types

import pytest

from gateway.link.frame import Flag
from tests.firmware.stand_in import imported


@pytest.fixture
def bench():
    with imported("node.clock", "node.frame", "node.streams", "node.sources") as (time, clock, frame, streams, sources):
        yield time, clock, frame, types.SimpleNamespace(**vars(streams), **_more(sources, streams))


def _more(module, than):
    return {name: value for name, value in vars(module).items() if name not in vars(than)}


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
    stream.start_epoch(sampler.LOSS_UNKNOWN | sampler.FAILED)
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


class Watchdog:
    def __init__(self):
        self.feeds = 0

    def feed(self):
        self.feeds += 1


class Bus:
    def __init__(self):
        self.recoveries = 0

    def recover(self):
        self.recoveries += 1


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
    source = sampler.PressureSource(Adc(time), sampler.Stream(2, 0, 3, link), Watchdog())
    pace = clock.Pace(5_000, time.sleep_us)
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
    source = sampler.PressureSource(adc, sampler.Stream(2, 0, 3, link), Watchdog())
    for k in range(30):
        adc.raw = Adc.FULL - (k != 14)
        source.take(0)
    assert [f[5] for f in told(link)] == [Flag.TIMED, Flag.TIMED | Flag.CLIPPED, Flag.TIMED]
    assert link.sent[1][6][12:15] == Adc.FULL.to_bytes(3, "big")


class Sensor:
    """Fails, is silent or yields two samples, as a test says."""

    def __init__(self):
        self.samples = bytearray(12)
        self.ticks = 0
        self.lost = self.clipped = 0
        self.is_lost_unknown = self.is_waiting = False
        self.is_failing = False
        self.error = 110
        self.n = 2
        self.resets = 0
        self.rate_hz, self.period_us = 100, 10_000
        self.is_timed = self.is_watching = False
        self.changed = -1
        self.is_controlled = False

    def reset(self):
        self.resets += 1
        self._answer()

    def configure(self):
        self._answer()

    def read(self):
        self._answer()
        return self.n

    def watch(self):
        self._answer()
        return False

    def changed_register(self):
        self._answer()
        return self.changed

    def has_changed(self):
        return self.changed_register() >= 0

    def control(self):
        return self.is_controlled

    def fail(self):
        raise OSError(self.error)

    def _answer(self):
        if self.is_failing:
            raise OSError(self.error, "as the test says")


class Told(list):
    """Keeps events as (stream, code, detail)."""

    def put(self, *event):
        self.append(event)


@pytest.fixture
def source(bench):
    time, _, _, sampler = bench
    link = Link(time)
    sensor = Sensor()
    source = sampler.FifoSource(sensor, sampler.Stream(1, 0, 6, link), Bus(), Told())
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


ERROR, GOOD, REPAIRED, LED = 2, 3, 4, 9


@pytest.mark.parametrize(("error", "detail"), [(110, 1), (5, 1), (errno.ENODEV, 2), (errno.EINVAL, 4)])
def test_error_is_told_once_with_its_kind_and_so_is_its_end(source, error, detail):
    source, sensor, _ = source
    sensor.error = error
    polls(source, sensor, *[True] * 100, *[False] * 60)
    assert source._events == [(1, ERROR, detail), (1, GOOD, 0)]
    assert source._bus.recoveries == sensor.resets
    assert source.bus_errors == 3 + 3


def test_silence_is_told_with_its_kind(source):
    source, sensor, _ = source
    sensor.n = 0
    polls(source, sensor, *[False] * 10)
    assert source._events == [(1, ERROR, 3)]


def test_changed_register_is_told_and_the_sensor_started_anew_at_once(source):
    source, sensor, link = source
    sensor.changed = 0x0C
    source.check()
    sensor.changed = -1
    polls(source, sensor, False, False, False)
    assert source._events == [(1, REPAIRED, 0x0C)]
    assert sensor.resets == 2
    assert told(link)[-1][1:3] == (1, 0)
    assert told(link)[-1][5] == Flag.LOSS_UNKNOWN | Flag.RECONFIGURED


def test_block_of_a_changed_configuration_is_not_sent(source):
    source, sensor, link = source
    polls(source, sensor, False)
    before = len(told(link))
    sensor.changed = 0x0A
    polls(source, sensor, False)
    assert len(told(link)) == before
    assert source._events == [(1, REPAIRED, 0x0A)]
    sensor.changed = -1
    polls(source, sensor, False, False, False)
    assert told(link)[before][1:3] == (1, 0)
    assert told(link)[before][5] == Flag.LOSS_UNKNOWN | Flag.RECONFIGURED


@pytest.mark.parametrize("lost", [0, 7])
def test_block_whose_configuration_cannot_be_read_is_lost_and_counted(source, lost):
    source, sensor, link = source
    polls(source, sensor, False)
    before = told(link)[-1]
    sensor.has_changed, sensor.lost = sensor.fail, lost
    polls(source, sensor, False)
    del sensor.has_changed
    sensor.lost = 0
    polls(source, sensor, False)
    assert told(link)[-1][1:3] == (before[1], before[2] + 2 + 2 + lost)
    assert told(link)[-1][5] == Flag.OVERFLOW_COUNTED | Flag.SENSOR_ERROR


def test_change_that_cannot_be_looked_at_again_is_a_loss_all_the_same(source):
    source, sensor, link = source
    polls(source, sensor, False)
    before = len(told(link))
    sensor.has_changed, sensor.changed_register = (lambda: True), sensor.fail
    polls(source, sensor, False)
    del sensor.has_changed, sensor.changed_register
    polls(source, sensor, *[False] * 30)
    assert told(link)[before][1:3] == (1, 0)
    assert Flag.LOSS_UNKNOWN in told(link)[before][5]


def test_changed_current_is_told_and_costs_no_sample(source):
    source, sensor, link = source
    sensor.is_controlled = True
    source.check()
    sensor.is_controlled = False
    polls(source, sensor, False, False)
    assert source._events == [(1, LED, 0)]
    assert [(*f[1:3], f[5]) for f in told(link)[1:]] == [(0, 2, Flag.RECONFIGURED), (0, 4, Flag(0))]


def test_failing_check_is_a_bus_error(source):
    source, sensor, _ = source
    sensor.is_failing = True
    source.check()
    assert source.bus_errors == 1
    source.check()
    source.check()
    assert source._events == [(1, ERROR, 1)]
    source.check()
    assert source.bus_errors == 3, "a sensor that is gone is not checked"


@pytest.mark.parametrize(
    ("step_us", "rate_chz", "events"), [(20_000, 10_000, []), (19_600, 10_204, []), (80_000, 2_500, [(1, ERROR, 5)])]
)
def test_rate_is_measured_and_a_wrong_one_told(source, step_us, rate_chz, events):
    """Two samples a poll, as the sensor gives them."""
    source, sensor, link = source
    for _ in range(1000):
        sensor.ticks += step_us
        polls(source, sensor, False)
    assert source.rate_chz == pytest.approx(rate_chz, abs=2)
    assert source._events == events
    assert bool(told(link)[-1][5] & Flag.SENSOR_ERROR) == bool(events)


def test_only_samples_that_the_link_was_asked_to_take_feed_the_watchdog(bench):
    time, _, _, sampler = bench
    link, watchdog = Link(time), Watchdog()
    source = sampler.PressureSource(Adc(time), sampler.Stream(2, 0, 3, link), watchdog)
    for _ in range(9):
        source.take(0)
    assert watchdog.feeds == 0
    source.take(0)
    assert watchdog.feeds == 1
    link.has_room = False
    for _ in range(10):
        source.take(0)
    assert watchdog.feeds == 2, "a host that does not read is no reason for a reset: the loss is counted"
