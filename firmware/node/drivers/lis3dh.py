"""A LIS3DH on the bus in, acceleration samples and their losses out.

Sections are those of the LIS3DH data sheet (ST DocID17530).
"""

# ruff: noqa: F821 - ptr8 is a name of the viper compiler

from errno import EINVAL, ENODEV
from time import ticks_add, ticks_diff, ticks_us

import micropython
from micropython import const

_ADDRESS = const(0x19)  # SA0 high; 0x18 is left to an MPRLS

# "Register mapping"
_WHO_AM_I = const(0x0F)
_CTRL_REG1 = const(0x20)
_CTRL_REG2 = const(0x21)
_CTRL_REG3 = const(0x22)
_CTRL_REG4 = const(0x23)
_CTRL_REG5 = const(0x24)
_OUT_X_L = const(0xA8)  # 0x28, and the bit that moves on from byte to byte
_FIFO_CTRL = const(0x2E)
_FIFO_SRC = const(0x2F)

_ID = const(0x33)
_OVERRUN = const(0x40)  # "FIFO_SRC_REG": 32 unread samples, the next one replaces the oldest
_UNREAD = const(0x1F)
_BYPASS = const(0x00)  # "FIFO": bypass mode empties it
_STREAM = const(0x80)

# Registers read back in two transfers: CTRL_REG1 to CTRL_REG5, FIFO_CTRL
_FIRST_SETTING = const(0xA0)  # 0x20, moving on
_SETTING_BYTES = const(5)

# CTRL_REG1 comes last: it starts the sampling.
_SETTINGS = (
    (_CTRL_REG2, 0x00),  # no high-pass filter
    (_CTRL_REG3, 0x00),  # no interrupt
    (_CTRL_REG4, 0x98),  # whole samples only, 4 g, high resolution: 12 bits
    (_CTRL_REG5, 0x40),  # FIFO
    (_FIFO_CTRL, _STREAM),
    (_CTRL_REG1, 0x47),  # 50 Hz, three axes
)

_DEPTH = const(32)  # samples the FIFO holds
_MOST = const(24)  # samples that fit into a frame
_RAW = const(6)  # bytes of a sample: x, y, z, little endian, left-justified ("Output registers")
_SAMPLE = const(9)  # bytes as sent
_PERIOD_US = const(20_000)
_AGE_US = const(10_000)  # of the newest sample: between none and a period
_WIDEST_US = const(1_000)  # between two looks, for the moment in between to be known within 0.5 ms
_LEAST_US = const(18_000)  # between two samples: the sensor's clock may be several percent fast


@micropython.viper
def widen(target, source, n: int) -> int:
    """Write n signed 16-bit numbers as 24-bit ones, offset by 32768; return 1 if one of them is at full scale."""
    to = ptr8(target)
    of = ptr8(source)
    clipped = 0
    i = 0
    while i < n:
        low = of[2 * i]
        high = of[2 * i + 1] ^ 0x80
        if (high == 0xFF and low >= 0xF0) or (high == 0 and low < 0x10):
            clipped = 1
        to[3 * i] = 0
        to[3 * i + 1] = high
        to[3 * i + 2] = low
        i += 1
    return clipped


class Lis3dh:
    """Acceleration at 50 Hz. Any method but ``is_there`` may raise OSError; then ``reset`` and ``configure`` again."""

    NAME = "motion"
    CHANNELS = ("x", "y", "z")
    UNIT = "g"
    PART = "LIS3DH"
    FULL = 0xFFFF
    OFFSET = 0x8000
    NUM = 1
    DEN = 8000  # 2 mg for each of 12 bits ("Mechanical characteristics"), of 16 here
    SAMPLE_BYTES = _SAMPLE

    def __init__(self, i2c):
        self._i2c = i2c
        self._byte = bytearray(1)
        self._raw = bytearray(_MOST * _RAW)
        whole = memoryview(self._raw)
        self._views = [whole[: n * _RAW] for n in range(_MOST + 1)]
        self._held = bytearray(_SETTING_BYTES)
        self._expected = bytearray(_SETTING_BYTES)
        for register, value in _SETTINGS:
            if register != _FIFO_CTRL:
                self._expected[register - _CTRL_REG1] = value
        self._is_torn = False  # a burst has failed: how much of the FIFO it took, nobody knows
        self._looked = ticks_us()
        self._unread = 0  # then
        self._mark = ticks_us()  # moment found by ``look``, and how many were unread then
        self._mark_unread = -1
        self.rate_hz = 50
        self.period_us = _PERIOD_US
        self.samples = bytearray(_MOST * _SAMPLE)
        self.ticks = ticks_us()  # time of the last sample read
        self.clipped = 0
        self.lost = 0  # never counted: the sensor does not
        self.is_lost_unknown = False  # samples were lost behind those read
        self.is_waiting = False  # read again at the next tick
        self.is_timed = False  # the time of the last sample is known within 0.5 ms
        self.is_watching = False  # ``look`` is wanted, as often as can be

    def is_there(self):
        """Return whether anything answers, be it a wrong part."""
        try:
            self._read_register(_WHO_AM_I)
        except OSError:
            return False
        return True

    def reset(self):
        """Check the part and stop it."""
        if self._read_register(_WHO_AM_I) != _ID:
            raise OSError(ENODEV)
        self._write_register(_CTRL_REG1, 0)

    def configure(self):
        """Empty the FIFO, write the configuration and read it back."""
        self._write_register(_FIFO_CTRL, _BYPASS)
        for register, value in _SETTINGS:
            self._write_register(register, value)
        if self.changed_register() >= 0:
            raise OSError(EINVAL)
        self._is_torn = False
        self.is_watching = False

    @staticmethod
    def settings():
        """Return (register, value) of the configuration."""
        return _SETTINGS

    @micropython.native
    def has_changed(self):
        """Read CTRL_REG1 to CTRL_REG5 back; return whether they are not as written."""
        self._i2c.readfrom_mem_into(_ADDRESS, _FIRST_SETTING, self._held)
        return self._held != self._expected

    def changed_register(self):
        """Return the first register that is not as written, also of the FIFO; -1 if all are."""
        if self.has_changed():
            for k in range(_SETTING_BYTES):
                if self._held[k] != self._expected[k]:
                    return _CTRL_REG1 + k
        return _FIFO_CTRL if self._read_register(_FIFO_CTRL) != _STREAM else -1

    @staticmethod
    def control():
        """Nothing can be controlled."""
        return False

    def watch(self):
        """Begin to look for the moment of the next sample; False if the FIFO is in no state for it."""
        self._mark_unread = -1
        if self._is_torn:
            return False
        source = self._look()
        self.is_watching = not source & _OVERRUN
        return self.is_watching

    @micropython.native
    def look(self):
        """Look whether a sample has come; its moment is half-way since the look before."""
        before, unread = self._looked, self._unread
        source = self._look()
        if source & _OVERRUN:
            self.is_watching = False
        elif self._unread != unread:
            width = ticks_diff(ticks_us(), before)
            if width <= _WIDEST_US:
                self._mark = ticks_add(before, width // 2)
                self._mark_unread = self._unread
                self.is_watching = False

    @micropython.native
    def _look(self):
        self._looked = ticks_us()
        source = self._read_register(_FIFO_SRC)
        self._unread = source & _UNREAD
        return source

    @micropython.native
    def read(self):
        """Read at most 24 samples into ``samples``; return their number. Sets all public attributes."""
        self.clipped = 0
        self.is_lost_unknown = False
        self.is_waiting = False
        self.is_timed = False
        if self._is_torn:
            return self._give_up()
        marked = self._mark_unread
        self._mark_unread = -1
        if self._look() & _OVERRUN:
            return self._give_up()
        start, unread = self._looked, self._unread
        n = min(unread, _MOST if marked < 0 else min(marked, _MOST))
        if n:
            self._is_torn = True
            self._i2c.readfrom_mem_into(_ADDRESS, _OUT_X_L, self._views[n])
            self._is_torn = False
            if ticks_diff(ticks_us(), start) > (_DEPTH - unread) * _LEAST_US:
                return self._give_up()
            self.clipped = widen(self.samples, self._raw, 3 * n)
            self.is_timed = n == marked
            self.ticks = self._mark if n == marked else ticks_add(start, -_AGE_US - (unread - n) * _PERIOD_US)
            self.is_waiting = n == _MOST < unread
        return n

    def _give_up(self):
        """Throw away samples whose place in time nobody knows."""
        self._is_torn = True  # until the FIFO is empty
        self._write_register(_FIFO_CTRL, _BYPASS)
        self._write_register(_FIFO_CTRL, _STREAM)
        self._is_torn = False
        self._mark_unread = -1
        self.is_lost_unknown = True
        return 0

    def _read_register(self, register):
        self._i2c.readfrom_mem_into(_ADDRESS, register, self._byte)
        return self._byte[0]

    def _write_register(self, register, value):
        self._byte[0] = value
        self._i2c.writeto_mem(_ADDRESS, register, self._byte)
