"""The firmware as a process of MicroPython's unix port: its requests and its link out, answers in."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from enum import Enum, IntEnum
from pathlib import Path
from typing import IO

from gateway.errors import UserError
from hil.board.bus import Bus, Request, decode

_SHIM = Path(__file__).parent / "shim"
_FIRMWARE = Path(__file__).parents[2] / "firmware"
MAIN = _FIRMWARE / "main.py"
_HEAP = "192k"  # a Pico has 232,816 bytes free after boot; there the native code, 25 kB, is in it too
_MAX_REQUEST = 2048
_LINK_BYTES = 1 << 16
_HUNG_S = 20  # wall time; a board asks every 40 ms
_RESET_STATUS = 77  # the shim's machine.reset()
_MILLION = 1_000_000


class RigError(Exception):
    """The rig itself has failed: the firmware does not start."""


class ResetCause(IntEnum):
    """machine.reset_cause() of the rp2 port: a reset by the program is one by the watchdog there."""

    POWER_ON = 1
    WATCHDOG = 3


class Clock(Enum):
    """Whose time the board lives in."""

    VIRTUAL = "virtual"
    REAL = "real"


def find_micropython() -> str:
    """Return the interpreter: $MICROPYTHON, else the wheel's beside this Python, else the PATH's."""
    named = os.environ.get("MICROPYTHON")
    beside = Path(sys.executable).parent / "micropython"
    found = named or (str(beside) if beside.exists() else shutil.which("micropython"))
    if found is None:
        raise UserError("MicroPython: expected $MICROPYTHON or a command micropython, found neither")
    path = shutil.which(found)
    if path is None:
        raise UserError(f"MicroPython: {found} is no command")
    return str(Path(path).absolute())


@dataclass(frozen=True, slots=True, kw_only=True)
class Boot:
    """The circumstances of one start.

    Parameters
    ----------
    ticks_us, ticks_mask : what the board's counter shows then, and the most that it shows: 2^n - 1, of the rp2 port
        2^30 - 1
    flash : directory that is the board's file system; without one it is empty and forgotten at the end
    skew_ppm : error of the board's crystal, which is behind all it measures and does
    """

    clock: Clock = Clock.VIRTUAL
    start_ns: int = 0
    ticks_us: int = 0
    ticks_mask: int = (1 << 30) - 1
    cause: ResetCause = ResetCause.POWER_ON
    flash: Path | None = None
    skew_ppm: int = 0

    def true_ns(self, board_ns: int) -> int:
        """The rig's time of a moment as the board counts it."""
        return self.start_ns + (board_ns - self.start_ns) * _MILLION // (_MILLION + self.skew_ppm)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a firmware ended: an exit code, or minus the signal that ended it, and the last it said of the reason."""

    status: int
    is_hung: bool
    words: str

    @property
    def is_reset(self) -> bool:
        return self.status == _RESET_STATUS

    def __str__(self) -> str:
        if self.is_hung:
            return f"hangs: no request for {_HUNG_S} s"
        cause = f"signal {-self.status}" if self.status < 0 else f"exit code {self.status}"
        return f"died ({cause}{': ' * bool(self.words)}{self.words})"


class UnixBoard:
    """One running board.

    In virtual time it runs in lock-step: it does nothing between a request and its answer, so everything it wrote to
    the link before is there to be read, at the time of the request.

    Parameters
    ----------
    link : file descriptor for the firmware's stdin and stdout; without one, ``read_link`` gets what it writes
    program : what to run; it finds the firmware's modules
    """

    def __init__(self, bus: Bus, boot: Boot, *, link: int | None = None, program: Path = MAIN) -> None:
        self._bus = bus
        self._true_ns = boot.true_ns if boot.skew_ppm else None
        self._skew_ppm = boot.skew_ppm if boot.clock is Clock.VIRTUAL else None
        self._is_written = False
        self._came: list[tuple[int, bytes]] = []
        self._link: socket.socket | None = None
        self._is_hung = False
        self.is_heard = False  # the firmware has written to its link
        self._words = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the board
        self._requests, requests = socket.socketpair()
        self._requests.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("@ll", _HUNG_S, 0))
        with contextlib.ExitStack() as stack:
            stack.enter_context(requests)
            if link is None:
                self._link, far = socket.socketpair()
                stack.enter_context(far)
                far.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _LINK_BYTES)
                link = far.fileno()
            self._flash = tempfile.TemporaryDirectory() if boot.flash is None else None
            flash = str(boot.flash) if self._flash is None else self._flash.name
            self._process = _start(boot, program, flash, requests=requests.fileno(), link=link, words=self._words)

    @property
    def pid(self) -> int:
        return self._process.pid

    def wait_request(self) -> Request | None:
        """Wait for the board; None if it has died or hangs."""
        try:
            raw = self._requests.recv(_MAX_REQUEST)
        except BlockingIOError:
            self._is_hung = True
            return None
        except ConnectionError:
            return None
        if not raw:
            return None
        request = decode(raw, self._true_ns)
        self.is_heard = request.is_heard
        self._came += request.link
        if request.burst is not None:
            self._bus.keep_promise(request.burst)
        return request

    def answer(self, request: Request, *, is_void: bool = True) -> None:
        """Let the board go on; ``is_void`` if anything may have changed since the last answer but by the request."""
        try:
            self._requests.send(
                self._bus.answer(request, is_written=self._is_written, is_void=is_void, skew_ppm=self._skew_ppm)
            )
            self._is_written = False
        except ConnectionError:
            return  # it died while it waited: the next wait_request tells

    def read_link(self) -> list[tuple[int, bytes]]:
        """Return what the host has taken of what the firmware has written, since the last call, and when (ns)."""
        came, self._came = self._came, []
        return came

    def write_link(self, data: bytes) -> None:
        """Send bytes to the firmware, as a host does; what it does not read in time is lost."""
        if self._link is not None:
            with contextlib.suppress(BlockingIOError, ConnectionError):
                self._link.send(data, socket.MSG_DONTWAIT)
                self._is_written = True

    def close(self) -> Ending:
        """End the process if it still runs."""
        self._process.kill()
        self._requests.close()
        if self._link is not None:
            self._link.close()
        status = self._process.wait()
        if self._flash is not None:
            self._flash.cleanup()
        with self._words as words:
            words.seek(0)
            lines = words.read().decode(errors="replace").split("\n")
        last = next((line.strip() for line in reversed(lines) if line.strip()), "")
        return Ending(status=status, is_hung=self._is_hung, words=last)


def _start(
    boot: Boot, program: Path, flash: str, *, requests: int, link: int, words: IO[bytes]
) -> subprocess.Popen[bytes]:
    environment = os.environ | {
        "MICROPYPATH": f"{_SHIM}:{_FIRMWARE}:.frozen",
        "RIG_CLOCK": boot.clock.value,
        "RIG_FD": str(requests),
        "RIG_START_NS": str(boot.start_ns),
        "RIG_TICKS_US": str(boot.ticks_us),
        "RIG_TICKS_MASK": str(boot.ticks_mask),
        "RIG_RESET": str(boot.cause.value),
        "RIG_PROGRAM": str(program),
    }
    return subprocess.Popen(
        [find_micropython(), "-X", f"heapsize={_HEAP}", str(_SHIM / "_start.py")],
        stdin=link,
        stdout=link,
        stderr=words,
        pass_fds=[requests],
        env=environment,
        cwd=flash,
        start_new_session=True,  # Ctrl-C is for the rig, which then ends the board
    )
