"""A connected MQTT client: version 5 where the broker speaks it, else 3.1.1; one clear line where there is none."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import ParamSpec
from urllib.parse import unquote, urlsplit

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from gateway.errors import UserError
from gateway.messages import Message

# A frozen peer is noticed within twice that, and a second of the library's own: the first time without a word it is
# asked, the second it is given up. Subscribers judge staleness themselves, earlier.
_KEEPALIVE_S = 5
_CONNECT_S = 5.0
_MAX_QUEUED = 1000  # paho's default is unbounded
_UNSUPPORTED = "Unsupported protocol version"
_DEFAULT_PORT = 1883


P = ParamSpec("P")


class BrokerError(UserError):
    """No broker answers there, it refuses us, or none can be started."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerUrl:
    """Where a broker listens: ``mqtt://[user:password@]host[:port]``."""

    host: str
    port: int
    user: str | None = None
    password: str | None = None

    @classmethod
    def parse(cls, url: str) -> BrokerUrl:
        shown = url.rsplit("@", 1)[-1]  # never a password
        refusal = f"broker: expected auto, mosquitto, nats, none or mqtt://host[:port], got {shown!r}"
        try:
            parts = urlsplit(url)
            port = _DEFAULT_PORT if parts.port is None else parts.port
        except ValueError:
            raise BrokerError(refusal) from None
        if parts.scheme != "mqtt" or not parts.hostname or not port:
            raise BrokerError(refusal)
        user, password = (None if one is None else unquote(one) for one in (parts.username, parts.password))
        return cls(host=parts.hostname, port=port, user=user, password=password)

    def __str__(self) -> str:
        """The address without user and password."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"mqtt://{host}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Callbacks:
    """What the network thread calls; none of them may wait. What one raises is kept, and ends the program.

    An exception would kill paho's thread without a word, while the client still called itself connected.
    """

    connected: Callable[[paho.Client], None]
    message: Callable[[str, bytes, bool], None]
    report: Callable[[str], None]
    acknowledged: Callable[[int, str], None]  # number of a message, and why it was refused if it was


class Connection:
    """One client and what became of its first connection; reconnects by itself later."""

    def __init__(self, url: BrokerUrl, client_id: str, version: MQTTProtocolVersion, calls: Callbacks) -> None:
        self.settled = threading.Event()
        self.refusal = ""
        self._failure: Exception | None = None
        self.client = paho.Client(CallbackAPIVersion.VERSION2, client_id=client_id, protocol=version)
        self._url, self._calls = url, calls
        self.client.on_connect = self._kept(self._on_connect)
        self.client.on_disconnect = self._kept(self._on_disconnect)
        self.client.on_connect_fail = self._kept(self._on_connect_fail)
        self.client.on_message = self._kept(self._on_message)
        self.client.on_publish = self._kept(self._on_publish)
        self.client.max_queued_messages_set(_MAX_QUEUED)
        self.client.reconnect_delay_set(1, 5)
        if url.user is not None:
            self.client.username_pw_set(url.user, url.password)

    @property
    def has_failed(self) -> bool:
        return self._failure is not None

    def check(self) -> None:
        """Raise what the network thread has failed with, if it has."""
        if self._failure is not None:
            raise self._failure

    def close(self) -> None:
        """Say goodbye, so that the last will is not sent."""
        self.client.disconnect()
        self.client.loop_stop()

    def _kept(self, call: Callable[P, None]) -> Callable[P, None]:
        def guarded(*args: P.args, **kwargs: P.kwargs) -> None:
            try:
                call(*args, **kwargs)
            except Exception as error:
                self._failure = self._failure or error
                self.settled.set()

        return guarded

    def _on_connect(
        self, client: paho.Client, _user: object, _flags: object, reason: ReasonCode, _props: object
    ) -> None:
        if not reason.is_failure:
            self.refusal = ""
            self._calls.connected(client)
        elif self.settled.is_set():
            self._calls.report(f"{self._url} refuses us: {reason}; trying again")
        else:
            self.refusal = str(reason)
        self.settled.set()

    def _on_disconnect(
        self, _client: object, _user: object, _flags: object, reason: ReasonCode, _props: object
    ) -> None:
        if not self.settled.is_set() or not reason.is_failure or self.refusal:
            return
        self._calls.report(f"connection to {self._url} lost ({reason}); trying again")

    def _on_connect_fail(self, _client: object, _user: object) -> None:
        if not self.settled.is_set():
            self.refusal = "nobody answers there"
            self.settled.set()

    def _on_message(self, _client: object, _user: object, message: paho.MQTTMessage) -> None:
        self._calls.message(message.topic, bytes(message.payload), message.retain)

    def _on_publish(self, _client: object, _user: object, mid: int, reason: ReasonCode, _props: object) -> None:
        refusal = str(reason) if reason.is_failure else ""  # MQTT 5 only: a 3.1.1 broker acknowledges what it refuses
        self._calls.acknowledged(mid, refusal)


def connect(url: BrokerUrl, client_id: str, calls: Callbacks, *, will: Message | None = None) -> Connection:
    """Connect, by version 5 or else 3.1.1.

    Raises
    ------
    BrokerError
        Where nothing listens, or the broker refuses both protocol versions.
    """
    refusal = ""
    for version in (MQTTProtocolVersion.MQTTv5, MQTTProtocolVersion.MQTTv311):
        attempt = Connection(url, client_id, version, calls)
        if will is not None:
            attempt.client.will_set(will.topic, will.payload, qos=will.qos, retain=will.retain)
        attempt.client.connect_async(url.host, url.port, keepalive=_KEEPALIVE_S)
        attempt.client.loop_start()
        settled = attempt.settled.wait(_CONNECT_S)
        attempt.check()
        if settled and not attempt.refusal:
            return attempt
        attempt.close()
        refusal = attempt.refusal or f"no answer within {_CONNECT_S:g} s"
        if refusal != _UNSUPPORTED:
            break
    raise BrokerError(f"broker: expected one at {url}, but {refusal}")


def protocol_name(client: paho.Client) -> str:
    return "MQTT 5" if client.protocol == MQTTProtocolVersion.MQTTv5 else "MQTT 3.1.1"


def expiry_properties(client: paho.Client, expiry_s: int | None) -> Properties | None:
    """Message expiry for MQTT 5; on 3.1.1 the payload's own times have to do."""
    if expiry_s is None or client.protocol != MQTTProtocolVersion.MQTTv5:
        return None
    properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call] # paho has no types here
    properties.MessageExpiryInterval = expiry_s
    return properties
