"""Files that outlive the gateway: the state of a chair, replaced whole or not at all, and the list of its sessions."""

from __future__ import annotations

import contextlib
import hashlib
import os
from pathlib import Path

import msgspec

from gateway.decoding import decoded
from gateway.treatment.records import Summary

_MAGIC = b"chairside-state 1 "
_MAX_SESSIONS = 20_000  # about ten years of a chair; older ones are not read


class Store:
    """The directory of one chair.

    One that cannot be made or written raises OSError at each time of saving, which is an alarm: monitoring goes on.

    Attributes
    ----------
    lost : why the state that was there cannot be used, empty if it can or there is none
    """

    def __init__(self, directory: str | Path) -> None:
        self._directory = Path(directory)
        self._state = self._directory / "state"
        self._sessions = self._directory / "sessions.jsonl"
        self.lost = ""

    def load(self) -> bytes | None:
        """The state as it was saved last, None if there is none that can be used."""
        try:
            head, _, payload = self._state.read_bytes().partition(b"\n")
        except FileNotFoundError:
            return None
        except OSError as error:
            self.lost = f"state: {error.strerror}"
            return None
        if head == _MAGIC + hashlib.sha256(payload).hexdigest().encode():
            return payload
        self.put_aside()
        self.lost = "damaged"
        return None

    def put_aside(self) -> None:
        """Keep a state that nobody can use, for those who have to look at it."""
        with contextlib.suppress(OSError):
            self._state.replace(self._state.with_name("state.damaged"))

    def save(self, payload: bytes) -> None:
        """Replace the state: after a crash at any moment there is the old one or the new one; raise OSError."""
        head = _MAGIC + hashlib.sha256(payload).hexdigest().encode()
        self._replace(self._state, head + b"\n" + payload)

    def append_session(self, payload: bytes) -> None:
        """Add a session that has ended; raise OSError.

        What a crash left of a line is ended first: it must not swallow this one.
        """
        self._make_directory()
        is_new = not self._sessions.exists()
        with self._sessions.open("a+b") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - 1))
            is_torn = file.read(1) not in (b"", b"\n")
            file.write(b"\n" * is_torn + payload + b"\n")
            file.flush()
            os.fsync(file.fileno())
        if is_new:
            self._sync_directory()

    def sessions(self) -> list[Summary]:
        """The sessions that have ended, oldest first; a line that cannot be read is left out, and said.

        One that was added, and added again by a gateway that had not stored its end, is one: the later line counts.
        """
        try:
            content = self._sessions.read_bytes()
        except FileNotFoundError:
            return []
        except OSError as error:
            self.lost = self.lost or f"sessions: {error.strerror}"
            return []
        lines = content.splitlines()[-_MAX_SESSIONS:]
        found: dict[tuple[str, int], Summary] = {}
        damaged = 0
        for line in lines:
            try:
                one = decoded(line, Summary)
                found[one.series, one.started_utc_ms] = one
            except msgspec.DecodeError:
                damaged += 1
        if damaged:
            self.lost = self.lost or f"{damaged} of {len(lines)} earlier sessions cannot be read"
            with contextlib.suppress(OSError):  # said once: the file as it was stays for those who have to look at it
                self._replace(self._sessions.with_name("sessions.damaged"), content)
                good = [msgspec.json.encode(one) + b"\n" for one in found.values()]
                self._replace(self._sessions, b"".join(good))
        return list(found.values())

    def _replace(self, path: Path, content: bytes) -> None:
        """Write a file whole or not at all; raise OSError."""
        new = path.with_name(f"{path.name}.new")
        self._make_directory()
        with new.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
        self._sync_directory()

    def _make_directory(self) -> None:
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)

    def _sync_directory(self) -> None:
        descriptor = os.open(self._directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
