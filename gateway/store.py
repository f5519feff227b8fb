"""Files that outlive the gateway: the state of a chair, replaced whole or not at all, and the list of its sessions."""

from __future__ import annotations

import contextlib
import hashlib
import os
from pathlib import Path

import msgspec

from gateway.decoding import decoded
from gateway.errors import UserError
from gateway.treatment.records import Summary

_MAGIC = b"chairside-state 1 "
_MAX_SESSIONS = 20_000  # about ten years of a chair; older ones are not read


class Store:
    """The directory of one chair.

    Attributes
    ----------
    lost : why the state that was there cannot be used, empty if it can or there is none
    """

    def __init__(self, directory: str | Path) -> None:
        self._directory = Path(directory)
        self._state = self._directory / "state"
        self._sessions = self._directory / "sessions.jsonl"
        self.lost = ""
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not os.access(self._directory, os.W_OK | os.X_OK):
                raise PermissionError(13, os.strerror(13))
        except OSError as error:
            raise UserError(f"state: expected a writable directory at {directory}: {error.strerror}") from None

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
        new = self._state.with_name("state.new")
        with new.open("wb") as file:
            file.write(head + b"\n" + payload)
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._state)
        self._sync_directory()

    def append_session(self, payload: bytes) -> None:
        """Add a session that has ended; raise OSError."""
        is_new = not self._sessions.exists()
        with self._sessions.open("ab") as file:
            file.write(payload + b"\n")
            file.flush()
            os.fsync(file.fileno())
        if is_new:
            self._sync_directory()

    def sessions(self) -> list[Summary]:
        """The sessions that have ended, oldest first; a line that cannot be read is left out, and said."""
        try:
            lines = self._sessions.read_bytes().splitlines()[-_MAX_SESSIONS:]
        except FileNotFoundError:
            return []
        except OSError as error:
            self.lost = self.lost or f"sessions: {error.strerror}"
            return []
        found, damaged = [], 0
        for line in lines:
            try:
                found.append(decoded(line, Summary))
            except msgspec.DecodeError:
                damaged += 1
        if damaged:
            self.lost = self.lost or f"{damaged} of {len(lines)} earlier sessions cannot be read"
        return found

    def _sync_directory(self) -> None:
        descriptor = os.open(self._directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
