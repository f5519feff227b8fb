"""The link against a USB port that is full, slow, torn or gone: nothing waits, and what was taken arrives whole."""

import itertools
import select

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.link.frame import FrameParser, LinkFault
from tests.firmware.stand_in import imported


class Port:
    """The rp2 port's USB serial port: 256 bytes, poll promises one of them, write waits for the rest."""

    def __init__(self, room=256):
        self.room = room
        self.waiting = b""
        self.received = b""
        self.waits = 0

    def poll(self):
        return self

    def register(self, out, flags):
        assert (out, flags) == (self, select.POLLOUT)

    def ipoll(self, timeout):
        assert timeout == 0
        return [(self, select.POLLOUT)] if len(self.waiting) < self.room else []

    def write(self, wire, start, n):
        free = self.room - len(self.waiting)
        self.waits += n > free
        self.waiting += bytes(wire[start : start + min(n, free)])
        return min(n, free)

    def take(self, n=64):
        self.received += self.waiting[:n]
        self.waiting = self.waiting[n:]


@pytest.fixture(scope="module")
def modules():
    with imported("node.link", "node.frame") as (_, link, frame):
        yield link, frame


def linked(modules, port):
    link, frame = modules
    link.select = type("Select", (), {"poll": port.poll, "POLLOUT": select.POLLOUT})
    return link.Link(port), frame.Header(frame.DATA, 1)


def frames(data):
    found = FrameParser().feed(data)
    assert not [f for f in found if isinstance(f, LinkFault)], found
    return found


HOST = st.lists(st.tuples(st.integers(0, 224), st.integers(0, 5)), max_size=60)


@given(turns=HOST)
def test_send_never_waits_for_the_host_and_what_it_took_arrives(modules, turns):
    """The host takes 64 bytes at a time, or nothing."""
    port = Port()
    link, header = linked(modules, port)
    taken = []
    for seq, (length, packets) in enumerate(turns):
        if link.send(header, bytes([seq] * length), length):
            taken.append((seq, bytes([seq] * length)))
        for _ in range(packets):
            port.take()
    while not link.flush():
        port.take()
    port.take(256)
    assert port.waits == 0
    assert [(f.seq, f.payload) for f in frames(port.received)] == taken


def test_stalled_host_costs_frames_and_their_numbers_tell(modules):
    port = Port()
    link, header = linked(modules, port)
    results = [link.send(header, bytes(24), 24) for _ in range(20)]
    assert results == [True] * 6 + [False] * 14, "five fit, one waits"
    port.take(256)
    assert link.send(header, bytes(24), 24)
    port.take(256)
    assert [f.seq for f in frames(port.received)] == [0, 1, 2, 3, 4, 5, 20]
    assert port.waits == 0


@pytest.mark.parametrize("answer", [None, 0, OSError])
def test_write_that_fails_is_tried_again(modules, answer):
    port = Port()
    link, header = linked(modules, port)
    write = port.write

    def fail(*_):
        if answer is OSError:
            raise OSError
        return answer

    port.write = fail
    assert link.send(header, b"kept", 4)
    assert not link.send(header, b"lost", 4)
    port.write = write
    assert link.send(header, b"next", 4)
    port.take(256)
    assert [f.payload for f in frames(port.received)] == [b"kept", b"next"]


@given(cuts=st.lists(st.integers(1, 16), min_size=1))
def test_write_that_is_cut_short_goes_on_where_it_was_cut(modules, cuts):
    port = Port(room=4096)
    link, header = linked(modules, port)
    write, at = port.write, itertools.cycle(cuts)
    port.write = lambda wire, start, n: write(wire, start, min(n, next(at)))
    for k in range(5):
        assert link.send(header, bytes([k] * 20), 20)
    port.take(4096)
    assert [f.payload[0] for f in frames(port.received)] == [0, 1, 2, 3, 4]


def test_bytes_of_a_predecessor_end_before_the_first_frame(modules):
    port = Port()
    link, header = linked(modules, port)
    assert link.send(header, b"first", 5)
    port.take(256)
    fault, frame = FrameParser().feed(b"\x05torn" + port.received)
    assert isinstance(fault, LinkFault)
    assert frame.payload == b"first"


def test_sequence_number_has_16_bits(modules):
    port = Port(room=1 << 30)
    link, header = linked(modules, port)
    link._seq = 0x7FFF  # as after so many frames
    for _ in range(3):
        link.send(header, b"", 0)
    link._seq = 0xFFFF
    for _ in range(2):
        link.send(header, b"", 0)
    port.take(1 << 30)
    assert [f.seq for f in frames(port.received)] == [0x7FFF, 0x8000, 0x8001, 0xFFFF, 0]
