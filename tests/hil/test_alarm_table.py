"""The alarm table: short cases are good, and the oracle would notice if they were not."""

from dataclasses import replace

import pytest

import dsp
from gateway.alarm_profiles import load_profile
from gateway.alarms import Condition, Priority, Second
from hil import alarm_chain
from hil.alarm_cases import CASES, LinkCase
from hil.alarm_oracle import Due, allowed, due
from hil.alarm_table import Played, Row, _with_doubt, lines, rows
from hil.cli import main
from hil.patient import Patient
from hil.truth import seconds

BY_NAME = {case.scenario: case for case in CASES if len(case.seeds) == 1}


@pytest.mark.parametrize("name", ["fast-desaturation", "vasovagal", "sensor-off"])
def test_every_alarm_of_a_short_case_is_in_time_and_none_is_false(name):
    found = list(rows(BY_NAME[name]))
    assert [row for row in found if not row.is_good] == []
    assert any(row.due for row in found)


def test_the_oracle_owes_what_the_truth_crosses_and_allows_what_it_touches():
    truth = list(seconds(Patient(1, "vasovagal")))
    profile = load_profile("adult")
    owed = {(one.condition, one.priority) for one in due(profile, truth, {})}
    assert owed == {
        (Condition.SYSTOLIC_LOW, Priority.MEDIUM),
        (Condition.MEAN_LOW, Priority.HIGH),
        (Condition.PULSE_RATE_LOW, Priority.MEDIUM),
    }
    touched = allowed(profile, truth, {})
    assert {one for one, _ in owed} <= touched
    assert Condition.SYSTOLIC_HIGH not in touched


def test_relative_limits_of_the_oracle_need_a_baseline():
    truth = [replace(one, systolic=150.0) for one in list(seconds(Patient(1, "vasovagal")))[:120]]
    profile = load_profile("adult")
    assert Condition.SYSTOLIC_HIGH not in {one.condition for one in due(profile, truth, {})}
    owed = due(profile, truth, {dsp.Quantity.SYSTOLIC: 110.0})
    [relative] = [one for one in owed if one.condition is Condition.SYSTOLIC_HIGH]
    assert (relative.since_s, relative.by_s, relative.why) == (1, 1 + 60 + 9 + 1, "140")


def test_a_late_alarm_and_a_false_one_are_seen():
    one = Due(condition=Condition.PULSE_LOST, priority=Priority.HIGH, since_s=10, by_s=17)
    case = BY_NAME["vasovagal"]
    found = [
        Row(case=case, seed=1, due=one, raised_s=17.0),
        Row(case=case, seed=1, due=one, raised_s=18.0),
        Row(case=case, seed=1, due=one),
        Row(case=case, seed=1, due=None),
        Row(case=case, seed=1, due=None, others=("spo2-low at 3 s",)),
    ]
    assert [row.is_good for row in found] == [True, False, False, True, False]
    table = list(lines(found))
    assert [line.rsplit("|", 2)[1].strip() for line in table[2:-2]] == ["good", "LATE", "LATE", "FALSE"]
    assert table[-1] == "1 chairs, 3 alarms due, 3 late or false."


def test_a_doubtful_number_may_be_told_later_by_what_is_disclosed():
    chair = Played()
    assert _with_doubt(_SYSTOLIC, chair) == _SYSTOLIC
    reading = dsp.Measured(value=85.0, sqi=0.5, newest_us=0, reasons=(dsp.Reason.ARTIFACT,))
    for t_s in (99, 136):
        chair.note(Second(t_us=t_s * 1_000_000, readings={dsp.Quantity.SYSTOLIC: reading}, channels={}))
        assert _with_doubt(_SYSTOLIC, chair) == _SYSTOLIC
    for number, t_s in enumerate((100, 135, 110, *range(111, 125)), 1):
        chair.note(Second(t_us=t_s * 1_000_000, readings={dsp.Quantity.SYSTOLIC: reading}, channels={}))
        late = _with_doubt(_SYSTOLIC, chair)
        assert (late.since_s, late.by_s, late.why) == (100, 125 + min(10, number), "doubtful")
    case = BY_NAME["vasovagal"]
    [line] = [text for text in lines([Row(case=case, seed=1, due=late, raised_s=135.0)]) if text.startswith("| g")]
    assert line == "| g | vasovagal, adult | 1 | systolic-low, medium | 100 | 135 (doubtful) | 135 | good |"


_SYSTOLIC = Due(condition=Condition.SYSTOLIC_LOW, priority=Priority.MEDIUM, since_s=100, by_s=125)


def test_chairs_at_once_are_as_each_alone():
    case = replace(BY_NAME["fast-desaturation"], seeds=(1, 4))
    together = list(rows(case))
    alone = list(rows(replace(case, seeds=(4,))))
    assert [(r.due, r.raised_s, r.others) for r in together if r.seed == 4] == [
        (r.due, r.raised_s, r.others) for r in alone
    ]
    assert list(lines(together))[-1] == f"2 chairs, {len(together) - 2} alarms due, 0 late or false."


@pytest.mark.parametrize("fault", [{"is_power_lost": True, "to_s": 19}, {"leap_s": -30}, {"lost_share": 0.3}])
def test_a_fault_of_the_link_is_one_alarm_in_time_through_the_whole_chain(fault):
    [name] = {name for name in fault if name != "to_s"}
    due_of = {
        "is_power_lost": Condition.LINK_LOST,
        "leap_s": Condition.CLOCK_FAULT,
        "lost_share": Condition.LINK_NOISE,
    }
    allowed = (Condition.BOARD_RECOVERED,) if name == "is_power_lost" else ()
    times = {"from_s": 14, "to_s": 22, "end_s": 24}
    case = LinkCase(title="a fault", **(times | fault), due=(due_of[name],), allowed=allowed)
    found = list(alarm_chain.rows(case))
    assert [row.is_good for row in found] == [True, True], found
    assert found[0].due.condition is due_of[name]


def test_a_broker_that_is_gone_is_told_and_nothing_else():
    case = LinkCase(title="gone", from_s=3, to_s=12, end_s=14, due=(Condition.BROKER_LOST,), is_broker_lost=True)
    found = list(alarm_chain.rows(case))
    assert [row.is_good for row in found] == [True, True], found


def test_the_command_refuses_a_scenario_that_is_no_case(capsys):
    assert main(["alarms", "nowhere"]) == 2
    assert "expected one of" in capsys.readouterr().err
