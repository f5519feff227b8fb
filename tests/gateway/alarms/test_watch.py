"""One condition over time: its document field by field, and what another profile, a loss or a restart makes of it."""

import pytest

import dsp
from gateway.alarms import AlarmEngine, Baseline, Priority, UseProfile
from tests.gateway.alarms.chair import Chair, profile, tier


def small(*tiers):
    given = tiers or (tier("high", limit=160),)
    return Chair(AlarmEngine(profile(systolic_high=given), series="b"))


def test_what_is_found_has_no_number_and_no_limit():
    chair = small()
    [raised] = chair.fact("board-doubtful", detail="bus error")
    alarm = raised.alarm
    assert (alarm.value, alarm.was, alarm.limit, alarm.unit) == (None, None, None, "")


def test_what_is_not_watched_is_unknown_of_low_priority_and_never_absent():
    chair = small()
    chair.wait(1)
    assert chair.alarm("systolic-high").truth.value == "absent"
    other = profile(spo2_low=[tier("high", limit=85)])
    chair.feed(UseProfile(t_us=chair.t_us, who="nurse", profile=other))
    chair.wait(1, systolic=200.0)
    alarm = chair.alarm("systolic-high")
    assert (alarm.truth.value, alarm.presence.value, alarm.priority) == ("unknown", "off", Priority.LOW)
    assert chair.changes() == []


def lost(chair, seconds):
    channels = {dsp.Channel.PLETH: None, dsp.Channel.PRESSURE: dsp.Reason.FLAT}
    chair.wait(seconds, channels=channels, systolic=None, diastolic=None, mean_pressure=None)


def restarted(chair, gone_s):
    state = chair.engine.snapshot()
    return Chair(AlarmEngine.restore(state.configured, state, series="c", t_us=-gone_s * 1_000_000), armed=False)


@pytest.mark.parametrize("gone_s", [None, 10])
def test_an_acknowledged_one_is_let_go_a_minute_after_its_last_loss(gone_s):
    chair = small()
    chair.wait(1, systolic=170.0)
    chair.acknowledge("systolic-high")
    lost(chair, 50)
    chair.wait(70, systolic=170.0)
    lost(chair, 4 + 20)
    if gone_s is not None:
        chair = restarted(chair, gone_s)
    lost(chair, 39 - (gone_s or 0))
    assert (chair.presence("systolic-high"), chair.alarm("systolic-high").truth.value) == ("ack", "unknown")
    lost(chair, 1)
    assert chair.presence("systolic-high") == "off"
    chair.wait(2, systolic=170.0)
    assert chair.changes("systolic-high")[-2:] == ["ended", "raised"]


def test_each_limit_goes_on_with_its_own_run_under_another_profile():
    tiers = (tier("medium", percent=10, bound=120, delay_s=60), tier("medium", percent=50, bound=120, delay_s=5))
    chair = small(*tiers)
    chair.feed(Baseline(t_us=chair.t_us, values={dsp.Quantity.SYSTOLIC: 120.0}))
    chair.wait(30, systolic=140.0)
    chair.feed(UseProfile(t_us=chair.t_us, who="nurse", profile=profile(systolic_high=tiers)))
    chair.wait(5, systolic=190.0)
    assert chair.presence("systolic-high") == "off"
    chair.wait(1, systolic=190.0)
    assert (chair.presence("systolic-high"), chair.alarm("systolic-high").limit) == ("on", 180.0)


def test_of_two_limits_of_one_priority_the_first_is_told():
    chair = small(tier("medium", limit=160), tier("medium", percent=20, bound=100))
    chair.feed(Baseline(t_us=chair.t_us, values={dsp.Quantity.SYSTOLIC: 120.0}))
    chair.wait(1, systolic=150.0)
    assert chair.alarm("systolic-high").limit == 144.0
    chair.wait(1, systolic=170.0)
    assert chair.alarm("systolic-high").limit == 160.0


def test_what_was_measured_last_is_told_over_every_restart():
    chair = small()
    chair.wait(1, systolic=170.0)
    for _ in range(3):
        chair = restarted(chair, 2)
        assert (chair.alarm("systolic-high").value, chair.alarm("systolic-high").was) == (None, 170.0)
        chair.wait(2, systolic=None)


def test_an_acknowledged_one_that_is_not_measured_after_a_restart_is_let_go_a_minute_after_it():
    chair = small()
    chair.wait(1, systolic=170.0)
    chair.acknowledge("systolic-high")
    chair = restarted(chair, 10)
    lost(chair, 49)
    assert chair.presence("systolic-high") == "ack"
    lost(chair, 1)
    assert (chair.presence("systolic-high"), chair.alarm("systolic-high").truth.value) == ("off", "unknown")


@pytest.mark.parametrize(
    ("values", "then", "expected"),
    [
        ([85.0] * 9, [85.0], "on"),  # 50 points times seconds
        ([89.0, 97.0, 89.0, 97.0], [89.0], "on"),  # a third violation
        ([85.0] * 10 + [97.0] * 3, [97.0] * 3, "off"),  # back for five seconds
    ],
)
def test_what_runs_goes_on_under_another_profile(values, then, expected):
    watched = profile(spo2_low=[tier("medium", limit=90, delay_s=30, point_seconds=50)])
    chair = Chair(AlarmEngine(watched, series="b"))
    for value in values:
        chair.wait(1, spo2=value)
    chair.feed(UseProfile(t_us=chair.t_us, who="nurse", profile=watched))
    for value in then:
        chair.wait(1, spo2=value)
    assert chair.presence("spo2-low") == expected


def test_what_is_switched_off_is_counted_on_and_tells_nobody():
    chair = small()
    chair.switch("systolic-high", True)
    revs = [chair.alarm("systolic-high").rev]
    for values in ({"systolic": 170.0}, {}):
        chair.wait(6, **values)
        revs.append(chair.alarm("systolic-high").rev)
    assert revs == [revs[0], revs[0] + 1, revs[0] + 2]
    assert chair.changes("systolic-high") == ["switched off"]


def test_what_is_over_has_no_detail_any_more():
    chair = small()
    chair.fact("board-doubtful", detail="bus error")
    chair.fact("board-doubtful", False, seconds=6)
    assert (chair.presence("board-doubtful"), chair.alarm("board-doubtful").detail) == ("off", "")


@pytest.mark.parametrize("relative", [{"percent": 20, "bound": 100}, {"points": 20, "bound": 100}])
def test_a_relative_limit_goes_on_with_its_run_under_another_profile(relative):
    given = tier("medium", delay_s=60, **relative)
    chair = small(given)
    chair.feed(Baseline(t_us=chair.t_us, values={dsp.Quantity.SYSTOLIC: 120.0}))
    chair.wait(30, systolic=150.0)
    chair.feed(UseProfile(t_us=chair.t_us, who="nurse", profile=profile(systolic_high=[given])))
    chair.wait(31, systolic=150.0)
    assert chair.presence("systolic-high") == "on"
