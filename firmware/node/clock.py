"""A fixed period in, the moments to act and the count of missed ones out; and rates without large numbers."""

from time import ticks_add, ticks_diff, ticks_us

import micropython
from micropython import const

_TOLERANCE = const(5)  # a fifth of the period; a sample taken later would lie about its time
_RATIO_MAX = const(2)


class Pace:
    """Wakes at a fixed rate that does not drift with the work done in between.

    Ticks have 30 bits and wrap every 17.9 minutes; only ticks_add and ticks_diff may touch them.

    Parameters
    ----------
    idle : passes at most so many microseconds
    """

    def __init__(self, period_us, idle):
        self._idle = idle
        self.start(period_us)

    def start(self, period_us):
        """Begin anew from now on, with this period."""
        self.period_us = period_us
        self._due = ticks_us()

    @micropython.native
    def wait(self):
        """Idle until the next moment that can be met; return how many were missed before it."""
        self._due = ticks_add(self._due, self.period_us)
        missed = 0
        while True:
            early_us = ticks_diff(self._due, ticks_us())
            if early_us > 0:
                self._idle(early_us)  # may take longer, or less, or begin anew, so that all is asked again
            elif early_us >= -self.period_us // _TOLERANCE:
                return missed
            else:
                late = -early_us // self.period_us + 1
                self._due = ticks_add(self._due, late * self.period_us)
                missed += late


def measured_ppm(n, period_us, elapsed_us):
    """Return n samples in this time, relative to the nominal period, in millionths; at most 2 999 999.

    Long division in steps, for no product may pass 30 bits: n * period_us and elapsed_us are below 16 s.
    """
    nominal = n * period_us >> 4
    elapsed = elapsed_us >> 4
    ratio = nominal // elapsed
    if ratio > _RATIO_MAX:
        return 2_999_999
    rest = nominal % elapsed * 1000
    return ratio * 1_000_000 + rest // elapsed * 1000 + rest % elapsed * 1000 // elapsed
