"""What a board sends in, what is left of it behind a bad line or a bad clock out: loss, and ticks that leap."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from random import Random

from gateway.chunklog import Chunk
from gateway.link.clock import TICKS_PERIOD_US
from gateway.link.downlink import encode_cobs
from gateway.link.frame import FrameType, decode_cobs

_TICKS_AT, _PAYLOAD_AT, _CRC_BYTES = 12, 16, 4  # of a frame (docs/wire.md)
_SILENCE_US = 50_000
_TICKS = struct.Struct("<I")


def lossy(chunks: Iterator[Chunk], share: float, *, from_s: float, to_s: float, seed: int) -> Iterator[Chunk]:
    """Whole frames are lost on the way, each by chance."""
    random = Random(seed)

    def kept(t_us: int, frame: bytes) -> bytes:
        is_lost = from_s * 1e6 <= t_us < to_s * 1e6 and random.random() < share
        return b"" if is_lost else frame

    return _framed(chunks, kept)


def leaping(chunks: Iterator[Chunk], by_s: float, *, at_s: float) -> Iterator[Chunk]:
    """The board's tick counter leaps; frames that were damaged stay so."""

    def restamped(t_us: int, frame: bytes) -> bytes:
        raw = decode_cobs(frame) if t_us >= at_s * 1e6 else None
        if raw is None or len(raw) < _TICKS_AT + _TICKS.size + _CRC_BYTES:
            return frame
        body = bytearray(raw[:-_CRC_BYTES])
        is_reply = body[0] & 15 == FrameType.TIME_REP
        for at in (_TICKS_AT, *((_PAYLOAD_AT, _PAYLOAD_AT + _TICKS.size) if is_reply else ())):
            [ticks_us] = _TICKS.unpack_from(body, at)
            _TICKS.pack_into(body, at, (ticks_us + round(by_s * 1e6)) % TICKS_PERIOD_US)
        return encode_cobs(bytes(body) + zlib.crc32(body).to_bytes(_CRC_BYTES, "little"))

    return _framed(chunks, restamped)


def silent(from_s: float, to_s: float) -> Iterator[Chunk]:
    """Nothing, from a board without power."""
    for t_us in range(round(from_s * 1e6), round(to_s * 1e6), _SILENCE_US):
        yield Chunk(t_us=t_us, data=b"")


def _framed(chunks: Iterator[Chunk], change: Callable[[int, bytes], bytes]) -> Iterator[Chunk]:
    """Every piece between two delimiters as ``change`` leaves it, when its end has come."""
    pending = b""
    for chunk in chunks:
        *closed, pending = (pending + chunk.data).split(b"\0")
        data = b"".join(changed + b"\0" for piece in closed if (changed := change(chunk.t_us, piece)))
        yield Chunk(t_us=chunk.t_us, data=data)
