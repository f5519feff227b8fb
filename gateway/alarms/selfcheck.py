"""An alarm engine beside the running one in, what is wrong with it out: the way of an alarm from a value to its signal.

It is a copy of the running one, with its profile, its changed limits and its state. It is shown a patient who is well,
then one who is beyond a limit, then well again. It has to raise that condition no later than its delay, sound, take an
acknowledgement of it, and be quiet in the end. What is well is what the profile says: no limit that is allowed fails.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import dsp
from gateway.alarms.catalogue import CATALOGUE, Rule
from gateway.alarms.engine import AlarmEngine
from gateway.alarms.evidence import ARMING_SECONDS
from gateway.alarms.hold import SECOND_US, SETTLE_US
from gateway.alarms.profile import limits_of
from gateway.alarms.types import (
    Acknowledge,
    Attended,
    Baseline,
    Change,
    Condition,
    Presence,
    Second,
    Transition,
)

_WHO = "self-check"
_CHECKABLE = (Rule.ABOVE, Rule.BELOW, Rule.NO_BEAT)
_STEP = 1.0  # beyond the farthest limit, and inside the nearest one by so much more than the hysteresis


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """``fault`` is what is wrong, "" if nothing is; ``raised`` the alarm that the copy made."""

    fault: str = ""
    raised: Transition | None = None


def self_check(engine: AlarmEngine, number: int) -> Checked:
    """Check a copy of ``engine``; the conditions with limits are checked one after the other, by ``number``."""
    checkable = [
        condition
        for condition in Condition
        if CATALOGUE[condition].rule in _CHECKABLE and limits_of(engine.profile, condition)
    ]
    if not checkable:
        return Checked(fault="the profile has no limit that could be checked")
    condition = checkable[number % len(checkable)]
    raised, fault = _check(_Patient(engine.copy(series=f"{_WHO}-{number}"), condition))
    return Checked(raised=raised, fault=f"{condition.value}: {fault}" if fault else "")


def _check(patient: _Patient) -> tuple[Transition | None, str]:
    patient.wait(ARMING_SECONDS)
    patient.acknowledge()  # what is latched of the running one
    if not patient.shows(Presence.OFF):
        return None, "on without a cause"
    patient.is_well = False
    longest_s = patient.delay_s
    raised = patient.wait(longest_s + 1)
    if raised is None or not patient.shows(Presence.ON):
        return raised, f"not raised within {longest_s} s"
    if patient.engine.annunciation().sound is None:
        return raised, "does not sound"
    patient.acknowledge()
    if not patient.shows(Presence.ACK):
        return raised, "an acknowledgement is not taken"
    patient.is_well = True
    patient.wait(SETTLE_US // SECOND_US + 1)
    return raised, "" if patient.shows(Presence.OFF) else "does not end"


class _Patient:
    """Somebody in the chair of a copy: well but, where he is not, for the one condition."""

    def __init__(self, engine: AlarmEngine, condition: Condition) -> None:
        self.engine = engine
        self.is_well = True
        self._condition, self._definition = condition, CATALOGUE[condition]
        self._rise = (condition, Change.RAISED)
        self._t_us = engine.t_us
        engine.feed(Attended(t_us=self._t_us, is_attended=True, who=_WHO))
        engine.feed(Baseline(t_us=self._t_us, values={}))

    def shows(self, presence: Presence) -> bool:
        return self.engine.alarm(self._condition).presence is presence

    @property
    def delay_s(self) -> int:
        """How long it may take until the first of its limits alarms."""
        tiers = self.engine.profile.tiers(self._condition)
        limits = [(tier.delay_s, tier.limit) for tier in tiers if tier.limit is not None]
        is_silence = self._definition.rule is Rule.NO_BEAT
        return min(math.ceil(delay_s + limit * is_silence) for delay_s, limit in limits)

    def acknowledge(self) -> None:
        named = self.engine.alarm(self._condition).id or ""
        self.engine.feed(Acknowledge(t_us=self._t_us, who=_WHO, condition=self._condition, id=named))

    def wait(self, seconds: int) -> Transition | None:
        """Let seconds pass; the condition's rise among what they brought."""
        raised = None
        for _ in range(seconds):
            self._t_us += SECOND_US
            if self._has_pulse:
                self.engine.feed(self._beat())
            for out in self.engine.feed(self._second()):
                if isinstance(out, Transition) and (out.alarm.condition, out.change) == self._rise:
                    raised = out
        return raised

    @property
    def _has_pulse(self) -> bool:
        return self.is_well or self._definition.rule is not Rule.NO_BEAT

    def _second(self) -> Second:
        """With the one number that is judged: any other might sound in its place."""
        quantity = self._definition.quantity or dsp.Quantity.PULSE_RATE
        reason = None if self._has_pulse else dsp.Reason.NO_PULSE
        measured = dsp.Measured(value=self._value(), sqi=1.0, newest_us=self._t_us)
        reading = dsp.Unavailable(reason=reason) if reason else measured
        return Second(t_us=self._t_us, readings={quantity: reading}, channels=dict.fromkeys(_CHANNELS, reason))

    def _value(self) -> float:
        """Of the number that is judged."""
        limits, definition = limits_of(self.engine.profile, self._condition).values(), self._definition
        inside = definition.hysteresis + _STEP
        if definition.rule is Rule.ABOVE:
            return min(limits) - inside if self.is_well else max(limits) + _STEP
        return max(limits) + inside if self.is_well else min(limits) - _STEP

    def _beat(self) -> dsp.Beat:
        return dsp.Beat(
            channel=dsp.Channel.PRESSURE,
            t_us=self._t_us,
            onset_us=self._t_us,
            peak_us=self._t_us,
            interval_us=SECOND_US,
            systolic_mmhg=None,
            diastolic_mmhg=None,
            mean_mmhg=None,
            sqi=1.0,
            accepted=True,
        )


_CHANNELS = (dsp.Channel.PLETH, dsp.Channel.PRESSURE)
