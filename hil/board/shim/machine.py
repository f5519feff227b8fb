"""The rp2 port's machine, as far as the firmware uses it; every transfer goes to the rig's models."""

import sys
from errno import ETIMEDOUT
from struct import pack_into

import _rig
import micropython
from micropython import const
from uctypes import addressof
from umachine import *  # noqa: F403 - what this does not replace

_IS_VIRTUAL = _rig.IS_VIRTUAL
_SLOT_NS = const(1_000_000)
_SLOTS = 256 if _IS_VIRTUAL else 1  # milliseconds fetched at once: a request for each would be far slower
_SECOND_NS = 1_000_000_000
_CONVERSIONS = const(16)
_ROW_NS = const(16 * 8_000)  # so many times read_u16 on an RP2040
_block = bytearray(2 * (_CONVERSIONS * _SLOTS + 2))  # made before the firmware has cut up the heap

PWRON_RESET, WDT_RESET = 1, 3


class Pin:
    """Outputs are told to the rig when they are written, inputs are as of its last answer."""

    IN, OUT, OPEN_DRAIN = 0, 1, 2
    PULL_UP, PULL_DOWN = 1, 2
    _byte = bytearray(1)

    def __init__(self, id, mode=-1, pull=-1, *, value=None, alt=0):
        self.id = id
        self._mode = mode
        if value is not None:
            self.value(value)

    def value(self, level=None):
        if level is None:
            return _rig.level(self.id)
        self._byte[0] = 1 if level else 0
        _rig.call(_rig.PIN, 0, self.id, self._byte, 1, None, 0)
        return None


class PWM:
    def __init__(self, dest, *, freq=0, duty_u16=0):
        self._pin = dest.id
        self._freq = freq
        self._duty = duty_u16
        self._bytes = bytearray(6)
        self._tell()

    def freq(self, value=None):
        if value is None:
            return self._freq
        if not 8 <= value <= 62_500_000:
            raise ValueError("freq out of range")
        self._freq = value
        if self._duty:
            self._tell()
        return None

    def duty_u16(self, value=None):
        if value is None:
            return self._duty
        self._duty = value
        self._tell()
        return None

    def _tell(self):
        pack_into("<IH", self._bytes, 0, self._freq if self._duty else 0, self._duty)
        _rig.call(_rig.PWM, 0, self._pin, self._bytes, 6, None, 0)


class WDT:
    def __init__(self, id=0, timeout=5000):
        if timeout > 8388:
            raise ValueError("timeout exceeds 8388")
        self._ns = timeout * 1_000_000
        self.feed()

    def feed(self):
        _rig.watchdog_ns = _rig.now_ns() + self._ns


class Timer:
    """Fires once main.py has ended, if a module still holds it: else it is collected, and cancelled."""

    ONE_SHOT, PERIODIC = 0, 1

    def __init__(self, id=-1, *, mode=PERIODIC, period=-1, callback=None):
        self._due_ns = _rig.now_ns() + period * 1_000_000
        self._callback = callback

    def wait(self):
        """Wait at the REPL until it fires."""
        while _rig.now_ns() < self._due_ns:
            _rig.sleep_ns(min(_SECOND_NS, self._due_ns - _rig.now_ns()))
            _rig.call(_rig.SYNC, 0, 0, None, 0, None, 0)
        self._callback(self)


def stay_at_repl():
    """What a board does when main.py has ended: nothing, until a timer that a module holds fires."""
    for module in list(sys.modules.values()):
        for name in dir(module) if isinstance(module, type(sys)) else ():
            held = getattr(module, name)
            for one in held if isinstance(held, list) else (held,):
                if isinstance(one, Timer):
                    one.wait()


_made_buses = {}


class I2C:
    def __new__(cls, id, **_):
        # One object for each bus, made anew in place (ports/rp2/machine_i2c.c).
        if id not in _made_buses:
            _made_buses[id] = object.__new__(cls)
        return _made_buses[id]

    def __init__(self, id, *, scl, sda, freq=400_000, timeout=50_000):
        # RP2040 data sheet, table 2 of section 1.4.3: each bus has SDA and SCL on every fourth pair of pins.
        if sda.id % 4 != 2 * id or scl.id % 4 != 2 * id + 1:
            raise ValueError("bad SCL or SDA pin")
        self._id = id
        self._timeout_us = timeout
        self._byte = bytearray(256)

    @micropython.native
    def readfrom_mem_into(self, addr, memaddr, buf):
        self._byte[0] = memaddr
        status = _rig.read(self._id, addr, self._byte, buf, len(buf))
        if status:
            self._fail(status)

    def writeto_mem(self, addr, memaddr, buf):
        self._byte[0] = memaddr
        _rig.copy(self._byte, 1, buf, 0, len(buf))
        status = _rig.call(_rig.I2C, self._id, addr, self._byte, 1 + len(buf), None, 0)
        if status:
            self._fail(status)

    def _fail(self, status):
        if status == ETIMEDOUT:
            _rig.stretch(self._timeout_us)
        raise OSError(status)


class ADC:
    """Each millisecond has 16 conversions, which differ by noise; those of many are fetched at once.

    Sixteen conversions in a row are those of the millisecond in which the first was asked for.
    """

    CORE_TEMP = 4

    def __init__(self, pin):
        if pin == self.CORE_TEMP:
            self._channel = pin
        elif 26 <= pin.id <= 29:
            self._channel = pin.id - 26  # GPIO 26 is ADC0
        else:
            raise ValueError("Pin doesn't have ADC capabilities")
        # ADC0 is read on and on, the others now and then.
        self._slots = _SLOTS if self._channel == 0 else 1
        # The next conversion, where those of its millisecond end, then the conversions
        self._block = _block if self._channel == 0 else bytearray(2 * (_CONVERSIONS + 2))
        self._address = addressof(self._block)
        self._conversions = memoryview(self._block)[4:]
        self._first = -self._slots  # slot of the first conversion held

    @micropython.viper
    def read_u16(self) -> int:
        block = ptr16(int(self._address))  # noqa: F405 - a name of the viper compiler
        at = block[0]
        if at == block[1]:
            self._enter()
            at = block[0]
        block[0] = at + 1
        return block[at]

    @micropython.native
    def _enter(self):
        """Go to the present millisecond; the time of all its conversions passes now."""
        _rig._ns += _ROW_NS
        slot = (_rig._ns if _IS_VIRTUAL else _rig.now_ns()) // _SLOT_NS
        held = slot - self._first
        if held >= self._slots:
            _rig.call(_rig.ADC, 0, self._channel, None, 0, self._conversions, 2 * _CONVERSIONS * self._slots)
            self._first = slot
            held = 0
        _point(self._block, 2 + held * _CONVERSIONS)


@micropython.viper
def _point(block, at: int):
    to = ptr16(block)  # noqa: F405
    to[0] = at
    to[1] = at + 16


def unique_id():
    return b"\xe6\x60\x00\x00\x00\x00\x00\x01"  # as a Pico's flash chip: 8 bytes


def reset_cause():
    return _rig.RESET_CAUSE


def reset():
    _rig.flush()
    sys.exit(_rig.RESET_STATUS)
