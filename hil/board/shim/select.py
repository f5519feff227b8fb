"""MicroPython's select for the link, the only thing the firmware polls; it asks the USB port of the rig."""

import _rig
import micropython
from uselect import POLLIN, POLLOUT

_sleep_ns = _rig.sleep_ns
_ROOM = 256
_ABSENT = 8  # hil/board/bus.py


class _Poll:
    def register(self, stream, flags):
        if stream is not _rig.usb or flags not in (POLLIN, POLLOUT):
            raise OSError("the rig's select polls the link for input or for output only")
        self._ready = [(stream, flags)]
        self._is_input = flags == POLLIN

    @micropython.native
    def ipoll(self, timeout):
        if not self._is_input:
            if timeout:
                raise OSError("the rig's select does not wait for output")
            return self._ready if _rig.usb.used < _ROOM or _rig.is_host_deaf & _ABSENT else ()
        if _rig.is_host_heard and _rig.usb.has_input():
            return self._ready
        if timeout:
            _sleep_ns(timeout * 1_000_000, True)
            if _rig.is_host_heard and _rig.usb.has_input():
                return self._ready
        return ()


def poll():
    return _Poll()
