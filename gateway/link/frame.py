"""Bytes of the link in, whole frames or faults out; the layout is docs/wire.md."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from enum import IntEnum, IntFlag

VERSION = 1
MAX_PAYLOAD = 224
PROGRAM_STREAM = 255  # of HELLO: modules and register configuration
_HEADER = struct.Struct("<BBHBBHII")
_CRC_BYTES = 4
_MIN_FRAME = _HEADER.size + _CRC_BYTES
_MAX_FRAME = _MIN_FRAME + MAX_PAYLOAD
_MIN_ENCODED, _MAX_ENCODED = _MIN_FRAME + 1, _MAX_FRAME + 1  # COBS adds one byte to at most 254
_ENDLESS = 1000  # bytes


class FrameType(IntEnum):
    HELLO = 1
    DATA = 2
    STATUS = 3
    EVENT = 4
    TIME_REQ = 5
    TIME_REP = 6
    CMD = 7
    ACK = 8
    LOG = 9


class Flag(IntFlag):
    """What the board says of the samples in a DATA frame."""

    OVERFLOW_COUNTED = 1
    LOSS_UNKNOWN = 2
    SENSOR_ERROR = 4
    RECONFIGURED = 8
    CLIPPED = 16
    TX_DROPPED = 32
    TIMED = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One frame whose checksum, version, type and length are right."""

    type: FrameType
    stream: int
    seq: int
    epoch: int
    n: int
    flags: Flag
    index: int
    ticks_us: int
    payload: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkFault:
    """Bytes that were no frame, and why; they change nothing but counters.

    ``version`` is that of a whole frame that is of another one.
    """

    cause: str
    version: int | None = None


_SHORT = LinkFault(cause=f"shorter than a frame, {_MIN_ENCODED} bytes")  # one for all: a flood has 500,000 a second


class FrameParser:
    """Splits a byte stream into frames; the result does not depend on how the bytes were cut."""

    def __init__(self) -> None:
        self._pending = bytearray()  # at most _MAX_ENCODED + 1 bytes
        self._length = 0  # of the piece so far, also of what was not kept

    def feed(self, data: bytes) -> list[Frame | LinkFault]:
        """Take more bytes; return what they complete, in order."""
        *closed, rest = data.split(b"\0")
        out: list[Frame | LinkFault] = []
        for piece in closed:
            if not self._length and len(piece) < _MIN_ENCODED:
                if piece:
                    out.append(_SHORT)
                continue
            out += self._append(piece)
            if self._length:
                out.append(self._close())
        return out + self._append(rest)

    def _append(self, piece: bytes) -> list[LinkFault]:
        """Keep as much as a frame can have; noise in which nothing ends is a fault now and then."""
        room = _MAX_ENCODED + 1 - len(self._pending)
        self._pending += piece[:room]
        before, self._length = self._length, self._length + len(piece)
        endless = self._length // _ENDLESS - before // _ENDLESS
        return [LinkFault(cause=f"nothing ended within {_ENDLESS} bytes")] * endless

    def _close(self) -> Frame | LinkFault:
        encoded, length = bytes(self._pending), self._length
        self._pending.clear()
        self._length = 0
        if length < _MIN_ENCODED:
            return _SHORT
        if length > _MAX_ENCODED:
            return LinkFault(cause=f"length {length}, expected at most {_MAX_ENCODED}")
        decoded = decode_cobs(encoded)
        if decoded is None:
            return LinkFault(cause="COBS code runs past the end")
        return decode_frame(decoded)


def decode_cobs(encoded: bytes) -> bytes | None:
    """Undo consistent overhead byte stuffing; None if a code runs past the end.

    Notes
    -----
    Cheshire and Baker, IEEE/ACM Trans. Networking 7(2), 1999.
    """
    out = bytearray()
    at, end = 0, len(encoded)
    while at < end:
        code = encoded[at]
        following = at + code
        if code == 0 or following > end:
            return None
        out += encoded[at + 1 : following]
        if code < 0xFF and following < end:
            out.append(0)
        at = following
    return bytes(out)


def decode_frame(raw: bytes) -> Frame | LinkFault:
    """Check and unpack one decoded frame."""
    if not _MIN_FRAME <= len(raw) <= _MAX_FRAME:
        return LinkFault(cause=f"frame length {len(raw)}, expected {_MIN_FRAME}..{_MAX_FRAME}")
    body = raw[:-_CRC_BYTES]
    if zlib.crc32(body) != int.from_bytes(raw[-_CRC_BYTES:], "little"):
        return LinkFault(cause="checksum")
    kind, stream, seq, epoch, n, flags, index, ticks_us = _HEADER.unpack_from(body)
    if kind >> 4 != VERSION:
        return LinkFault(cause=f"version {kind >> 4}, expected {VERSION}", version=kind >> 4)
    if kind & 15 not in FrameType.__members__.values():
        return LinkFault(cause=f"unknown frame type {kind & 15}")
    return Frame(
        type=FrameType(kind & 15),
        stream=stream,
        seq=seq,
        epoch=epoch,
        n=n,
        flags=Flag(flags),
        index=index,
        ticks_us=ticks_us,
        payload=body[_HEADER.size :],
    )
