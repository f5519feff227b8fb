"""The running alarm engine in, each minute a check of the whole way of an alarm out, to the broker and back.

A copy of the engine raises an alarm (gateway.alarms.selfcheck), it is written as an alert, and goes to the broker under
a topic of its own. The gateway hears itself: what has not come back before the next check has not reached anybody.
"""

from __future__ import annotations

import msgspec

from gateway.alarms import AlarmEngine, Condition, Fact, Transition
from gateway.alarms.selfcheck import self_check
from gateway.decoding import decoded
from gateway.messages import Composer, Message
from gateway.payloads import Alert, SelfCheck

CHECK_US = 60_000_000


class SelfChecks:
    """One chair's; ``last`` is the newest. Without a broker nothing can come back, and nothing is expected to."""

    def __init__(self, composer: Composer) -> None:
        self.last: SelfCheck | None = None
        self._composer = composer
        self._due_us: int | None = None
        self._sent: bytes | None = None  # has not come back yet
        self._is_returned: bool | None = None  # None: it could not
        self._returns = False  # whether there is a broker
        self._is_lost = False  # it is not connected, which is an alarm of its own

    def expect_return(self) -> None:
        """There is a broker."""
        self._returns = True

    def note_broker(self, *, is_lost: bool) -> None:
        """What was on its way when the broker was lost is not waited for."""
        self._is_lost = is_lost
        if is_lost and self._sent is not None:
            self._sent = self._is_returned = None

    def heard(self, payload: bytes) -> None:
        """Something has come under the topic of the check: the newest one, or one of the past."""
        if payload == self._sent:
            self._sent, self._is_returned = None, True

    def second(self, t_us: int, engine: AlarmEngine) -> list[Message]:
        """Check, if it is time to; the engine is told what was found."""
        if self._due_us is not None and t_us < self._due_us:
            return []
        self._due_us = t_us + CHECK_US
        number = self.last.number + 1 if self.last else 1
        is_returned = self._is_returned
        faults = [f"check {number - 1} has not come back from the broker"] if is_returned is False else []
        checked = self_check(engine, number)
        alert = None if checked.raised is None else self._alert(checked.raised)
        if checked.fault or alert is None:
            faults.append(checked.fault or "its alert cannot be read")
        detail = "; ".join(faults)
        self.last = SelfCheck(number=number, t_us=t_us, passed=not detail, detail=detail, returned=is_returned)
        engine.feed(Fact(t_us=t_us, condition=Condition.SELF_CHECK_FAILED, is_present=bool(detail), detail=detail))
        message = self._composer.self_check(t_us, self.last, alert)
        self._sent = message.payload if self._returns and not self._is_lost else None
        self._is_returned = None if self._sent is None else False
        return [message]

    def _alert(self, raised: Transition) -> Alert | None:
        """The alert as a subscriber would read it, None if he could not."""
        try:
            alert = decoded(self._composer.alert(raised).payload, Alert)
        except msgspec.DecodeError:
            return None
        return alert if alert.alarm.condition == raised.alarm.condition.value and alert.alarm.text else None
