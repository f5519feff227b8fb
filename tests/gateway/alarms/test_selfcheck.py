"""The self-check finds a broken way from a value to its signal, and nothing else."""

from dataclasses import replace

import msgspec
import pytest

import dsp
from gateway.alarms import (
    Acknowledge,
    AlarmEngine,
    Annunciation,
    Attended,
    Baseline,
    Change,
    ChangeLimits,
    Condition,
    Presence,
    Priority,
    Second,
    UseProfile,
    faults_of,
)
from gateway.alarms.catalogue import CATALOGUE, Rule
from gateway.alarms.profile import LONGEST_DELAY_S, with_limits
from gateway.alarms.selfcheck import Checked, self_check
from tests.gateway.alarms.chair import Chair, adult, answer, profile, tier

CHECKED = {
    "pulse-lost",
    "spo2-low",
    "systolic-high",
    "systolic-low",
    "diastolic-high",
    "mean-low",
    "pulse-rate-high",
    "pulse-rate-low",
    "respiration-high",
    "respiration-low",
}


def bare(**conditions):
    """A profile of these conditions of the patient alone."""
    return profile(**{"pulse_lost": (), **conditions})


def engine_of(chosen, kind=AlarmEngine):
    return kind(chosen, series="b")


def faults(engine):
    """What is wrong by every check there is."""
    return {checked.fault for number in range(len(CHECKED)) if (checked := self_check(engine, number)).fault}


def test_every_condition_with_a_limit_is_checked_in_turn_and_is_good():
    found = [self_check(engine_of(adult()), number) for number in range(1, len(CHECKED) + 1)]
    assert [checked.fault for checked in found] == [""] * len(CHECKED)
    assert {checked.raised.alarm.condition.value for checked in found} == CHECKED
    for checked in found:
        assert (checked.raised.change, checked.raised.alarm.presence) == (Change.RAISED, Presence.ON)
    assert [checked.raised.id.rsplit("-", 1)[0] for checked in found] == [f"self-check-{k}" for k in range(1, 11)]


def test_a_profile_without_limits_cannot_be_checked():
    expected = Checked(fault="the profile has no limit that could be checked", raised=None)
    assert self_check(engine_of(bare()), 1) == expected


def test_it_leaves_the_running_engine_as_it_was():
    chair = Chair()
    chair.wait(20, systolic=200.0)
    before = chair.engine.snapshot()
    assert faults(chair.engine) == set()
    assert chair.engine.snapshot() == before


@pytest.mark.parametrize("is_acknowledged", [True, False])
@pytest.mark.parametrize("is_lost", [True, False])
def test_what_the_running_engine_has_is_no_fault(is_acknowledged, is_lost):
    chair = Chair(AlarmEngine(with_limits(adult(), Condition.PULSE_LOST, {Priority.HIGH: 5.0}), series="b"))
    chair.wait(20, systolic=200.0, diastolic=40.0, mean_pressure=50.0, pulse_rate=30.0, spo2=70.0, beat_s=None)
    assert {"systolic-high", "pulse-lost", "spo2-low", "mean-low", "pulse-rate-low"} <= chair.sounding()
    for name in chair.sounding() if is_acknowledged else ():
        chair.acknowledge(name)
    if is_lost:
        chair.wait(10, systolic=None, diastolic=None, mean_pressure=None, pulse_rate=None, spo2=None, beat_s=None)
    chair.switch("systolic-high", is_off=True)
    chair.pause(120)
    assert faults(chair.engine) == set()


def test_nobody_in_the_chair_is_no_fault():
    chair = Chair()
    chair.feed(Attended(t_us=chair.t_us, is_attended=False, who="nurse"))
    chair.wait(2)
    assert faults(chair.engine) == set()


@pytest.mark.parametrize(
    ("condition", "limits"),
    [
        ("pulse-rate-low", {"medium": 72.0}),
        ("systolic-low", {"medium": 125.0, "high": 80.0}),
        ("respiration-low", {"medium": 15.0}),
        ("spo2-low", {"low": 99.0}),
        ("diastolic-high", {"medium": 60.0, "high": 160.0}),
        ("pulse-rate-high", {"low": 70.0}),
        ("pulse-lost", {"high": 10.0}),
    ],
)
def test_limits_that_are_unusual_and_allowed_are_no_fault(condition, limits):
    changed = with_limits(adult(), Condition(condition), {Priority(name): value for name, value in limits.items()})
    assert faults_of(changed) == []
    assert faults(engine_of(changed)) == set()


@pytest.mark.parametrize("delay_s", [0.0, 0.1, 2.5, LONGEST_DELAY_S])
def test_delays_that_are_unusual_and_allowed_are_no_fault(delay_s):
    tiers = {
        condition: tuple(msgspec.structs.replace(one, delay_s=delay_s) for one in tiers)
        for condition, tiers in adult().conditions.items()
        if CATALOGUE[condition].rule in (Rule.ABOVE, Rule.BELOW)
    }
    changed = msgspec.structs.replace(adult(), conditions={**adult().conditions, **tiers})
    assert faults_of(changed) == []
    assert faults(engine_of(changed)) == set()


def test_limits_changed_at_run_time_are_the_ones_that_are_checked():
    chair = Chair()
    change = ChangeLimits(t_us=chair.t_us, who="n", condition=Condition.SYSTOLIC_HIGH, limits={Priority.MEDIUM: 150.0})
    assert answer(chair.feed(change)).accepted
    raised = [self_check(chair.engine, number).raised.alarm for number in range(len(CHECKED))]
    assert [one.limit for one in raised if one.condition is Condition.SYSTOLIC_HIGH] == [180.0]  # the quicker one
    one = profile(systolic_high=[tier("medium", limit=150)])
    chair.feed(UseProfile(t_us=chair.t_us, who="n", profile=one))
    [alarm] = [self_check(chair.engine, 5).raised.alarm]
    assert (alarm.limit, alarm.value) == (150.0, 151.0)


class _Broken(AlarmEngine):
    """An engine that loses one kind of input; its copies are as broken."""

    ignored: type = Second

    @classmethod
    def restore(cls, chosen, state, *, series, t_us):
        engine = super().restore(chosen, state, series=series, t_us=t_us)
        engine.__class__ = cls
        return engine

    def copy(self, *, series):
        engine = super().copy(series=series)
        engine.__class__ = type(self)
        return engine

    def feed(self, event):
        return [] if isinstance(event, self.ignored) else super().feed(event)


@pytest.mark.parametrize(
    ("ignored", "expected"),
    [(Second, "systolic-high: not raised within 1 s"), (Acknowledge, "systolic-high: an acknowledgement is not taken")],
)
def test_what_is_broken_is_said(ignored, expected):
    one = bare(systolic_high=[tier("high", limit=160, delay_s=1)])
    assert self_check(engine_of(one, type("Broken", (_Broken,), {"ignored": ignored})), 0).fault == expected


def test_a_lost_pulse_that_is_not_raised_is_said():
    one = bare(pulse_lost=[tier("high", limit=4)])
    assert self_check(engine_of(one), 0).fault == ""
    deaf = type("Deaf", (_Broken,), {"ignored": Second})
    assert self_check(engine_of(one, deaf), 0).fault == "pulse-lost: not raised within 4 s"


def test_an_alarm_without_a_cause_is_said():
    class _Never(_Broken):
        ignored = ()

        def alarm(self, condition):
            return replace(super().alarm(condition), presence=Presence.ON)

    one = bare(systolic_high=[tier("high", limit=160)])
    assert self_check(engine_of(one, _Never), 0) == Checked(fault="systolic-high: on without a cause", raised=None)


def test_an_alarm_that_nobody_is_told_of_is_said():
    class _Silent(_Broken):
        ignored = ()

        def feed(self, event):
            super().feed(event)
            return []

    one = bare(systolic_high=[tier("high", limit=160)])
    assert self_check(engine_of(one, _Silent), 0).fault == "systolic-high: not raised within 0 s"


def test_an_alarm_that_is_told_and_does_not_stand_is_said():
    class _Gone(_Broken):
        ignored = ()

        def alarm(self, condition):
            return replace(super().alarm(condition), presence=Presence.OFF)

    one = bare(systolic_high=[tier("high", limit=160)])
    checked = self_check(engine_of(one, _Gone), 0)
    assert (checked.fault, checked.raised.change) == ("systolic-high: not raised within 0 s", Change.RAISED)


@pytest.mark.parametrize("delay_s", [0, 3])
def test_an_alarm_that_comes_a_second_late_is_said(delay_s):
    class _Late(_Broken):
        ignored = ()

        def feed(self, event):
            is_first = isinstance(event, Second) and event.t_us == 11_000_000
            return [] if is_first else super().feed(event)

    one = bare(systolic_high=[tier("high", limit=160, delay_s=delay_s)])
    assert self_check(engine_of(one, _Late), 0).fault == f"systolic-high: not raised within {delay_s} s"


def test_a_limit_by_the_baseline_neither_disturbs_nor_hurries_it():
    one = bare(systolic_high=[tier("low", percent=20, bound=130), tier("high", limit=180, delay_s=5)])
    chair = Chair(engine_of(one))
    chair.feed(Baseline(t_us=chair.t_us, values={dsp.Quantity.SYSTOLIC: 120.0}))
    assert self_check(chair.engine, 0).fault == ""


def test_an_alarm_that_does_not_sound_is_said():
    class _Mute(_Broken):
        ignored = ()

        def annunciation(self):
            return Annunciation(light=Priority.HIGH, sound=None, escalation=0, paused_s=0, paused_by=None)

    one = bare(systolic_high=[tier("high", limit=160)])
    assert self_check(engine_of(one, _Mute), 0).fault == "systolic-high: does not sound"


def test_an_alarm_that_does_not_end_is_said():
    class _Sticky(_Broken):
        ignored = ()

        def feed(self, event):
            is_stuck = self.alarm(Condition.SYSTOLIC_HIGH).presence is Presence.ACK
            return [] if isinstance(event, Second) and is_stuck else super().feed(event)

    one = bare(systolic_high=[tier("high", limit=160)])
    assert self_check(engine_of(one, _Sticky), 0).fault == "systolic-high: does not end"


def test_what_is_raised_is_the_condition_that_was_checked():
    one = bare(systolic_high=[tier("high", limit=160)], systolic_rise=[tier("medium", limit=160)])
    conditions = [self_check(engine_of(one), number).raised.alarm.condition for number in range(2)]
    assert conditions == [Condition.SYSTOLIC_HIGH, Condition.SYSTOLIC_RISE]


def test_the_quickest_limit_is_checked_with_its_own_delay():
    one = bare(systolic_high=[tier("medium", limit=160, delay_s=60), tier("high", limit=180)])
    checked = self_check(engine_of(one), 0)
    assert (checked.fault, checked.raised.alarm.priority) == ("", Priority.HIGH)
    assert checked.raised.t_us == 11_000_000


@pytest.mark.parametrize(
    ("name", "fields", "well", "beyond"),
    [
        ("systolic_high", {"limit": 160}, 157.0, 161.0),
        ("systolic_low", {"limit": 90}, 93.0, 89.0),
        ("spo2_low", {"limit": 90}, 92.0, 89.0),
    ],
)
def test_the_patient_is_inside_by_the_hysteresis_and_then_just_beyond(name, fields, well, beyond):
    values, quantity = [], CATALOGUE[Condition(name.replace("_", "-"))].quantity

    class _Seen(_Broken):
        ignored = ()

        def feed(self, event):
            if isinstance(event, Second):
                values.append(event.readings[quantity].value)
            return super().feed(event)

    assert self_check(engine_of(bare(**{name: [tier("high", **fields)]}), _Seen), 0).fault == ""
    assert values == [well] * 10 + [beyond] + [well] * 6


def test_a_reading_of_a_lost_pulse_has_no_pulse_rate():
    rates = []

    class _Seen(_Broken):
        ignored = ()

        def feed(self, event):
            if isinstance(event, Second):
                reading = event.readings[dsp.Quantity.PULSE_RATE]
                rates.append((isinstance(reading, dsp.Measured), set(event.channels.values())))
            return super().feed(event)

    assert self_check(engine_of(bare(pulse_lost=[tier("high", limit=3)]), _Seen), 0).fault == ""
    lost = (False, {dsp.Reason.NO_PULSE})
    assert rates == [(True, {None})] * 10 + [lost] * 4 + [(True, {None})] * 6
