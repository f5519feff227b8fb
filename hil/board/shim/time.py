"""MicroPython's time with the tick width of the rp2 port, in real or virtual time."""

import _rig
from utime import *  # noqa: F403 - what this does not replace

_HALF = 1 << 29
ticks_us = _rig.ticks_us


def ticks_ms():
    # On the board this counter wraps after 12.4 days, not with ticks_us.
    _rig.spend(5_000)
    return _rig.now_ns() // 1_000_000 & _rig.TICKS_MASK


def ticks_add(ticks, delta):
    return (ticks + delta) & _rig.TICKS_MASK


def ticks_diff(end, start):
    return ((end - start + _HALF) & _rig.TICKS_MASK) - _HALF


def sleep_us(us):
    _rig.sleep_ns(us * 1000)


def sleep_ms(ms):
    _rig.sleep_ns(ms * 1_000_000)


def sleep(s):
    _rig.sleep_ns(int(s * 1_000_000_000))
