"""Puts a program on a board and finds out what runs there: mpremote for a real one, whatever fits for another."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from gateway.errors import UserError
from gateway.link.description import BoardInfo
from gateway.link.device import Device
from gateway.link.downlink import UPDATE_ARGUMENTS, AckResult, Verb
from gateway.link.frame import Frame, FrameParser, FrameType, LinkFault
from gateway.sources import Serial, SourceError

_MPY = ("", "x86", "x64", "armv6", "armv6m", "armv7m", "armv7em", "armv7emsp", "armv7emdp")  # sys.implementation._mpy
_TRIES, _RETRY_S = 15, 1.0  # a board that restarts is away from USB for some seconds
_ANSWER_US = 20_000_000
_ASKED_US = 5_000_000  # longer than an alarm that the gateway has shown lasts without it


class Board(Protocol):
    """What a program can be put on."""

    def architecture(self) -> str | None: ...
    def install(self, files: Mapping[str, bytes]) -> None: ...
    def restart(self) -> None: ...


class Mpremote:
    """A board with a REPL on a serial port, through MicroPython's own tool."""

    def __init__(self, port: str) -> None:
        self._port = port

    def architecture(self) -> str | None:
        """What its native code is compiled for, None if it does not say."""
        said = self._run("exec", "import sys; print('mpy', getattr(sys.implementation, '_mpy', 0))")
        found = re.search(r"mpy (\d+)", said)
        number = int(found[1]) >> 10 & 15 if found else 0
        return _MPY[number] if 0 < number < len(_MPY) else None

    def install(self, files: Mapping[str, bytes]) -> None:
        """Replace the program; other files on the flash stay."""
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            for place, data in files.items():
                (folder / place).parent.mkdir(parents=True, exist_ok=True)
                (folder / place).write_bytes(data)
            trees = sorted({place.split("/")[0] for place in files if "/" in place})
            for tree in trees:  # a source left there would be imported instead of what is compiled
                self._run("fs", "rm", "-r", f":{tree}", may_fail=True)
                self._run("fs", "cp", "-r", str(folder / tree), ":")
            for place in files:
                if "/" not in place:
                    self._run("fs", "cp", str(folder / place), f":{place}")

    def restart(self) -> None:
        self._run("reset")

    def _run(self, *arguments: str, may_fail: bool = False) -> str:
        # Without "resume" there is a soft reset first, which cancels the board's return to its program after 5 minutes.
        command = [sys.executable, "-m", "mpremote", "connect", self._port, "resume", *arguments]
        done = None
        for attempt in range(1 if may_fail else _TRIES):
            if attempt:
                threading.Event().wait(_RETRY_S)
            done = subprocess.run(command, check=False, capture_output=True, text=True)
            if done.returncode == 0:
                return done.stdout
            if "No module named mpremote" in done.stderr:
                raise UserError("mpremote: expected to be installed; pip install 'chairside[board]'")
        last = (done.stderr or done.stdout).strip().splitlines()[-1:] if done else []
        if may_fail:
            return ""
        raise UserError(f"board: expected a REPL at {self._port}, but {''.join(last) or 'it does not answer'}")


def ask_for_update(port: str) -> None:
    """Let a running program give way to its REPL; a board that has none running takes no notice.

    UserError if it refuses, as while it shows an alarm of a patient: the gateway's last one lasts for some seconds.
    """
    device, parser = Device(), FrameParser()
    answer: AckResult | None = None
    with Serial(port) as source:
        source.send(device.command(Verb.UPDATE, UPDATE_ARGUMENTS).data)
        for chunk in source:
            for frame in parser.feed(chunk.data):
                if isinstance(frame, Frame) and frame.type is FrameType.ACK and frame.stream == Verb.UPDATE:
                    answer = _result(frame.payload)
                    if answer is AckResult.DONE:
                        return
                    source.send(device.command(Verb.UPDATE, UPDATE_ARGUMENTS).data)
            if chunk.t_us > _ASKED_US:
                break
    if answer is not None:
        raise UserError(f"board: expected to give way, it says {answer.name}; is chairside run stopped?")


def _result(payload: bytes) -> AckResult:
    known = len(payload) == 1 and payload[0] in AckResult.__members__.values()
    return AckResult(payload[0]) if known else AckResult.BAD_ARGUMENT


def what_runs(port: str, report: Callable[[str], None]) -> tuple[BoardInfo, dict[str, str]]:
    """Ask the board who it is and what it runs; UserError if it does not say."""
    for attempt in range(_TRIES):
        if attempt:
            threading.Event().wait(_RETRY_S)
        try:
            return _heard(port)
        except SourceError as error:  # it is still away
            report(str(error))
    raise UserError(f"board: expected back at {port} within {_TRIES} s")


def _heard(port: str) -> tuple[BoardInfo, dict[str, str]]:
    device, parser = Device(), FrameParser()
    with Serial(port) as source:
        for chunk in source:
            for frame in parser.feed(chunk.data):
                if not isinstance(frame, LinkFault):
                    device.feed(chunk.t_us, frame)
            for request in device.poll(chunk.t_us):
                source.send(request.data)
            modules = device.modules
            if device.board is not None and modules is not None:
                return device.board, modules
            if chunk.t_us > _ANSWER_US:
                break
    raise UserError(f"board: expected to say what runs within {_ANSWER_US // 1_000_000} s, but it did not")
