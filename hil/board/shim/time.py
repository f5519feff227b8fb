"""MicroPython's time with the tick width of the rp2 port, in real or virtual time."""

import _rig
import micropython
from utime import *  # noqa: F403 - what this does not replace

ticks_us = _rig.ticks_us


def ticks_ms():
    # On the board this counter wraps after 12.4 days, not with ticks_us.
    _rig.spend(5_000)
    return _rig.now_ns() // 1_000_000 & _rig.TICKS_MASK


@micropython.native
def ticks_add(ticks, delta):
    return (ticks + delta) & 0x3FFFFFFF


@micropython.native
def ticks_diff(end, start):
    return ((end - start + 0x20000000) & 0x3FFFFFFF) - 0x20000000


@micropython.native
def sleep_us(us):
    _rig.sleep_ns(us * 1000)


def sleep_ms(ms):
    _rig.sleep_ns(ms * 1_000_000)


def sleep(s):
    _rig.sleep_ns(int(s * 1_000_000_000))
