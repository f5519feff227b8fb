"""MicroPython's time with the tick width of the rp2 port, in real or virtual time."""

import _rig
import micropython
from utime import *  # noqa: F403 - what this does not replace

ticks_us = _rig.ticks_us
_sleep_ns = _rig.sleep_ns
_MASK = _rig.TICKS_MASK


def ticks_ms():
    # On the board this counter wraps after 12.4 days, not with ticks_us.
    _rig.spend(5_000)
    return _rig.now_ns() // 1_000_000 & _rig.TICKS_MASK


@micropython.viper
def ticks_add(ticks: int, delta: int) -> int:
    return (ticks + delta) & int(_MASK)


@micropython.viper
def ticks_diff(end: int, start: int) -> int:
    mask = int(_MASK)
    half = (mask >> 1) + 1
    return ((end - start + half) & mask) - half


@micropython.native
def sleep_us(us):
    _sleep_ns(us * 1000)


def sleep_ms(ms):
    _sleep_ns(ms * 1_000_000)


def sleep(s):
    _sleep_ns(int(s * 1_000_000_000))
