"""Where chunks come from: a serial port, or a chunk log (a file, a rig's pipe). Clocks are read here only."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import stat
import sys
import termios
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, Protocol, Self

import serial
from serial.tools.list_ports import comports
from serial.tools.list_ports_common import ListPortInfo

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
_MAX_READ = 1 << 16  # a board sends 2 kB/s; whoever floods the port gets no memory
_MAX_WAITING = 4096  # bytes for the board that find no room; at 115200 baud a third of a second


class SourceError(UserError):
    """The source cannot be opened: which, and what was expected."""


class Source(Protocol):
    """Yields chunks in order of time, also empty ones; ``header`` is known once entered.

    ``send`` takes a frame for the board and never waits: where there is no board, or no room, it is lost.
    """

    header: LogHeader

    def __enter__(self) -> Self: ...
    def __exit__(self, *_: object) -> None: ...
    def __iter__(self) -> Iterator[Chunk]: ...
    def send(self, data: bytes) -> None: ...


def monotonic_us() -> int:
    return time.monotonic_ns() // 1000


def utc_ms() -> int:
    return time.time_ns() // 1_000_000


class Waiting:
    """Frames on their way to the board: what finds no room waits, a frame that finds no place to wait is dropped.

    Parameters
    ----------
    write : takes what it has room for without waiting and returns how much; OSError if there is no other end

    Attributes
    ----------
    dropped : frames that were lost here since the start
    """

    def __init__(self, write: Callable[[bytes], int]) -> None:
        self._write = write
        self._bytes = bytearray()
        self.dropped = 0

    def send(self, data: bytes) -> None:
        if len(self._bytes) + len(data) > _MAX_WAITING:
            self.dropped += 1
        else:
            self._bytes += data
        self.flush()

    def flush(self) -> None:
        while self._bytes:
            try:
                written = self._write(bytes(self._bytes))
            except BlockingIOError:
                return
            except OSError:  # nobody is there: what waited is of no use to whoever comes
                self.forget()
                return
            del self._bytes[:written]

    def forget(self) -> None:
        self.dropped += bool(self._bytes)
        self._bytes.clear()


def clock_text(at_utc_ms: int) -> str:
    """A time as a person at the chair reads it."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at_utc_ms / 1000))


class SourceEnd(Protocol):
    """Where a serial port is to be looked for: its path now, None while it is not there."""

    def __str__(self) -> str: ...
    def path(self) -> str | None: ...


class AtPath:
    """A port by its path: a device, or a link such as those of /dev/serial/by-id."""

    def __init__(self, path: str) -> None:
        self._path = path

    def __str__(self) -> str:
        return self._path

    def path(self) -> str | None:
        return self._path


class BySerialNumber:
    """The USB port of the device with this serial number, whatever it is called today; a Pico's is its uid."""

    def __init__(self, number: str, ports: Callable[[], Iterable[ListPortInfo]] = comports) -> None:
        self._number = number
        self._ports = ports

    def __str__(self) -> str:
        return f"the USB serial number {self._number}"

    def path(self) -> str | None:
        found = (port.device for port in self._ports() if (port.serial_number or "").lower() == self._number.lower())
        return next(found, None)


class Serial:
    """A board on a serial port; a port that vanishes is silence, and is opened again when it is back.

    Parameters
    ----------
    port : where it is; a text is its path
    report : gets a line when a port that is not there at the start is waited for, and when it has come; without it,
        such a port raises SourceError
    """

    def __init__(self, port: str | SourceEnd, *, report: Callable[[str], None] | None = None) -> None:
        self._end: SourceEnd = AtPath(port) if isinstance(port, str) else port
        self._report = report
        self._port: serial.Serial | None = None
        self._start_us = 0
        self._retry_us = 0
        self._waiting = Waiting(self._write)

    def __enter__(self) -> Self:
        try:
            self._port = self._open()
        except OSError as error:
            complaint = f"serial port: expected a free one at {self._end}, but {_plain(error)}"
            if self._report is None:
                raise SourceError(complaint) from None
            self._report(f"{complaint}; waiting for it")
        self._start_us = monotonic_us()
        origin = Origin(kind=OriginKind.LIVE, label=f"serial port {self._end}")
        self.header = LogHeader(chairside_log=1, origin=origin, started_utc_ms=utc_ms())
        return self

    def __exit__(self, *_: object) -> None:
        if self._port is not None:
            self._port.close()

    def __iter__(self) -> Iterator[Chunk]:
        while True:
            data = self._read()
            self._waiting.flush()
            yield Chunk(t_us=monotonic_us() - self._start_us, data=data)

    def send(self, data: bytes) -> None:
        self._waiting.send(data)

    @property
    def dropped(self) -> int:
        """Frames for the board that found no room, or no board."""
        return self._waiting.dropped

    def _write(self, data: bytes) -> int:
        if self._port is None:
            raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))
        return os.write(self._port.fileno(), data)  # pyserial opens it non-blocking, and would wait for room itself

    def _open(self) -> serial.Serial:
        path = self._end.path()
        if path is None:
            raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))
        return serial.Serial(path, baudrate=_BAUD, timeout=_POLL_S, exclusive=True)

    def _read(self) -> bytes:
        if self._port is None:
            time.sleep(_POLL_S)
            self._reopen()
            return b""
        try:
            return bytes(self._port.read(min(max(1, self._port.in_waiting), _MAX_READ)))
        except (OSError, termios.error):
            with contextlib.suppress(OSError, termios.error):
                self._port.close()
            self._port = None
            self._waiting.forget()
            return b""

    def _reopen(self) -> None:
        if monotonic_us() < self._retry_us:
            return
        self._retry_us = monotonic_us() + int(_RETRY_S * 1e6)
        with contextlib.suppress(OSError, termios.error):
            self._port = self._open()
            if self._report is not None:
                self._report(f"serial port: {self._end} is there")


class Log:
    """A chunk log: a file, or ``-`` for standard input, as a rig pipes it. Its times are the log's own.

    Standard input that is a socket has the rig's board at its other end: it gets what is sent, as raw bytes.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._file: BinaryIO | None = None
        self._board: socket.socket | None = None
        self._waiting = Waiting(self._write)

    def __enter__(self) -> Self:
        try:
            self._file = sys.stdin.buffer if self._path == "-" else Path(self._path).open("rb")
            self.header = read_header(self._file)
            if stat.S_ISSOCK(os.fstat(self._file.fileno()).st_mode):
                self._board = socket.socket(fileno=os.dup(self._file.fileno()))
        except OSError as error:
            raise SourceError(f"log: expected a file at {self._path}, but {_plain(error)}") from None
        except LogError as error:
            raise SourceError(f"log {self._path}: {error}") from None
        return self

    def __exit__(self, *_: object) -> None:
        if self._board is not None:
            self._board.close()
        if self._file is not None and self._path != "-":
            self._file.close()

    def __iter__(self) -> Iterator[Chunk]:
        if self._file is None:
            raise RuntimeError("iterated before the log was entered")
        try:
            yield from read_chunks(self._file)
        except ConnectionResetError:  # a rig that ends before it has read what the board was sent
            return

    def send(self, data: bytes) -> None:
        if self._board is not None:  # a file has no board any more
            self._waiting.send(data)

    def _write(self, data: bytes) -> int:
        if self._board is None:
            raise RuntimeError("written to before the log was entered")
        return self._board.send(data, socket.MSG_DONTWAIT)


def _plain(error: OSError) -> str:
    """The system's words for an error; a lock that is taken is a port in use."""
    if error.errno == errno.EAGAIN or "exclusively lock" in str(error):
        return "somebody else uses it"
    return os.strerror(error.errno) if error.errno else str(error)
