"""The demo's nurse: the orders of a treatment at the times of a scenario, given over MQTT as any client gives them.

What she does is marked as the demo's own by her name, ``demo-nurse``; alarms are left for whoever watches.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from gateway.decoding import decoded
from gateway.messages import Topics
from gateway.mqtt.requester import NotSentError, Requester
from gateway.mqtt.subscriber import Heard, Subscriber
from gateway.payloads import Heartbeat
from gateway.requests import Verb

NAME = "demo-nurse"
_MINUTE_US = 60_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One request, so long after the start of the scenario."""

    minute: float
    verb: Verb
    fields: dict[str, Any] = field(default_factory=dict)


def _order(minute: float, action: str, **fields: Any) -> Step:
    return Step(minute=minute, verb=Verb.SESSION, fields={"order": {"action": action, **fields}})


def _before(route: str, systolic_mmhg: int = 122, diastolic_mmhg: int = 76) -> tuple[Step, ...]:
    """The patient comes; the cuff shows what the scenario's patient has at rest."""
    cuff = {"kind": "cuff", "systolic_mmhg": systolic_mmhg, "diastolic_mmhg": diastolic_mmhg}
    return (
        _order(0.5, "start", route=route, series="demo"),
        Step(minute=0.8, verb=Verb.MARK, fields={"mark": cuff}),
        _order(1.0, "baseline"),
    )


def _after(minute: float) -> tuple[Step, ...]:
    return (_order(minute, "check", items={"dissociation_cleared": 1}),)


# The doses are those of hil/scenarios.py; a test holds the two together.
SCRIPTS: dict[str, tuple[Step, ...]] = {
    "baseline": _before("iv"),
    "iv": (*_before("iv"), _order(4, "dose", amount_mg=35), _order(44, "finish")),
    "iv-surge": (*_before("iv"), _order(4, "dose", amount_mg=35), _order(44, "finish"), *_after(65)),
    "elderly": (*_before("iv", 150, 88), _order(4, "dose", amount_mg=35), _order(44, "finish")),
    "im": (*_before("im"), _order(4, "dose", amount_mg=50), *_after(50)),
    "oral": (*_before("oral"), _order(4, "dose", amount_mg=150), *_after(130)),
}


class Nurse:
    """Gives the orders of a script as the chair's own time passes them."""

    def __init__(self, subscriber: Subscriber, topics: Topics, script: tuple[Step, ...], note: Callable[[str], None]):
        self._requester = Requester(subscriber, topics, NAME)
        self._heartbeat, self._note = topics.heartbeat, note
        self._script = script
        self._boot, self._done = "", 0
        self._asked: dict[str, str] = {}

    def feed(self, heard: Heard) -> None:
        """Take what is heard of the chair, and do what is due."""
        self._requester.feed(heard)
        for request, words in list(self._asked.items()):
            reply = self._requester.reply(request)
            if reply is not None:
                del self._asked[request]
                if reply.accepted:
                    self._note(f"{NAME}: {words}")
        if heard.topic == self._heartbeat and not heard.retained:
            self._act(heard.payload)

    def _act(self, payload: bytes) -> None:
        try:
            heartbeat = decoded(payload, Heartbeat)
        except msgspec.DecodeError:
            return
        if heartbeat.boot != self._boot:  # the rig begins again with its gateway; what was done already is refused
            self._boot, self._done = heartbeat.boot, 0
        while self._done < len(self._script) and self._script[self._done].minute * _MINUTE_US <= heartbeat.t_us:
            step = self._script[self._done]
            words = step.fields["order"]["action"] if step.verb is Verb.SESSION else step.verb.value
            try:
                self._asked[self._requester.ask(step.verb, **step.fields)] = words
            except NotSentError:
                return  # with the next heartbeat
            self._done += 1
