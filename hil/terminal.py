"""The firmware in real time behind a pseudo terminal, as if a board were plugged in."""

from __future__ import annotations

import os
import sys
import time
import tty
from collections.abc import Callable

from hil.board.bus import Bus
from hil.board.unix import Boot, Clock, UnixBoard

_RESTART_S = 5.0  # from the firmware's death to the next power-on


def serve(bus: Bus, announce: Callable[[str], None]) -> None:
    """Announce the path of the port, then run the board until interrupted; a firmware that dies is started again."""
    master, slave = os.openpty()  # the open slave keeps the port alive between two readers
    tty.setraw(slave)
    os.set_blocking(master, False)  # like a USB stack: what finds no room is cut off
    announce(os.ttyname(slave))
    start_ns = time.monotonic_ns()
    try:
        while True:
            _run_once(bus, master, time.monotonic_ns() - start_ns)
            time.sleep(_RESTART_S)
            for device in bus.i2c.values():
                device.power_on()
    finally:
        os.close(master)
        os.close(slave)


def _run_once(bus: Bus, master: int, start_ns: int) -> None:
    board = UnixBoard(bus, Boot(clock=Clock.REAL, start_ns=start_ns), link=master)
    print(f"firmware pid {board.pid}", file=sys.stderr, flush=True)  # noqa: T201
    try:
        while (request := board.wait_request()) is not None:
            board.answer(request)
    finally:
        board.close()
