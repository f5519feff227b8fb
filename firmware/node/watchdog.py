"""Proof of progress in; without it, a reset by the hardware."""

from time import ticks_diff, ticks_us

import machine
from micropython import const

_TIMEOUT_MS = const(8_000)  # an RP2040 counts to 8388 ms (ports/rp2/machine_wdt.c)
_NEAR_US = const(2_000_000)
_COUNT_MAX = const(0x3FFFFFFF)

_timers: list[machine.Timer] = []  # one that nobody holds is collected, and cancelled (ports/rp2/machine_timer.c)


def restart():
    """Reset the board now."""
    machine.reset()


def restart_in(ms):
    """Reset the board later, whatever runs then; a soft reset cancels it, as it does every timer."""
    _timers.append(machine.Timer(-1, period=ms, mode=machine.Timer.ONE_SHOT, callback=lambda _: machine.reset()))


class Watchdog:
    """Fed by whoever has samples in hand that the link took or counted; a loop that only spins is not fed."""

    def __init__(self):
        self._wdt = machine.WDT(timeout=_TIMEOUT_MS)
        self._fed = ticks_us()
        self.near_misses = 0

    def feed(self):
        now = ticks_us()
        if ticks_diff(now, self._fed) > _NEAR_US:
            self.near_misses = min(self.near_misses + 1, _COUNT_MAX)
        self._fed = now
        self._wdt.feed()
