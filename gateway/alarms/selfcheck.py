"""A profile in, what is wrong with the alarm system that runs it out: the way of an alarm from a value to its signal.

A second engine with the same profile is shown a patient who is well, then one who is beyond a limit, then well again.
It has to raise that condition no later than its delay, take an acknowledgement of it, and be quiet in the end.
"""

from __future__ import annotations

import dsp
from gateway.alarms.catalogue import CATALOGUE, Rule
from gateway.alarms.engine import AlarmEngine
from gateway.alarms.evidence import ARMING_SECONDS
from gateway.alarms.hold import SECOND_US, SETTLE_US
from gateway.alarms.profile import Profile
from gateway.alarms.tier import Tier
from gateway.alarms.types import Acknowledge, Alarm, Condition, Presence, Second

_WELL = {
    dsp.Quantity.SYSTOLIC: 120.0,
    dsp.Quantity.DIASTOLIC: 75.0,
    dsp.Quantity.MEAN_PRESSURE: 90.0,
    dsp.Quantity.PULSE_RATE: 70.0,
    dsp.Quantity.SPO2: 98.0,
    dsp.Quantity.RESPIRATION_RATE: 14.0,
}


def self_check(profile: Profile, number: int) -> str:
    """What is wrong, "" if nothing is; the conditions with limits are checked one after the other, by ``number``."""
    checkable = [(c, tier) for c in Condition if (tier := _quickest(profile, c)) is not None]
    if not checkable:
        return "the profile has no limit that could be checked"
    condition, tier = checkable[number % len(checkable)]
    return _check(profile, condition, tier)


def _quickest(profile: Profile, condition: Condition) -> Tier | None:
    """The tier that alarms first on a value far beyond every limit."""
    if CATALOGUE[condition].rule not in (Rule.ABOVE, Rule.BELOW):
        return None
    absolute = [tier for tier in profile.tiers(condition) if tier.limit is not None]
    return min(absolute, key=lambda tier: tier.delay_s, default=None)


def _check(profile: Profile, condition: Condition, tier: Tier) -> str:
    patient = _Patient(AlarmEngine(profile, series="self-check"), condition)
    patient.wait(ARMING_SECONDS)
    if patient.alarm().presence is not Presence.OFF:
        return f"{condition.value}: on without a cause"
    patient.is_beyond = True
    patient.wait(int(tier.delay_s) + 1)
    raised = patient.alarm()
    if raised.presence is not Presence.ON or raised.id is None:
        return f"{condition.value}: not raised within {tier.delay_s:g} s"
    patient.engine.feed(Acknowledge(t_us=patient.t_us, who="self-check", condition=condition, id=raised.id))
    if patient.alarm().presence is not Presence.ACK:
        return f"{condition.value}: an acknowledgement is not taken"
    patient.is_beyond = False
    patient.wait(SETTLE_US // SECOND_US + 1)
    return "" if patient.alarm().presence is Presence.OFF else f"{condition.value}: does not end"


class _Patient:
    """All well but, where it is beyond, for the one number."""

    def __init__(self, engine: AlarmEngine, condition: Condition) -> None:
        self.engine = engine
        self.is_beyond = False
        self.t_us = 0
        self._condition = condition

    def alarm(self) -> Alarm:
        return self.engine.alarm(self._condition)

    def wait(self, seconds: int) -> None:
        for _ in range(seconds):
            self.t_us += SECOND_US
            channels = {dsp.Channel.PLETH: None, dsp.Channel.PRESSURE: None}
            self.engine.feed(Second(t_us=self.t_us, readings=self._readings(), channels=channels))

    def _readings(self) -> dict[dsp.Quantity, dsp.Reading]:
        definition = CATALOGUE[self._condition]
        values = dict(_WELL)
        if self.is_beyond and definition.quantity is not None:
            low, high = definition.bounds
            values[definition.quantity] = high if definition.rule is Rule.ABOVE else low - 1
        return {q: dsp.Measured(value=value, sqi=1.0, newest_us=self.t_us) for q, value in values.items()}
