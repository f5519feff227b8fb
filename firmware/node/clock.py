"""A fixed period in, the moments to act and the count of missed ones out."""

from time import sleep_us, ticks_add, ticks_diff, ticks_us

from micropython import const

_TOLERANCE = const(5)  # a fifth of the period; a sample taken later would lie about its time


class Pace:
    """Wakes at a fixed rate that does not drift with the work done in between.

    Ticks have 30 bits and wrap every 17.9 minutes; only ticks_add and ticks_diff may touch them.
    """

    def __init__(self, period_us):
        self._period_us = period_us
        self._due = ticks_us()

    def wait(self):
        """Sleep until the next moment that can be met; return how many were missed before it."""
        self._due = ticks_add(self._due, self._period_us)
        missed = 0
        while True:
            early_us = ticks_diff(self._due, ticks_us())
            if early_us > 0:
                sleep_us(early_us)  # may take longer, so the clock is asked again
            elif early_us >= -self._period_us // _TOLERANCE:
                return missed
            else:
                late = -early_us // self._period_us + 1
                self._due = ticks_add(self._due, late * self._period_us)
                missed += late
