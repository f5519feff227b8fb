"""The RP2040's ADC: volts in, what read_u16 returns out (RP2040 data sheet 4.9, ports/rp2/machine_adc.c)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

_REFERENCE_V = 3.3
_CODE_MAX = 4095  # 12 bits
_SLOT_NS = 1_000_000
_CACHED = 1000  # milliseconds computed at once

Volts = Callable[[NDArray[np.int64]], NDArray[np.float64]]


def convert(volts: NDArray[np.float64]) -> NDArray[np.uint16]:
    """Quantise to 12 bits, then stretch to 16 as MicroPython does: the high bits are repeated below."""
    codes = np.clip(np.rint(volts * (_CODE_MAX / _REFERENCE_V)), 0, _CODE_MAX).astype(np.uint16)
    return np.asarray(codes << 4 | codes >> 8, dtype=np.uint16)


class AdcChannel:
    """One analog input, sampled and held for a millisecond.

    Parameters
    ----------
    volts : gives the voltage at each of some times (int64, us)
    """

    def __init__(self, volts: Volts) -> None:
        self._volts = volts
        self._first = 0
        self._codes = b""

    def convert(self, now_ns: int, count: int) -> bytes:
        """Return ``count`` conversions, u16 little endian, one a millisecond from the current one on."""
        at = 2 * (now_ns // _SLOT_NS - self._first)
        if not 0 <= at <= len(self._codes) - 2 * count:
            self._fill(now_ns // _SLOT_NS)
            at = 0
        return self._codes[at : at + 2 * count]

    def _fill(self, first: int) -> None:
        t_us = np.arange(first, first + _CACHED, dtype=np.int64) * 1000
        self._first = first
        self._codes = convert(self._volts(t_us)).astype("<u2").tobytes()
