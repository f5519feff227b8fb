"""The board's side of the rig: its time, and one request and answer at a time over an inherited socket.

Layout of both: hil/board/bus.py. Nothing here allocates once it runs: a test sees the firmware's own garbage only.
"""
# ruff: noqa: PLW0603, PLR0917, SIM115 - the fastest MicroPython has: this runs thousands of times a second

import struct
import sys

import micropython
import uos
import utime

IS_VIRTUAL = uos.getenv("RIG_CLOCK") == "virtual"
RESET_CAUSE = int(uos.getenv("RIG_RESET"))
TICKS_MASK = (1 << 30) - 1  # as on the rp2 port
RESET_STATUS = 77  # hil/board/unix.py

I2C, ADC, ENTROPY, SYNC, PIN, PWM = range(6)

_CALL_NS = 5_000  # ticks_us() on an RP2040 at 125 MHz
_BYTE_NS = 22_500  # 9 clocks at 400 kHz
_SILENCE_NS = 40_000_000  # the rig hears from the board at least this often in virtual time
_ANSWER = 12
_DEAF, _WRITTEN = 1, 2
_NEVER = 1 << 62

_socket = open(int(uos.getenv("RIG_FD")), "r+b")
_ticks_offset_us = int(uos.getenv("RIG_TICKS_US"))
_start_ns = int(uos.getenv("RIG_START_NS"))
_real_start_us = utime.ticks_us()
_HEADER = 24
_request = bytearray(_HEADER + 256 + 256)
_taken = bytearray(256)  # by the host from the link, since the last request
_taken_n = 0
_taken_ns = 0
_answer = bytearray(_ANSWER)
_ns = _start_ns
_heard_ns = _start_ns
is_used = 0  # something has been written to the link
is_host_deaf = 0  # it has the port open and does not read
is_host_heard = not IS_VIRTUAL  # it may have written
watchdog_ns = _NEVER  # when it bites
usb = None  # the port, as soon as there is one


def now_ns():
    if IS_VIRTUAL:
        return _ns
    return _start_ns + (utime.ticks_us() - _real_start_us) * 1000


def spend(ns):
    global _ns
    _ns += ns


@micropython.native
def ticks_us():
    global _ns
    _ns += _CALL_NS
    if _ns > watchdog_ns:
        bite()
    return (_ticks_offset_us + (now_ns() - _start_ns) // 1000) & TICKS_MASK


def bite():
    """The watchdog resets the processor."""
    flush()
    sys.exit(RESET_STATUS)


@micropython.native
def level(pin):
    """The level of a pin, as of the last answer."""
    return _answer[8 + (pin >> 3)] >> (pin & 7) & 1


@micropython.viper
def copy(target, at: int, source, start: int, n: int):
    to = ptr8(target)  # noqa: F821 - a name of the viper compiler
    of = ptr8(source)  # noqa: F821
    i = 0
    while i < n:
        to[at + i] = of[start + i]
        i += 1


def take(fifo, n):
    """The host takes these bytes now; the next request brings them, with their time."""
    global _taken_n, _taken_ns
    flush()
    copy(_taken, 0, fifo, 0, n)
    _taken_n = n
    _taken_ns = _ns


def flush():
    """Bring what the host has taken, at once."""
    if _taken_n:
        call(SYNC, 0, 0, None, 0, None, 0)


@micropython.native
def call(op, unit, address, written, n_written, read, n_read):
    """Exchange one request; fill ``read``; return the status (0 or an errno)."""
    global _heard_ns, _taken_n, _ns, is_host_deaf, is_host_heard
    now = now_ns()
    n = _taken_n
    struct.pack_into("<BBBBHHQQ", _request, 0, op, unit, address, is_used, n_written, n_read, now, _taken_ns)
    for i in range(n_written):
        _request[_HEADER + i] = written[i]
    if n:
        copy(_request, _HEADER + n_written, _taken, 0, n)
        _taken_n = 0
    _heard_ns = now
    try:
        _socket.write(_request, _HEADER + n_written + n)
        if _socket.readinto(_answer) != _ANSWER or (n_read and _socket.readinto(read, n_read) != n_read):
            sys.exit()
    except OSError:
        sys.exit()  # the rig is gone
    is_host_deaf = _answer[1] & _DEAF
    if _answer[1] & _WRITTEN:
        is_host_heard = 1
    if op == I2C:
        _ns += (3 + n_written + n_read) * _BYTE_NS  # and two addresses, and a restart
    stretch_us = _answer[4] | _answer[5] << 8 | _answer[6] << 16 | _answer[7] << 24
    if stretch_us:
        stretch(stretch_us)
    return _answer[0]


def stretch(us):
    """The rig holds the bus, or the processor, for so long."""
    if IS_VIRTUAL:
        spend(us * 1000)
    else:
        utime.sleep_us(us)


@micropython.native
def sleep_ns(ns, is_listening=False):
    """Sleep; tell the rig before, if it has not heard for a while or if the link was used.

    With ``is_listening``, end as soon as the host has written.
    """
    if usb.used:
        usb.drain()
    if IS_VIRTUAL:
        _pass(ns, is_listening)
    elif is_listening:
        usb.wait(ns // 1_000_000)
    else:
        utime.sleep_us(ns // 1000)


@micropython.native
def _pass(ns, is_listening):
    global _ns
    end = _ns + ns
    while end - _heard_ns > _SILENCE_NS and not (is_listening and is_host_heard):
        _ns = max(_ns, _heard_ns + _SILENCE_NS)
        call(SYNC, 0, 0, None, 0, None, 0)
    if end > _ns and not (is_listening and is_host_heard):
        _ns = end
    if _ns > watchdog_ns:
        bite()
