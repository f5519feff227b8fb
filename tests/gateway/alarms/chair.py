"""A chair in words: seconds of plain readings into an alarm engine, and what came out."""

import functools

import dsp
from gateway.alarm_profiles import load_profile
from gateway.alarms import (
    Acknowledge,
    AlarmEngine,
    AlarmOff,
    Answer,
    AudioPause,
    Condition,
    Fact,
    Priority,
    Profile,
    Second,
    Tier,
    Transition,
)

SECOND_US = 1_000_000
Q = dsp.Quantity
NORMAL = {
    Q.SYSTOLIC: 120.0,
    Q.DIASTOLIC: 75.0,
    Q.MEAN_PRESSURE: 90.0,
    Q.PULSE_RATE: 70.0,
    Q.SPO2: 97.0,
}
PRESSURES = (Q.SYSTOLIC, Q.DIASTOLIC, Q.MEAN_PRESSURE)
NO_CHANNEL = dsp.Unavailable(reason=dsp.Reason.NO_CHANNEL)


@functools.cache
def adult():
    """The shipped default."""
    return load_profile("adult")


def profile(**conditions):
    """A profile of a few conditions, beside those of the default that may not be left out."""
    default = adult()
    needed = {c: t for c, t in default.conditions.items() if c.value not in _PHYSIOLOGICAL - {"pulse-lost"}}
    given = {Condition(name.replace("_", "-")): tuple(tiers) for name, tiers in conditions.items()}
    return Profile(format=1, name="test", version="1", conditions={**needed, **given})


_PHYSIOLOGICAL = {c.value for c in list(Condition)[: list(Condition).index(Condition.LINK_LOST)]}


def tier(priority, **fields):
    return Tier(priority=Priority(priority), source="a test", **fields)


class Chair:
    """One engine, second by second. What is not given is normal; ``None`` is unavailable for want of a signal."""

    def __init__(self, engine=None, *, t_s=0, armed=True):
        self.engine = engine or AlarmEngine(adult(), series="b")
        self.t_s = t_s
        self.out = []
        if armed:
            self.wait(12)

    @property
    def t_us(self):
        return self.t_s * SECOND_US

    def wait(self, seconds=1, *, beat_s=0.8, channels=None, reasons=None, sqi=1.0, absent=(), **values):
        """Let seconds pass with these readings; return what the last of them brought."""
        new = []
        for _ in range(seconds):
            self.t_s += 1
            if beat_s is not None:
                self.beats(beat_s)
            new = self.feed(self.second(channels, reasons or {}, sqi, absent, values))
        return new

    def beats(self, interval_s, *, accepted=True, channel=dsp.Channel.PRESSURE, sqi=1.0):
        """The beats of the second that ends now."""
        count = max(1, round(1 / interval_s))
        for k in range(count):
            at_us = self.t_us - round((count - 1 - k) * interval_s * SECOND_US)
            self.engine.feed(beat(at_us, interval_s, accepted=accepted, channel=channel, sqi=sqi))

    def second(self, channels, reasons, sqi, absent, values):
        readings = {}
        for quantity, normal in NORMAL.items():
            value = values.get(quantity.value, normal)
            reason = reasons.get(quantity.value)
            doubts = (reason,) if reason and value is not None else ()
            readings[quantity] = (
                dsp.Measured(value=value, sqi=sqi, newest_us=self.t_us, reasons=doubts)
                if value is not None
                else dsp.Unavailable(reason=reason or dsp.Reason.FLAT)
            )
        for name in absent:
            readings[Q(name)] = NO_CHANNEL
        usual = {dsp.Channel.PLETH: None, dsp.Channel.PRESSURE: None}
        return Second(t_us=self.t_us, readings=readings, channels=usual if channels is None else channels)

    def feed(self, event):
        new = self.engine.feed(event)
        self.out += new
        return new

    def fact(self, condition, is_present=True, detail="", seconds=1):
        self.feed(Fact(t_us=self.t_us, condition=Condition(condition), is_present=is_present, detail=detail))
        return self.wait(seconds)

    def acknowledge(self, condition, alarm_id=None, who="nurse"):
        named = alarm_id or self.alarm(condition).id or "none"
        return self.feed(Acknowledge(t_us=self.t_us, who=who, condition=Condition(condition), id=named))

    def switch(self, condition, is_off, who="nurse"):
        return self.feed(AlarmOff(t_us=self.t_us, who=who, condition=Condition(condition), is_off=is_off))

    def pause(self, seconds, who="nurse"):
        return self.feed(AudioPause(t_us=self.t_us, who=who, seconds=seconds))

    def alarm(self, condition):
        return self.engine.alarm(Condition(condition))

    def presence(self, condition):
        return self.alarm(condition).presence.value

    def sounding(self):
        """Ids of conditions that are not off."""
        return {a.condition.value for a in self.engine.alarms() if a.presence.value != "off"}

    def changes(self, condition=None):
        """Transitions so far, in words."""
        return [
            t.change.value
            for t in self.out
            if isinstance(t, Transition) and condition in (None, t.alarm.condition.value)
        ]


def beat(t_us, interval_s=0.8, *, accepted=True, channel=dsp.Channel.PRESSURE, sqi=1.0):
    return dsp.Beat(
        channel=channel,
        t_us=t_us,
        onset_us=t_us,
        peak_us=t_us,
        interval_us=round(interval_s * SECOND_US),
        systolic_mmhg=None,
        diastolic_mmhg=None,
        mean_mmhg=None,
        sqi=sqi,
        accepted=accepted,
    )


def answer(out):
    """The one answer to a command."""
    [found] = [one for one in out if isinstance(one, Answer)]
    return found
