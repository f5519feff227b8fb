"""The sink that publishes one chair over MQTT, with its last will."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Self

import paho.mqtt.client as paho

from gateway.messages import Message
from gateway.mqtt.connection import (
    BrokerUrl,
    Callbacks,
    connect,
    expiry_properties,
    protocol_name,
)

_FLUSH_S = 1.0


class MqttSink:
    """Publishes messages; repeats the retained ones on every connect, for a broker that forgot them.

    While the broker is away, live values are dropped (they would be old) and the retained state waits here.
    """

    def __init__(self, url: BrokerUrl, client_id: str, *, will: Message, report: Callable[[str], None]) -> None:
        self._url, self._client_id, self._will, self._report = url, client_id, will, report
        self._retained: dict[str, Message] = {}
        self._lock = threading.Lock()
        self._client: paho.Client | None = None
        self.protocol = ""

    def __enter__(self) -> Self:
        calls = Callbacks(connected=self._connected, message=_ignore, report=self._report)
        self._client = connect(self._url, self._client_id, calls, will=self._will)
        self.protocol = protocol_name(self._client)
        return self

    def __exit__(self, *_: object) -> None:
        """Let the last state leave, then say goodbye, so that the will is not sent."""
        if self._client is None:
            return
        for message in self._retained.values():
            info = self._send(self._client, message)
            if self._client.is_connected():
                info.wait_for_publish(_FLUSH_S)
        self._client.disconnect()
        self._client.loop_stop()

    def publish(self, message: Message) -> None:
        if self._client is None:
            raise RuntimeError("publish before the sink was entered")
        with self._lock:
            if message.retain:
                self._retained[message.topic] = message
            if self._client.is_connected():
                self._send(self._client, message)

    def _connected(self, client: paho.Client) -> None:
        with self._lock:
            for message in self._retained.values():
                self._send(client, message)

    @staticmethod
    def _send(client: paho.Client, message: Message) -> paho.MQTTMessageInfo:
        return client.publish(
            message.topic,
            message.payload,
            qos=message.qos,
            retain=message.retain,
            properties=expiry_properties(client, message.expiry_s),
        )


def _ignore(_topic: str, _payload: bytes, _retained: bool) -> None:
    """The publisher subscribes to nothing."""
