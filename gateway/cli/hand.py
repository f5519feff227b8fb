"""A person at a watching screen: their keys in, requests out; and the receipts that their client sends for them."""

from __future__ import annotations

from collections.abc import Callable

from gateway.alarms import Priority
from gateway.messages import Topics, chair_of
from gateway.mqtt.requester import NotHeardError, Requester
from gateway.mqtt.subscriber import Heard, Subscriber
from gateway.payloads import AlarmState
from gateway.requests import Verb

_PAUSE_S = 120
_Chair = tuple[str, str]


class Hand:
    """One client at all the chairs it hears."""

    def __init__(
        self, subscriber: Subscriber, client: str, note: Callable[[str], None], *, sends_receipts: bool = True
    ) -> None:
        self._subscriber, self._client, self._note = subscriber, client, note
        self._sends_receipts = sends_receipts
        self._requesters: dict[_Chair, Requester] = {}
        self._asked: list[tuple[Requester, str, str]] = []

    def feed(self, heard: Heard) -> None:
        """Take what is heard of any chair; alerts are receipted as they come, replies are noted."""
        chair = chair_of(heard.topic)
        if chair is None:
            return
        requester = self._requesters.get(chair)
        if requester is None:
            requester = self._requesters[chair] = Requester(self._subscriber, Topics(*chair), self._client)
            if self._sends_receipts:
                requester.announce()
        requester.feed(heard)
        if self._sends_receipts:
            requester.receive(heard, is_shown=True)
        self._note_replies()

    def press(self, keys: str, numbered: list[tuple[_Chair, AlarmState]]) -> bool:
        """Do what keys say about the alarms as they were drawn; False if the person wants to go."""
        for key in keys:
            if key == "q":
                return False
            if key.isdecimal() and 1 <= int(key) <= len(numbered):
                chair, alarm = numbered[int(key) - 1]
                words = f"acknowledge {alarm.condition} of {chair[1]}"
                self._ask(chair, words, Verb.ACKNOWLEDGE, condition=alarm.condition, alarm=alarm.id)
            elif key in "po":
                self._pause(_PAUSE_S if key == "p" else 0, numbered)
        return True

    def _pause(self, seconds: int, numbered: list[tuple[_Chair, AlarmState]]) -> None:
        """Of the chair with the most urgent alarm; to end a pause, of every chair."""
        chairs = list(self._requesters) if seconds == 0 else []
        if seconds and numbered:
            urgency = list(Priority)
            chairs = [max(numbered, key=lambda one: urgency.index(one[1].priority))[0]]
        for chair in chairs:
            self._ask(chair, f"pause the sound of {chair[1]} for {seconds} s", Verb.AUDIO_PAUSE, seconds=seconds)

    def _ask(self, chair: _Chair, words: str, verb: Verb, **fields: object) -> None:
        requester = self._requesters[chair]
        try:
            self._asked.append((requester, requester.ask(verb, **fields), words))
        except NotHeardError:
            self._note(f"{words}: not sent, the chair is not heard")

    def _note_replies(self) -> None:
        waiting = []
        for requester, request, words in self._asked:
            reply = requester.reply(request)
            if reply is None:
                waiting.append((requester, request, words))
            else:
                self._note(f"{words}: {'done' if reply.accepted else f'refused: {reply.reason}'}")
        self._asked = waiting[-16:]
