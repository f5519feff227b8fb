"""Where messages go: a list for tests, or the MQTT broker (gateway.mqtt.publisher)."""

from __future__ import annotations

from typing import Protocol, Self

from gateway.messages import Message


class Sink(Protocol):
    """Takes messages in order; never waits for the network."""

    def __enter__(self) -> Self: ...
    def __exit__(self, *_: object) -> None: ...
    def publish(self, message: Message) -> None: ...


class Collected:
    """Keeps every message, for comparison with truth."""

    def __init__(self) -> None:
        self.messages: list[Message] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return

    def publish(self, message: Message) -> None:
        self.messages.append(message)
