"""The alarm engine: what is raised, when, what persons can do to it, and what it survives."""

import dsp
from gateway.alarms import AlarmEngine, Condition, Priority
from tests.gateway.alarms.chair import Chair, answer, profile, tier


def test_a_quiet_patient_has_no_alarm():
    chair = Chair()
    chair.wait(60)
    assert chair.sounding() == set()
    assert chair.out == []
    assert chair.engine.annunciation().light is None


def test_a_value_at_its_limit_alarms_when_its_delay_is_over():
    chair = Chair()
    chair.wait(15, systolic=160.0)
    assert chair.presence("systolic-high") == "off"
    [raised] = chair.wait(systolic=160.0)
    assert raised.change.value == "raised"
    assert raised.alarm.priority is Priority.MEDIUM
    assert (raised.alarm.value, raised.alarm.limit, raised.alarm.presence.value) == (160.0, 160.0, "on")


def test_an_acknowledgement_names_its_occurrence_and_touches_no_other():
    chair = Chair()
    chair.wait(20, systolic=165.0, spo2=80.0)
    old = chair.alarm("spo2-low").id
    assert answer(chair.acknowledge("systolic-high", old)).accepted is False
    assert answer(chair.acknowledge("systolic-high")).accepted
    assert (chair.presence("systolic-high"), chair.presence("spo2-low")) == ("ack", "on")


def test_lost_data_make_a_condition_unknown_with_a_technical_one_beside_it_and_never_end_it():
    chair = Chair()
    chair.wait(20, systolic=165.0)
    flat = {dsp.Channel.PLETH: None, dsp.Channel.PRESSURE: dsp.Reason.FLAT}
    chair.wait(10, channels=flat, systolic=None, diastolic=None, mean_pressure=None)
    alarm = chair.alarm("systolic-high")
    assert (alarm.presence.value, alarm.truth.value, alarm.value, alarm.was) == ("on", "unknown", None, 165.0)
    assert chair.presence("no-pressure-signal") == "on"
    chair.wait(600, channels=flat, systolic=None, diastolic=None, mean_pressure=None)
    assert chair.presence("systolic-high") == "on"


def test_state_survives_a_restart_with_the_same_ids_and_acknowledgements():
    chair = Chair(AlarmEngine(profile(systolic_high=[tier("high", limit=160)]), series="b"))
    chair.wait(2, systolic=170.0)
    chair.acknowledge("systolic-high")
    state = chair.engine.snapshot()
    again = Chair(AlarmEngine.restore(chair.engine.profile, state, t_us=-3_000_000), armed=False)
    alarm = again.alarm("systolic-high")
    assert (alarm.id, alarm.presence.value, alarm.acknowledged_by) == ("b-1", "ack", "nurse")
    assert (alarm.truth.value, alarm.value, alarm.was) == ("unknown", None, 170.0)
    again.wait(1, systolic=170.0)
    alarm = again.alarm("systolic-high")
    assert (alarm.id, alarm.presence.value, alarm.truth.value) == ("b-1", "ack", "present")


def test_every_condition_has_an_alarm_document():
    assert [alarm.condition for alarm in Chair().engine.alarms()] == list(Condition)
