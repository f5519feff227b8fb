"""A byte stream with the time of every piece: what a rig pipes into the gateway and what a log file holds.

Format: one JSON header line, then records of ``<QI`` (t_us, length) and that many bytes. An empty record is silence:
time passed and nothing came.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from enum import Enum
from typing import BinaryIO

import msgspec

from gateway.decoding import decoded

_RECORD = struct.Struct("<QI")
_MAX_BYTES = 1 << 20  # a longer record can only be a corrupt length
_MAX_SILENCE_US = 3_600_000_000  # sources yield silence many times a second; a longer leap is a corrupt time


class OriginKind(Enum):
    """Where the signals come from; it travels with them to every screen."""

    LIVE = "live"
    RECORDED = "recorded"
    SIMULATED = "simulated"


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """What is played, in words a clinician understands.

    ``invented`` names the quantities that a rig's sensors have to show although nobody measured them, such as the
    saturation of a recording without red light: they must never be published.
    """

    kind: OriginKind
    label: str
    invented: tuple[str, ...] = ()


class LogHeader(msgspec.Struct, frozen=True, kw_only=True):
    """First line of a log: ``started_utc_ms`` is the wall time of t_us 0."""

    chairside_log: int
    origin: Origin
    started_utc_ms: int


class LogError(Exception):
    """The stream is not a chunk log, or is damaged."""


class Chunk(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Bytes that came at ``t_us``; none is silence."""

    t_us: int
    data: bytes


def write_header(file: BinaryIO, origin: Origin, started_utc_ms: int) -> None:
    header = LogHeader(chairside_log=1, origin=origin, started_utc_ms=started_utc_ms)
    file.write(msgspec.json.encode(header) + b"\n")


def write_chunk(file: BinaryIO, chunk: Chunk) -> None:
    file.write(_RECORD.pack(chunk.t_us, len(chunk.data)) + chunk.data)


def read_header(file: BinaryIO) -> LogHeader:
    """Read the header; raise LogError with the reason where it is none."""
    line = file.readline(4096)
    try:
        header = decoded(line, LogHeader)
    except msgspec.DecodeError as error:
        raise LogError(f"expected a chunk log header in the first line, got {line[:40]!r} ({error})") from None
    if header.chairside_log != 1:
        raise LogError(f"chunk log version: expected 1, got {header.chairside_log}")
    return header


def read_chunks(file: BinaryIO) -> Iterator[Chunk]:
    """Yield the chunks in order; a torn last record, as a killed writer leaves it, ends the stream."""
    last_us = 0
    while True:
        head = file.read(_RECORD.size)
        if len(head) < _RECORD.size:
            return
        t_us, length = _RECORD.unpack(head)
        if not last_us <= t_us <= last_us + _MAX_SILENCE_US:
            raise LogError(f"record after {last_us} us: time {t_us}, expected up to {_MAX_SILENCE_US} us later")
        last_us = t_us
        if length > _MAX_BYTES:
            raise LogError(f"record at {t_us} us: length {length}, expected at most {_MAX_BYTES}")
        data = file.read(length)
        if len(data) < length:
            return
        yield Chunk(t_us=t_us, data=data)
