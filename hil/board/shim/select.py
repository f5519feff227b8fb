"""MicroPython's select for the link, the only thing the firmware polls; it asks the USB port of the rig."""

import _rig
from uselect import POLLOUT


class _Poll:
    def register(self, out, flags):
        if out is not _rig.usb or flags != POLLOUT:
            raise OSError("the rig's select polls the link for output only")
        self._writable = [(out, POLLOUT)]

    def ipoll(self, timeout):
        if timeout:
            raise OSError("the rig's select does not wait")
        return self._writable if _rig.usb.has_room() else ()


def poll():
    return _Poll()
