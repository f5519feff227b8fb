"""Any course of values, lost data, commands and restarts, against what must always hold.

A course is a string of bytes, each one step. What must always hold: a condition of high priority that is known to hold
has a signal, or a person has switched it off; no value that was measured before a loss of data raises anything; nothing
is acknowledged that was not named; a pause ends.
"""

import functools

from hypothesis import given, settings
from hypothesis import strategies as st

import dsp
from gateway.alarms import (
    Acknowledge,
    AlarmEngine,
    AlarmOff,
    Answer,
    Attended,
    AudioPause,
    ChangeLimits,
    Condition,
    Fact,
    Presence,
    Priority,
    Profile,
    Second,
    Transition,
    Truth,
)
from tests.gateway.alarms.chair import adult, tier

S = 1_000_000
Q, R, C = dsp.Quantity, dsp.Reason, dsp.Channel
HIGH, LOW, DROP, LINK, SIGNAL = (
    Condition.SYSTOLIC_HIGH,
    Condition.SPO2_LOW,
    Condition.DESATURATION,
    Condition.LINK_LOST,
    Condition.NO_PRESSURE_SIGNAL,
)
WATCHED = (HIGH, LOW, DROP, LINK, SIGNAL)
SYSTOLIC = (None, 120.0, 159.0, 165.0, 185.0)
SPO2 = (None, 97.0, 91.0, 89.0, 82.0)
STEPS = 12


@functools.cache
def small():
    """Few conditions, short delays: each of them is reached within some steps."""
    tiers = {
        HIGH: (tier("medium", limit=160, delay_s=2), tier("high", limit=180)),
        LOW: (tier("high", limit=90, delay_s=1),),
        DROP: (tier("high", drop=10, window_s=20),),
        LINK: (tier("high"),),
        SIGNAL: (tier("medium", delay_s=2),),
    }
    return Profile(format=1, name="small", version="1", conditions=tiers)


class Course:
    """Plays the bytes, and checks after each of them."""

    def __init__(self):
        self.engine = AlarmEngine(small(), series="m")
        self.engine.feed(Attended(t_us=-30 * S, is_attended=True, who="nurse"))
        self.t_us = 0
        self.systolic, self.spo2, self.is_linked = 120.0, 97.0, True
        self.pause_until_us = 0
        self.off_by = set()  # conditions that a person has switched off
        self.ids = {}
        self.measured_us = {}
        self.now = self.alarms()
        self.second()

    def play(self, data):
        for byte in data:
            verb, value = byte % 16, byte // 16
            if verb < 5:
                self.systolic = SYSTOLIC[verb]
                self.seconds(value % 4 + 1)
            elif verb < 10:
                self.spo2 = SPO2[verb - 5]
                self.seconds(value % 4 + 1)
            else:
                (self.acknowledge, self.pause, self.switch, self.limit, self.restart, self.link)[verb - 10](value)
                self.now = self.alarms()

    # Steps

    def seconds(self, count):
        for _ in range(count):
            self.second()

    def second(self):
        self.t_us += S
        values = {Q.SYSTOLIC: self.systolic, Q.SPO2: self.spo2}
        readings = {
            q: dsp.Unavailable(reason=R.FLAT) if v is None else dsp.Measured(value=v, sqi=1.0, newest_us=self.t_us)
            for q, v in values.items()
        }
        for quantity, value in values.items():
            if value is not None:
                self.measured_us[quantity] = self.t_us
        channels = {C.PLETH: None if self.spo2 else R.FLAT, C.PRESSURE: None if self.systolic else R.FLAT}
        before = self.now
        out = self.engine.feed(Second(t_us=self.t_us, readings=readings, channels=channels))
        self.now = self.alarms()
        self.check(out, before, values)

    def acknowledge(self, value):
        condition = WATCHED[value % len(WATCHED)]
        before = self.now
        is_current = value < 10
        name = before[condition].id if is_current else "m-0"
        out = self.engine.feed(Acknowledge(t_us=self.t_us, who="nurse", condition=condition, id=name or "none"))
        after = self.alarms()
        assert is_current or not answer(out).accepted
        for other in WATCHED:
            if other is not condition or not is_current:
                assert after[other] == before[other]

    def pause(self, value):
        seconds = (0, 1, 5, 120, 121, -1)[value % 6]
        given = answer(self.engine.feed(AudioPause(t_us=self.t_us, who="nurse", seconds=seconds)))
        assert not given.accepted or 0 <= seconds <= 120
        if given.accepted:
            self.pause_until_us = self.t_us + seconds * S

    def switch(self, value):
        condition, is_off = WATCHED[value % len(WATCHED)], value % 2 == 0
        self.engine.feed(AlarmOff(t_us=self.t_us, who="nurse", condition=condition, is_off=is_off))
        (self.off_by.add if is_off else self.off_by.discard)(condition)

    def limit(self, value):
        medium = 130.0 + 5 * value
        given = self.engine.feed(
            ChangeLimits(t_us=self.t_us, who="nurse", condition=HIGH, limits={Priority.MEDIUM: medium})
        )
        assert answer(given).accepted is False or medium <= 180

    def restart(self, value):
        elapsed_us = value * 10 * S
        before, state = self.now, self.engine.snapshot()
        self.engine = AlarmEngine.restore(small(), state, series="c", t_us=-elapsed_us)
        self.pause_until_us += -elapsed_us - self.t_us
        self.t_us = 0
        self.measured_us = {}
        for condition, alarm in self.alarms().items():
            old = before[condition]
            assert (alarm.id, alarm.presence, alarm.acknowledged_by) == (old.id, old.presence, old.acknowledged_by)
            assert alarm.truth is Truth.UNKNOWN
            assert alarm.value is None
        self.link(0 if self.is_linked else 1)  # facts are told again by who found them

    def link(self, value):
        self.is_linked = value % 2 == 0
        self.engine.feed(Fact(t_us=self.t_us, condition=LINK, is_present=not self.is_linked))

    # What must always hold

    def check(self, out, before, values):
        after = self.now
        self.no_high_condition_without_a_signal(after, values)
        self.no_old_value_raises(out, after, values)
        self.nobody_acknowledged(before, after)
        self.pauses_end(after)

    def no_high_condition_without_a_signal(self, after, values):
        for condition, alarm in after.items():
            if alarm.truth is Truth.PRESENT and condition not in self.off_by:
                assert alarm.presence in (Presence.ON, Presence.ACK), condition
            if condition in self.off_by:
                assert alarm.presence is Presence.OFF
                assert alarm.inactivated_by == "nurse"
        # What is beyond a limit without a delay is known to hold, whatever the engine says.
        beyond = {HIGH: (values[Q.SYSTOLIC] or 0) >= 180, LINK: not self.is_linked}
        for condition, is_beyond in beyond.items():
            if is_beyond and condition not in self.off_by:
                assert after[condition].truth is Truth.PRESENT
                assert after[condition].presence in (Presence.ON, Presence.ACK)
                assert after[condition].priority is Priority.HIGH

    def no_old_value_raises(self, out, after, values):
        source = {HIGH: Q.SYSTOLIC, LOW: Q.SPO2, DROP: Q.SPO2}
        for one in out:
            assert isinstance(one, Transition)
            quantity = source.get(one.alarm.condition)
            if quantity is not None and one.change.value in ("raised", "priority risen", "known again"):
                assert values[quantity] is not None
        for condition, quantity in source.items():
            alarm = after[condition]
            assert alarm.value is None or alarm.value == values[quantity]
            if self.t_us - self.measured_us.get(quantity, -(10**12)) > 3 * S:
                assert alarm.truth is Truth.UNKNOWN

    def nobody_acknowledged(self, before, after):
        for condition, alarm in after.items():
            if alarm.presence is Presence.ACK:
                assert before[condition].presence is Presence.ACK
                assert before[condition].id == alarm.id

    def pauses_end(self, after):
        now = self.engine.annunciation()
        assert now.paused_s <= 120
        loud = [a for a in after.values() if a.presence in (Presence.ON, Presence.LATCHED)]
        if self.t_us >= self.pause_until_us:
            assert now.paused_s == 0
            assert (now.sound is not None) == bool(loud)

    def alarms(self):
        return {condition: self.engine.alarm(condition) for condition in WATCHED}


def answer(out):
    return next(one for one in out if isinstance(one, Answer))


# Five courses an example: making an example costs more than playing it.
@given(st.tuples(*[st.binary(min_size=1, max_size=STEPS)] * 5))
@settings(max_examples=1000, deadline=None, derandomize=True)
def test_whatever_happens_nothing_is_silent_repeated_or_acknowledged_unasked(courses):
    for data in courses:
        Course().play(data)


def test_a_course_reaches_every_state():
    """The steps are strong enough: one long course sees every presence, truth and change."""
    seen = set()
    course = Course()
    for k in range(1500):
        course.play(bytes([(k * 89 + (k // 7) * 13) % 256]))
        for alarm in course.alarms().values():
            seen |= {alarm.presence, alarm.truth, alarm.priority}
    assert seen >= {*Presence, *Truth, Priority.MEDIUM, Priority.HIGH}


def test_the_profile_of_the_model_is_like_the_shipped_one():
    assert set(small().conditions) <= set(adult().conditions)
