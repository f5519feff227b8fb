"""A LIS3DH on the bus in, acceleration samples and their losses out.

Sections are those of the LIS3DH data sheet (ST DocID17530).
"""

# ruff: noqa: F821 - ptr8 is a name of the viper compiler

from errno import EIO, ENODEV
from time import ticks_add, ticks_diff, ticks_us

import micropython
from micropython import const

_ADDRESS = const(0x19)  # SA0 high; 0x18 is left to an MPRLS

# "Register mapping"
_WHO_AM_I = const(0x0F)
_CTRL_REG1 = const(0x20)
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

# CTRL_REG1 comes last: it starts the sampling.
_SETTINGS = (
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
    RATE_HZ = 50
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
        self._is_torn = False  # a burst has failed: how much of the FIFO it took, nobody knows
        self.samples = bytearray(_MOST * _SAMPLE)
        self.ticks = ticks_us()  # time of the last sample read
        self.clipped = 0
        self.lost = 0  # never counted: the sensor does not
        self.is_lost_unknown = False  # samples were lost behind those read
        self.is_waiting = False  # read again at the next tick

    def is_there(self):
        """Return whether the part answers, at one of three attempts."""
        for _ in range(3):
            try:
                return self._read_register(_WHO_AM_I) == _ID
            except OSError:
                pass
        return False

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
        for register, value in _SETTINGS:
            if self._read_register(register) != value:
                raise OSError(EIO)
        self._is_torn = False

    def read(self):
        """Read at most 24 samples into ``samples``; return their number. Sets all public attributes."""
        self.clipped = 0
        self.is_lost_unknown = False
        self.is_waiting = False
        if self._is_torn:
            return self._give_up()
        start = ticks_us()
        source = self._read_register(_FIFO_SRC)
        if source & _OVERRUN:
            return self._give_up()
        unread = source & _UNREAD
        n = min(unread, _MOST)
        if n:
            self._is_torn = True
            self._i2c.readfrom_mem_into(_ADDRESS, _OUT_X_L, self._views[n])
            self._is_torn = False
            if ticks_diff(ticks_us(), start) > (_DEPTH - unread) * _LEAST_US:
                return self._give_up()
            self.clipped = widen(self.samples, self._raw, 3 * n)
            self.ticks = ticks_add(start, -_AGE_US - (unread - n) * _PERIOD_US)
            self.is_waiting = unread > n
        return n

    def _give_up(self):
        """Throw away samples whose place in time nobody knows."""
        self._is_torn = True  # until the FIFO is empty
        self._write_register(_FIFO_CTRL, _BYPASS)
        self._write_register(_FIFO_CTRL, _STREAM)
        self._is_torn = False
        self.is_lost_unknown = True
        return 0

    def _read_register(self, register):
        self._i2c.readfrom_mem_into(_ADDRESS, register, self._byte)
        return self._byte[0]

    def _write_register(self, register, value):
        self._byte[0] = value
        self._i2c.writeto_mem(_ADDRESS, register, self._byte)
