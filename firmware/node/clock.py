"""A fixed period in, the moments to act and the count of missed ones out."""

from time import sleep_us, ticks_add, ticks_diff, ticks_us


class Pace:
    """Wakes at a fixed rate that does not drift with the work done in between.

    Ticks have 30 bits and wrap every 17.9 minutes; only ticks_add and ticks_diff may touch them.
    """

    def __init__(self, period_us):
        self._period_us = period_us
        self._due = ticks_us()

    def wait(self):
        """Sleep until the next moment; return how many were missed before it."""
        self._due = ticks_add(self._due, self._period_us)
        early_us = ticks_diff(self._due, ticks_us())
        if early_us > 0:
            sleep_us(early_us)
            return 0
        missed = -early_us // self._period_us
        self._due = ticks_add(self._due, missed * self._period_us)
        return missed
