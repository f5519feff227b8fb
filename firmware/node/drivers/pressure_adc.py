"""The analog output of a finger-cuff monitor in, raw pressure numbers out."""

import micropython
from micropython import const

_OVERSAMPLING = const(16)  # 8.7 effective bits are 0.8 mmHg; the sum of 16 reaches 0.2 mmHg
_READ_MAX = const(65535)  # read_u16 stretches the 12 bits of the ADC to 16


class PressureAdc:
    """Pressure at 100 mmHg per volt, the usual convention of such outputs; the ADC's reference is 3.3 V.

    raw * NUM / DEN is mmHg: 330 mmHg at FULL.
    """

    NAME = "pressure"
    CHANNELS = ("pressure",)
    UNIT = "mm[Hg]"
    PART = "ADC"
    OFFSET = 0
    FULL = _OVERSAMPLING * _READ_MAX
    NUM = 11
    DEN = 34952  # 330 / FULL in lowest terms

    def __init__(self, adc):
        self._read_u16 = adc.read_u16
        self.set(200)

    def set(self, rate_hz):
        self.rate_hz = rate_hz
        self.period_us = 1_000_000 // rate_hz

    @micropython.viper
    def read(self) -> int:
        """Take one sample: the sum of 16 conversions, about 0.2 ms."""
        read_u16 = self._read_u16
        total = 0
        left = _OVERSAMPLING
        while left:
            total += int(read_u16())
            left -= 1
        return total
