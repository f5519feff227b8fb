"""Where messages go: a list for tests, a file, or the MQTT broker (gateway.mqtt.publisher)."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol, Self

import msgspec

from gateway.errors import UserError
from gateway.messages import Message
from gateway.requests import Incoming


class Sink(Protocol):
    """Takes messages in order, and gives what clients have sent since; never waits for the network.

    ``dropped`` is how much of that was too long, or too much at once; ``is_heard`` whether a broker gives back what is
    published to whoever listens, also to the gateway itself.
    """

    dropped: int
    is_heard: bool

    def __enter__(self) -> Self: ...
    def __exit__(self, *_: object) -> None: ...
    def publish(self, message: Message) -> None: ...
    def incoming(self) -> list[Incoming]: ...

    @property
    def fault(self) -> str:
        """Why what is published does not arrive, empty as long as it does or nobody can tell."""
        ...


class JsonLines:
    """A file with one message a line, for where there is no broker."""

    dropped = 0
    is_heard = False

    def __init__(self, path: str) -> None:
        self._path = path

    def __enter__(self) -> Self:
        try:
            self._file = Path(self._path).open("wb")
        except OSError as error:
            raise UserError(
                f"messages: expected a file that can be written at {self._path}: {error.strerror}"
            ) from None
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def publish(self, message: Message) -> None:
        line = {"topic": message.topic, "retain": message.retain, "payload": msgspec.Raw(message.payload)}
        self._file.write(msgspec.json.encode(line) + b"\n")
        self._file.flush()

    def incoming(self) -> list[Incoming]:
        return []  # a file asks for nothing

    @property
    def fault(self) -> str:
        return ""


class Collected:
    """Keeps every message, for comparison with truth; ``waiting`` is what clients send."""

    dropped = 0
    is_heard = False

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.waiting: list[Incoming] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return

    def publish(self, message: Message) -> None:
        self.messages.append(message)

    def incoming(self) -> list[Incoming]:
        taken, self.waiting = self.waiting, []
        return taken

    @property
    def fault(self) -> str:
        return ""
