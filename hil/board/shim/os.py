"""MicroPython's os with the rig's entropy, so that a run can be repeated."""

import _rig
from uos import *  # noqa: F403 - what this does not replace


def urandom(n):
    data = bytearray(n)
    _rig.call(_rig.ENTROPY, 0, 0, None, 0, data, n)
    return bytes(data)
