"""The demo's nurse acts when the scenario's patient gets what she says."""

import pytest

from gateway.cli.nurse import SCRIPTS
from gateway.requests import Verb
from gateway.treatment.routes import COURSES, Route
from hil.ketamine import Dose
from hil.scenarios import SCENARIOS


def orders(script):
    return [(step.minute, step.fields["order"]) for step in script if step.verb is Verb.SESSION]


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_doses_when_its_scenario_does(name):
    scenario, script = SCENARIOS[name], orders(SCRIPTS[name])
    doses = [event for event in scenario.episodes if isinstance(event, Dose)]
    assert [minute * 60 for minute, order in script if order["action"] == "dose"] == [dose.start_s for dose in doses]
    route = Route(next(order["route"] for _, order in script if order["action"] == "start"))
    if doses and COURSES[route].is_continuous:
        assert [minute * 60 for minute, order in script if order["action"] == "finish"] == [doses[0].end_s]
    minutes = [step.minute for step in SCRIPTS[name]]
    assert minutes == sorted(minutes)
    assert scenario.duration_s is None or max(minutes) * 60 <= scenario.duration_s


def test_the_scenarios_of_every_kind_of_dose_have_a_nurse():
    dosed = {n for n, s in SCENARIOS.items() if any(isinstance(event, Dose) for event in s.episodes)}
    assert dosed <= set(SCRIPTS)
