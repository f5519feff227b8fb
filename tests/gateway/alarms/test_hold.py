"""Delay, hysteresis, severity times time: dense at the limit and its delay, both sides, on and off."""

import pytest

from gateway.alarms.hold import Hold, Missing, Observation
from tests.gateway.alarms.chair import tier

S = 1_000_000


def seen(beyond, *, back=None, value=None, limit=100.0, doubtful=False, urgent=False):
    return Observation(
        is_beyond=beyond,
        is_back=not beyond if back is None else back,
        value=value,
        limit=limit,
        is_doubtful=doubtful,
        is_urgent=urgent,
    )


def held_after(hold, observations):
    """Seconds, from 1, after which the tier held."""
    out = []
    for second, one in enumerate(observations, 1):
        hold.feed(second * S, one)
        if hold.is_held:
            out.append(second)
    return out


@pytest.mark.parametrize("delay", [0, 1, 3, 10])
def test_it_holds_when_it_has_been_beyond_for_exactly_its_delay(delay):
    assert held_after(Hold(tier=tier("high", limit=100, delay_s=delay)), [seen(True)] * 15) == list(
        range(delay + 1, 16)
    )


def test_one_second_inside_begins_again():
    hold = Hold(tier=tier("high", limit=100, delay_s=3))
    assert held_after(hold, [seen(True)] * 3 + [seen(False)] + [seen(True)] * 4) == [8]


def test_a_second_within_the_hysteresis_begins_again_too():
    hold = Hold(tier=tier("high", limit=100, delay_s=2))
    assert held_after(hold, [seen(True)] * 2 + [seen(False, back=False)] + [seen(True)] * 3) == [6]


def test_it_ends_after_five_seconds_back_and_not_within_the_hysteresis():
    hold = Hold(tier=tier("high", limit=100))
    course = [seen(True)] + [seen(False, back=False)] * 20 + [seen(False)] * 8
    assert held_after(hold, course)[-1] == 26  # back from 22 on: over at 27
    assert hold.limit is None
    assert held_after(hold, [seen(True)]) == [1]


@pytest.mark.parametrize("between", [seen(True), seen(False, back=False), seen(False, doubtful=True)])
def test_whatever_is_not_surely_back_begins_the_five_seconds_again(between):
    hold = Hold(tier=tier("high", limit=100))
    course = [seen(True), *[seen(False)] * 4, between, *[seen(False)] * 5]
    assert held_after(hold, course) == list(range(1, 12))
    hold.feed(12 * S, seen(False))
    assert not hold.is_held


def test_a_doubtful_value_needs_ten_seconds_more_and_a_sure_one_does_not():
    assert held_after(Hold(tier=tier("high", limit=100, delay_s=3)), [seen(True, doubtful=True)] * 16) == [14, 15, 16]
    mixed = [seen(True, doubtful=True)] * 5 + [seen(True)]
    assert held_after(Hold(tier=tier("high", limit=100, delay_s=3)), mixed) == [6]


def test_a_doubtful_value_inside_ends_a_run_that_has_not_held_yet():
    hold = Hold(tier=tier("high", limit=100, delay_s=2))
    assert held_after(hold, [seen(True), seen(True), seen(False, doubtful=True), seen(True), seen(True)]) == []


def test_an_urgent_one_holds_at_once():
    assert held_after(Hold(tier=tier("high", delay_s=60)), [seen(True, urgent=True)]) == [1]
    assert held_after(Hold(tier=tier("high", delay_s=60)), [seen(False, urgent=True)] * 3) == []


def test_three_seconds_without_data_are_bridged_and_more_are_not():
    bridged = [seen(True), *[Missing.DATA] * 3, seen(True)]
    assert held_after(Hold(tier=tier("high", limit=100, delay_s=4)), bridged) == [5]
    forgotten = [seen(True), *[Missing.DATA] * 4, seen(True)]
    hold = Hold(tier=tier("high", limit=100, delay_s=4))
    assert held_after(hold, forgotten) == []
    assert hold.since_us == 5 * S  # of six seconds two were judged


def test_data_that_are_gone_never_end_what_holds():
    hold = Hold(tier=tier("high", limit=100))
    assert held_after(hold, [seen(True)] + [Missing.DATA] * 600) == list(range(1, 602))
    assert hold.limit == 100.0


def test_data_that_are_gone_begin_the_five_seconds_again():
    hold = Hold(tier=tier("high", limit=100))
    course = [seen(True), *[seen(False)] * 3, *[Missing.DATA] * 4, *[seen(False)] * 5]
    assert held_after(hold, course) == list(range(1, 14))
    hold.feed(14 * S, seen(False))
    assert not hold.is_held


def test_three_seconds_without_data_do_not_begin_the_five_seconds_again():
    hold = Hold(tier=tier("high", limit=100))
    course = [seen(True), *[seen(False)] * 3, *[Missing.DATA] * 3, seen(False)]
    assert held_after(hold, course) == list(range(1, 8))


def test_what_is_not_watched_any_more_does_not_hold():
    hold = Hold(tier=tier("high", limit=100, delay_s=2))
    assert held_after(hold, [seen(True)] * 3 + [Missing.SETTING]) == [3]
    assert (hold.limit, hold.judged_us) == (None, None)


def test_what_is_watched_again_begins_from_nothing():
    for severe in ([seen(True, value=83.0, limit=90.0)] * 7, [seen(True, value=89.0, limit=90.0), seen(False)] * 2):
        hold = Hold(tier=tier("medium", **SEVERE))
        assert held_after(hold, [*severe, Missing.SETTING, seen(True, value=89.0, limit=90.0)]) == []
    hold = Hold(tier=tier("high", limit=100, delay_s=2))
    assert held_after(hold, [*[seen(True)] * 2, Missing.SETTING, *[seen(True)] * 3]) == [6]


def test_the_limit_it_crossed_is_kept_while_it_holds():
    hold = Hold(tier=tier("high", drop=10, window_s=60))
    hold.feed(S, seen(True, value=86, limit=88.0))
    hold.feed(2 * S, seen(True, value=70, limit=80.0))
    assert hold.limit == 88.0


SEVERE = {"limit": 90, "delay_s": 30, "point_seconds": 50}


@pytest.mark.parametrize(("depth", "second"), [(1, 31), (2, 25), (5, 10), (10, 5), (25, 2), (50, 1)])
def test_severity_times_time_is_sooner_than_the_delay(depth, second):
    hold = Hold(tier=tier("medium", **SEVERE))
    assert held_after(hold, [seen(True, value=90.0 - depth, limit=90.0)] * 40)[0] == second


@pytest.mark.parametrize("between", [[seen(False)], [Missing.DATA] * 61], ids=["inside", "a minute without data"])
def test_points_are_counted_anew(between):
    hold = Hold(tier=tier("medium", **SEVERE))
    deep = [seen(True, value=83.0, limit=90.0)] * 7  # 49 points
    course = [*deep, *between, *deep]
    assert held_after(hold, [*course, deep[0]]) == [len(course) + 1]


def test_what_has_no_number_has_no_points():
    for value, limit in ((None, 90.0), (50.0, None)):
        hold = Hold(tier=tier("medium", **SEVERE))
        assert held_after(hold, [seen(True, value=value, limit=limit)] * 3) == []
        assert hold.points == 0


def test_doubtful_points_do_not_count():
    hold = Hold(tier=tier("medium", **SEVERE))
    assert held_after(hold, [seen(True, value=60.0, limit=90.0, doubtful=True)] * 3) == []
    assert held_after(hold, [seen(True, value=80.0, limit=90.0)] * 5) == [5]
    assert hold.points == 50.0


def test_three_violations_within_a_minute_alarm_like_a_long_one():
    hold = Hold(tier=tier("medium", **SEVERE))
    dip = [seen(True, value=89.0, limit=90.0), seen(False)]
    assert held_after(hold, [*dip, *[seen(False)] * 10, *dip, *[seen(False)] * 10, *dip]) == [25, 26]


def test_the_third_violation_counts_up_to_the_last_second_of_the_minute():
    for gap, expected in ((56, [61]), (57, [])):
        hold = Hold(tier=tier("medium", **SEVERE))
        dip = seen(True, value=89.0, limit=90.0)
        course = [dip, seen(False), dip, *[seen(False)] * gap, dip]  # from second 1 to 60 or 61
        course = [dip, seen(False), dip, *[seen(False)] * gap, dip]
        assert held_after(hold, course) == ([60] if expected else []), gap


def test_a_rule_without_severity_does_not_count_violations():
    hold = Hold(tier=tier("medium", limit=90, delay_s=30))
    assert held_after(hold, [seen(True, value=50.0, limit=90.0), seen(False)] * 10) == []


def test_a_doubtful_third_violation_does_not_alarm():
    hold = Hold(tier=tier("medium", **SEVERE))
    dip = [seen(True, value=89.0, limit=90.0), seen(False)]
    assert held_after(hold, [*dip, *dip, seen(True, value=89.0, limit=90.0, doubtful=True)]) == []


def test_a_delay_is_counted_in_judged_seconds_where_data_come_and_go():
    hold = Hold(tier=tier("high", limit=100, delay_s=10))
    course = [*[Missing.DATA] * 4, *[seen(True)] * 9] * 2
    assert held_after(hold, course)[0] == 19  # nine seconds, then two


def test_a_minute_without_data_forgets_what_was_beyond():
    for missing, expected in ((60, [63]), (61, [])):
        hold = Hold(tier=tier("high", limit=100, delay_s=2))
        course = [seen(True)] * 2 + [Missing.DATA] * missing + [seen(True)]
        assert held_after(hold, course) == expected, missing


def test_doubtful_values_back_inside_end_it_after_fifteen_seconds():
    hold = Hold(tier=tier("high", limit=100))
    assert held_after(hold, [seen(True)] + [seen(False, doubtful=True)] * 20) == list(range(1, 17))
    hold = Hold(tier=tier("high", limit=100))
    interrupted = [seen(True), *[seen(False, doubtful=True)] * 14, seen(True), *[seen(False, doubtful=True)] * 15]
    assert held_after(hold, interrupted) == list(range(1, 32))


@pytest.mark.parametrize("doubtful", [False, True])
def test_what_held_before_a_restart_ends_when_it_has_been_back_for_as_long_as_ever(doubtful):
    hold = Hold(tier=tier("high", limit=100), is_held=True)
    settle_s = 15 if doubtful else 5
    for second in range(100, 101 + settle_s):
        assert hold.is_held, second
        hold.feed(second * S, seen(False, doubtful=doubtful))
    assert not hold.is_held
