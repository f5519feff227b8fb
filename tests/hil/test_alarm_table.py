"""The alarm table: short cases are good, and the oracle would notice if they were not."""

from dataclasses import replace

import pytest

import dsp
from gateway.alarm_profiles import load_profile
from gateway.alarms import Condition, Priority
from hil.alarm_cases import CASES
from hil.alarm_oracle import Due, allowed, due
from hil.alarm_table import Row, lines, rows
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
    words = [line.rsplit("|", 2)[1].strip() for line in list(lines(found))[2:]]
    assert words == ["good", "LATE", "LATE", "FALSE"]


def test_the_command_refuses_a_scenario_that_is_no_case(capsys):
    assert main(["alarms", "nowhere"]) == 2
    assert "expected one of" in capsys.readouterr().err
