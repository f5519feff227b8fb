"""The RP2040's ADC: volts in, what read_u16 returns out (RP2040 data sheet 4.9, ports/rp2/machine_adc.c)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

_REFERENCE_V = 3.3
_CODE_MAX = 4095  # 12 bits
_SLOT_NS = 1_000_000
_PER_SLOT = 16
_CACHED = 1000  # milliseconds computed at once
_U16_BYTES = 2
# Errors of one conversion, in codes. Noise and wide codes give the 8.7 effective bits of the data sheet (4.9.3); codes
# around these four are swallowed by them (erratum RP2040-E11). The offset is that of a board with its own voltage
# reference: the supply filter of a plain Pico adds 30 mV more (Pico data sheet, 4.3).
_NOISE = 2.0
_OFFSET = 3.0
_WIDE, _WIDTH = (512, 1536, 2560, 3584), 4

Volts = Callable[[NDArray[np.int64]], NDArray[np.float64]]


def _widened() -> NDArray[np.uint16]:
    table = np.arange(_CODE_MAX + 1, dtype=np.uint16)
    for code in _WIDE:
        table[code - _WIDTH : code + _WIDTH + 1] = code
    return table


_WIDENED = _widened()


def quantise(codes: NDArray[np.float64]) -> NDArray[np.uint16]:
    """Round to 12 bits."""
    return np.clip(np.rint(codes), 0, _CODE_MAX).astype(np.uint16)


def stretch(codes: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """Stretch 12 bits to 16 as MicroPython does: the high bits are repeated below."""
    return np.asarray(codes << 4 | codes >> 8, dtype=np.uint16)


class Level:
    """An input at one voltage; ``reference_error`` is that of the ADC's own reference."""

    def __init__(self, volts: float) -> None:
        self.volts = volts
        self.reference_error = 0.0

    def convert(self, _now_ns: int, count: int) -> bytes:
        code = self.volts * _CODE_MAX / (_REFERENCE_V * (1 + self.reference_error))
        return stretch(quantise(np.full(count, code))).astype("<u2").tobytes()


class AdcChannel:
    """One analog input: its voltage is held for a millisecond, in which 16 conversions differ by the ADC's errors.

    Parameters
    ----------
    volts : gives the voltage at each of some times (int64, us)
    seed : makes the noise, a function of it and of time; without it the ADC has no errors
    """

    def __init__(self, volts: Volts, *, seed: int | None = None) -> None:
        self._volts = volts
        self._seed = seed
        self._first: int | None = None
        self._codes = b""

    def convert(self, now_ns: int, count: int) -> bytes:
        """Return ``count`` conversions, u16 little endian, 16 for each millisecond from the current one on."""
        slot, wanted = now_ns // _SLOT_NS, _U16_BYTES * count
        out = b""
        while len(out) < wanted:
            first = slot - slot % _CACHED
            if first != self._first:
                self._fill(first)
            at = (slot - first) * _PER_SLOT * _U16_BYTES
            out += self._codes[at : at + wanted - len(out)]
            slot = first + _CACHED
        return out

    def _fill(self, first: int) -> None:
        t_us = np.arange(first, first + _CACHED, dtype=np.int64) * 1000
        codes = np.repeat(self._volts(t_us) * (_CODE_MAX / _REFERENCE_V), _PER_SLOT)
        if self._seed is None:
            converted = quantise(codes)
        else:
            noise = np.random.default_rng([self._seed, first]).standard_normal(len(codes))
            converted = _WIDENED[quantise(codes + _OFFSET + _NOISE * noise)]
        self._first = first
        self._codes = stretch(converted).astype("<u2").tobytes()
