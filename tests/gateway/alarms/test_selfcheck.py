"""The self-check finds a broken way from a value to its signal."""

import pytest

from gateway.alarms import Condition, selfcheck
from gateway.alarms.engine import AlarmEngine
from gateway.alarms.selfcheck import self_check
from gateway.alarms.types import Acknowledge, Second
from tests.gateway.alarms.chair import adult, profile, tier


def test_every_condition_with_a_limit_is_checked_in_turn_and_is_good():
    names = set()
    for number in range(12):
        assert self_check(adult(), number) == ""
        names.add(_checked(number))
    assert names == {
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


def _checked(number):
    seen = []
    original = selfcheck._check
    try:
        selfcheck._check = lambda *args: seen.append(args[1].value) or ""
        self_check(adult(), number)
    finally:
        selfcheck._check = original
    return seen[0]


def test_a_profile_without_limits_cannot_be_checked():
    assert self_check(profile(), 1) == "the profile has no limit that could be checked"


class _Broken(AlarmEngine):
    """An engine that loses one kind of input."""

    ignored: type = Second

    def feed(self, event):
        return [] if isinstance(event, self.ignored) else super().feed(event)


@pytest.mark.parametrize(
    ("ignored", "expected"),
    [(Second, "systolic-high: not raised within 1 s"), (Acknowledge, "systolic-high: an acknowledgement is not taken")],
)
def test_what_is_broken_is_said(monkeypatch, ignored, expected):
    monkeypatch.setattr(selfcheck, "AlarmEngine", type("Broken", (_Broken,), {"ignored": ignored}))
    one = profile(systolic_high=[tier("high", limit=160, delay_s=1)])
    assert self_check(one, 0) == expected


def test_an_alarm_without_a_cause_is_said(monkeypatch):
    class _Never(AlarmEngine):
        def __init__(self, _profile, *, series):
            super().__init__(profile(systolic_high=[tier("high", limit=110)]), series=series)

    monkeypatch.setattr(selfcheck, "AlarmEngine", _Never)
    assert self_check(profile(systolic_high=[tier("high", limit=160)]), 0) == "systolic-high: on without a cause"


def test_an_alarm_that_does_not_end_is_said(monkeypatch):
    class _Sticky(AlarmEngine):
        def feed(self, event):
            if isinstance(event, Second) and self.alarm(Condition.SYSTOLIC_HIGH).presence.value == "ack":
                return []
            return super().feed(event)

    monkeypatch.setattr(selfcheck, "AlarmEngine", _Sticky)
    assert self_check(profile(systolic_high=[tier("high", limit=160)]), 0) == "systolic-high: does not end"


def test_the_quickest_limit_is_checked_with_its_own_delay():
    assert self_check(profile(systolic_high=[tier("medium", limit=160, delay_s=60), tier("high", limit=180)]), 0) == ""
