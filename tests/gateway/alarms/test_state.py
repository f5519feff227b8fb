"""What outlives the process: every time of it moves, nothing else does, and at first there is nothing in it."""

from msgspec.structs import asdict

import dsp
from gateway.alarms import Alarm, AlarmEngine, Annunciation, Condition, Kind, Presence, Priority, Truth
from gateway.alarms.catalogue import Site
from gateway.alarms.signals import Signal
from gateway.alarms.state import Record, State, Unreceived, shifted
from tests.gateway.alarms.chair import adult


def test_a_condition_that_has_never_held_has_no_number_no_occurrence_and_nobodys_name():
    engine = AlarmEngine(adult(), series="b")
    assert engine.alarm(Condition.SYSTOLIC_HIGH) == Alarm(
        condition=Condition.SYSTOLIC_HIGH,
        kind=Kind.PHYSIOLOGICAL,
        priority=Priority.HIGH,
        presence=Presence.OFF,
        truth=Truth.UNKNOWN,
        title="Systolic pressure high",
        detail="",
        id=None,
        rev=0,
        since_us=None,
        value=None,
        unit="mm[Hg]",
        was=None,
        limit=None,
        rule="",
        delay_s=0.0,
        doubt_delay_s=10.0,
        signal_delay_s=dsp.TIMINGS[dsp.Quantity.SYSTOLIC].latency_us / 1e6,
        escalation=0,
        is_latching=False,
        acknowledged_by=None,
        inactivated_by=None,
    )
    assert engine.t_us == 0
    assert engine.annunciation() == Annunciation(light=None, sound=None, escalation=0, paused_s=0, paused_by=None)


def test_a_number_that_was_never_measured_is_not_what_it_was():
    engine = AlarmEngine(adult(), series="b")
    restored = AlarmEngine.restore(adult(), engine.snapshot(), series="c", t_us=0)
    assert restored.alarm(Condition.SYSTOLIC_HIGH).was is None


def test_every_time_moves_and_nothing_else():
    record = Record(
        signal=Signal.ON_UNKNOWN,
        priority=Priority.HIGH,
        shown=Priority.HIGH,
        id="b-1",
        rev=3,
        since_us=1_000,
        lost_us=2_000,
        announced_us=3_000,
        was=170.0,
        escalation=2,
    )
    state = State(
        t_us=5_000,
        series="b",
        alarms=1,
        transitions=4,
        profile=adult(),
        configured=adult(),
        records={Condition.SYSTOLIC_HIGH: record, Condition.SPO2_LOW: Record()},
        armed=[dsp.Quantity.SPO2],
        armed_sites=[Site.FINGER],
        baseline={dsp.Quantity.SPO2: 97.0},
        expected_us=6_000,
        paused=["b-1"],
        pause_until_us=7_000,
        paused_by="nurse",
        receivers=["phone"],
        unreceived={"b-t1": Unreceived(since_us=8_000, occurrence="b-1", priority=Priority.HIGH)},
    )
    before, after = asdict(state), asdict(shifted(state, 500))
    records = [asdict(of.pop("records")[Condition.SYSTOLIC_HIGH]) for of in (before, after)]
    assert before.pop("unreceived") == {"b-t1": Unreceived(since_us=8_000, occurrence="b-1", priority=Priority.HIGH)}
    assert after.pop("unreceived") == {"b-t1": Unreceived(since_us=8_500, occurrence="b-1", priority=Priority.HIGH)}
    for old, new in ((before, after), records):
        assert new == {name: value + 500 if name.endswith("_us") else value for name, value in old.items()}
    assert shifted(state, 500).records[Condition.SPO2_LOW] == Record()
    assert shifted(shifted(state, 500), -500) == state
