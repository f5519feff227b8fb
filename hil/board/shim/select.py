"""MicroPython's select; polling the link tells the rig that bytes may follow."""

import _rig
import uselect
from uselect import *  # noqa: F403 - what this does not replace


class _Poll:
    def __init__(self):
        self._poll = uselect.poll()
        self.register = self._poll.register
        self.unregister = self._poll.unregister
        self.modify = self._poll.modify

    def poll(self, timeout=-1):
        _rig.mark_written()
        return self._poll.poll(timeout)

    def ipoll(self, timeout=-1, flags=0):
        _rig.mark_written()
        return self._poll.ipoll(timeout, flags)


def poll():
    return _Poll()
