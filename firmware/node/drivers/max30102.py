"""A MAX30102 on the bus in, red and infrared samples and their losses out.

Sections and tables are those of the MAX30102 data sheet (Maxim 19-7740).
"""

# ruff: noqa: F821 - ptr8 and ptr32 are names of the viper compiler

from array import array
from errno import EINVAL, ENODEV
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

# "SpO2 Configuration", tables: ADC range 4096 nA, and 411 us = 18 bits, which every rate up to 400 Hz allows
_RANGE_AND_WIDTH = const(0x23)
_RATE_BITS = {100: 0x04, 200: 0x08, 400: 0x0C}
_FIRST_SETTING = const(0x08)  # FIFO_CONFIG, MODE, SPO2_CONFIG, reserved, LED1_PA, LED2_PA: one transfer reads them
_SETTING_BYTES = const(6)
_RESERVED = const(3)
# The mode comes last: it starts the sampling.
_ORDER = (_FIFO_CONFIG, _SPO2_CONFIG, _LED1_PA, _LED2_PA, _MODE)

_DEPTH = const(32)  # samples the FIFO holds
_SAMPLE = const(6)  # bytes: red and infrared, 3 each, the upper 6 bits undefined ("FIFO Data")
_SATURATED = const(31)  # OVF_COUNTER has 5 bits
_BURST_US = const(4_000)  # a full FIFO takes no less: 192 bytes of 9 clocks at 400 kHz
_TICK_US = const(5_000)
_LOOK_US = const(150)  # 6 bytes on the bus
_WIDEST_US = const(1_000)  # between two looks, for the moment in between to be known within 0.5 ms

# LED current, in steps of 0.2 mA ("LED Pulse Amplitude"), and levels of 18 bits
_DEFAULT_STEPS = const(0x24)  # 7 mA: a finger reads below half of full scale
_LEAST_STEPS, _MOST_STEPS = const(4), const(0x7F)
_NO_FINGER = const(8_000)  # less light comes back: more current would only light the room
_DARK, _BRIGHT, _WANTED = const(20_000), const(235_000), const(110_000)
_UNKNOWN = const(-1)


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


@micropython.viper
def add_levels(sums, buffer, n: int):
    """Add n samples to the sums of red and of infrared: a second of 400 Hz and 18 bits stays below 2^27."""
    total = ptr32(sums)
    samples = ptr8(buffer)
    red = 0
    infrared = 0
    at = 0
    end = 6 * n
    while at < end:
        red += (samples[at] << 16) | (samples[at + 1] << 8) | samples[at + 2]
        infrared += (samples[at + 3] << 16) | (samples[at + 4] << 8) | samples[at + 5]
        at += 6
    total[0] = total[0] + red
    total[1] = total[1] + infrared


def _wanted_steps(steps, level):
    """Return the current that brings a level back into range, in one step."""
    if level < _NO_FINGER:
        return _DEFAULT_STEPS
    if _DARK <= level <= _BRIGHT:
        return steps
    return min(max(steps * _WANTED // level, _LEAST_STEPS), _MOST_STEPS)


class Max30102:
    """Red and infrared at 100, 200 or 400 Hz. Any method may raise OSError; then ``reset`` and ``configure`` again.

    Reading empties the FIFO; in between ``look``, called often, finds the moment at which a sample was complete.
    """

    NAME = "optical"
    CHANNELS = ("red", "infrared")
    UNIT = "count"
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
        self._held = bytearray(_SETTING_BYTES)
        self._expected = bytearray(_SETTING_BYTES)
        self._zeros = bytes(3)
        self._looked = self._looked_before = ticks_us()
        self._overflow = self._overflow_before = 0  # counter at these looks
        self._write_pointer = 0
        self._is_torn = False  # a burst has failed: how much of the FIFO it took, nobody knows
        self._mark = ticks_us()  # moment found by ``look``, and the write pointer then
        self._mark_pointer = -1
        self._sums = array("I", (0, 0))
        self._summed = 0
        self._is_controlled = True
        self.samples = bytearray(_DEPTH * _SAMPLE)
        whole = memoryview(self.samples)
        self._views = [whole[: n * _SAMPLE] for n in range(_DEPTH + 1)]
        self.ticks = ticks_us()  # time of the last sample read
        self.is_timed = False  # ... which is known within 0.5 ms
        self.clipped = 0
        self.lost = 0  # samples lost behind those read
        self.is_lost_unknown = False  # as `lost`, but nobody knows how many
        self.is_waiting = False  # read again at the next tick
        self.is_watching = False  # ``look`` is wanted, as often as can be
        self.red_level = self.infrared_level = _UNKNOWN
        self.set(100, 0, 0)

    def set(self, rate_hz, red, infrared):
        """Choose rate and currents (steps of 0.2 mA; both 0: ``control`` chooses); ``configure`` applies them."""
        self.rate_hz = rate_hz
        self.period_us = 1_000_000 // rate_hz
        self._least_us = self.period_us * 9 // 10  # the sensor's clock may be several percent fast
        self._is_controlled = not red and not infrared
        self.red_steps = red or _DEFAULT_STEPS
        self.infrared_steps = infrared or _DEFAULT_STEPS
        expected = self._expected
        expected[_FIFO_CONFIG - _FIRST_SETTING] = 0  # no averaging; no roll-over, as the overflow counter is specified
        expected[_MODE - _FIRST_SETTING] = _MODE_SPO2
        expected[_SPO2_CONFIG - _FIRST_SETTING] = _RANGE_AND_WIDTH | _RATE_BITS[rate_hz]
        expected[_LED1_PA - _FIRST_SETTING] = self.red_steps
        expected[_LED2_PA - _FIRST_SETTING] = self.infrared_steps

    def settings(self):
        """Return (register, value) of the configuration."""
        return [(register, self._expected[register - _FIRST_SETTING]) for register in _ORDER]

    def reset(self):
        """Check the part and reset it; it needs 1 ms before ``configure``."""
        if self._read_register(_PART_ID_REGISTER) != _PART_ID:
            raise OSError(ENODEV)
        self._write_register(_MODE, _MODE_RESET)

    def configure(self):
        """Write the configuration with an empty FIFO, and read it back."""
        self._clear()
        for register in _ORDER:
            self._write_register(register, self._expected[register - _FIRST_SETTING])
        if self.changed_register() >= 0:
            raise OSError(EINVAL)
        self.is_watching = False
        self._forget_levels()

    @micropython.native
    def has_changed(self):
        """Read the configuration back; return whether it is not as written."""
        held = self._held
        self._i2c.readfrom_mem_into(_ADDRESS, _FIRST_SETTING, held)
        held[_RESERVED] = 0
        return held != self._expected

    def changed_register(self):
        """Return the first register that is not as written, -1 if all are."""
        if self.has_changed():
            for k in range(_SETTING_BYTES):
                if self._held[k] != self._expected[k]:
                    return _FIRST_SETTING + k
        return -1

    def control(self):
        """Close a second of levels and keep them in range; return whether a current has changed."""
        n = self._summed
        if not n:
            self.red_level = self.infrared_level = _UNKNOWN
            return False
        self.red_level = self._sums[0] // n
        self.infrared_level = self._sums[1] // n
        self._forget_levels()
        if not self._is_controlled:
            return False
        red = _wanted_steps(self.red_steps, self.red_level)
        infrared = _wanted_steps(self.infrared_steps, self.infrared_level)
        if red == self.red_steps and infrared == self.infrared_steps:
            return False
        self.red_steps, self.infrared_steps = red, infrared
        self._expected[_LED1_PA - _FIRST_SETTING] = red
        self._expected[_LED2_PA - _FIRST_SETTING] = infrared
        self._write_register(_LED1_PA, red)
        self._write_register(_LED2_PA, infrared)
        return True

    def watch(self):
        """Begin to look for the moment of the next sample; False if the FIFO is in no state for it."""
        self._mark_pointer = -1
        if self._is_torn:
            return False
        self._look()
        self.is_watching = not self._overflow
        return self.is_watching

    @micropython.native
    def look(self):
        """Look whether a sample has come; its moment is half-way since the look before."""
        pointer = self._write_pointer
        self._look()
        if self._overflow:
            self.is_watching = False
        elif self._write_pointer != pointer:
            width = ticks_diff(ticks_us(), self._looked_before)
            if width <= _WIDEST_US:
                self._mark = ticks_add(self._looked_before, width // 2)
                self._mark_pointer = self._write_pointer
                self.is_watching = False

    @micropython.native
    def _look(self):
        self._looked_before, self._overflow_before = self._looked, self._overflow
        self._looked = ticks_us()
        self._i2c.readfrom_mem_into(_ADDRESS, _FIFO_WR_PTR, self._pointers)
        self._write_pointer = self._pointers[0]
        self._overflow = self._pointers[1]

    @micropython.native
    def read(self):
        """Read what the FIFO holds into ``samples``; return the number of samples. Sets all public attributes."""
        self.lost = 0
        self.clipped = 0
        self.is_lost_unknown = False
        self.is_waiting = False
        self.is_timed = False
        if self._is_torn:
            return self._give_up()
        self._look()
        start = self._looked
        if self._overflow:
            return self._read_full()
        # Equal pointers without overflow: empty, or just full. Then the next sample shows as overflow.
        unread = (self._write_pointer - self._pointers[2]) & (_DEPTH - 1)
        newer = self._newer_than_mark(start)
        n = unread - newer if 0 <= newer < unread else unread
        if n:
            self._burst(n)
            if ticks_diff(ticks_us(), start) > (_DEPTH - unread) * self._least_us:
                return self._give_up()
            if n < unread or newer == 0:
                self.ticks = self._mark
                self.is_timed = True
            else:
                self.ticks = ticks_add(start, -self.period_us // 2)  # of the newest sample: between none and a period
            add_levels(self._sums, self.samples, n)
            self._summed += n
        return n

    @micropython.native
    def _newer_than_mark(self, now):
        """Return how many samples have come since the one whose moment is known, -1 if there is none."""
        pointer = self._mark_pointer
        self._mark_pointer = -1
        if pointer < 0 or ticks_diff(now, self._mark) > _DEPTH // 2 * self._least_us:
            return -1
        return (self._write_pointer - pointer) & (_DEPTH - 1)

    def _read_full(self):
        """Read a full FIFO at a moment when no loss can hide between the counter and the first sample read.

        The counter restarts with that read ("FIFO Overflow Counter"). It is trusted when it has moved by one since the
        look before: then the next loss is still to come. A slow sensor is looked at again at the next tick, a fast one
        at once, for a period at most.
        """
        looks = 1 if self._least_us > _TICK_US else self.period_us // _LOOK_US
        while True:
            before = self._looked_before
            if self._overflow - self._overflow_before == 1 and ticks_diff(self._looked, before) < self._least_us:
                overflow, start = self._overflow, self._looked
                self._burst(_DEPTH)
                if ticks_diff(ticks_us(), before) > self._least_us + _BURST_US:
                    return self._give_up()
                # The counter restarts with a read sample, or it does not: the data sheet can be read either way.
                self._write_register(_OVF_COUNTER, 0)
                self._overflow = 0
                self.lost = overflow
                self.ticks = ticks_add(start, -overflow * self.period_us)
                return _DEPTH
            if self._overflow == _SATURATED:
                return self._give_up()
            looks -= 1
            if not looks:
                self.is_waiting = True
                return 0
            self._look()

    @micropython.native
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
        self._write_pointer = 0
        self._mark_pointer = -1
        self._is_torn = False

    def _forget_levels(self):
        self._sums[0] = self._sums[1] = 0
        self._summed = 0

    def _read_register(self, register):
        self._i2c.readfrom_mem_into(_ADDRESS, register, self._byte)
        return self._byte[0]

    def _write_register(self, register, value):
        self._byte[0] = value
        self._i2c.writeto_mem(_ADDRESS, register, self._byte)
