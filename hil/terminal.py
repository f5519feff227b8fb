"""The firmware in real time behind a pseudo terminal, as if a board were plugged in."""

from __future__ import annotations

import os
import tty
from collections.abc import Callable

from hil.board.bus import Bus
from hil.board.cycles import power_cycles
from hil.board.unix import Clock


def serve(bus: Bus, announce: Callable[[str], None]) -> None:
    """Announce the path of the port, then run the board until interrupted; a firmware that dies is started again."""
    master, slave = os.openpty()  # the open slave keeps the port alive between two readers
    try:
        tty.setraw(slave)
        os.set_blocking(master, False)  # what finds no room stays in the board's USB port
        announce(os.ttyname(slave))
        for _ in power_cycles(bus, Clock.REAL, link=master):
            pass
    finally:
        os.close(master)
        os.close(slave)
