"""One chair's alarm engine with its voice: seconds, beats, facts and commands in, messages for subscribers out."""

from __future__ import annotations

from collections.abc import Mapping

import dsp
from gateway.alarms import (
    AlarmEngine,
    Annunciation,
    Answer,
    Condition,
    Fact,
    Presence,
    Second,
    TimedInput,
    Transition,
)
from gateway.alarms.catalogue import rule_text
from gateway.messages import Composer, Message
from gateway.self_checks import SelfChecks


class Announcer:
    """Publishes what the engine decides.

    A document of each condition at the start and at every change, of those with a signal also each second; an alert for
    each transition; the state of the alarm system each second.
    """

    def __init__(self, composer: Composer, engine: AlarmEngine) -> None:
        self.engine = engine
        self._composer = composer
        self._revs: dict[Condition, int] = {}  # as published
        self.checks = SelfChecks(composer)

    @property
    def annunciation(self) -> Annunciation:
        return self.engine.annunciation()

    def second(
        self,
        t_us: int,
        readings: Mapping[dsp.Quantity, dsp.Reading],
        channels: Mapping[dsp.Channel, dsp.Reason | None],
    ) -> list[Message]:
        """Judge a second, and tell everything that has to be told in it."""
        messages = self.checks.second(t_us, self.engine)
        messages += self._feed(Second(t_us=t_us, readings=readings, channels=channels))[0]
        messages += self._documents(t_us, is_second=True)
        return [*messages, self._system(t_us)]

    def take(self, event: TimedInput) -> tuple[list[Message], Answer | None]:
        """Any other input: its alerts and changed documents, and the answer to a command."""
        if isinstance(event, Fact) and event.condition is Condition.BROKER_LOST:
            self.checks.note_broker(is_lost=event.is_present)
        messages, answer = self._feed(event)
        if messages:
            messages += self._documents(event.t_us, is_second=False)
        return messages, answer

    def _feed(self, event: TimedInput) -> tuple[list[Message], Answer | None]:
        messages: list[Message] = []
        answer: Answer | None = None
        for output in self.engine.feed(event):
            match output:
                case Transition():
                    messages.append(self._composer.alert(output))
                case Answer():
                    answer = output
        return messages, answer

    def everything(self, t_us: int) -> list[Message]:
        """Every document again, as for a broker that has forgotten them."""
        self._revs.clear()
        return self._documents(t_us, is_second=False)

    def _documents(self, t_us: int, *, is_second: bool) -> list[Message]:
        messages = []
        for alarm in self.engine.alarms():
            is_changed = self._revs.get(alarm.condition) != alarm.rev
            if is_changed or (is_second and alarm.presence is not Presence.OFF):
                self._revs[alarm.condition] = alarm.rev
                messages.append(self._composer.alarm(t_us, alarm))
        return messages

    def _system(self, t_us: int) -> Message:
        profile, now = self.engine.profile, self.engine.annunciation()
        alarms = self.engine.alarms()
        return self._composer.alarm_system(
            t_us,
            profile=profile.name,
            profile_version=profile.version,
            signed_off_by=profile.signed_off_by,
            signed_off_on=profile.signed_off_on,
            standby_by=self.engine.standby_by,
            light=now.light,
            sound=now.sound,
            escalation=now.escalation,
            paused_s=now.paused_s,
            paused_by=now.paused_by,
            active=[alarm.condition.value for alarm in alarms if alarm.presence is not Presence.OFF],
            inactive=[alarm.condition.value for alarm in alarms if alarm.inactivated_by is not None],
            limits={
                condition.value: [f"{tier.priority.value}: {rule_text(condition, tier)}" for tier in tiers]
                for condition, tiers in profile.conditions.items()
            },
            self_check=self.checks.last,
        )
