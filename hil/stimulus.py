"""Pleth and pressure in, what the sensors see out: counts of red and infrared, volts of the cuff monitor's output."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Times = NDArray[np.int64]
Values = NDArray[np.float64]

_DC_INFRARED = 110_000.0  # counts of 2^18: a finger at 7 mA
_DC_RED = 95_000.0
_AC_INFRARED = 0.02  # of DC for a usual pulse
_RATIO_OF_RATIOS = 0.5  # SpO2 about 97 % by the customary 110 - 25 R
_AMBIENT = 300.0  # counts without a finger
_MMHG_PER_VOLT = 100.0
_SUPPLY_V = 3.3


class Source(Protocol):
    """A person: pleth in pulses (a usual pulse is 1 high, rises in systole) and pressure in mmHg; NaN is missing."""

    duration_s: float | None  # None is endless

    def pleth(self, t_us: Times) -> Values: ...
    def pressure(self, t_us: Times) -> Values: ...


class Stimulus:
    """What the board's sensors see of a person."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self.duration_s = source.duration_s

    def light(self, t_us: Times) -> Values:
        """Return counts of red and infrared, shape (n, 2); blood absorbs, so they fall in systole."""
        pleth = self._source.pleth(t_us)
        infrared = _DC_INFRARED * (1 - _AC_INFRARED * pleth)
        red = _DC_RED * (1 - _AC_INFRARED * _RATIO_OF_RATIOS * pleth)
        counts = np.stack([red, infrared], axis=1)
        counts[np.isnan(pleth)] = _AMBIENT
        return counts

    def volts(self, t_us: Times) -> Values:
        """Return the cuff monitor's output; 0 V where it has no pressure."""
        volts = np.nan_to_num(self._source.pressure(t_us) / _MMHG_PER_VOLT, nan=0.0)
        return np.clip(volts, 0.0, _SUPPLY_V)
