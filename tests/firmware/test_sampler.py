"""The firmware's loop as a whole, with a link and sensors that do what a test says."""

import gc
import json
import types

import pytest

from gateway.link.downlink import EventCode
from gateway.link.frame import MAX_PAYLOAD, FrameType
from gateway.link.status import decode_status
from tests.firmware.stand_in import imported

REGISTERS = ((0x08, 0x00), (0x0A, 0x27))


class Part:
    """A sensor that has nothing to say."""

    NAME, CHANNELS, UNIT, PART = "name", ("x",), "g", "PART"
    FULL, OFFSET, NUM, DEN = 1, 0, 1, 1
    SAMPLE_BYTES = 6
    clipped = lost = is_lost_unknown = is_waiting = is_watching = is_timed = False
    ticks = 0
    red_steps = infrared_steps = 36
    red_level = infrared_level = -1
    raises = None

    def __init__(self, size=24, rate_hz=100):
        self.samples = bytearray(size)
        self.rate_hz, self.period_us = rate_hz, 1_000_000 // rate_hz

    def set(self, rate_hz, *_):
        self.rate_hz, self.period_us = rate_hz, 1_000_000 // rate_hz

    def settings(self):
        return REGISTERS

    def read(self):
        if self.raises:
            raise self.raises
        return 0

    def watch(self):
        return False

    def changed_register(self):
        return -1

    def has_changed(self):
        return False

    def control(self):
        return False

    def reset(self): ...
    def configure(self): ...


class Link:
    def __init__(self):
        self.sent = []
        self.has_room = True
        self.is_waiting = False
        self.dropped = 0

    def flush(self):
        return self.has_room

    def send(self, header, payload, n):
        self.sent.append((FrameType(header.kind), header.stream, bytes(payload[:n])))
        return self.has_room


class Adc:
    centi_celsius, reference_mv, is_off = 2_700, 2_500, False
    changes = False

    def read(self):
        return self.changes


class Outputs:
    """Light, sound, button, bus and watchdog."""

    near_misses = feeds = 0

    def show(self, _bits): ...
    def sound(self, _hz): ...
    def recover(self): ...

    def is_pressed(self):
        return False

    def feed(self):
        self.feeds += 1


@pytest.fixture
def bench(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with imported("node.frame", "node.settings", "node.sampler") as (time, frame, settings, sampler):
        link, outputs = Link(), Outputs()
        nobody = types.SimpleNamespace(poll=lambda: types.SimpleNamespace(register=lambda *_: None, ipoll=lambda _: []))
        monkeypatch.setattr(sampler, "Link", lambda _: link)
        monkeypatch.setattr(gc, "mem_free", lambda: 100_000, raising=False)
        monkeypatch.setattr(sampler.Inbox.__init__.__globals__["select"], "poll", nobody.poll, raising=False)
        board = types.SimpleNamespace(
            optical=Part(), pressure=Part(rate_hz=200), motion=None, out=None, into=None, lamp=outputs, sounder=outputs,
            button=outputs, bus=outputs, watchdog=outputs, adc=Adc(), settings=settings.Settings(), uid=b"\x01",
            entropy=bytes(range(7)), reset_cause=1, find_motion=lambda: False,
        )  # fmt: skip
        yield types.SimpleNamespace(time=time, frame=frame, module=sampler, board=board, link=link)


def sent(bench, kind):
    return [(stream, payload) for found, stream, payload in bench.link.sent if found is kind]


def events(bench):
    return [(payload[0], payload[1]) for _, payload in sent(bench, FrameType.EVENT)]


def test_board_describes_itself_in_one_frame_a_tick_and_again_after_five_seconds(bench):
    """All at once would take longer than a tick on the board."""
    chair = bench.module.Sampler(bench.board)
    described = []
    for tick in range(1, 1020):
        bench.link.has_room = tick != 2
        bench.link.sent.clear()
        chair.step(0)
        described += [(tick, stream) for stream, _ in sent(bench, FrameType.HELLO)]
    parts = len(bench.module.describe(bench.board)) - 3
    once = [0, 1, 2, *[255] * parts]
    assert [stream for _, stream in described] == once * 2
    assert [tick for tick, _ in described[: len(once)]] == [1, *range(3, len(once) + 2)]
    assert described[len(once)][0] == 1001
    assert len({tick for tick, _ in described}) == len(described)


def test_board_without_a_motion_sensor_declares_two_streams(bench):
    board, *streams = [json.loads(payload) for payload in bench.module.describe(bench.board)]
    assert (board["streams"], board["selftest"]) == (2, True)
    assert [stream.get("rate") for stream in streams[:2]] == [[100, 1], [200, 1]]


def test_every_module_is_named_with_its_hash_and_the_registers_with_their_values(bench):
    pieces = [json.loads(payload) for payload in bench.module.describe(bench.board)[3:]]
    assert [(p["part"], p["parts"]) for p in pieces] == [(k + 1, len(pieces)) for k in range(len(pieces))]
    modules = {}
    for piece in pieces:
        modules |= piece.get("modules", {})
    assert {"main", "node", "node.frame", "node.sampler", "node.program"} <= set(modules)
    assert pieces[-1]["registers"] == {"name": "08000a27"}


@pytest.mark.parametrize("size", [MAX_PAYLOAD + 1, 300])
def test_payload_that_no_frame_can_hold_is_refused_at_boot(bench, size):
    bench.board.optical = Part(size)
    with pytest.raises(ValueError, match=f"payload of {size} bytes"):
        bench.module.describe(bench.board)


def test_failed_selftest_is_told_everywhere(bench):
    bench.frame.CRC_TABLE[1] ^= 1
    chair = bench.module.Sampler(bench.board)
    assert json.loads(bench.module.describe(bench.board)[0])["selftest"] is False
    for _ in range(1000):
        chair.step(0)
    assert (EventCode.OWN_ALARM, 2) in events(bench)


def test_status_comes_each_second(bench):
    bench.board.motion = Part(rate_hz=50)
    chair = bench.module.Sampler(bench.board)
    for _ in range(1000):
        chair.step(0)
    found = [decode_status(payload) for _, payload in sent(bench, FrameType.STATUS)]
    assert [status.uptime_s for status in found] == [1, 2, 3, 4, 5]
    assert found[-1].temperature_c == 27.0
    assert found[-1].red_level is None
    assert found[-1].free_heap_bytes == 100_000


def test_configuration_changes_the_rates_and_is_described_at_once(bench):
    chair = bench.module.Sampler(bench.board)
    for _ in range(100):
        chair.step(0)
    bench.link.sent.clear()
    assert chair.configure(400, 250, 0, 0)
    assert not chair.configure(401, 250, 0, 0)
    assert chair._pace.period_us == 4_000
    for _ in range(100):
        chair.step(0)
    rates = [json.loads(payload)["rate"][0] for stream, payload in sent(bench, FrameType.HELLO) if stream in (1, 2)]
    assert rates == [400, 250]
    bench.link.sent.clear()
    assert chair.configure(400, 250, 0, 0)
    for _ in range(20):
        chair.step(0)
    assert sent(bench, FrameType.HELLO) == [], "nothing has changed"


def test_reference_that_goes_off_is_told(bench):
    chair = bench.module.Sampler(bench.board)
    bench.board.adc.changes = bench.board.adc.is_off = True
    for _ in range(250):
        chair.step(0)
    assert (EventCode.REFERENCE_OFF, 0) in events(bench)


def test_error_nobody_foresaw_is_told_and_survived_twice(bench):
    chair = bench.module.Sampler(bench.board)
    bench.board.pressure.raises = ValueError("one day")
    with pytest.raises(ValueError, match="one day"):
        chair.run()
    assert events(bench) == [(EventCode.EXCEPTION, k) for k in (1, 2, 3)]
    assert sent(bench, FrameType.LOG) == [(0, b"ValueError")] * 3
    assert chair._status.exceptions == 3


def test_errors_that_are_far_apart_are_all_survived(bench):
    chair = bench.module.Sampler(bench.board)
    for _ in range(20):
        bench.time.now_ns += 11_000_000_000
        assert chair._survive(ValueError("now and then"))


def test_update_ends_the_loop(bench):
    chair = bench.module.Sampler(bench.board)
    chair.is_update_due = True
    chair.run()
