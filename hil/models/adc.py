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


class Reference:
    """The ADC's own: its relative ``error`` scales what all channels return."""

    def __init__(self) -> None:
        self.error = 0.0

    @property
    def codes_per_volt(self) -> float:
        return _CODE_MAX / (_REFERENCE_V * (1 + self.error))


class Level:
    """An input at one voltage."""

    def __init__(self, volts: float, reference: Reference) -> None:
        self.volts = volts
        self.reference = reference

    def convert(self, _now_ns: int, count: int) -> bytes:
        code = self.volts * self.reference.codes_per_volt
        return stretch(quantise(np.full(count, code))).astype("<u2").tobytes()


class AdcChannel:
    """One analog input: its voltage is held for a millisecond, in which 16 conversions differ by the ADC's errors.

    Parameters
    ----------
    volts : gives the voltage at each of some times (int64, us)
    reference : of the whole ADC; by default one without error
    seed : makes the noise, a function of it and of time; without it the ADC has no errors
    """

    def __init__(self, volts: Volts, reference: Reference | None = None, *, seed: int | None = None) -> None:
        self._volts = volts
        self._reference = reference or Reference()
        self._codes_per_volt = 0.0  # by which the codes were made
        self._seed = seed
        self._first: int | None = None
        self._codes = b""

    def convert(self, now_ns: int, count: int) -> bytes:
        """Return ``count`` conversions, u16 little endian, 16 for each millisecond from the current one on."""
        slot, wanted = now_ns // _SLOT_NS, _U16_BYTES * count
        out = b""
        while len(out) < wanted:
            first = slot - slot % _CACHED
            if first != self._first or self._codes_per_volt != self._reference.codes_per_volt:
                self._fill(first)
            at = (slot - first) * _PER_SLOT * _U16_BYTES
            out += self._codes[at : at + wanted - len(out)]
            slot = first + _CACHED
        return out

    def _fill(self, first: int) -> None:
        t_us = np.arange(first, first + _CACHED, dtype=np.int64) * 1000
        self._codes_per_volt = self._reference.codes_per_volt
        codes = np.repeat(self._volts(t_us) * self._codes_per_volt, _PER_SLOT)
        if self._seed is None:
            converted = quantise(codes)
        else:
            noise = np.random.default_rng([self._seed, first]).standard_normal(len(codes))
            converted = _WIDENED[quantise(codes + _OFFSET + _NOISE * noise)]
        self._first = first
        self._codes = stretch(converted).astype("<u2").tobytes()
