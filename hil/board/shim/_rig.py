"""The board's side of the rig: its time, and one request and answer at a time over an inherited socket.

Layout of both, and what a promise is: hil/board/bus.py. Nothing here allocates once it runs: a test sees the firmware's
own garbage only. What runs thousands of times a second is flat, native, and made for virtual time or for real time.
"""
# ruff: noqa: PLW0603, PLR0917, SIM115, F821 - the fastest MicroPython has; ptr8, ptr32 are names of viper

import sys
from array import array

import micropython
import uos
import utime
from micropython import const

IS_VIRTUAL = uos.getenv("RIG_CLOCK") == "virtual"
RESET_CAUSE = int(uos.getenv("RIG_RESET"))
TICKS_MASK = int(uos.getenv("RIG_TICKS_MASK"))
RESET_STATUS = 77  # hil/board/unix.py

I2C, ADC, ENTROPY, SYNC, PIN, PWM = range(6)

_BYTE_NS = const(22_500)  # 9 clocks at 400 kHz
_SILENCE_NS = const(40_000_000)  # the rig hears from the board at least this often in virtual time
_SILENT = const(9)  # bits: it does not read, nobody has the port open
_WRITTEN = const(2)
_VOID = const(4)
_NEVER = const(1 << 61)
_BURST_NS = const(1_000_000)  # hil/board/bus.py

_HEADER = const(32)  # of a request
_WRITTEN_MOST = const(256)
_RECORD = const(10)  # before what was taken from the link at once
_TAKEN = const(1024)
_ANSWER = const(20)
_IN_ANSWER = const(204)

_socket = open(int(uos.getenv("RIG_FD")), "r+b")
_ticks_offset_us = int(uos.getenv("RIG_TICKS_US"))
_start_ns = int(uos.getenv("RIG_START_NS"))
_real_start_us = utime.ticks_us()
_ticks_ns = _ticks_offset_us * 1000 - _start_ns  # what the counter shows, less the time
_request = bytearray(_HEADER + _WRITTEN_MOST + _TAKEN)
_taken = bytearray(_TAKEN)  # by the host from the link, since the last request
_taken_n = 0
_answer = bytearray(_ANSWER + _IN_ANSWER)
_fields = array("I", bytes(4 * 7))  # of the answer
_ns = _start_ns
_heard_ns = _start_ns
is_used = 0  # something has been written to the link
is_host_deaf = 0  # 1: it has the port open and does not read, 8: nobody has it open
is_host_heard = not IS_VIRTUAL  # it may have written
watchdog_ns = _NEVER  # when it bites
usb = None  # the port, as soon as there is one

# Promises, by the last two bits of the device's address: until when, of which read, of how many bytes; of a burst
# ("l" has 64 bits here; reading a "q" would allocate)
_SLOTS = const(4)
_until_ns = array("l", bytes(8 * _SLOTS))
_promised = [bytearray(_IN_ANSWER) for _ in range(_SLOTS)]  # the bytes read, then those of the burst
_settings = [bytearray(16) for _ in range(_SLOTS)]
_read_key = array("l", bytes(8 * _SLOTS))  # address, register, length
_burst_key = array("l", bytes(8 * _SLOTS))  # address, register
_burst_n = array("l", bytes(8 * _SLOTS))
_burst_until_ns = array("l", bytes(8 * _SLOTS))
_settings_until_ns = array("l", bytes(8 * _SLOTS))
_settings_key = array("l", bytes(8 * _SLOTS))  # address, register, length
_burst_word = 0  # what was taken of a promise, to be told: address, register, bytes
_burst_ns = 0


if IS_VIRTUAL:

    def now_ns():
        return _ns

    @micropython.viper
    def ticks_us() -> int:
        global _ns
        ns = int(_ns) + 5_000  # on an RP2040 at 125 MHz
        _ns = ns
        if ns > int(watchdog_ns):
            bite()
        return (ns + int(_ticks_ns)) // 1000 & int(TICKS_MASK)

else:

    def now_ns():
        return _start_ns + (utime.ticks_us() - _real_start_us) * 1000

    def ticks_us():
        if now_ns() > watchdog_ns:
            bite()
        return (now_ns() + _ticks_ns) // 1000 & TICKS_MASK


def spend(ns):
    global _ns
    _ns += ns


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
    i = 0
    if not (at | start) & 3:  # words first
        to32 = ptr32(target)
        of32 = ptr32(source)
        while i + 4 <= n:
            to32[(at + i) >> 2] = of32[(start + i) >> 2]
            i += 4
    to = ptr8(target)
    of = ptr8(source)
    while i < n:
        to[at + i] = of[start + i]
        i += 1


@micropython.viper
def _put_u64(target, at: int, value: int):
    to = ptr8(target)
    i = 0
    while i < 8:
        to[at + i] = value
        value = value >> 8
        i += 1


def take(fifo, n):
    """The host takes these bytes now; the next request brings them, with their time."""
    global _taken_n
    if _taken_n + _RECORD + n > _TAKEN:
        flush()
    at = _taken_n
    _put_u64(_taken, at, _ns)
    _taken[at + 8] = n & 255
    _taken[at + 9] = n >> 8
    copy(_taken, at + _RECORD, fifo, 0, n)
    _taken_n = at + _RECORD + n


def flush():
    """Bring what the host has taken, at once."""
    if _taken_n or _burst_word:
        call(SYNC, 0, 0, None, 0, None, 0)


@micropython.viper
def _put_header(buffer, what: int, sizes: int, now: int, burst: int, burst_ns: int):
    to = ptr32(buffer)
    to[0] = what
    to[1] = sizes
    to[2] = now
    to[3] = now >> 32
    to[4] = burst
    to[5] = 0
    to[6] = burst_ns
    to[7] = burst_ns >> 32


@micropython.viper
def _get_fields(fields, buffer):
    """Status, bits and length of settings; held for; a promise's duration; its registers, and the burst's length."""
    to = ptr32(fields)
    of = ptr32(buffer)
    to[0] = of[0]
    to[1] = of[1]
    to[2] = of[3]
    to[3] = of[4]


def _void():
    for slot in range(_SLOTS):
        _until_ns[slot] = _burst_until_ns[slot] = _settings_until_ns[slot] = 0


@micropython.native
def call(op, unit, address, written, n_written, read, n_read):
    """Exchange one request; fill ``read``; return the status (0 or an errno)."""
    global _heard_ns, _ns
    now = now_ns()
    _put_header(
        _request, op | unit << 8 | address << 16 | is_used << 24, n_written | n_read << 16, now, _burst_word, _burst_ns
    )
    if n_written:
        copy(_request, _HEADER, written, 0, n_written)
    _heard_ns = now
    _exchange(_HEADER + n_written, read, n_read)
    if op == I2C:
        _ns += (3 + n_written + n_read) * _BYTE_NS  # and two addresses, and a restart
        slot = address & 3
        _until_ns[slot] = _burst_until_ns[slot] = 0
        if n_written > 1:
            _settings_until_ns[slot] = 0
        if _fields[2]:
            _until_ns[slot] = now + _fields[2]
            _read_key[slot] = address << 16 | _request[_HEADER] << 8 | n_read
            _burst_key[slot] = address << 8 | _fields[3] & 255
            _burst_n[slot] = _fields[3] >> 16
            _burst_until_ns[slot] = now + _BURST_NS
            n = _fields[0] >> 16
            _settings_until_ns[slot] = _NEVER  # only a write, or somebody outside, changes them
            _settings_key[slot] = address << 16 | (_fields[3] & 0xFF00) | n
            copy(_promised[slot], 0, _answer, _ANSWER, n_read + _burst_n[slot])
            copy(_settings[slot], 0, _answer, _ANSWER + n_read + _burst_n[slot], n)
    if _fields[1]:
        stretch(_fields[1])
    return _fields[0] & 255


@micropython.native
def _exchange(n, read, n_read):
    """Send the first n bytes of the request and what was taken, receive the answer, and heed its bits."""
    global _taken_n, _burst_word, is_host_deaf, is_host_heard
    if _taken_n:
        copy(_request, n, _taken, 0, _taken_n)
        n += _taken_n
        _taken_n = 0
    _burst_word = 0
    try:
        _socket.write(_request, n)
        if _socket.readinto(_answer) != _ANSWER + _IN_ANSWER:
            sys.exit()
        if n_read > _IN_ANSWER and _socket.readinto(read, n_read) != n_read:
            sys.exit()
    except OSError:
        sys.exit()  # the rig is gone
    if 0 < n_read <= _IN_ANSWER:
        copy(read, 0, _answer, _ANSWER, n_read)
    _get_fields(_fields, _answer)
    bits = _fields[0] >> 8 & 255
    is_host_deaf = bits & _SILENT
    if bits & _WRITTEN:
        is_host_heard = 1
    if bits & _VOID:
        _void()


@micropython.native
def read(unit, address, register, out, n):
    """Read from a device, or from what was promised; return the status."""
    global _ns, _burst_word, _burst_ns
    slot = address & 3
    key = address << 8 | register[0]
    ns = _ns
    if ns < _until_ns[slot] and _read_key[slot] == key << 8 | n:
        copy(out, 0, _promised[slot], 0, n)
    elif ns < _burst_until_ns[slot] and _burst_key[slot] == key and n <= _burst_n[slot] and not _burst_word:
        copy(out, 0, _promised[slot], _read_key[slot] & 255, n)
        _burst_word = address | register[0] << 8 | n << 16
        _burst_ns = ns
        _until_ns[slot] = _burst_until_ns[slot] = 0
    elif ns < _settings_until_ns[slot] and _settings_key[slot] == key << 8 | n:
        copy(out, 0, _settings[slot], 0, n)
    else:
        return call(I2C, unit, address, register, 1, out, n)
    _ns = ns + (4 + n) * _BYTE_NS
    return 0


def stretch(us):
    """The rig holds the bus, or the processor, for so long."""
    if IS_VIRTUAL:
        spend(us * 1000)
    else:
        utime.sleep_us(us)


if IS_VIRTUAL:

    @micropython.native
    def sleep_ns(ns, is_listening=False):
        """Sleep; tell the rig before, if it has not heard for a while or if the link was used.

        With ``is_listening``, end as soon as the host has written.
        """
        global _ns
        if usb.used:
            usb.drain()
        end = _ns + ns
        while end - _heard_ns > _SILENCE_NS and not (is_listening and is_host_heard):
            _ns = max(_ns, _heard_ns + _SILENCE_NS)
            call(SYNC, 0, 0, None, 0, None, 0)
        if end > _ns and not (is_listening and is_host_heard):
            _ns = end
        if _ns > watchdog_ns:
            bite()

else:

    def sleep_ns(ns, is_listening=False):
        """Sleep; with ``is_listening``, end as soon as the host has written."""
        if usb.used:
            usb.drain()
        if is_listening:
            usb.wait(ns // 1_000_000)
        else:
            utime.sleep_us(ns // 1000)
