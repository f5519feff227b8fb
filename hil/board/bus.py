"""Requests of the board in, answers of the sensor models out.

A request is ``<BBBBHHQBBHIQ`` op, unit, address, whether the link was ever written to, bytes written, bytes wanted, the
board's nanoseconds; address, register, bytes, 0 and nanoseconds of a burst that the board has taken from what it was
promised; then what was written, then what the host has taken from the link since the last request: ``<QH``
nanoseconds and length, then the bytes, as often as it has taken some.

An answer is ``<BBHIIIBBH`` status (0 or an errno), bits (1: the host has stopped reading the link, 2: it has written
to it, 4: what was promised before is void, 8: nobody has the port open), the bytes of settings promised, microseconds
for which the processor is held, the levels of all pins, and a promise: nanoseconds for which it holds, the register of
a burst, that of settings, the bytes that this burst would bring; then the bytes wanted, those of the burst and the
settings, filled up to 224. More than 204 bytes wanted follow behind and have no promise.

A promise spares half of the requests: while it holds, the board answers itself when it reads the same registers again,
when it reads the settings, also later, and when within 1 ms it reads the burst. That is exact, because in virtual time
nobody does anything between two requests. The burst is told with the next request; the model then makes it at its time,
and must come to the same bytes.
"""

from __future__ import annotations

import errno
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Protocol

import msgspec

_REQUEST = struct.Struct("<BBBBHHQBBHIQ")
_TAKEN = struct.Struct("<QH")
_ANSWER = struct.Struct("<BBHIIIBBH")
_ANSWER_BYTES = 224
_IN_ANSWER = _ANSWER_BYTES - _ANSWER.size
_PWM = struct.Struct("<IH")
_DEAF, _WRITTEN, _VOID, _ABSENT = 1, 2, 4, 8
_ALL_HIGH = (1 << 30) - 1
_MILLION = 1_000_000
_SURELY_NS = 1_000  # a promise ends so long before what ends it: times are rounded
_LONGEST_NS = (1 << 32) - 1
_SDA, _SCL = 4, 5  # of the board (firmware/node/board.py)


class Op(IntEnum):
    """What the board asks for."""

    I2C = 0
    ADC = 1
    ENTROPY = 2
    SYNC = 3  # nothing: the time, and what was taken from the link
    PIN = 4  # a level is put on a pin: one byte
    PWM = 5  # a pin's frequency and duty: u32 Hz, u16


_OPS = tuple(Op)


class Burst(msgspec.Struct, frozen=True, gc=False):
    """Bytes of a FIFO that the board has taken from a promise."""

    address: int
    register: int
    wanted: int
    now_ns: int


class Request(msgspec.Struct):
    """One transfer, begun at ``now_ns``; the board waits until it is answered.

    ``link`` is what the host has taken from the link since the last request, and when: (nanoseconds, bytes).
    """

    op: Op
    address: int
    now_ns: int
    written: bytes
    wanted: int
    link: list[tuple[int, bytes]]
    is_heard: bool
    burst: Burst | None


def decode(raw: bytes, true_ns: Callable[[int], int] | None) -> Request:
    """Unpack one; ``true_ns`` turns the board's time into the rig's, where they differ."""
    op, _, address, is_heard, n_written, wanted, now_ns, at_address, register, taken, _, burst_ns = (
        _REQUEST.unpack_from(raw)
    )
    at = _REQUEST.size + n_written
    if len(raw) < at:
        raise ValueError(f"request: {len(raw)} bytes, expected {at} at least")
    if true_ns is not None:
        now_ns = true_ns(now_ns)
    written = raw[_REQUEST.size : at]
    link = []
    while at < len(raw):
        taken_ns, n = _TAKEN.unpack_from(raw, at)
        at += _TAKEN.size + n
        link.append((true_ns(taken_ns) if true_ns else taken_ns, raw[at - n : at]))
    burst = None
    if taken:
        burst = Burst(at_address, register, taken, true_ns(burst_ns) if true_ns else burst_ns)
    return Request(_OPS[op], address, now_ns, written, wanted, link, bool(is_heard), burst)


class Promise(msgspec.Struct, frozen=True, gc=False):
    """What a device would answer until then: the same again, to a burst these bytes, and these settings.

    The settings are promised until the device is written to; the burst for 1 ms, and reading it ends the rest.
    """

    until_ns: int
    burst_register: int
    burst: bytes
    settings_register: int
    settings: bytes


_NOTHING = Promise(0, 0, b"", 0, b"")


class PromiseError(Exception):
    """A model has not kept its promise: the rig is wrong."""


class NoAcknowledgeError(Exception):
    """The device does not answer to its address."""


class I2cDevice(Protocol):
    """A register-level model on the bus."""

    def power_on(self) -> None: ...
    def transfer(self, now_ns: int, written: bytes, wanted: int) -> bytes: ...
    def promise(self, written: bytes) -> Promise | None:
        """Say what holds after this transfer, if it has changed nothing and nothing else happens."""
        ...


class AnalogInput(Protocol):
    """What an ADC channel converts."""

    def convert(self, now_ns: int, count: int) -> bytes:
        """Return conversions as u16 little endian, 16 for each millisecond from the current one on."""
        ...


@dataclass(slots=True, kw_only=True)
class Stall:
    """The processor is held for ``lasts_us`` after the first request of these kinds from ``at_us`` on."""

    at_us: int
    lasts_us: int
    ops: tuple[Op, ...] = (Op.SYNC, Op.ADC)  # outside of a bus transfer


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A stretch of time, its end not included."""

    from_us: int
    to_us: int

    def __contains__(self, now_ns: int) -> bool:
        return self.from_us * 1000 <= now_ns < self.to_us * 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class PinEvent:
    """The board has changed an output; ``hz`` 0 and level 0 or 1 for a plain pin, the duty (u16) for PWM."""

    now_ns: int
    pin: int
    level: int
    hz: int = 0


@dataclass(slots=True)
class HeldLine:
    """A sensor that holds SDA down, as after a reset amid a read, until it has seen so many clocks."""

    clocks: int

    def fall(self) -> None:
        self.clocks = max(0, self.clocks - 1)


@dataclass(slots=True, kw_only=True)
class Bus:
    """Everything that is wired to the board, and its faults.

    Parameters
    ----------
    hangs : when a line of the bus is held down: every transfer ends with the time-out of the board
    deaf : when the host has the port open and does not read
    absent : when nobody has the port open
    pressed : when the button is held down
    button : its pin
    held : what holds SDA down; then every transfer ends with the time-out of the board
    outputs : every change of an output, in order
    """

    i2c: dict[int, I2cDevice]
    adc: dict[int, AnalogInput]
    entropy: Callable[[int], bytes]
    stalls: list[Stall] = field(default_factory=list)
    hangs: list[Span] = field(default_factory=list)
    deaf: list[Span] = field(default_factory=list)
    absent: list[Span] = field(default_factory=list)
    pressed: list[Span] = field(default_factory=list)
    button: int = 19
    held: HeldLine | None = None
    outputs: list[PinEvent] = field(default_factory=list)
    _promised: dict[int, bytes] = field(default_factory=dict)

    def keep_promise(self, burst: Burst) -> None:
        """Let a device do what the board has taken for granted."""
        data = self.i2c[burst.address].transfer(burst.now_ns, bytes([burst.register]), burst.wanted)
        if data != self._promised.get(burst.address, b"")[: burst.wanted]:
            raise PromiseError(f"device {burst.address:#x}: a burst of {burst.wanted} bytes is not as promised")

    def answer(
        self, request: Request, *, is_written: bool = False, is_void: bool = True, skew_ppm: int | None = None
    ) -> bytes:
        """Return what the board gets; ``skew_ppm`` of its clock if it lives in virtual time, where promises hold."""
        status, data = 0, b""
        try:
            data = self._data(request)
        except NoAcknowledgeError:
            status = errno.EIO  # ETIMEDOUT on some builds: the firmware must not tell them apart
        except TimeoutError:
            status = errno.ETIMEDOUT
        stretch_us = self._stretch_us(request) if self.stalls else 0
        is_deaf = bool(self.deaf) and any(request.now_ns in span for span in self.deaf)
        is_absent = bool(self.absent) and any(request.now_ns in span for span in self.absent)
        bits = _DEAF * is_deaf | _WRITTEN * is_written | _VOID * is_void | _ABSENT * is_absent
        lasts_ns, promise = 0, _NOTHING
        if skew_ppm is not None and not status and not stretch_us and request.wanted:
            lasts_ns, promise = self._promise(request, skew_ppm)
        burst, settings = promise.burst, promise.settings
        head = _ANSWER.pack(
            status,
            bits,
            len(settings),
            stretch_us,
            self._levels(request.now_ns),
            lasts_ns,
            promise.burst_register,
            promise.settings_register,
            len(burst),
        )
        if request.wanted > _IN_ANSWER:
            return head + bytes(_IN_ANSWER) + data.ljust(request.wanted, b"\0")
        return head + (data.ljust(request.wanted, b"\0") + burst + settings).ljust(_IN_ANSWER, b"\0")

    def _promise(self, request: Request, skew_ppm: int) -> tuple[int, Promise]:
        """For how many nanoseconds of the board a device promises what; none where a fault may come in between."""
        if request.op is not Op.I2C or self.stalls or self.hangs or self.held is not None:
            return 0, _NOTHING
        promise = self.i2c[request.address].promise(request.written)
        if promise is None or request.wanted + len(promise.burst) + len(promise.settings) > _IN_ANSWER:
            return 0, _NOTHING
        lasts_ns = (promise.until_ns - request.now_ns) * (_MILLION + skew_ppm) // _MILLION - _SURELY_NS
        self._promised[request.address] = promise.burst
        return min(max(lasts_ns, 0), _LONGEST_NS), promise

    def _is_stuck(self, now_ns: int) -> bool:
        if self.held is not None and self.held.clocks:
            return True
        return bool(self.hangs) and any(now_ns in span for span in self.hangs)

    def _levels(self, now_ns: int) -> int:
        levels = _ALL_HIGH
        if self.pressed and any(now_ns in span for span in self.pressed):
            levels &= ~(1 << self.button)
        if self.held is not None and self.held.clocks:
            levels &= ~(1 << _SDA)
        return levels

    def _data(self, request: Request) -> bytes:
        match request.op:
            case Op.I2C:
                if self._is_stuck(request.now_ns):
                    raise TimeoutError
                device = self.i2c.get(request.address)
                if device is None:
                    raise NoAcknowledgeError
                return device.transfer(request.now_ns, request.written, request.wanted)
            case Op.ADC:
                return self.adc[request.address].convert(request.now_ns, request.wanted // 2)
            case Op.ENTROPY:
                return self.entropy(request.wanted)
            case Op.SYNC:
                return b""
            case Op.PIN:
                if self.held is not None and request.address == _SCL and not request.written[0]:
                    self.held.fall()
                self.outputs.append(PinEvent(now_ns=request.now_ns, pin=request.address, level=request.written[0]))
                return b""
            case Op.PWM:
                hz, duty = _PWM.unpack(request.written)
                self.outputs.append(PinEvent(now_ns=request.now_ns, pin=request.address, level=duty, hz=hz))
                return b""

    def _stretch_us(self, request: Request) -> int:
        for stall in self.stalls:
            if request.op in stall.ops and request.now_ns >= stall.at_us * 1000:
                self.stalls.remove(stall)
                return stall.lasts_us
        return 0
