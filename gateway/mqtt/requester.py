"""The reference client's other half: asks one chair in a client's name, and says which alerts have come."""

from __future__ import annotations

import uuid
from typing import Any

import msgspec

from gateway.decoding import decoded
from gateway.messages import Topics
from gateway.mqtt.subscriber import Heard, Subscriber
from gateway.payloads import Alert, Heartbeat, Reply
from gateway.requests import ReceiptMessage, Verb

_MAX_REPLIES = 64  # kept for whoever asks for them


class NotSentError(Exception):
    """Nothing was asked, and nothing will be; the words say why."""


class NotHeardError(NotSentError):
    """The chair has not been heard yet: nothing can be asked of it."""


class Requester:
    """One chair's. ``feed`` it all that is heard of the chair.

    A request carries the boot and time of the newest heartbeat: whoever asks has seen the chair as it was then.
    """

    def __init__(self, subscriber: Subscriber, topics: Topics, client: str) -> None:
        self._subscriber, self._topics, self.client = subscriber, topics, client
        self._newest: Heartbeat | None = None
        self._replies: dict[str, Reply] = {}

    @property
    def is_ready(self) -> bool:
        return self._newest is not None

    @property
    def boot(self) -> str:
        """The start of the gateway that is heard, empty before the first heartbeat."""
        return self._newest.boot if self._newest else ""

    def feed(self, heard: Heard) -> None:
        """Take a message of the chair; one that cannot be read, or is retained where none may be, is none."""
        if heard.retained:
            return
        try:
            if heard.topic == self._topics.heartbeat:
                self._newest = decoded(heard.payload, Heartbeat)
            elif heard.topic.startswith(self._topics.reply("")):
                reply = decoded(heard.payload, Reply)
                if reply.client == self.client and len(self._replies) < _MAX_REPLIES:
                    self._replies.setdefault(reply.id, reply)  # the first one counts: a replay is refused later
        except msgspec.DecodeError:
            return

    def ask(self, verb: Verb, **fields: Any) -> str:
        """Send a request; return its id. Raise NotSentError where there is nothing to go by yet, or no broker."""
        if self._newest is None:
            raise NotHeardError("the chair is not heard")
        request = {"id": uuid.uuid4().hex, "boot": self._newest.boot, "t_us": self._newest.t_us, **fields}
        topic = self._topics.command(self.client, verb.value)
        if not self._subscriber.send(topic, msgspec.json.encode(request)):
            raise NotSentError("the broker is away")
        return str(request["id"])

    def reply(self, request: str) -> Reply | None:
        """The reply to a request, None while there is none; it is handed over once."""
        return self._replies.pop(request, None)

    def announce(self) -> bool:
        """Say that this client receives alerts: from now on the chair misses its receipts. False if it was not sent."""
        return self._subscriber.send(self._topics.receipt(self.client), msgspec.json.encode(ReceiptMessage()))

    def is_alert(self, heard: Heard) -> bool:
        """Whether it is one of the chair's; what is retained is none, for nobody knows how old it is."""
        return not heard.retained and heard.topic.startswith(self._topics.alert(""))

    def receive(self, heard: Heard, *, is_shown: bool) -> None:
        """Send the receipt of an alert."""
        if not self.is_alert(heard):
            return
        try:
            alert = decoded(heard.payload, Alert)
        except msgspec.DecodeError:
            return
        payload = msgspec.json.encode(ReceiptMessage(alert=alert.id, is_shown=is_shown))
        self._subscriber.send(self._topics.receipt(self.client), payload)
