"""Where chunks come from: a serial port, or a chunk log (a file, a rig's pipe). Clocks are read here only."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Protocol, Self

import serial

from gateway.chunklog import (
    Chunk,
    LogError,
    LogHeader,
    Origin,
    OriginKind,
    read_chunks,
    read_header,
)
from gateway.errors import UserError

_POLL_S = 0.05  # the longest time without a chunk: silence is data
_RETRY_S = 1.0
_BAUD = 115_200  # of a UART; USB has none


class SourceError(UserError):
    """The source cannot be opened: which, and what was expected."""


class Source(Protocol):
    """Yields chunks in order of time, also empty ones; ``header`` is known once entered."""

    header: LogHeader

    def __enter__(self) -> Self: ...
    def __exit__(self, *_: object) -> None: ...
    def __iter__(self) -> Iterator[Chunk]: ...


def monotonic_us() -> int:
    return time.monotonic_ns() // 1000


def utc_ms() -> int:
    return time.time_ns() // 1_000_000


class Serial:
    """A board on a serial port; a port that vanishes is silence, and is opened again when it is back."""

    def __init__(self, port: str) -> None:
        self._name = port
        self._port: serial.Serial | None = None
        self._start_us = 0
        self._retry_us = 0

    def __enter__(self) -> Self:
        try:
            self._port = self._open()
        except OSError as error:
            raise SourceError(f"serial port: expected a free one at {self._name}, but {_plain(error)}") from None
        self._start_us = monotonic_us()
        origin = Origin(kind=OriginKind.LIVE, label=f"serial port {self._name}")
        self.header = LogHeader(chairside_log=1, origin=origin, started_utc_ms=utc_ms())
        return self

    def __exit__(self, *_: object) -> None:
        if self._port is not None:
            self._port.close()

    def __iter__(self) -> Iterator[Chunk]:
        while True:
            data = self._read()
            yield Chunk(t_us=monotonic_us() - self._start_us, data=data)

    def _open(self) -> serial.Serial:
        return serial.Serial(self._name, baudrate=_BAUD, timeout=_POLL_S, exclusive=True)

    def _read(self) -> bytes:
        if self._port is None:
            time.sleep(_POLL_S)
            self._reopen()
            return b""
        try:
            return bytes(self._port.read(max(1, self._port.in_waiting)))
        except OSError:
            with contextlib.suppress(OSError):
                self._port.close()
            self._port = None
            return b""

    def _reopen(self) -> None:
        if monotonic_us() < self._retry_us:
            return
        self._retry_us = monotonic_us() + int(_RETRY_S * 1e6)
        with contextlib.suppress(OSError):
            self._port = self._open()


class Log:
    """A chunk log: a file, or ``-`` for standard input, as a rig pipes it. Its times are the log's own."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._file: BinaryIO | None = None

    def __enter__(self) -> Self:
        try:
            self._file = sys.stdin.buffer if self._path == "-" else Path(self._path).open("rb")
            self.header = read_header(self._file)
        except OSError as error:
            raise SourceError(f"log: expected a file at {self._path}, but {_plain(error)}") from None
        except LogError as error:
            raise SourceError(f"log {self._path}: {error}") from None
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None and self._path != "-":
            self._file.close()

    def __iter__(self) -> Iterator[Chunk]:
        if self._file is None:
            raise RuntimeError("iterated before the log was entered")
        return read_chunks(self._file)


def _plain(error: OSError) -> str:
    """The system's words for an error; a lock that is taken is a port in use."""
    if error.errno == errno.EAGAIN or "exclusively lock" in str(error):
        return "somebody else uses it"
    return os.strerror(error.errno) if error.errno else str(error)
