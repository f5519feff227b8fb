"""The treatment session: every phase and event, baseline, envelope, discharge, and what a restart keeps."""

import itertools

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

import dsp
from gateway.treatment.measured import BASELINE_SECONDS
from gateway.treatment.phases import ACTIVE, TABLE, Phase, PhaseEvent
from gateway.treatment.records import (
    MAX_EVENTS,
    Check,
    Cuff,
    Dose,
    End,
    EventKind,
    Finish,
    GateState,
    Note,
    NurseItem,
    Start,
    Stop,
    Summary,
    Supplement,
    TakeBaseline,
    series_name,
)
from gateway.treatment.routes import COURSES, Route
from gateway.treatment.session import Treatment
from gateway.treatment.state import Stored

START_MS = 1_700_000_000_000
QUIET = {
    dsp.Quantity.SYSTOLIC: 120.0,
    dsp.Quantity.DIASTOLIC: 75.0,
    dsp.Quantity.MEAN_PRESSURE: 90.0,
    dsp.Quantity.PULSE_RATE: 70.0,
    dsp.Quantity.SPO2: 98.0,
    dsp.Quantity.RESPIRATION_RATE: 14.0,
}
PERSON = (
    PhaseEvent.START,
    PhaseEvent.BASELINE,
    PhaseEvent.DOSE,
    PhaseEvent.FINISH,
    PhaseEvent.STOP,
    PhaseEvent.SUPPLEMENT,
    PhaseEvent.END,
)


def measured(value, *reasons):
    return dsp.Measured(value=value, sqi=0.9, newest_us=0, reasons=reasons)


def readings(**changes):
    values = {**QUIET, **{dsp.Quantity(name): value for name, value in changes.items()}}
    return {
        quantity: dsp.Unavailable(reason=dsp.Reason.ARTIFACT) if value is None else measured(value)
        for quantity, value in values.items()
    }


class Run:
    """A session that is given seconds and orders."""

    def __init__(self, treatment=None, now_ms=START_MS):
        self.treatment = treatment or Treatment()
        self.now_ms = now_ms

    def minutes(self, minutes, **changes):
        second = readings(**changes)
        for _ in range(round(minutes * 60)):
            self.now_ms += 1000
            self.treatment.second(self.now_ms, second)
        return self

    def order(self, order, who="nurse-1"):
        refusal = self.treatment.order(self.now_ms, who, order)
        assert refusal == "", refusal
        return self

    @property
    def phase(self):
        return self.treatment.state.phase

    @property
    def advisories(self):
        return {advisory.name: advisory.text for advisory in self.treatment.state.advisories}


def begun(route=Route.INTRAVENOUS, **start):
    """A session with a baseline and a dose."""
    return Run().order(Start(route=route, **start)).order(TakeBaseline()).minutes(2).order(Dose(amount_mg=35))


def test_the_table_names_every_phase_and_every_event():
    assert set(TABLE) == set(itertools.product(Phase, PhaseEvent))


@pytest.mark.parametrize(("phase", "event"), TABLE, ids=lambda one: one.value)
def test_only_a_person_is_refused_and_time_leaves_a_session_that_is_not_running_alone(phase, event):
    after = TABLE[phase, event]
    if event not in PERSON:
        assert after is not None
        if phase not in ACTIVE or phase in (Phase.SCREENING, Phase.BASELINE):
            assert after is phase
    if after is Phase.ENDED:
        assert event is PhaseEvent.END or phase is Phase.ENDED
    if phase in ACTIVE:  # another patient cannot be started over one who is there
        assert TABLE[phase, PhaseEvent.START] is None
        assert TABLE[phase, PhaseEvent.END] is Phase.ENDED


def test_an_intravenous_session_goes_through_its_phases_in_time():
    run = begun()
    seen = []
    for minute in range(95):
        if minute == 40:
            run.order(Finish())
        if minute == 80:
            run.order(Check(items={NurseItem.DISSOCIATION_CLEARED: 1}))
        run.minutes(1)
        if not seen or seen[-1][1] is not run.phase:
            seen.append((minute, run.phase))
    assert seen == [
        (0, Phase.DOSE),
        (4, Phase.CLIMB),
        (29, Phase.PEAK),
        (49, Phase.RECOVERY),
        (80, Phase.DISCHARGE),
    ]
    run.order(End())
    assert run.phase is Phase.ENDED
    kinds = [event.kind for event in run.treatment.state.events if event.who == "nurse-1"]
    assert kinds == [
        EventKind.START,
        EventKind.BASELINE,
        EventKind.DOSE,
        EventKind.FINISH,
        EventKind.CHECK,
        EventKind.END,
    ]
    assert [row.when for row in run.treatment.state.form] == ["prior", "40 min", "completion"]
    assert {row.systolic for row in run.treatment.state.form} == {120.0}


@pytest.mark.parametrize("route", Route, ids=lambda route: route.value)
def test_the_phases_of_every_route_come_when_its_course_says(route):
    course = COURSES[route]
    run = begun(route)
    if course.is_continuous:
        run.minutes(course.peak_to_ms / 60_000 + 5)
        assert run.phase is Phase.PEAK  # nobody has said that the dose is finished
        assert "dose-not-finished" in run.advisories
        run.order(Finish())
        assert "dose-not-finished" not in run.minutes(1).advisories
        run.minutes(course.settle_ms / 60_000)
    else:
        run.minutes(course.onset_ms / 60_000 - 0.1)
        assert run.phase is Phase.DOSE
        assert run.minutes(0.2).phase is Phase.CLIMB
        run.minutes(course.peak_to_ms / 60_000)
    assert run.phase is Phase.RECOVERY


def test_a_dose_that_was_stopped_leads_to_recovery_and_a_supplement_back_to_the_climb():
    run = begun().minutes(10).order(Stop(text="dizzy"))
    assert run.phase is Phase.RECOVERY
    run.order(Supplement(amount_mg=10))
    assert run.phase is Phase.CLIMB
    assert [dose.amount_mg for dose in run.treatment.state.doses] == [35, 10]
    assert run.treatment.state.finished_ms is None


def test_the_baseline_is_the_median_of_good_seconds_and_needs_enough_of_them():
    run = Run().order(Start(route=Route.ORAL)).order(TakeBaseline())
    run.minutes((BASELINE_SECONDS - 1) / 60)
    assert run.treatment.values() == {}
    for _ in range(40):  # neither missing nor doubtful seconds count
        run.now_ms += 1000
        doubtful = {quantity: measured(240.0, dsp.Reason.MOTION) for quantity in QUIET}
        run.treatment.second(run.now_ms, doubtful)
    assert run.treatment.values() == {}
    run.minutes(1 / 60, systolic=200)
    assert run.treatment.values() == QUIET  # one stray second is none of the median


def test_a_baseline_says_which_of_its_values_are_uncalibrated_and_lacks_what_was_not_measured():
    run = Run().order(Start(route=Route.ORAL)).order(TakeBaseline())
    for _ in range(BASELINE_SECONDS):
        run.now_ms += 1000
        second = {**readings(systolic=None), dsp.Quantity.SPO2: measured(97.0, dsp.Reason.UNCALIBRATED)}
        run.treatment.second(run.now_ms, second)
    baseline = run.treatment.state.baseline
    assert dsp.Quantity.SYSTOLIC not in baseline
    assert baseline[dsp.Quantity.SPO2].is_uncalibrated
    assert not baseline[dsp.Quantity.PULSE_RATE].is_uncalibrated
    run.order(Dose())
    assert "systolic pressure" in run.minutes(1 / 60).advisories["no-baseline"]


def test_a_dose_without_a_baseline_is_recorded_and_said():
    run = Run().order(Start(route=Route.NASAL)).order(Dose(amount_mg=56)).minutes(0.1)
    assert run.phase is Phase.DOSE
    assert "no baseline of systolic pressure and pulse rate" in run.advisories["no-baseline"]


@pytest.mark.parametrize(
    ("readings_mmhg", "is_over_65", "name"),
    [
        ([(138, 85)], False, None),
        ([(152, 85)], False, "hold-unconfirmed"),
        ([(152, 85), (148, 80)], False, "hold"),
        ([(130, 95), (141, 80)], False, "hold"),
        ([(152, 85), (139, 88)], False, None),
        ([(145, 85), (149, 80)], True, None),
        ([(151, 85), (151, 80)], True, "hold"),
    ],
)
def test_the_hold_rule_needs_two_cuff_readings_in_a_row(readings_mmhg, is_over_65, name):
    run = Run().order(Start(route=Route.INTRAVENOUS, is_over_65=is_over_65))
    for systolic, diastolic in readings_mmhg:
        assert run.treatment.mark(run.now_ms, "n", Cuff(systolic_mmhg=systolic, diastolic_mmhg=diastolic)) == ""
        run.minutes(0.5)
    assert {advisory for advisory in run.advisories if advisory.startswith("hold")} == ({name} if name else set())


def test_the_hold_rule_is_not_said_to_be_over_because_somebody_gave_the_dose():
    run = Run().order(Start(route=Route.INTRAVENOUS))
    for _ in range(2):
        run.treatment.mark(run.now_ms, "n", Cuff(systolic_mmhg=172, diastolic_mmhg=104))
    run.minutes(0.1).order(Dose(amount_mg=35)).minutes(0.1, systolic=172)
    lines = [event.text for event in run.treatment.state.events if event.kind is EventKind.ADVISORY]
    assert "hold: not looked at after the dose" in lines
    assert "hold: over" not in lines


def test_a_pressure_measured_over_the_hold_rule_is_said_to_be_unconfirmed_until_a_cuff_says_otherwise():
    run = Run().order(Start(route=Route.INTRAVENOUS)).minutes(1, systolic=150)
    assert "confirmed by 2 cuff readings" in run.advisories["hold-unconfirmed"]
    run.treatment.mark(run.now_ms, "n", Cuff(systolic_mmhg=135, diastolic_mmhg=80))
    assert not run.minutes(1 / 60, systolic=150).advisories


def test_the_usual_response_stays_inside_the_envelope_and_a_surge_leaves_it_before_the_limits():
    usual = begun()
    for minute in range(50):
        share = COURSES[Route.INTRAVENOUS].share(minute * 60_000)
        usual.minutes(1, systolic=120 + 20 * share, diastolic=75 + 13 * share, pulse_rate=70 + 12 * share)
    assert not {name for name in usual.advisories if "envelope" in name}
    surge = begun().minutes(8).minutes(2, systolic=150)
    assert (
        surge.advisories["above-envelope"] == "systolic above what is expected at this time"
    )  # 150 is under any limit
    surge.minutes(1.5, systolic=120)
    assert "above-envelope" not in surge.advisories
    assert "below-envelope" in begun().minutes(2, systolic=95).advisories


def test_discharge_waits_for_time_values_and_a_person_and_goes_back_when_they_do():
    run = begun(Route.INTRAMUSCULAR).minutes(45, systolic=160)
    assert run.phase is Phase.RECOVERY

    def gates():
        return {gate.name: gate.state for gate in run.treatment.discharge.gates}

    run.order(Check(items={NurseItem.DISSOCIATION_CLEARED: 1}))
    run.minutes(20, systolic=160)
    assert gates()["observation"] is GateState.MET
    assert gates()["systolic pressure"] is GateState.NOT_MET
    assert run.treatment.discharge.padss.parts["padss_vital_signs"] == 1  # 33 % away
    run.minutes(11)
    assert run.phase is Phase.DISCHARGE
    since = run.treatment.discharge.fit_since_utc_ms
    run.minutes(3, spo2=None)
    assert gates()["SpO2"] is GateState.UNKNOWN
    assert run.phase is Phase.RECOVERY  # what is not measured is not met
    assert run.treatment.discharge.first_fit_utc_ms == since
    run.minutes(11)
    assert run.phase is Phase.DISCHARGE
    run.order(Check(items={NurseItem.DISSOCIATION_CLEARED: 0})).minutes(0.1)
    assert run.phase is Phase.RECOVERY


def fit():
    """A patient who is fit for discharge."""
    run = begun(Route.INTRAMUSCULAR).minutes(75)
    run.order(Check(items={NurseItem.DISSOCIATION_CLEARED: 1, NurseItem.ESCORT_PRESENT: 1})).minutes(0.1)
    assert run.phase is Phase.DISCHARGE
    return run


@pytest.mark.parametrize("now", [{"diastolic": 118}, {"diastolic": None}])
def test_a_diastolic_pressure_that_is_not_back_or_not_measured_waits_too(now):
    run = fit().minutes(1.1, **now)
    assert not run.treatment.discharge.is_fit
    vital_signs = run.treatment.discharge.padss.parts["padss_vital_signs"]
    assert vital_signs == (0 if now["diastolic"] else None)  # 57 % away
    assert run.treatment.discharge.aldrete.parts["aldrete_pressure"] == vital_signs
    gates = {gate.name: gate.state for gate in run.treatment.discharge.gates}
    assert gates["diastolic pressure"] is (GateState.NOT_MET if now["diastolic"] else GateState.UNKNOWN)


def test_a_saturation_that_is_not_calibrated_makes_nobody_fit():
    run = fit()
    for _ in range(10):
        run.now_ms += 1000
        run.treatment.second(run.now_ms, {**readings(), dsp.Quantity.SPO2: measured(97.0, dsp.Reason.UNCALIBRATED)})
    assert not run.treatment.discharge.is_fit
    [gate] = [gate for gate in run.treatment.discharge.gates if gate.name == "SpO2"]
    assert (gate.state, gate.text) == (GateState.UNKNOWN, "92 % and more for 10 min: not calibrated")
    assert run.treatment.discharge.aldrete.parts["aldrete_saturation"] is None
    assert fit().treatment.discharge.aldrete.parts["aldrete_saturation"] == 2


@pytest.mark.parametrize(
    ("now", "state"),
    [
        ({"systolic": None, "pulse_rate": None, "spo2": None}, GateState.UNKNOWN),
        ({"systolic": 215, "pulse_rate": 130, "spo2": 78}, GateState.NOT_MET),
    ],
)
def test_nobody_is_fit_for_discharge_who_is_not_measured_or_is_outside_now(now, state):
    run = fit().minutes(0.4, **now)
    assert not run.treatment.discharge.is_fit
    gates = {gate.name: gate.state for gate in run.treatment.discharge.gates}
    assert {gates["systolic pressure"], gates["pulse rate"], gates["SpO2"]} == {state}
    assert run.phase is Phase.RECOVERY


def test_what_a_person_judged_before_a_dose_does_not_count_after_it():
    run = fit().order(Supplement(amount_mg=10))
    state = run.treatment.state
    assert state.items == {NurseItem.ESCORT_PRESENT: 1}
    assert (state.fit_since_ms, state.first_fit_ms) == (None, None)
    early = Run().order(Start(route=Route.ORAL)).order(Check(items={NurseItem.DISSOCIATION_CLEARED: 1})).order(Dose())
    assert early.treatment.state.items == {}


def test_scores_count_what_is_computed_and_entered_and_stay_open_while_something_is_missing():
    run = begun(Route.NASAL).minutes(1)
    assert run.treatment.discharge.padss.total is None
    items = {item: item.most for item in NurseItem if item is not NurseItem.PADSS_INTAKE}
    run.order(Check(items=items)).minutes(0.1)
    assert run.treatment.discharge.padss.total is None
    assert run.treatment.discharge.aldrete.total == 10
    run.order(Check(items={NurseItem.PADSS_INTAKE: 0})).minutes(0.1)
    assert run.treatment.discharge.padss.total == 8
    states = {gate.name: gate.state for gate in run.treatment.discharge.gates}
    assert states["PADSS"] is GateState.NOT_MET
    assert states["Aldrete"] is GateState.MET
    run.minutes(1, spo2=91, systolic=170)
    assert run.treatment.discharge.aldrete.parts["aldrete_saturation"] == 1
    assert run.treatment.discharge.aldrete.parts["aldrete_pressure"] == 1


def test_a_nurse_item_out_of_its_range_is_refused_with_all_that_is_wrong():
    run = begun()
    refusal = run.treatment.order(run.now_ms, "n", Check(items={NurseItem.ESCORT_PRESENT: 2}))
    assert refusal == "escort_present: expected 0..1"
    assert run.treatment.order(run.now_ms, "n", Check(items={})) == "check: expected at least one item"
    assert run.treatment.state.items == {}


def earlier(rise, series="s-1", route=Route.INTRAVENOUS, started=1):
    return Summary(
        series=series,
        route=route,
        started_utc_ms=started,
        ended_utc_ms=started + 1,
        dose_mg=35,
        baseline={},
        peak_rise={dsp.Quantity.SYSTOLIC: rise},
        peak_after_ms=1,
    )


def test_a_session_is_compared_with_the_patients_own_earlier_ones_by_the_same_route():
    others = [earlier(18.0), earlier(22.0), earlier(60.0, "s-2"), earlier(70.0, route=Route.ORAL)]
    run = Run(Treatment(earlier=others)).order(Start(route=Route.INTRAVENOUS, series="s-1"))
    run.order(TakeBaseline()).minutes(2).order(Dose(amount_mg=30)).minutes(30).minutes(2, systolic=145)
    comparison = run.treatment.comparison()
    assert (comparison.earlier_systolic_rise, comparison.systolic_rise) == ([18.0, 22.0], 25.0)
    assert not comparison.is_larger
    run.minutes(1, systolic=153)
    assert run.advisories["larger-than-before"] == "systolic rise 33 mmHg; in 2 earlier sessions 18 to 22"
    run.order(Stop()).order(End())
    [told] = run.treatment.ended
    assert told.peak_rise[dsp.Quantity.SYSTOLIC] == 33.0
    assert told.dose_mg == 30
    run.order(Start(route=Route.INTRAVENOUS, series="s-1"))
    assert run.treatment.comparison().earlier_systolic_rise == [18.0, 22.0, 33.0]


def test_another_patient_needs_the_end_of_the_first_and_sees_nothing_of_them():
    """C13."""
    run = begun(series="one").minutes(20, systolic=160)
    assert run.treatment.order(run.now_ms, "n", Start(route=Route.ORAL)) == "start: not in phase climb"
    assert run.treatment.state.series == "one"
    run.order(End()).order(Start(route=Route.ORAL, series="two"))
    state = run.treatment.state
    assert (state.baseline, state.doses, state.cuffs, state.peak_rise, state.form) == ({}, [], [], {}, [])
    assert [event.kind for event in state.events] == [EventKind.START]
    run.order(Dose()).minutes(0.1)
    assert run.treatment.values() == {}  # the seconds of the first patient are nobody's baseline
    assert run.treatment.discharge.aldrete.parts["aldrete_saturation"] is None


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.text(max_size=100))
def test_a_series_name_is_opaque_normalised_and_bounded(text):
    """C6."""
    kept = series_name(text)
    if kept is not None:
        assert 1 <= len(kept) <= 64
        assert kept.isprintable()
        assert series_name(kept) == kept
    run = Run()
    refusal = run.treatment.order(run.now_ms, "n", Start(route=Route.ORAL, series=text))
    assert (refusal == "") == (kept is not None)
    assert run.treatment.state.series == kept


@pytest.mark.parametrize("bad", ["a\0b", "\u202egnp.exe", "line\nbreak", "", "   ", "x" * 65, "\x1b[2J"])
def test_a_name_or_note_that_could_change_how_the_record_reads_is_refused(bad):
    run = Run()
    assert run.treatment.order(run.now_ms, "n", Start(route=Route.ORAL, series=bad)).startswith("series: expected")
    run.order(Start(route=Route.ORAL))
    if len(bad) < 65:
        assert run.treatment.mark(run.now_ms, "n", Note(text=bad or " ")) == "note: expected printable text"
    assert len(run.treatment.state.events) == 1


def test_a_cuff_reading_that_cannot_be_is_refused():
    run = Run().order(Start(route=Route.ORAL))
    refusal = run.treatment.mark(run.now_ms, "n", Cuff(systolic_mmhg=80, diastolic_mmhg=120))
    assert refusal == "cuff: expected systolic over diastolic, got 80/120"
    assert run.treatment.state.cuffs == []


def test_a_full_record_refuses_a_persons_mark_and_still_takes_the_end():
    run = begun()
    answers = [run.treatment.mark(run.now_ms, "n", Note(text="x")) for _ in range(MAX_EVENTS)]
    assert answers[0] == ""
    assert answers[-1] == f"mark: the record of this session is full ({MAX_EVENTS} lines)"
    run.order(End())
    assert run.treatment.state.events[0].kind is EventKind.START  # nothing was pushed out
    assert run.treatment.state.events[-1].kind is EventKind.END


def test_lines_of_the_machine_keep_no_person_from_writing():
    run = begun()
    for kind in (EventKind.ADVISORY, EventKind.ALARM, EventKind.PHASE, EventKind.RESTART):
        for _ in range(MAX_EVENTS):
            run.treatment.note(run.now_ms, None, kind, "a line")
    assert run.treatment.order(run.now_ms, "n", Supplement(amount_mg=5)) == ""
    assert run.treatment.order(run.now_ms, "n", Check(items={NurseItem.DISSOCIATION_CLEARED: 1})) == ""
    assert run.treatment.mark(run.now_ms, "n", Cuff(systolic_mmhg=150, diastolic_mmhg=80)) == ""
    kinds = [event.kind for event in run.treatment.state.events]
    assert len(kinds) == MAX_EVENTS
    assert {EventKind.DOSE, EventKind.SUPPLEMENT, EventKind.CHECK, EventKind.CUFF} <= set(kinds)


def test_a_full_record_refuses_a_supplement_and_never_loses_who_gave_what():
    run = begun().minutes(1).order(Supplement(amount_mg=5))
    while run.treatment.mark(run.now_ms, "n", Note(text="x")) == "":
        pass
    refusal = run.treatment.order(run.now_ms, "n", Supplement(amount_mg=5))
    assert refusal == f"supplement: the record of this session is full ({MAX_EVENTS} lines)"
    assert len(run.treatment.state.doses) == 2
    for _ in range(2 * MAX_EVENTS):
        run.treatment.note(run.now_ms, None, EventKind.PHASE, "a phase")
    run.order(Stop()).order(End())
    kinds = [event.kind for event in run.treatment.state.events]
    assert len(kinds) == MAX_EVENTS
    for kind in (EventKind.START, EventKind.DOSE, EventKind.SUPPLEMENT, EventKind.STOP, EventKind.END):
        assert kind in kinds


def test_nothing_is_written_into_the_record_of_a_session_that_has_ended():
    run = begun().order(End())
    before = list(run.treatment.state.events)
    run.treatment.note(run.now_ms, "n", EventKind.ALARM, "acknowledged")
    assert run.treatment.state.events == before


def test_a_killed_gateway_goes_on_with_the_same_session():
    run = begun(series="s-1").minutes(10, systolic=140)
    stored = msgspec.json.decode(msgspec.json.encode(run.treatment.stored(run.now_ms)), type=Stored)
    again = Run(now_ms=run.now_ms + 30_000)
    again.treatment.restore(stored, again.now_ms)
    before, after = run.treatment.state, again.treatment.state
    assert (after.phase, after.doses, after.baseline) == (before.phase, before.doses, before.baseline)
    assert after.events[:-1] == before.events
    assert after.events[-1].text == "the gateway was started again after 30 s, which are not counted"
    assert again.minutes(19).phase is Phase.CLIMB
    assert again.minutes(2).phase is Phase.PEAK


@pytest.mark.parametrize("ahead_s", [5 * 3600, 30 * 86_400])
def test_a_clock_that_was_behind_until_the_restart_makes_nobody_observed_for_longer(ahead_s):
    """The clock was not set when the session began; it was when the gateway came up again."""
    run = begun(route=Route.INTRAMUSCULAR).minutes(1)
    again = Run(now_ms=run.now_ms + ahead_s * 1000)
    again.treatment.restore(run.treatment.stored(run.now_ms), again.now_ms)
    again.minutes(1)
    observation = next(gate for gate in again.treatment.discharge.gates if gate.name == "observation")
    assert observation.state is GateState.NOT_MET
    assert again.phase in (Phase.DOSE, Phase.CLIMB)
    assert [row.when for row in again.treatment.state.form] == ["prior"]
    dose = again.treatment.state.doses[0]
    assert (dose.utc_ms, dose.clock_ms) == (START_MS + 120_000, 120_000)  # as it was written


def test_figures_in_advisories_follow_what_they_tell():
    run = Run().order(Start(route=Route.INTRAVENOUS)).minutes(1, systolic=150)
    since_ms = run.treatment.state.advisories[0].since_utc_ms
    assert run.advisories["hold-unconfirmed"].startswith("measured 150/")
    before = run.treatment.revision
    run.minutes(2, systolic=163)
    assert run.advisories["hold-unconfirmed"].startswith("measured 163/")
    assert run.treatment.state.advisories[0].since_utc_ms == since_ms
    assert before < run.treatment.revision <= before + 3  # not each second


def test_what_is_not_measured_any_more_is_not_over():
    run = Run().order(Start(route=Route.INTRAVENOUS)).minutes(1, systolic=150)
    said = run.advisories["hold-unconfirmed"]
    run.minutes(3, systolic=None, diastolic=None)
    assert run.advisories["hold-unconfirmed"] == f"{said}; not measured now"
    run.minutes(1)
    assert "hold-unconfirmed" not in run.advisories


def restarted(run, away_s=5):
    stored = msgspec.json.decode(msgspec.json.encode(run.treatment.stored(run.now_ms)), type=Stored)
    again = Run(now_ms=run.now_ms + 1000 * away_s)
    again.treatment.restore(stored, again.now_ms)
    return again


def test_a_restart_ends_no_advisory():
    run = begun().minutes(2, systolic=190)
    assert "above-envelope" in run.advisories
    again = restarted(run).minutes(0.1, systolic=190)
    assert "above-envelope" in again.advisories
    assert [e.text for e in again.treatment.state.events if e.kind is EventKind.ADVISORY] == [
        e.text for e in run.treatment.state.events if e.kind is EventKind.ADVISORY
    ]
    assert "above-envelope" not in again.minutes(1).advisories


@pytest.mark.parametrize("name", ["baseline", "peak_rise"])
def test_the_document_follows_its_figures_and_not_each_second(name):
    run = Run().order(Start(route=Route.INTRAVENOUS)).order(TakeBaseline()).minutes(3)
    if name == "peak_rise":
        run.order(Dose())
    shown, revisions, figures = None, 0, []
    for k in range(200):
        before = run.treatment.revision
        run.minutes(1 / 60, systolic=140 + min(k, 120) / 2)
        figures.append(msgspec.to_builtins(getattr(run.treatment.state, name)))
        if run.treatment.revision != before:
            revisions += 1
            shown = figures[-1]
        assert k < 60 or shown in figures[-6:]
    assert 10 <= revisions <= 60


def test_a_newer_cuff_reading_is_told_beside_the_one_before():
    run = Run().order(Start(route=Route.INTRAVENOUS))
    for systolic in (150, 150, 220):
        run.treatment.mark(run.now_ms, "n", Cuff(systolic_mmhg=systolic, diastolic_mmhg=80))
        run.minutes(0.1)
    assert run.advisories["hold"].startswith("cuff 150/80 and 220/80;")


def test_a_clock_that_is_behind_after_a_restart_does_not_bring_the_phases_out_of_order():
    run = begun().minutes(10)
    before = list(run.treatment.state.events)
    again = Run(now_ms=run.now_ms - 3_600_000)
    again.treatment.restore(run.treatment.stored(run.now_ms), again.now_ms)
    assert again.treatment.state.events[:-1] == before  # the record stays as it was written
    assert again.treatment.state.events[-1].text == "the gateway was started again by a clock 3600 s behind"
    assert again.minutes(19).phase is Phase.CLIMB
    assert again.minutes(2).phase is Phase.PEAK


class Sessions(RuleBasedStateMachine):
    """Any order, at any time, by anybody: what has to hold of the session always."""

    def __init__(self):
        super().__init__()
        self.run = Run()
        self.doses = 0
        self.record = []
        self.starts = 0

    def try_order(self, order):
        before = msgspec.to_builtins(self.run.treatment.state)
        refusal = self.run.treatment.order(self.run.now_ms, "nurse-1", order)
        if refusal:
            assert msgspec.to_builtins(self.run.treatment.state) == before
        return refusal

    @rule(route=st.sampled_from(Route), series=st.sampled_from([None, "a", "b"]))
    def start(self, route, series):
        was_active = self.run.treatment.is_active
        refusal = self.try_order(Start(route=route, series=series))
        assert bool(refusal) == was_active
        if not refusal:
            self.doses, self.record = 0, []
            assert self.run.treatment.state.baseline == {}

    @rule(order=st.sampled_from([TakeBaseline(), Finish(), Stop(), End(), Check(items={NurseItem.ESCORT_PRESENT: 1})]))
    def one_order(self, order):
        self.try_order(order)

    @rule(order=st.sampled_from([Dose(amount_mg=30), Supplement()]))
    def dose(self, order):
        self.doses += not self.try_order(order)

    @rule(seconds=st.sampled_from([1, 61, 400]), systolic=st.sampled_from([120.0, 170.0, None]))
    def time(self, seconds, systolic):
        self.run.minutes(seconds / 60, systolic=systolic)

    @rule(away_s=st.sampled_from([0, 60, -600]))
    def restart(self, away_s):
        kept = msgspec.json.decode(msgspec.json.encode(self.run.treatment.stored(self.run.now_ms)), type=Stored)
        phase = self.run.phase
        self.run = Run(now_ms=self.run.now_ms + away_s * 1000)
        self.run.treatment.restore(kept, self.run.now_ms)
        assert self.run.phase is phase

    @precondition(lambda self: self.run.treatment.is_active)
    @rule()
    def note(self):
        assert self.run.treatment.mark(self.run.now_ms, "nurse-1", Note(text="x")) == ""

    @invariant()
    def no_dose_is_lost(self):
        assert len(self.run.treatment.state.doses) == self.doses

    @invariant()
    def the_record_only_grows(self):
        events = self.run.treatment.state.events
        assert events[: len(self.record)] == self.record
        self.record = list(events)

    @invariant()
    def nothing_is_fit_that_is_not_known(self):
        state, discharge = self.run.treatment.state, self.run.treatment.discharge
        if state.phase is Phase.DISCHARGE and discharge is not None:
            assert state.finished_ms is not None


TestSessions = Sessions.TestCase
TestSessions.settings = settings(max_examples=20, stateful_step_count=20, deadline=None, derandomize=True)
