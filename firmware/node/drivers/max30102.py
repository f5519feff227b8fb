"""A MAX30102 on the bus in, red and infrared samples and their losses out.

Sections and tables are those of the MAX30102 data sheet (Maxim 19-7740).
"""

# ruff: noqa: F821 - ptr8 and ptr32 are names of the viper compiler

from errno import EIO, ENODEV
from time import ticks_add, ticks_diff, ticks_us

import micropython
from micropython import const

_ADDRESS = const(0x57)  # "I2C Interface": AE write, AF read

# "Register Maps and Descriptions"
_FIFO_WR_PTR = const(0x04)
_OVF_COUNTER = const(0x05)
_FIFO_RD_PTR = const(0x06)
_FIFO_DATA = const(0x07)
_FIFO_CONFIG = const(0x08)
_MODE = const(0x09)
_SPO2_CONFIG = const(0x0A)
_LED1_PA = const(0x0C)  # red
_LED2_PA = const(0x0D)  # infrared
_PART_ID_REGISTER = const(0xFF)

_PART_ID = const(0x15)
_MODE_RESET = const(0x40)  # "Mode Configuration": bit 6, clears itself
_MODE_SPO2 = const(0x03)  # red and infrared

# The mode comes last: it starts the sampling.
_SETTINGS = (
    (_FIFO_CONFIG, 0x00),  # no averaging; no roll-over, the overflow counter is specified without
    (_SPO2_CONFIG, 0x27),  # 4096 nA, 100 Hz, 411 us = 18 bits ("SpO2 Configuration", tables)
    (_LED1_PA, 0x24),  # 7 mA: a finger reads below half of full scale
    (_LED2_PA, 0x24),
    (_MODE, _MODE_SPO2),
)

_DEPTH = const(32)  # samples the FIFO holds
_SAMPLE = const(6)  # bytes: red and infrared, 3 each, the upper 6 bits undefined ("FIFO Data")
_SATURATED = const(31)  # OVF_COUNTER has 5 bits
_PERIOD_US = const(10_000)
_AGE_US = const(5_000)  # of the newest sample: between none and a period, so half of one is never wrong by more
_LEAST_US = const(9_000)  # between two samples: the sensor's clock may be several percent fast
_BURST_US = const(4_000)  # a full FIFO takes no less: 192 bytes of 9 clocks at 400 kHz


@micropython.viper
def clean(buffer, n: int) -> int:
    """Clear the undefined bits of n 3-byte numbers; return 1 if one of them is at full scale."""
    samples = ptr8(buffer)
    clipped = 0
    at = 0
    end = 3 * n
    while at < end:
        high = samples[at] & 3
        samples[at] = high
        if high == 3 and (samples[at + 1] & samples[at + 2]) == 255:
            clipped = 1
        at += 3
    return clipped


class Max30102:
    """Red and infrared at 100 Hz. Any method may raise OSError; then ``reset`` and ``configure`` again."""

    NAME = "optical"
    CHANNELS = ("red", "infrared")
    UNIT = "count"
    RATE_HZ = 100
    PART = "MAX30102"
    FULL = 0x3FFFF
    OFFSET = 0
    NUM = 1  # raw numbers are counts
    DEN = 1
    SAMPLE_BYTES = _SAMPLE

    def __init__(self, i2c):
        self._i2c = i2c
        self._pointers = bytearray(3)
        self._byte = bytearray(1)
        self._zeros = bytes(3)
        self._overflow = 0  # counter at the last look
        self._looked = ticks_us()
        self._is_torn = False  # a burst has failed: how much of the FIFO it took, nobody knows
        self.samples = bytearray(_DEPTH * _SAMPLE)
        whole = memoryview(self.samples)
        self._views = [whole[: n * _SAMPLE] for n in range(_DEPTH + 1)]
        self.ticks = ticks_us()  # time of the last sample read
        self.clipped = 0
        self.lost = 0  # samples lost behind those read
        self.is_lost_unknown = False  # as `lost`, but nobody knows how many
        self.is_waiting = False  # read again at the next tick

    def reset(self):
        """Check the part and reset it; it needs 1 ms before ``configure``."""
        if self._read_register(_PART_ID_REGISTER) != _PART_ID:
            raise OSError(ENODEV)
        self._write_register(_MODE, _MODE_RESET)

    def configure(self):
        """Write the configuration with an empty FIFO, and read it back."""
        self._clear()
        for register, value in _SETTINGS:
            self._write_register(register, value)
        for register, value in _SETTINGS:
            if self._read_register(register) != value:
                raise OSError(EIO)

    def read(self):
        """Read what the FIFO holds into ``samples``; return the number of samples. Sets all public attributes."""
        self.lost = 0
        self.clipped = 0
        self.is_lost_unknown = False
        self.is_waiting = False
        if self._is_torn:
            return self._give_up()
        start = ticks_us()
        pointers = self._pointers
        self._i2c.readfrom_mem_into(_ADDRESS, _FIFO_WR_PTR, pointers)
        overflow = pointers[1]
        looked = self._looked
        has_moved = overflow - self._overflow == 1 and ticks_diff(start, looked) < _LEAST_US
        self._overflow = overflow
        self._looked = start
        if overflow and has_moved:
            return self._read_full(looked, start, overflow)
        if overflow == _SATURATED:
            return self._give_up()
        if overflow:
            self.is_waiting = True
            return 0
        # Equal pointers without overflow: empty, or just full. Then the next sample shows as overflow.
        n = (pointers[0] - pointers[2]) & (_DEPTH - 1)
        if n:
            self._burst(n)
            self.ticks = ticks_add(start, -_AGE_US)
            if ticks_diff(ticks_us(), start) > (_DEPTH - n) * _LEAST_US:
                return self._give_up()
        return n

    def _read_full(self, looked, start, overflow):
        """Read a full FIFO at a moment when no loss can hide between the counter and the first sample read.

        The counter restarts with that read ("FIFO Overflow Counter"). It is trusted when it has moved by one since the
        look at the tick before: then the next loss is still milliseconds away.
        """
        self._burst(_DEPTH)
        if ticks_diff(ticks_us(), looked) > _LEAST_US + _BURST_US:
            return self._give_up()
        self._overflow = 0
        self.lost = overflow
        self.ticks = ticks_add(start, -overflow * _PERIOD_US)
        return _DEPTH

    def _burst(self, n):
        self._is_torn = True
        self._i2c.readfrom_mem_into(_ADDRESS, _FIFO_DATA, self._views[n])
        self._is_torn = False
        self.clipped = clean(self.samples, 2 * n)

    def _give_up(self):
        """Throw away samples whose place in time nobody knows."""
        self._is_torn = True  # until the FIFO is empty
        self._clear()
        self.clipped = 0
        self.is_lost_unknown = True
        return 0

    def _clear(self):
        """Empty the FIFO: write pointer, overflow counter and read pointer to 0 ("FIFO Write Pointer")."""
        self._i2c.writeto_mem(_ADDRESS, _FIFO_WR_PTR, self._zeros)
        self._overflow = 0
        self._is_torn = False

    def _read_register(self, register):
        self._i2c.readfrom_mem_into(_ADDRESS, register, self._byte)
        return self._byte[0]

    def _write_register(self, register, value):
        self._byte[0] = value
        self._i2c.writeto_mem(_ADDRESS, register, self._byte)
