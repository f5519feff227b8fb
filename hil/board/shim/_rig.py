"""The board's side of the rig: its time, and one request and answer at a time over an inherited socket.

Layout of both: hil/board/bus.py. Nothing here allocates once it runs: a test sees the firmware's own garbage only.
"""
# ruff: noqa: PLW0603, PLR0917, SIM115 - the fastest MicroPython has: this runs thousands of times a second

import struct
import sys

import uos
import utime

IS_VIRTUAL = uos.getenv("RIG_CLOCK") == "virtual"
RESET_CAUSE = int(uos.getenv("RIG_RESET"))
TICKS_MASK = (1 << 30) - 1  # as on the rp2 port
RESET_STATUS = 77  # hil/board/unix.py

I2C, ADC, ENTROPY, SYNC, PIN, PWM = range(6)

_CALL_NS = 5_000  # ticks_us() on an RP2040 at 125 MHz
_BYTE_NS = 22_500  # 9 clocks at 400 kHz
_SILENCE_NS = 20_000_000  # the rig hears from the board at least this often in virtual time
_ANSWER = 12
_DEAF, _WRITTEN = 1, 2
_NEVER = 1 << 62

_socket = open(int(uos.getenv("RIG_FD")), "r+b")
_ticks_offset_us = int(uos.getenv("RIG_TICKS_US"))
_start_ns = int(uos.getenv("RIG_START_NS"))
_real_start_us = utime.ticks_us()
_request = bytearray(16 + 256)
_answer = bytearray(_ANSWER)
_ns = _start_ns
_heard_ns = _start_ns
_is_written = 0
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


def ticks_us():
    global _ns
    _ns += _CALL_NS
    if _ns > watchdog_ns:
        bite()
    return (_ticks_offset_us + (now_ns() - _start_ns) // 1000) & TICKS_MASK


def bite():
    """The watchdog resets the processor: nothing of the firmware runs any more."""
    uos._exit(RESET_STATUS) if hasattr(uos, "_exit") else sys.exit(RESET_STATUS)


def level(pin):
    """The level of a pin, as of the last answer."""
    return _answer[8 + (pin >> 3)] >> (pin & 7) & 1


def mark_written():
    """The firmware has written to the link: the next request says so, for the rig to take and time the bytes."""
    global _is_written
    _is_written = 1


def call(op, unit, address, written, n_written, read, n_read):
    """Exchange one request; fill ``read``; return the status (0 or an errno)."""
    global _heard_ns, _is_written, _ns, is_host_deaf, is_host_heard
    now = now_ns()
    struct.pack_into("<BBBBHHQ", _request, 0, op, unit, address, _is_written, n_written, n_read, now)
    for i in range(n_written):
        _request[16 + i] = written[i]
    _heard_ns = now
    _is_written = 0
    try:
        _socket.write(_request, 16 + n_written)
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


def _pass(ns, is_listening):
    global _ns
    end = _ns + ns
    if _is_written:
        call(SYNC, 0, 0, None, 0, None, 0)
    while end - _heard_ns > _SILENCE_NS and not (is_listening and is_host_heard):
        _ns = max(_ns, _heard_ns + _SILENCE_NS)
        call(SYNC, 0, 0, None, 0, None, 0)
    if end > _ns and not (is_listening and is_host_heard):
        _ns = end
    if _ns > watchdog_ns:
        bite()
