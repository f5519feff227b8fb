"""The simulated treatments, second by second from the patient's own values: phases, advisories and alarms."""

import functools

import msgspec
import pytest

import dsp
from gateway.alarm_profiles import load_profile
from gateway.alarms import AlarmEngine, Baseline, Change, Second, Transition
from gateway.cli.nurse import NAME, SCRIPTS
from gateway.requests import SessionRequest, Verb
from gateway.treatment import Phase, Treatment
from gateway.treatment.records import EventKind
from hil.episodes import level_at
from hil.scenarios import SCENARIOS
from tests.gateway.test_treatment import measured


def readings(level):
    systolic, diastolic = level.systolic_mmhg, level.diastolic_mmhg
    return {
        dsp.Quantity.SYSTOLIC: measured(systolic),
        dsp.Quantity.DIASTOLIC: measured(diastolic),
        dsp.Quantity.MEAN_PRESSURE: measured(diastolic + (systolic - diastolic) / 3),
        dsp.Quantity.PULSE_RATE: measured(level.rate_bpm),
        dsp.Quantity.SPO2: measured(level.spo2_pct),
        dsp.Quantity.RESPIRATION_RATE: measured(level.breaths_bpm),
    }


def order_of(step):
    request = {"id": "request-1", "boot": "b", "t_us": 0, **step.fields}
    return msgspec.json.decode(msgspec.json.encode(request), type=SessionRequest).order


@functools.cache
def played(name):
    """A session with its nurse, second by second."""
    scenario, steps = SCENARIOS[name], list(SCRIPTS[name])
    treatment = Treatment()
    for second in range(1, int(scenario.duration_s)):
        while steps and steps[0].minute * 60 <= second:
            step = steps.pop(0)
            if step.verb is Verb.SESSION:
                assert treatment.order(second * 1000, NAME, order_of(step)) == ""
        treatment.second(second * 1000, readings(level_at(second, scenario.base, scenario.episodes)))
    return treatment


def alarmed(name, baseline, first, last):
    """What the alarms say of some seconds of a scenario: (second, condition, change)."""
    scenario = SCENARIOS[name]
    engine, told = AlarmEngine(load_profile("iv"), series="b"), []
    engine.feed(Baseline(t_us=0, values=baseline))
    channels = dict.fromkeys((dsp.Channel.PLETH, dsp.Channel.PRESSURE))
    for second in range(first, last):
        now = readings(level_at(second, scenario.base, scenario.episodes))
        for output in engine.feed(Second(t_us=second * 1_000_000, readings=now, channels=channels)):
            if isinstance(output, Transition):
                told.append((second, output.alarm.condition.value, output.change))
    return told


def phases(treatment):
    """The phases in order, and the minute after the dose in which each began."""
    began = treatment.state.doses[0].utc_ms
    return {event.phase: (event.utc_ms - began) // 60_000 for event in reversed(treatment.state.events)}


@pytest.mark.parametrize(
    ("name", "last"),
    [("iv", Phase.PEAK), ("iv-surge", Phase.RECOVERY), ("im", Phase.RECOVERY)],
)
def test_a_treatment_goes_through_its_phases_to_where_its_scenario_ends(name, last):
    treatment = played(name)
    assert treatment.state.phase is last
    seen = phases(treatment)
    assert list(seen) == [phase for phase in reversed(Phase) if phase in seen]
    assert {Phase.SCREENING, Phase.BASELINE, Phase.DOSE, Phase.CLIMB, Phase.PEAK} <= set(seen)
    assert treatment.values()[dsp.Quantity.SYSTOLIC] == pytest.approx(122, abs=0.5)


def test_the_usual_response_brings_no_advisory_and_a_surge_brings_one_before_its_alarm():
    assert not [event for event in played("iv").state.events if event.kind is EventKind.ADVISORY]
    surge = played("iv-surge")
    [advised, *_] = [event for event in surge.state.events if event.text.startswith("above-envelope: systolic")]
    at_s = advised.utc_ms // 1000
    told = alarmed("iv-surge", surge.values(), at_s - 120, at_s + 300)
    raised = [second for second, condition, change in told if condition == "systolic-high" and change is Change.RAISED]
    assert raised
    assert at_s < raised[0]
    assert surge.state.peak_rise[dsp.Quantity.SYSTOLIC] > 50
