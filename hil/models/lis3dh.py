"""A LIS3DH at register level: acceleration in, bus transfers answered; sections are those of ST DocID17530."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from hil.board.bus import NoAcknowledgeError, Promise

Acceleration = Callable[[NDArray[np.int64]], NDArray[np.float64]]

_WHO_AM_I, _CTRL_REG0 = 0x0F, 0x1E
_CTRL_REG1, _CTRL_REG3, _CTRL_REG4, _CTRL_REG5 = 0x20, 0x22, 0x23, 0x24
_INT1_WATERMARK, _INT1_OVERRUN = 0x04, 0x02  # CTRL_REG3
_OUT_FIRST, _OUT_LAST, _FIFO_CTRL, _FIFO_SRC = 0x28, 0x2D, 0x2E, 0x2F
_WRITABLE = {_CTRL_REG0, *range(0x1F, 0x27), _FIFO_CTRL, 0x30, *range(0x32, 0x35), 0x36, 0x37, *range(0x38, 0x40)}
_MOVES_ON = 0x80  # in the register address ("I2C operation")
_ID = 0x33
_RATES_HZ = (0, 1, 10, 25, 50, 100, 200, 400)  # CTRL_REG1, bits 7:4
_MG_PER_DIGIT = (1, 2, 4, 12)  # of 12 bits, by CTRL_REG4, bits 5:4
_LOW_POWER, _HIGH_RESOLUTION, _FIFO_ENABLE = 0x08, 0x08, 0x40
_DEPTH, _SAMPLE = 32, 6
_BYPASS, _STOP_WHEN_FULL = 0, 1  # FIFO_CTRL_REG, bits 7:6; the others keep the newest
_WATERMARK, _OVERRUN, _EMPTY, _MOST_UNREAD = 0x80, 0x40, 0x20, 0x1F
_BLOCK = 64  # samples computed at once


class Lis3dh:
    """Sensor with FIFO; the times of its samples follow from the moment its rate was written.

    Parameters
    ----------
    acceleration : gives x, y and z at each of some times (int64, us): shape (n, 3), g
    rate_error : relative error of the sensor's own clock
    """

    def __init__(self, acceleration: Acceleration, *, rate_error: float = 0.0) -> None:
        self._acceleration = acceleration
        self._rate_error = rate_error
        self.is_present = True
        self.identity = _ID
        self.dropped = 0  # samples lost since the start; the sensor itself does not count them
        self.power_on()

    def power_on(self) -> None:
        """Lose everything, as after an interruption of the supply."""
        self._registers = bytearray(128)
        self._registers[_CTRL_REG0] = 0x10
        self._registers[_CTRL_REG1] = 0x07
        self._fifo: deque[bytes] = deque()
        self._newest = bytes(6)
        self._start_ns: int | None = None
        self._period_ns = 0.0
        self._made = 0  # samples since the start
        self._samples: list[bytes] = []
        self._samples_first = 0

    def transfer(self, now_ns: int, written: bytes, wanted: int) -> bytes:
        """Set the register address, write what follows it, read: as one transfer with a repeated start."""
        if not self.is_present:
            raise NoAcknowledgeError
        self._advance(now_ns)
        address, moves_on = written[0] & 0x7F, written[0] & _MOVES_ON
        for value in written[1:]:
            self._write(address, value, now_ns)
            address += bool(moves_on)
        if moves_on and address == _OUT_FIRST and self._has_fifo:
            return b"".join(self._pop() for _ in range(-(-wanted // _SAMPLE)))[:wanted]
        if not moves_on:
            return self._read(address) * wanted
        return b"".join(self._read((address + k) & 0x7F) for k in range(wanted))

    def promise(self, written: bytes) -> Promise | None:
        """FIFO_SRC, the samples it counts and the configuration stay until the next sample."""
        if written != bytes([_FIFO_SRC]) or self._start_ns is None:
            return None
        until_ns = int(self._start_ns + (self._made + 1) * self._period_ns)
        settings = bytes(self._registers[_CTRL_REG1 : _CTRL_REG5 + 1])
        burst = b"".join(self._fifo) if len(self._fifo) < _DEPTH - 1 else b""  # nothing is lost within 1 ms
        return Promise(until_ns, _OUT_FIRST | _MOVES_ON, burst, _CTRL_REG1 | _MOVES_ON, settings)

    @property
    def _is_above_watermark(self) -> bool:
        """More unread samples than FTH ("FIFO_SRC_REG", WTM)."""
        return len(self._fifo) > self._registers[_FIFO_CTRL] & _MOST_UNREAD

    @property
    def is_interrupting(self) -> bool:
        """Whether the INT1 pin is high."""
        wanted = self._registers[_CTRL_REG3]
        is_marked = bool(wanted & _INT1_WATERMARK and self._has_fifo and self._is_above_watermark)
        return is_marked or bool(wanted & _INT1_OVERRUN and len(self._fifo) == _DEPTH)

    @property
    def _has_fifo(self) -> bool:
        return bool(self._registers[_CTRL_REG5] & _FIFO_ENABLE and self._mode != _BYPASS)

    @property
    def _mode(self) -> int:
        return self._registers[_FIFO_CTRL] >> 6

    def _read(self, address: int) -> bytes:
        if address == _WHO_AM_I:
            return bytes([self.identity])
        if address == _FIFO_SRC:
            unread = len(self._fifo)
            marked = _WATERMARK * self._is_above_watermark
            full, empty = _OVERRUN * (unread == _DEPTH), _EMPTY * (not unread)
            return bytes([marked | full | empty | min(unread, _MOST_UNREAD)])
        if _OUT_FIRST <= address <= _OUT_LAST:
            return self._newest[address - _OUT_FIRST :][:1]
        return bytes([self._registers[address]])

    def _write(self, address: int, value: int, now_ns: int) -> None:
        if address not in _WRITABLE:
            return
        self._registers[address] = value
        if not self._has_fifo:
            self._fifo.clear()  # "Bypass mode"
        if address in (_CTRL_REG1, _CTRL_REG4):
            self._start_ns = now_ns if self._rate_hz else None
            self._period_ns = 1e9 / ((self._rate_hz or 1) * (1 + self._rate_error))
            self._made = 0
            self._samples, self._samples_first = [], 0

    @property
    def _rate_hz(self) -> int:
        code = self._registers[_CTRL_REG1] >> 4
        return _RATES_HZ[code] if code < len(_RATES_HZ) else 0

    def _advance(self, now_ns: int) -> None:
        """Put into the FIFO what was measured until now."""
        if self._start_ns is None:
            return
        due = int((now_ns - self._start_ns) / self._period_ns)
        has_fifo = self._has_fifo
        while self._made < due:
            self._newest = self._sample(self._made)
            self._made += 1
            if has_fifo:
                self._push(self._newest)

    def _push(self, sample: bytes) -> None:
        if len(self._fifo) == _DEPTH:
            self.dropped += 1
            if self._mode == _STOP_WHEN_FULL:
                return
            self._fifo.popleft()
        self._fifo.append(sample)

    def _pop(self) -> bytes:
        """Read a whole sample; an empty FIFO repeats the newest."""
        return self._fifo.popleft() if self._fifo else self._newest

    def _sample(self, k: int) -> bytes:
        if k - self._samples_first >= len(self._samples):
            self._samples, self._samples_first = self._measure(k), k
        return self._samples[k - self._samples_first]

    def _measure(self, first: int) -> list[bytes]:
        """Measure samples ``first`` and following; each ends one period after the one before."""
        assert self._start_ns is not None
        t_ns = self._start_ns + np.arange(first + 1, first + 1 + _BLOCK) * self._period_ns
        control = self._registers[_CTRL_REG4]
        digits = self._acceleration(np.asarray(t_ns // 1000, dtype=np.int64)) * (1000 / _MG_PER_DIGIT[control >> 4 & 3])
        unused = 0 if control & _HIGH_RESOLUTION else 4 if self._registers[_CTRL_REG1] & _LOW_POWER else 2
        codes = np.clip(np.rint(digits), -2048, 2047).astype(np.int16) >> unused << unused
        raw = (codes << 4).astype("<i2").tobytes()
        return [raw[at : at + 6] for at in range(0, len(raw), 6)]
