"""The sink that publishes one chair over MQTT, with its last will."""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Self

import msgspec
import paho.mqtt.client as paho
from paho.mqtt.enums import MQTTErrorCode

from gateway.decoding import decoded
from gateway.messages import Message
from gateway.mqtt.connection import (
    BrokerError,
    BrokerUrl,
    Callbacks,
    Connection,
    connect,
    expiry_properties,
    protocol_name,
)
from gateway.mqtt.outbox import Outbox
from gateway.payloads import Status
from gateway.requests import MAX_BYTES, Incoming

_FLUSH_S = 1.0
_MAX_WAITING = 256  # of what clients send between two chunks, which are at most 50 ms apart
_SEEK_S = 1.0  # between two attempts to find a broker that was not there at the start


class MqttSink:
    """Publishes messages; repeats the retained ones on every connect, for a broker that forgot them.

    While the broker is away, live values are dropped (they would be old); the retained state and the alerts wait in an
    outbox. A broker that is not there at the start raises BrokerError, or is waited for if the sink is patient. What
    clients send waits here too, for whoever asks: the network's thread judges nothing.

    Parameters
    ----------
    listen : topics of clients, and of what the gateway says to itself
    """

    def __init__(
        self,
        url: BrokerUrl,
        client_id: str,
        *,
        will: Message,
        report: Callable[[str], None],
        listen: Sequence[str] = (),
        is_patient: bool = False,
    ) -> None:
        self._url, self._client_id, self._will, self._report = url, client_id, will, report
        self._listen = tuple(listen)
        self._incoming: queue.Queue[Incoming] = queue.Queue(_MAX_WAITING)
        self.is_heard = bool(listen)
        self.dropped = 0  # of what clients sent: too long, or too many at once
        self._boot = decoded(will.payload, Status).boot
        self._outbox = Outbox()
        self._answers: deque[tuple[int, str]] = deque()  # of the broker, not yet noted
        self._lock = threading.Lock()  # of the outbox; the broker's answers come while the library holds one of its own
        self._connection: Connection | None = None
        self._is_patient = is_patient
        self._is_entered = False
        self._ending = threading.Event()
        self._seeker: threading.Thread | None = None

    @property
    def protocol(self) -> str:
        """What is spoken with the broker, empty until it was there."""
        return "" if self._connection is None else protocol_name(self._connection.client)

    def __enter__(self) -> Self:
        self._is_entered = True
        try:
            self._connect()
        except BrokerError as error:
            if not self._is_patient:
                raise
            self._report(f"{error}; waiting for it")
            self._seeker = threading.Thread(target=self._seek, daemon=True)
            self._seeker.start()
        return self

    def _connect(self) -> None:
        calls = Callbacks(
            connected=self._connected,
            message=self._overhear,
            report=self._report,
            acknowledged=lambda number, refusal: self._answers.append((number, refusal)),
        )
        self._connection = connect(self._url, self._client_id, calls, will=self._will)

    def _seek(self) -> None:
        while not self._ending.wait(_SEEK_S):
            try:
                self._connect()
            except BrokerError:
                continue
            if self._connection is not None:
                self._catch_up(self._connection.client)  # with what was published while it was being found
            self._report(f"connected to {self._url} over {self.protocol}")
            return

    def __exit__(self, *_: object) -> None:
        """Let the last state leave, then say goodbye, so that the will is not sent."""
        self._ending.set()
        if self._seeker is not None:
            self._seeker.join()
        if self._connection is None:
            return
        client = self._connection.client
        for message in self._outbox.retained():
            if client.is_connected() and not self._connection.has_failed:  # another gateway's status is the truth then
                self._send(client, message).wait_for_publish(_FLUSH_S)
        self._connection.close()

    def publish(self, message: Message) -> None:
        """Send a message; raise what the network thread has failed with, so that no gateway lives on in silence."""
        if not self._is_entered:
            raise RuntimeError("publish before the sink was entered")
        connection = self._connection
        if connection is not None:
            connection.check()
        with self._lock:
            self._outbox.keep(message)
            if connection is not None and connection.client.is_connected():
                self._send(connection.client, message)

    def incoming(self) -> list[Incoming]:
        """What clients have sent since the last call, oldest first."""
        return [self._incoming.get_nowait() for _ in range(self._incoming.qsize())]

    @property
    def is_reachable(self) -> bool:
        """Whether the broker is there, as far as the client knows: a frozen one is noticed after 5 to 11 s."""
        return self._connection is not None and self._connection.client.is_connected()

    @property
    def fault(self) -> str:
        """Why what is published does not arrive, as far as a broker tells; empty if it does."""
        if not self.is_reachable:
            dropped = self._outbox.dropped
            return f"not connected, {dropped} alerts found no room to wait" if dropped else "not connected"
        with self._lock:
            was = self._outbox.refusal
            self._note_answers()
            refusal = self._outbox.refusal
        if refusal and refusal != was:
            self._report(f"{self._url}: {refusal}")
        return refusal

    def _note_answers(self) -> None:
        for _ in range(len(self._answers)):
            self._outbox.acknowledged(*self._answers.popleft())

    def _connected(self, client: paho.Client) -> None:
        """Say what is true now, then what was missed; nothing that the library has kept of the last connection."""
        client.subscribe([(topic, 1) for topic in (self._will.topic, *self._listen)])
        with self._lock:
            self._note_answers()
            client.drop_out_messages()
            self._outbox.begin()
        self._catch_up(client)

    def _catch_up(self, client: paho.Client) -> None:
        with self._lock:
            for message in (*self._outbox.retained(), *self._outbox.alerts()):
                self._send(client, message)

    def _overhear(self, topic: str, payload: bytes, is_retained: bool) -> None:
        """Two gateways of one chair must not fight: the one that was there ends when it hears the other's status.

        The last will of an earlier start or connection of ours may come late and would stand as the truth: ours is said
        again, as it is after what is no status of this version: that is no gateway we know, and none to give way to.
        """
        if topic != self._will.topic:
            self._take(Incoming(topic=topic, payload=payload, is_retained=is_retained))
            return
        try:
            status = decoded(payload, Status)
        except msgspec.DecodeError as error:
            self._report(f"broker: {topic}: no status of this version ({error}); ours is said again")
            self._say_again()
            return
        if status.boot == self._boot and payload != self._will.payload:
            return
        if status.state != "offline" and not is_retained:
            raise BrokerError(f"broker: another gateway publishes {topic}; this one ends")
        self._say_again()

    def _say_again(self) -> None:
        if self._connection is not None:
            with self._lock:
                for message in self._outbox.retained():
                    self._send(self._connection.client, message)

    def _take(self, incoming: Incoming) -> None:
        if len(incoming.payload) > MAX_BYTES or self._incoming.full():
            self.dropped += 1
        else:
            self._incoming.put_nowait(incoming)

    def _send(self, client: paho.Client, message: Message) -> paho.MQTTMessageInfo:
        info = client.publish(
            message.topic,
            message.payload,
            qos=message.qos,
            retain=message.retain,
            properties=expiry_properties(client, message.expiry_s),
        )
        if info.rc == MQTTErrorCode.MQTT_ERR_QUEUE_SIZE:
            self._outbox.refused(message, "too much waits for the broker")
        else:
            self._outbox.sent(info.mid, message)
        return info
