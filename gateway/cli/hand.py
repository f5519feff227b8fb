"""A person at a watching screen: their keys in, requests out; and the receipts that their client sends for them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from gateway.cli.numbers import ChairName, Drawn
from gateway.messages import Topics, chair_of
from gateway.mqtt.requester import NotSentError, Requester
from gateway.mqtt.subscriber import Heard, Subscriber
from gateway.requests import Verb

_PAUSE_S = 120
_REPLY_US = 5_000_000  # mqtt.md: without a reply by then it may have been done or not
_MOST = 256  # receipts that wait for a picture, a second at most


@dataclass(slots=True, kw_only=True)
class _Asked:
    requester: Requester
    request: str
    words: str
    at_us: int
    is_missed: bool = False  # it has been told that there is no reply


class Hand:
    """One client at all the chairs it hears."""

    def __init__(
        self, subscriber: Subscriber, client: str, note: Callable[[str], None], *, sends_receipts: bool = True
    ) -> None:
        self._subscriber, self._client, self._note = subscriber, client, note
        self._sends_receipts = sends_receipts
        self._requesters: dict[ChairName, Requester] = {}
        self._announced: dict[ChairName, str] = {}  # to which start of the gateway
        self._undrawn: deque[tuple[Requester, Heard]] = deque(maxlen=_MOST)
        self._asked: list[_Asked] = []

    def feed(self, heard: Heard) -> None:
        """Take what is heard of any chair; every start of a gateway is told that somebody receives its alerts."""
        chair = chair_of(heard.topic)
        if chair is None:
            return
        requester = self._requesters.get(chair)
        if requester is None:
            requester = self._requesters[chair] = Requester(self._subscriber, Topics(*chair), self._client)
        requester.feed(heard)
        if not self._sends_receipts:
            return
        if requester.boot and self._announced.get(chair) != requester.boot and requester.announce():
            self._announced[chair] = requester.boot
        if requester.is_alert(heard):
            self._undrawn.append((requester, heard))

    def note_drawn(self) -> None:
        """All that has been fed is on the screen now: the alerts among it have been shown."""
        for requester, heard in self._undrawn:
            requester.receive(heard, is_shown=True)
        self._undrawn.clear()

    def press(self, keys: str, drawn: Drawn, now_us: int) -> bool:
        """Do what keys say about what was drawn, tell what became of it; False if the person wants to go."""
        for key in keys:
            if key == "q":
                return False
            if key.isdecimal():
                self._acknowledge(int(key), drawn, now_us)
            elif key == "p":
                self._pause(drawn, now_us)
            elif key == "o":
                for chair in self._requesters:
                    self._ask(chair, now_us, f"end the pause of {chair[1]}", Verb.AUDIO_PAUSE, seconds=0)
        self._note_replies(now_us)
        return True

    def _acknowledge(self, number: int, drawn: Drawn, now_us: int) -> None:
        shown = drawn.numbered.get(number)
        if shown is None:
            self._note(f"{number}: no alarm has this number")
            return
        chair, alarm = shown
        words = f"acknowledge {alarm.condition} of {chair[1]}"
        self._ask(chair, now_us, words, Verb.ACKNOWLEDGE, condition=alarm.condition, alarm=alarm.id)

    def _pause(self, drawn: Drawn, now_us: int) -> None:
        """Of the chair whose sound is the most urgent."""
        if not drawn.sounding:
            self._note("pause: no chair sounds")
            return
        chair = max(drawn.sounding, key=lambda one: drawn.sounding[one])
        words = f"pause the sound of {chair[1]} for {_PAUSE_S} s"
        self._ask(chair, now_us, words, Verb.AUDIO_PAUSE, seconds=_PAUSE_S)

    def _ask(self, chair: ChairName, now_us: int, words: str, verb: Verb, **fields: object) -> None:
        requester = self._requesters[chair]
        try:
            request = requester.ask(verb, **fields)
        except NotSentError as error:
            self._note(f"{words}: NOT SENT, {error}")
        else:
            self._asked.append(_Asked(requester=requester, request=request, words=words, at_us=now_us))

    def _note_replies(self, now_us: int) -> None:
        waiting = []
        for asked in self._asked:
            reply = asked.requester.reply(asked.request)
            if reply is not None:
                self._note(f"{asked.words}: {'done' if reply.accepted else f'refused: {reply.reason}'}")
                continue
            waiting.append(asked)
            if not asked.is_missed and now_us - asked.at_us >= _REPLY_US:
                asked.is_missed = True
                self._note(f"{asked.words}: NO REPLY within {_REPLY_US // 1_000_000} s, look whether it was done")
        self._asked = waiting[-16:]
