"""Requests of the host in the firmware: what the gateway encodes is understood, anything else is counted."""

import select

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.link.downlink import UPDATE_ARGUMENTS, AckResult, Verb, annunciate, configure, encode_frame, identify
from gateway.link.frame import FrameType
from tests.firmware.stand_in import imported
from tests.link_bytes import cobs


@pytest.fixture(scope="module")
def modules():
    with imported("node.inbox", "node.commands") as (time, inbox, commands):
        yield time, inbox, commands


class Port:
    """Gives the bytes of the host one at a time."""

    def __init__(self, data=b""):
        self.data = data

    def poll(self):
        return self

    def register(self, source, flags):
        assert (source, flags) == (self, select.POLLIN)

    def ipoll(self, _timeout):
        return [(self, select.POLLIN)] if self.data else []

    def readinto(self, buffer):
        assert len(buffer) == 1, "the board's readinto waits until it has all"
        buffer[0], self.data = self.data[0], self.data[1:]
        return 1


def inbox_with(modules, data):
    _, module, _ = modules
    port = Port(data)
    module.select = type("Select", (), {"poll": port.poll, "POLLIN": select.POLLIN})
    return module.Inbox(port), port


def requests(inbox, port):
    """Everything that is understood: (kind, verb, index, arguments)."""
    found = []
    while port.data:
        if inbox.receive():
            found.append((inbox.kind, inbox.verb, inbox.index, bytes(inbox.body[16 : 16 + inbox.length])))
    return found


REQUESTS = st.tuples(
    st.sampled_from([FrameType.TIME_REQ, FrameType.CMD]),
    st.integers(0, 255),
    st.integers(0, (1 << 30) - 1),
    st.binary(max_size=16),
)


@settings(deadline=None, max_examples=60)
@given(sent=st.lists(REQUESTS, max_size=6))
def test_what_the_gateway_encodes_is_understood(modules, sent):
    data = b"".join(
        encode_frame(kind, stream=verb, index=index, payload=payload) for kind, verb, index, payload in sent
    )
    inbox, port = inbox_with(modules, data)
    assert requests(inbox, port) == sent
    assert inbox.damaged == 0


def test_every_flipped_bit_is_refused_and_counted(modules):
    good = encode_frame(FrameType.CMD, stream=Verb.ANNUNCIATE, index=7, payload=annunciate(3, sound=3, expiry_ms=5))
    last = encode_frame(FrameType.TIME_REQ, index=9)
    for bit in range(8, 8 * (len(good) - 1)):
        damaged = bytearray(good)
        damaged[bit // 8] ^= 1 << bit % 8
        inbox, port = inbox_with(modules, bytes(damaged) + last)
        assert requests(inbox, port) == [(FrameType.TIME_REQ, 0, 9, b"")], f"bit {bit}"
        assert inbox.damaged >= 1


@pytest.mark.parametrize(
    "frame",
    [
        encode_frame(FrameType.DATA),
        encode_frame(FrameType.CMD, version=2),
        encode_frame(FrameType.CMD, payload=bytes(17)),
        b"\0" + cobs(b"\x17" + bytes(10) + b"\x40" + bytes(4) + b"????") + b"\0",
        b"\0short\0",
        b"\0" + b"\x01" * 300 + b"\0",
        b"\0\xff\0",
    ],
)
def test_what_is_no_request_is_counted_once(modules, frame):
    inbox, port = inbox_with(modules, frame)
    assert requests(inbox, port) == []
    assert inbox.damaged == 1


def test_a_little_at_a_time(modules):
    inbox, port = inbox_with(modules, bytes([1]) * 1000)
    inbox.receive()
    assert len(port.data) == 1000 - 16, "a flood must not cost a pressure sample"


@settings(deadline=None, max_examples=200)
@given(data=st.binary(max_size=400))
def test_noise_is_no_request(modules, data):
    inbox, port = inbox_with(modules, data + b"\0")
    assert requests(inbox, port) == []


class Everything:
    """Link, annunciator, status and sampler of a board, which note what they are asked to do."""

    def __init__(self):
        self.sent, self.asked = [], []
        self.has_room = True
        self.is_update_due = self.alarms = False
        self.is_passed = True
        self.refused = 0

    def is_alarming(self):
        return self.alarms

    def is_of_patient(self):
        return self.alarms

    def flush(self):
        return self.has_room

    def send(self, header, payload, n):
        self.sent.append((header.kind, header.stream, header.index, bytes(payload[:n])))
        return True

    def command(self, *arguments):
        self.asked.append(("annunciate", *arguments))

    def identify(self, ms):
        self.asked.append(("identify", ms))

    def test(self):
        self.asked.append("test")

    def describe(self):
        self.asked.append("describe")

    def configure(self, *arguments):
        self.asked.append(("configure", *arguments))
        return arguments[0] in (100, 200, 400)


def board(modules, *frames):
    _, _, commands = modules
    inbox, port = inbox_with(modules, b"".join(frames))
    everything = Everything()
    return commands.Commands(inbox, *[everything] * 4), everything, port


def cmd(verb, payload=b"", index=1):
    return encode_frame(FrameType.CMD, stream=verb, index=index, payload=payload)


def drain(taker, port):
    while port.data:
        taker.receive()


CASES = [
    (Verb.START, b"", AckResult.DONE, ["describe"]),
    (Verb.START, b"x", AckResult.BAD_ARGUMENT, []),
    (Verb.CONFIGURE, configure(pleth_rate_hz=400, pressure_rate_hz=250, red=9), 0, [("configure", 400, 250, 9, 0)]),
    (Verb.CONFIGURE, configure(pleth_rate_hz=25, pressure_rate_hz=250), 2, [("configure", 25, 250, 0, 0)]),
    (Verb.CONFIGURE, b"", AckResult.BAD_ARGUMENT, []),
    (Verb.ANNUNCIATE, annunciate(3, sound=3, expiry_ms=10_000), 0, [("annunciate", 3, 3, 10_000)]),
    (Verb.ANNUNCIATE, annunciate(0, sound=0, expiry_ms=1), 0, [("annunciate", 0, 0, 1)]),
    (Verb.ANNUNCIATE, annunciate(4, sound=0, expiry_ms=1), AckResult.BAD_ARGUMENT, []),
    (Verb.ANNUNCIATE, annunciate(3, sound=1, expiry_ms=5), AckResult.DONE, [("annunciate", 3, 1, 5)]),
    (Verb.ANNUNCIATE, annunciate(1, sound=3, expiry_ms=5), AckResult.DONE, [("annunciate", 1, 3, 5)]),
    (Verb.ANNUNCIATE, annunciate(1, sound=4, expiry_ms=5), AckResult.BAD_ARGUMENT, []),
    (Verb.ANNUNCIATE, annunciate(0, sound=1, expiry_ms=5), AckResult.BAD_ARGUMENT, []),
    (Verb.ANNUNCIATE, annunciate(3, sound=3, expiry_ms=10_001), AckResult.BAD_ARGUMENT, []),
    (Verb.ANNUNCIATE, annunciate(3, sound=3, expiry_ms=0), AckResult.BAD_ARGUMENT, []),
    (Verb.IDENTIFY, identify(30_000), AckResult.DONE, [("identify", 30_000)]),
    (Verb.IDENTIFY, identify(30_001), AckResult.BAD_ARGUMENT, []),
    (Verb.SELF_TEST, b"", AckResult.DONE, ["test"]),
    (Verb.UPDATE, b"uqdate", AckResult.BAD_ARGUMENT, []),
    (0, b"", AckResult.UNKNOWN_VERB, []),
    (7, b"", AckResult.UNKNOWN_VERB, []),
    (255, b"", AckResult.UNKNOWN_VERB, []),
]


@pytest.mark.parametrize(("verb", "payload", "result", "asked"), CASES)
def test_every_command_is_done_or_refused_and_answered(modules, verb, payload, result, asked):
    taker, everything, port = board(modules, cmd(verb, payload, index=77))
    drain(taker, port)
    assert everything.asked == asked
    assert everything.sent == [(FrameType.ACK, verb, 77, bytes([result]))]
    assert everything.refused == (result != 0)


def test_update_is_asked_for_by_word(modules):
    taker, everything, port = board(modules, cmd(Verb.UPDATE, UPDATE_ARGUMENTS))
    drain(taker, port)
    assert everything.is_update_due


@pytest.mark.parametrize(
    ("verb", "payload"), [(Verb.IDENTIFY, identify(5)), (Verb.SELF_TEST, b""), (Verb.UPDATE, UPDATE_ARGUMENTS)]
)
def test_what_would_hide_an_alarm_is_refused(modules, verb, payload):
    taker, everything, port = board(modules, cmd(verb, payload))
    everything.alarms = True
    drain(taker, port)
    assert everything.sent[0][3] == bytes([AckResult.BUSY])
    assert everything.asked == []
    assert not everything.is_update_due
    assert everything.refused == 1


def test_answer_waits_for_room_and_nothing_is_read_before_it_is_gone(modules):
    taker, everything, port = board(modules, cmd(Verb.START, index=1), cmd(Verb.START, index=2))
    everything.has_room = False
    for _ in range(50):
        taker.receive()
    assert everything.asked == ["describe"]
    assert everything.sent == []
    everything.has_room = True
    drain(taker, port)
    assert [index for _, _, index, _ in everything.sent] == [1, 2]


def test_time_is_told_with_both_moments(modules):
    time, *_ = modules
    taker, everything, port = board(modules, encode_frame(FrameType.TIME_REQ, index=12345))
    time.now_ns = 5_000_000_000
    drain(taker, port)
    ((kind, stream, index, payload),) = everything.sent
    read, queued = int.from_bytes(payload[:4], "little"), int.from_bytes(payload[4:], "little")
    assert (kind, stream, index, len(payload)) == (FrameType.TIME_REP, 0, 12345, 8)
    assert 5_000_000 <= read < queued < 5_001_000


def test_time_that_could_not_be_told_at_once_is_not_told(modules):
    taker, everything, port = board(modules, encode_frame(FrameType.TIME_REQ, index=1))
    everything.has_room = False
    drain(taker, port)
    everything.has_room = True
    taker.receive()
    assert everything.sent == []
