"""What one chair has to tell its broker, kept for the next connection; acknowledgements in, what is refused out."""

from __future__ import annotations

from gateway.messages import Message, tail_of

_MAX_ALERTS = 256  # an hour of a chair with an alarm every half minute; who was away longer has the documents


class Outbox:
    """The newest retained message of each topic, and in order the alerts that no broker has accepted.

    An alert is what has to arrive, is not retained and does not expire. All else would be old after an outage. The
    library's own queue is no substitute: after a reconnect it sends what waited there behind what is said then, so that
    the older document of an alarm would stay at the broker.

    Attributes
    ----------
    dropped : alerts that found no room, the oldest first
    """

    def __init__(self) -> None:
        self._retained: dict[str, Message] = {}
        self._alerts: dict[bytes, Message] = {}
        self._sent: dict[int, Message] = {}
        self._refused: dict[str, str] = {}
        self.dropped = 0

    def keep(self, message: Message) -> None:
        """Remember what the next connection needs."""
        if message.retain:
            self._retained[message.topic] = message
        elif message.qos and message.expiry_s is None:
            self._alerts[message.payload] = message
            if len(self._alerts) > _MAX_ALERTS:
                del self._alerts[next(iter(self._alerts))]
                self.dropped += 1

    def begin(self) -> None:
        """A new connection: of what was sent over the last one nothing more will be heard."""
        self._sent.clear()
        self._refused.clear()

    def retained(self) -> list[Message]:
        """The state as it is, of every topic."""
        return list(self._retained.values())

    def alerts(self) -> list[Message]:
        """Those that nobody has accepted, the oldest first; their own times say how late they are."""
        return list(self._alerts.values())

    def sent(self, number: int, message: Message) -> None:
        """It is on its way under this number of the connection."""
        if message.qos:
            self._sent[number] = message

    def refused(self, message: Message, reason: str) -> None:
        """It was not taken: what stands there is old until another message of its topic is."""
        self._refused[message.topic] = reason

    def acknowledged(self, number: int, refusal: str) -> None:
        """The broker has answered, with an empty refusal if it has accepted."""
        message = self._sent.pop(number, None)
        if message is None:
            return
        if refusal:
            self.refused(message, refusal)
        else:
            self._refused.pop(message.topic, None)
            self._alerts.pop(message.payload, None)

    @property
    def refusal(self) -> str:
        """Which topic is refused, and why; of several the first. Empty if none is."""
        return next((f"{tail_of(topic)} refused ({reason})" for topic, reason in self._refused.items()), "")
