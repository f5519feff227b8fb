"""The firmware as a process of MicroPython's unix port: its requests and its link out, answers in."""

from __future__ import annotations

import os
import shutil
import socket
import struct
import subprocess
import sys
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from gateway.errors import UserError
from hil.board.bus import Bus, Request, decode

_SHIM = Path(__file__).parent / "shim"
_FIRMWARE = Path(__file__).parents[2] / "firmware"
MAIN = _FIRMWARE / "main.py"
_HEAP = "192k"  # a Pico has 232,816 bytes free after boot
_MAX_REQUEST = 512
_LINK_BYTES = 1 << 16
_HUNG_S = 20  # wall time; a board asks every 20 ms
_POWER_ON = 1  # machine.PWRON_RESET of the rp2 port


class RigError(Exception):
    """The rig itself has failed: the firmware does not start."""


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
    if shutil.which(found) is None:
        raise UserError(f"MicroPython: {found} is no command")
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Boot:
    """The circumstances of one start; ``ticks_us`` is what the board's counter shows then."""

    clock: Clock = Clock.VIRTUAL
    start_ns: int = 0
    ticks_us: int = 0


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
        self._requests, requests = socket.socketpair()
        self._requests.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("@ll", _HUNG_S, 0))
        self._link, far = socket.socketpair()
        far.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _LINK_BYTES)
        with requests, far:
            self._process = _start(boot, program, requests.fileno(), far.fileno() if link is None else link)

    @property
    def pid(self) -> int:
        return self._process.pid

    def wait_request(self) -> Request | None:
        """Wait for the board; None if it has died or hangs."""
        try:
            raw = self._requests.recv(_MAX_REQUEST)
        except (BlockingIOError, ConnectionError):
            return None
        return decode(raw) if raw else None

    def answer(self, request: Request) -> None:
        try:
            self._requests.send(self._bus.answer(request))
        except ConnectionError:
            return  # it died while it waited: the next wait_request tells

    def read_link(self) -> bytes:
        """Return what the firmware has written, without waiting."""
        try:
            return self._link.recv(_LINK_BYTES, socket.MSG_DONTWAIT)
        except (BlockingIOError, ConnectionError):
            return b""

    def close(self) -> int:
        """End the process if it still runs; return its exit status."""
        self._process.kill()
        self._requests.close()
        self._link.close()
        return self._process.wait()


def _start(boot: Boot, program: Path, requests: int, link: int) -> subprocess.Popen[bytes]:
    environment = os.environ | {
        "MICROPYPATH": f"{_SHIM}:{_FIRMWARE}:.frozen",
        "RIG_CLOCK": boot.clock.value,
        "RIG_FD": str(requests),
        "RIG_START_NS": str(boot.start_ns),
        "RIG_TICKS_US": str(boot.ticks_us),
        "RIG_RESET": str(_POWER_ON),
    }
    return subprocess.Popen(
        [find_micropython(), "-X", f"heapsize={_HEAP}", str(program)],
        stdin=link,
        stdout=link,
        pass_fds=[requests],
        env=environment,
        start_new_session=True,  # Ctrl-C is for the rig, which then ends the board
    )
