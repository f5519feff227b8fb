"""The alarm engine: what is raised, when, what persons can do to it, and what it survives."""

import pytest

import dsp
from gateway.alarms import (
    AlarmEngine,
    Attended,
    Baseline,
    ChangeLimits,
    Condition,
    Priority,
    Receipt,
    Transition,
    UseProfile,
)
from tests.gateway.alarms.chair import Chair, answer, beat, profile, tier

R = dsp.Reason
NO_PRESSURE = {"systolic": None, "diastolic": None, "mean_pressure": None}
FLAT = {dsp.Channel.PLETH: None, dsp.Channel.PRESSURE: R.FLAT}


def small(**conditions):
    """A chair with a high limit on the systolic pressure, raised at once, unless it is said otherwise."""
    conditions = conditions or {"systolic_high": [tier("high", limit=160)]}
    return Chair(AlarmEngine(profile(**conditions), series="b"))


def lost(chair, seconds):
    """The pressure cable is out."""
    return chair.wait(seconds, channels=FLAT, **NO_PRESSURE)


# Raising


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
    alarm = raised.alarm
    assert (raised.change.value, raised.who, raised.t_us) == ("raised", None, chair.t_us)
    assert (alarm.priority, alarm.presence.value, alarm.truth.value) == (Priority.MEDIUM, "on", "present")
    assert (alarm.value, alarm.limit, alarm.unit, alarm.since_us) == (160.0, 160.0, "mm[Hg]", chair.t_us)
    assert (alarm.delay_s, alarm.signal_delay_s) == (15.0, dsp.TIMINGS[dsp.Quantity.SYSTOLIC].latency_us / 1e6)
    assert alarm.doubt_delay_s == 10.0
    assert alarm.rule == "at or above 160 mm[Hg] for 15 s"
    assert alarm.text == "Systolic pressure high: 160 mmHg, limit 160 mmHg"
    assert (alarm.kind.value, alarm.is_latching, alarm.escalation) == ("physiological", False, 0)


def test_a_rise_of_priority_is_a_new_occurrence_that_wants_a_new_acknowledgement():
    chair = Chair()
    chair.wait(16, systolic=165.0)
    first = chair.alarm("systolic-high").id
    chair.acknowledge("systolic-high")
    chair.wait(10, systolic=185.0)
    assert chair.presence("systolic-high") == "ack"
    [risen] = chair.wait(systolic=185.0)
    assert (risen.change.value, risen.alarm.priority, risen.alarm.presence.value) == (
        "priority risen",
        Priority.HIGH,
        "on",
    )
    assert risen.alarm.id != first
    assert risen.alarm.acknowledged_by is None
    assert risen.alarm.limit == 180.0
    assert answer(chair.acknowledge("systolic-high", first)).accepted is False


def test_a_fall_of_priority_is_told_and_keeps_the_occurrence_and_its_acknowledgement():
    chair = Chair()
    chair.wait(30, systolic=185.0)
    chair.acknowledge("systolic-high")
    name = chair.alarm("systolic-high").id
    chair.wait(6, systolic=170.0)
    alarm = chair.alarm("systolic-high")
    assert (alarm.id, alarm.presence.value, alarm.priority, alarm.acknowledged_by) == (
        name,
        "ack",
        Priority.MEDIUM,
        "nurse",
    )
    assert chair.changes()[-1] == "priority fallen"
    assert alarm.limit == 160.0


def test_it_ends_by_itself_when_the_value_is_back():
    chair = small()
    chair.wait(1, systolic=170.0)
    chair.wait(5, systolic=150.0)
    assert chair.presence("systolic-high") == "on"
    [ended] = chair.wait(1, systolic=150.0)
    assert (ended.change.value, ended.alarm.presence.value, ended.alarm.truth.value) == ("ended", "off", "absent")
    assert (ended.alarm.value, ended.alarm.limit) == (None, None)
    assert chair.alarm("systolic-high").text == "Systolic pressure high: absent"


def test_a_second_occurrence_has_an_id_of_its_own():
    chair = small()
    chair.wait(1, systolic=170.0)
    chair.wait(6)
    chair.wait(1, systolic=170.0)
    assert chair.alarm("systolic-high").id == "b-2"
    assert [t.id for t in chair.out] == ["b-t1", "b-t2", "b-t3"]


def test_nothing_alarms_before_its_number_has_been_good_for_ten_seconds():
    chair = Chair(AlarmEngine(profile(systolic_high=[tier("high", limit=160)]), series="b"), armed=False)
    chair.wait(9, systolic=170.0)
    assert chair.presence("systolic-high") == "off"
    chair.wait(1, systolic=170.0)
    assert chair.presence("systolic-high") == "on"


def test_rev_grows_by_one_with_every_change():
    chair = small()
    revs = [chair.alarm("systolic-high").rev]
    for values in ({"systolic": 170.0}, {"systolic": 150.0}):
        chair.wait(6, **values)
        revs.append(chair.alarm("systolic-high").rev)
    assert revs == [revs[0], revs[0] + 1, revs[0] + 2]


def test_what_tells_nobody_anything_brings_nothing_out():
    chair = Chair()
    told = [beat(chair.t_us), Baseline(t_us=chair.t_us, values={}), Receipt(t_us=chair.t_us, who="phone", alert="none")]
    for event in (*told, Attended(t_us=chair.t_us, is_attended=False, who="nurse")):
        assert chair.engine.feed(event) == []


def test_what_has_to_be_kept_is_counted():
    chair = small()
    before = chair.engine.changes
    chair.wait(1, systolic=170.0)
    chair.feed(Receipt(t_us=chair.t_us, who="phone", alert="none"))
    chair.feed(Receipt(t_us=chair.t_us, who="phone", alert="none"))
    assert (before, chair.engine.changes) == (0, 2)


def test_a_copy_has_what_the_running_one_has_and_goes_on_alone():
    chair = small()
    chair.wait(1, systolic=170.0)
    chair.acknowledge("systolic-high")
    before = chair.engine.snapshot()
    beside = Chair(chair.engine.copy(series="c"), t_s=chair.t_s, armed=False)
    assert (beside.engine.t_us, beside.engine.profile) == (13_000_000, chair.engine.profile)
    assert (beside.alarm("systolic-high").id, beside.presence("systolic-high")) == ("b-1", "ack")
    beside.wait(6)
    beside.wait(1, systolic=170.0)
    assert beside.alarm("systolic-high").id == "c-2"
    assert chair.engine.snapshot() == before


def test_every_condition_has_an_alarm_document():
    assert [alarm.condition for alarm in Chair().engine.alarms()] == list(Condition)


# Latching


def test_what_is_over_within_seconds_stays_until_somebody_has_seen_it():
    chair = Chair()
    chair.wait(5, beat_s=None)
    assert chair.presence("pulse-lost") == "on"
    chair.wait(10)
    alarm = chair.alarm("pulse-lost")
    assert (alarm.presence.value, alarm.truth.value, alarm.value, alarm.is_latching) == (
        "latched",
        "absent",
        None,
        True,
    )
    assert alarm.text == "No pulse, over"
    chair.acknowledge("pulse-lost")
    assert chair.presence("pulse-lost") == "off"
    assert chair.changes("pulse-lost") == ["raised", "latched", "acknowledged"]


def test_what_was_acknowledged_does_not_latch():
    chair = Chair()
    chair.wait(5, beat_s=None)
    chair.acknowledge("pulse-lost")
    chair.wait(10)
    assert chair.presence("pulse-lost") == "off"


# Acknowledging


def test_an_acknowledgement_names_its_occurrence_and_touches_no_other():
    chair = Chair()
    chair.wait(20, systolic=165.0, spo2=80.0)
    old = chair.alarm("spo2-low").id
    refused = answer(chair.acknowledge("systolic-high", old))
    assert not refused.accepted
    assert refused.reason == f"systolic-high is {chair.alarm('systolic-high').id} now, not {old}"
    out = chair.acknowledge("systolic-high")
    assert answer(out).accepted
    assert (out[0].change.value, out[0].who) == ("acknowledged", "nurse")
    assert (chair.presence("systolic-high"), chair.presence("spo2-low")) == ("ack", "on")
    assert chair.alarm("systolic-high").acknowledged_by == "nurse"


def test_what_has_no_signal_cannot_be_acknowledged():
    chair = small()
    refused = answer(chair.acknowledge("systolic-high", "b-1"))
    assert (refused.accepted, refused.reason) == (False, "systolic-high has no signal to acknowledge")


def test_a_second_acknowledgement_is_accepted_and_changes_nothing():
    chair = small()
    chair.wait(1, systolic=170.0)
    chair.acknowledge("systolic-high")
    [only] = chair.acknowledge("systolic-high", who="other")
    assert only.accepted
    assert chair.alarm("systolic-high").acknowledged_by == "nurse"


# Data that are lost


def test_lost_data_make_a_condition_unknown_with_a_technical_one_beside_it_and_never_end_it():
    chair = Chair()
    chair.wait(20, systolic=165.0)
    lost(chair, 3)
    alarm = chair.alarm("systolic-high")
    assert (alarm.truth.value, alarm.value, alarm.was) == ("present", None, 165.0)
    out = lost(chair, 1)
    assert [t.alarm.condition.value for t in out] == ["systolic-high"]
    alarm = chair.alarm("systolic-high")
    assert (out[0].change.value, alarm.presence.value, alarm.truth.value) == ("unknown", "on", "unknown")
    assert (alarm.value, alarm.was, alarm.text) == (None, 165.0, "Systolic pressure high: unknown, was 165 mmHg")
    assert chair.presence("no-pressure-signal") == "on"
    lost(chair, 100)
    assert chair.presence("systolic-high") == "on"


def test_the_technical_condition_beside_an_unknown_one_does_not_wait_for_its_delay():
    chair = Chair()
    chair.wait(20, systolic=165.0)
    noisy = {dsp.Channel.PLETH: None, dsp.Channel.PRESSURE: R.ARTIFACT}
    reasons = dict.fromkeys(NO_PRESSURE, R.ARTIFACT)
    chair.wait(3, channels=noisy, reasons=reasons, **NO_PRESSURE)
    assert chair.presence("artifact-pressure") == "off"
    chair.wait(1, channels=noisy, reasons=reasons, **NO_PRESSURE)
    assert chair.presence("artifact-pressure") == "on"
    assert chair.alarm("artifact-pressure").priority is Priority.LOW
    assert chair.alarm("artifact-pressure").text == "Pressure disturbed: artifact"
    chair.wait(60, channels=noisy, reasons=reasons, **NO_PRESSURE)
    assert chair.alarm("artifact-pressure").priority is Priority.MEDIUM


def test_without_an_unknown_one_the_technical_condition_waits():
    chair = Chair()
    noisy = {dsp.Channel.PLETH: None, dsp.Channel.PRESSURE: R.ARTIFACT}
    reasons = dict.fromkeys(NO_PRESSURE, R.ARTIFACT)
    chair.wait(20, channels=noisy, reasons=reasons, **NO_PRESSURE)
    assert chair.presence("artifact-pressure") == "off"
    chair.wait(1, channels=noisy, reasons=reasons, **NO_PRESSURE)
    assert chair.presence("artifact-pressure") == "on"


def test_an_acknowledged_condition_that_is_measured_again_within_a_minute_does_not_ring_again():
    chair = small()
    chair.wait(1, systolic=170.0)
    chair.acknowledge("systolic-high")
    lost(chair, 30)
    assert (chair.presence("systolic-high"), chair.alarm("systolic-high").truth.value) == ("ack", "unknown")
    [known] = [t for t in chair.wait(1, systolic=171.0) if t.alarm.condition is Condition.SYSTOLIC_HIGH]
    assert (known.change.value, known.alarm.presence.value, known.alarm.id) == ("known again", "ack", "b-1")
    assert (known.alarm.value, known.alarm.was) == (171.0, None)


def test_an_acknowledged_condition_whose_data_stay_lost_is_let_go_and_is_a_new_one_when_measured_again():
    chair = small()
    chair.wait(1, systolic=170.0)
    chair.acknowledge("systolic-high")
    lost(chair, 4 + 59)
    assert chair.presence("systolic-high") == "ack"
    lost(chair, 1)
    assert chair.presence("systolic-high") == "off"
    assert chair.alarm("systolic-high").truth.value == "unknown"
    lost(chair, 60)
    assert chair.presence("systolic-high") == "off"
    chair.wait(1, systolic=171.0)
    assert (chair.presence("systolic-high"), chair.alarm("systolic-high").was) == ("on", None)
    assert chair.changes("systolic-high")[-1] == "raised"


def test_data_that_come_back_in_order_end_it():
    chair = small()
    chair.wait(1, systolic=170.0)
    lost(chair, 10)
    chair.wait(5)
    assert (chair.presence("systolic-high"), chair.alarm("systolic-high").truth.value) == ("on", "unknown")
    chair.wait(1)
    assert (chair.presence("systolic-high"), chair.alarm("systolic-high").truth.value) == ("off", "absent")


def test_doubtful_values_end_it_only_after_fifteen_seconds():
    chair = small()
    chair.wait(1, systolic=170.0)
    chair.acknowledge("systolic-high")
    chair.wait(15, reasons={"systolic": R.IRREGULAR})
    assert chair.presence("systolic-high") == "ack"
    chair.wait(1, reasons={"systolic": R.IRREGULAR})
    assert chair.presence("systolic-high") == "off"
    chair.wait(1, systolic=170.0)
    assert chair.presence("systolic-high") == "on"


def test_an_unknown_condition_has_nothing_to_say_of_a_patient_who_was_well():
    chair = small()
    lost(chair, 3)
    assert chair.alarm("systolic-high").truth.value == "absent"
    rev = chair.alarm("systolic-high").rev
    lost(chair, 1)
    assert (chair.presence("systolic-high"), chair.alarm("systolic-high").truth.value) == ("off", "unknown")
    assert chair.alarm("systolic-high").rev == rev + 1
    assert chair.changes("systolic-high") == []


# Escalation and reminders


def times(chair, change, condition="systolic-high"):
    """Seconds since the chair was armed."""
    transitions = [t for t in chair.out if isinstance(t, Transition) and t.alarm.condition.value == condition]
    return [t.t_us // 1_000_000 - 12 for t in transitions if t.change.value == change]


@pytest.mark.parametrize(("priority", "answer_s"), [("high", 30), ("medium", 60)])
def test_what_nobody_answers_is_escalated_three_times_and_then_told_again(priority, answer_s):
    chair = small(systolic_high=[tier(priority, limit=160)])
    chair.wait(1 + 5 * answer_s, systolic=170.0)
    assert times(chair, "escalated") == [1 + k * answer_s for k in (1, 2, 3)]
    assert times(chair, "announced again") == [1 + k * answer_s for k in (4, 5)]
    assert chair.alarm("systolic-high").escalation == 3
    assert chair.engine.annunciation().escalation == 3


def test_nobody_is_named_for_what_the_system_does_by_itself():
    chair = small()
    chair.wait(70, systolic=170.0)
    chair.wait(6)
    told = [(one.change.value, one.who) for one in chair.out if isinstance(one, Transition)]
    assert dict(told) == dict.fromkeys(("raised", "escalated", "ended"))


def test_a_low_priority_is_told_again_every_five_minutes_and_never_escalated():
    chair = small(systolic_high=[tier("low", limit=160)])
    chair.wait(601, systolic=170.0)
    assert times(chair, "escalated") == []
    assert times(chair, "announced again") == [301, 601]


def test_what_is_acknowledged_is_not_told_again():
    chair = small()
    chair.wait(1, systolic=170.0)
    chair.acknowledge("systolic-high")
    chair.wait(200, systolic=170.0)
    assert chair.changes("systolic-high") == ["raised", "acknowledged"]


def test_a_rise_begins_to_count_anew():
    chair = small(systolic_high=[tier("medium", limit=160), tier("high", limit=180)])
    chair.wait(61, systolic=170.0)
    assert chair.alarm("systolic-high").escalation == 1
    chair.wait(1, systolic=185.0)
    assert chair.alarm("systolic-high").escalation == 0


# Audio pause


def test_a_pause_silences_what_sounds_now_for_its_time_and_nothing_else():
    chair = Chair()
    chair.wait(16, systolic=165.0)
    assert chair.engine.annunciation().sound is Priority.MEDIUM
    assert answer(chair.pause(60)).accepted
    now = chair.engine.annunciation()
    assert (now.light, now.sound, now.paused_s, now.paused_by) == (Priority.MEDIUM, None, 60, "nurse")
    chair.wait(10, systolic=165.0)
    assert chair.engine.annunciation().paused_s == 50
    chair.wait(2, systolic=165.0, spo2=80.0)
    now = chair.engine.annunciation()
    assert (now.light, now.sound, now.escalation) == (Priority.HIGH, Priority.HIGH, 0)
    chair.wait(47, systolic=165.0)
    now = chair.engine.annunciation()
    assert (now.sound, now.paused_s, now.paused_by) == (None, 1, "nurse") or now.sound is Priority.HIGH
    chair.wait(1, systolic=165.0)
    now = chair.engine.annunciation()
    assert (now.sound is not None, now.paused_s, now.paused_by) == (True, 0, None)


@pytest.mark.parametrize(("seconds", "accepted"), [(-1, False), (0, True), (1, True), (120, True), (121, False)])
def test_a_pause_is_of_120_seconds_at_most(seconds, accepted):
    chair = small()
    chair.wait(1, systolic=170.0)
    given = answer(chair.pause(seconds))
    assert given.accepted is accepted
    assert accepted or given.reason == f"seconds: expected 0..120, got {seconds}"
    chair.wait(119, systolic=170.0)
    assert (chair.engine.annunciation().sound is None) is (seconds == 120)
    chair.wait(1, systolic=170.0)
    assert chair.engine.annunciation().sound is Priority.HIGH


def test_a_pause_before_anything_sounds_is_refused():
    refused = answer(small().pause(60))
    assert (refused.accepted, refused.reason) == (
        False,
        "nothing sounds; a pause covers only what sounds when it begins",
    )


def test_zero_seconds_end_a_pause():
    chair = small()
    chair.wait(1, systolic=170.0)
    chair.pause(60)
    assert answer(chair.pause(0)).accepted
    now = chair.engine.annunciation()
    assert (now.sound, now.paused_s, now.paused_by) == (Priority.HIGH, 0, None)


def test_a_rise_sounds_through_a_pause():
    chair = small(systolic_high=[tier("medium", limit=160), tier("high", limit=180)])
    chair.wait(1, systolic=170.0)
    chair.pause(120)
    chair.wait(1, systolic=190.0)
    assert chair.engine.annunciation().sound is Priority.HIGH


def test_the_sound_is_that_of_the_highest_and_its_own_escalation():
    chair = Chair()
    chair.wait(76, systolic=165.0)
    chair.wait(1, systolic=165.0, spo2=80.0)
    now = chair.engine.annunciation()
    assert (now.sound, now.escalation) == (Priority.HIGH, 0)


# Switching a signal off


def test_a_signal_that_is_switched_off_is_told_reminded_of_and_goes_on_being_detected():
    chair = small()
    out = chair.switch("systolic-high", True)
    assert (out[0].change.value, out[0].who, answer(out).accepted) == ("switched off", "nurse", True)
    chair.wait(1, systolic=170.0)
    alarm = chair.alarm("systolic-high")
    assert (alarm.presence.value, alarm.truth.value, alarm.inactivated_by, alarm.value) == (
        "off",
        "present",
        "nurse",
        170.0,
    )
    assert alarm.text == "Systolic pressure high: holds, switched off by nurse"
    assert chair.engine.annunciation().light is None
    chair.wait(299, systolic=170.0)
    assert times(chair, "reminder") == [300]
    chair.wait(300, systolic=170.0)
    assert times(chair, "reminder") == [300, 600]


def test_switched_on_again_what_still_holds_is_raised_and_what_is_unknown_is_not():
    chair = small()
    chair.wait(1, systolic=170.0)
    chair.switch("systolic-high", True)
    chair.wait(1, systolic=170.0)
    out = chair.switch("systolic-high", False, who="doctor")
    assert [t.change.value for t in out[:2]] == ["switched on", "raised"]
    assert out[0].who == "doctor"
    assert (chair.presence("systolic-high"), chair.alarm("systolic-high").id) == ("on", "b-2")
    assert chair.alarm("systolic-high").inactivated_by is None
    chair.switch("systolic-high", True)
    lost(chair, 10)
    chair.switch("systolic-high", False)
    assert chair.presence("systolic-high") == "off"
    chair.wait(1, systolic=170.0)
    assert chair.presence("systolic-high") == "on"


def test_switching_what_is_so_already_changes_nothing():
    chair = small()
    assert [type(one).__name__ for one in chair.switch("systolic-high", False)] == ["Answer"]
    chair.switch("systolic-high", True)
    assert [type(one).__name__ for one in chair.switch("systolic-high", True)] == ["Answer"]


def test_switching_one_off_leaves_the_others():
    chair = Chair()
    chair.wait(20, systolic=165.0, spo2=80.0)
    chair.switch("systolic-high", True)
    assert chair.presence("spo2-low") == "on"


# Limits and profiles


def limits(chair, condition, who="nurse", **values):
    given = {Priority(name): value for name, value in values.items()}
    return chair.feed(ChangeLimits(t_us=chair.t_us, who=who, condition=Condition(condition), limits=given))


def test_changed_limits_are_told_with_who_and_are_in_force_at_once():
    chair = Chair()
    chair.wait(10, systolic=155.0)
    out = limits(chair, "systolic-high", medium=150.0)
    assert (out[0].change.value, out[0].who, answer(out).accepted) == ("limits changed", "nurse", True)
    chair.wait(16, systolic=155.0)
    assert chair.alarm("systolic-high").limit == 150.0
    assert [t.limit for t in chair.engine.profile.tiers(Condition.SYSTOLIC_HIGH)] == [150.0, None, 180.0]


@pytest.mark.parametrize(
    ("condition", "values", "reason"),
    [
        ("systolic-high", {"medium": 400.0}, "expected 100..260"),
        ("systolic-high", {"medium": float("nan")}, "finite"),
        ("systolic-high", {"medium": 190.0}, "nearer limit"),
        (
            "systolic-low",
            {"medium": 140.0, "high": 140.0, "low": 1.0},
            "expected limits of priority medium, high, got low",
        ),
        ("systolic-high", {}, "expected limits of priority medium, high, got none"),
        ("probe-off", {"medium": 3.0}, "expected limits of priority none, got medium"),
        (
            "pulse-rate-low",
            {
                "medium": 95.0,
            },
            "",
        ),
        ("diastolic-high", {"low": 90.0}, "expected limits of priority medium, high, got low"),
    ],
)
def test_limits_that_cannot_be_are_refused_and_the_old_ones_stay(condition, values, reason):
    chair = Chair()
    before = chair.engine.profile
    given = answer(limits(chair, condition, **values))
    assert given.accepted is (not reason)
    assert reason in given.reason
    assert (chair.engine.profile == before) is bool(reason)


def test_crossed_limits_are_refused():
    chair = Chair()
    limits(chair, "pulse-rate-high", low=75.0, medium=76.0)
    given = answer(limits(chair, "pulse-rate-low", medium=80.0))
    assert not given.accepted
    assert "crossed" in given.reason


def test_a_wider_limit_ends_the_alarm_that_a_narrow_one_raised():
    chair = Chair()
    chair.wait(16, systolic=165.0)
    limits(chair, "systolic-high", medium=175.0)
    chair.wait(6, systolic=165.0)
    assert chair.presence("systolic-high") == "off"


def use(chair, other):
    return answer(chair.feed(UseProfile(t_us=chair.t_us, who="nurse", profile=other)))


def test_another_profile_keeps_what_holds_until_it_is_judged_by_it():
    chair = small()
    chair.wait(1, systolic=170.0)
    same = profile(systolic_high=[tier("high", limit=165, delay_s=60)])
    assert use(chair, same).accepted
    chair.wait(60, systolic=170.0)
    assert (chair.presence("systolic-high"), chair.alarm("systolic-high").id) == ("on", "b-1")
    assert use(chair, profile(systolic_high=[tier("high", limit=180)])).accepted
    chair.wait(5, systolic=170.0)
    assert chair.presence("systolic-high") == "on"
    chair.wait(1, systolic=170.0)
    assert chair.presence("systolic-high") == "off"


def test_another_profile_that_does_not_watch_a_condition_ends_it():
    chair = small()
    chair.wait(1, systolic=170.0)
    use(chair, profile(spo2_low=[tier("high", limit=85)]))
    chair.wait(1, systolic=170.0)
    assert chair.presence("systolic-high") == "off"
    assert chair.changes("systolic-high") == ["raised", "ended"]
    chair.wait(5, systolic=170.0)
    assert chair.changes("systolic-high") == ["raised", "ended"]


def test_another_profile_does_not_begin_a_delay_anew():
    chair = small(systolic_high=[tier("medium", limit=160, delay_s=10), tier("high", limit=200)])
    chair.wait(9, systolic=170.0)
    other = profile(
        systolic_high=[tier("medium", percent=20, bound=150, delay_s=10), tier("medium", limit=155, delay_s=10)]
    )
    chair.feed(UseProfile(t_us=chair.t_us, who="nurse", profile=other))
    chair.wait(1, systolic=170.0)
    assert chair.presence("systolic-high") == "off"
    chair.wait(1, systolic=170.0)
    assert chair.presence("systolic-high") == "on"


def test_a_run_is_not_taken_over_by_another_rule_or_priority():
    for tiers in ([tier("high", limit=155, delay_s=10)], [tier("medium", points=20, bound=150, delay_s=10)]):
        chair = small(systolic_high=[tier("medium", limit=160, delay_s=10)])
        chair.feed(Baseline(t_us=chair.t_us, values={dsp.Quantity.SYSTOLIC: 120.0}))
        chair.wait(9, systolic=170.0)
        chair.feed(UseProfile(t_us=chair.t_us, who="nurse", profile=profile(systolic_high=tiers)))
        chair.wait(10, systolic=170.0)
        assert chair.presence("systolic-high") == "off"
        chair.wait(1, systolic=170.0)
        assert chair.presence("systolic-high") == "on"


def test_a_profile_that_cannot_be_is_refused():
    chair = small()
    before = chair.engine.profile
    given = use(chair, profile(systolic_high=[tier("high", limit=999)]))
    assert (given.accepted, chair.engine.profile) == (False, before)
    assert "expected 100..260, found 999" in given.reason


# Baseline


def test_relative_limits_wait_for_a_baseline_and_are_bounded():
    relative = [tier("medium", percent=20, bound=140)]
    chair = small(systolic_high=relative)
    chair.wait(5, systolic=200.0)
    assert (chair.presence("systolic-high"), chair.alarm("systolic-high").truth.value) == ("off", "unknown")
    chair.feed(Baseline(t_us=chair.t_us, values={dsp.Quantity.SYSTOLIC: 120.0}))
    assert chair.engine.baseline == {dsp.Quantity.SYSTOLIC: 120.0}
    chair.wait(1, systolic=143.9)
    assert chair.presence("systolic-high") == "off"
    chair.wait(1, systolic=144.0)
    assert chair.alarm("systolic-high").limit == 144.0
    chair.feed(Baseline(t_us=chair.t_us, values={}))
    chair.wait(1, systolic=144.0)
    assert chair.presence("systolic-high") == "off"
    chair.feed(Baseline(t_us=chair.t_us, values={dsp.Quantity.SYSTOLIC: 90.0}))
    chair.wait(1, systolic=139.9)
    assert chair.presence("systolic-high") == "off"
    chair.wait(1, systolic=140.0)
    assert chair.presence("systolic-high") == "on"


# Who is there


def test_nobody_in_the_chair_is_no_alarm_until_the_sensors_have_been_off_and_somebody_comes():
    chair = Chair()
    chair.wait(20, systolic=165.0)
    chair.feed(Attended(t_us=chair.t_us, is_attended=False, who="nurse"))
    chair.wait(1, systolic=165.0)
    assert chair.sounding() == set()
    assert chair.engine.standby_by == "nurse"
    chair.wait(30, systolic=165.0, spo2=70.0)
    assert chair.sounding() == set()
    dead = dict.fromkeys((dsp.Channel.PLETH, dsp.Channel.PRESSURE), R.FLAT)
    chair.wait(9, channels=dead, systolic=None, diastolic=None, mean_pressure=None, pulse_rate=None, spo2=None)
    assert chair.engine.standby_by == "nurse"
    chair.wait(1, channels=dead, systolic=None, diastolic=None, mean_pressure=None, pulse_rate=None, spo2=None)
    assert chair.engine.standby_by is None
    chair.wait(26, systolic=165.0)
    assert chair.presence("systolic-high") == "on"


def left_alone(chair, seconds):
    """No sensor has a signal."""
    dead = dict.fromkeys((dsp.Channel.PLETH, dsp.Channel.PRESSURE), R.FLAT)
    return chair.wait(seconds, beat_s=None, channels=dead, pulse_rate=None, spo2=None, **NO_PRESSURE)


def test_what_was_switched_off_for_one_patient_is_on_for_the_next_who_comes_without_a_session():
    chair = Chair()
    chair.feed(Receipt(t_us=chair.t_us, who="phone", alert="none"))
    chair.switch("systolic-high", True)
    chair.feed(Attended(t_us=chair.t_us, is_attended=False, who="nurse"))
    left_alone(chair, 9)
    assert chair.alarm("systolic-high").inactivated_by == "nurse"
    [told] = left_alone(chair, 1)
    assert (told.change.value, told.who, told.alarm.condition) == ("switched on", None, Condition.SYSTOLIC_HIGH)
    chair.wait(26, systolic=215.0)
    assert chair.presence("systolic-high") == "on"


def test_who_still_has_a_pulse_in_standby_is_told_of_and_told_of_again():
    chair = Chair()
    chair.feed(Attended(t_us=chair.t_us, is_attended=False, who="nurse"))
    chair.wait(120)
    assert chair.presence("standby") == "off"
    chair.wait(1)
    assert chair.presence("standby") == "on"
    assert chair.alarm("standby").text.endswith("but there is a pulse: said by nurse")
    chair.wait(299)
    assert chair.changes("standby") == ["raised"]
    chair.wait(1)
    assert chair.changes("standby") == ["raised", "announced again"]
    left_alone(chair, 10)
    assert chair.engine.standby_by is None
    chair.wait(10)
    assert chair.presence("standby") == "off"


def test_a_chair_that_nobody_has_put_into_standby_is_not_told_to_be():
    chair = Chair()
    chair.wait(200)
    assert chair.changes("standby") == []
    chair.feed(Attended(t_us=chair.t_us, is_attended=False, who="nurse"))
    chair.wait(60)
    left_alone(chair, 9)
    chair.wait(100)
    assert chair.changes("standby") == []


def test_what_is_monitored_is_known_to_have_changed():
    """It has no transition of its own, and decides whether the next patient is monitored at all."""
    chair = Chair()
    armed = chair.engine.monitored
    chair.wait(5)
    assert chair.engine.monitored == armed
    chair.feed(Attended(t_us=chair.t_us, is_attended=False, who="nurse"))
    standby = chair.engine.monitored
    left_alone(chair, 10)
    left = chair.engine.monitored
    chair.wait(12)
    assert len({armed, standby, left}) == 3
    assert chair.engine.monitored == armed


def test_thirty_seconds_after_somebody_came_every_sensor_has_to_be_on():
    chair = Chair(armed=False)
    chair.wait(1, channels=FLAT, **NO_PRESSURE)
    chair.feed(Attended(t_us=chair.t_us, is_attended=True, who="nurse"))
    lost(chair, 31)
    assert chair.presence("no-pressure-signal") == "off"
    lost(chair, 1)
    assert chair.presence("no-pressure-signal") == "on"


def test_a_limit_relative_to_the_baseline_is_never_beyond_what_may_be_set():
    """100 per cent over 150 mmHg, or under 97 %, would never alarm."""
    chair = small(
        systolic_high=[tier("high", percent=100, bound=140)],
        systolic_low=[tier("high", percent=100, bound=90)],
        spo2_low=[tier("high", points=100, bound=90)],
    )
    values = {dsp.Quantity.SYSTOLIC: 150.0, dsp.Quantity.SPO2: 97.0}
    chair.feed(Baseline(t_us=chair.t_us, values=values))
    chair.wait(1, systolic=259.9, spo2=80.0)
    assert chair.sounding() == set()
    chair.wait(1, systolic=260.0, spo2=79.9)
    assert chair.sounding() == {"systolic-high", "spo2-low"}
    chair.wait(1, systolic=39.0)
    assert "systolic-low" in chair.sounding()


# Receipts


def test_an_alert_that_nobody_receives_is_an_alarm_itself_once_anybody_listens():
    chair = small(systolic_high=[tier("medium", limit=160)], spo2_low=[tier("high", limit=85)])
    chair.wait(20, systolic=165.0)
    assert chair.presence("alert-not-received") == "off"
    chair.feed(Receipt(t_us=chair.t_us, who="phone", alert="none"))
    chair.wait(1, systolic=165.0, spo2=80.0)
    alert = chair.out[-1]
    chair.wait(4, systolic=165.0, spo2=80.0)
    assert chair.presence("alert-not-received") == "off"
    [raised] = [t for t in chair.wait(1, systolic=165.0, spo2=80.0)]
    assert (raised.alarm.condition.value, raised.alarm.priority.value) == ("alert-not-received", "high")
    assert raised.alarm.text == "Nobody has received an alert: 1 not received"
    chair.feed(Receipt(t_us=chair.t_us, who="phone", alert=alert.id))
    chair.wait(6, systolic=165.0, spo2=80.0)
    assert chair.presence("alert-not-received") == "off"


def test_a_receipt_of_a_later_alert_answers_for_the_earlier_one_and_not_the_other_way_round():
    for first in (True, False):
        chair = small(systolic_high=[tier("medium", limit=160)], spo2_low=[tier("high", limit=85)])
        chair.feed(Receipt(t_us=chair.t_us, who="phone", alert="none"))
        chair.wait(1, systolic=165.0)
        [one] = chair.out
        chair.wait(1, systolic=165.0, spo2=80.0)
        [_, two] = chair.out
        chair.feed(Receipt(t_us=chair.t_us, who="phone", alert=(one if first else two).id))
        chair.wait(5, systolic=165.0, spo2=80.0)
        assert chair.presence("alert-not-received") == ("on" if first else "off")


def test_alerts_of_low_priority_and_ends_need_no_receipt():
    chair = small(systolic_high=[tier("low", limit=160)], spo2_low=[tier("medium", limit=90)])
    chair.feed(Receipt(t_us=chair.t_us, who="phone", alert="none"))
    chair.wait(20, systolic=170.0)
    assert chair.presence("alert-not-received") == "off"
    [raised] = chair.wait(1, systolic=170.0, spo2=80.0)
    chair.feed(Receipt(t_us=chair.t_us, who="phone", alert=raised.id))
    chair.wait(20)
    assert chair.presence("alert-not-received") == "off"


def test_the_alarm_of_missing_receipts_waits_for_none_itself():
    chair = small()
    chair.feed(Receipt(t_us=chair.t_us, who="phone", alert="none"))
    [raised] = chair.wait(1, systolic=170.0)
    chair.wait(5, systolic=170.0)
    assert chair.presence("alert-not-received") == "on"
    chair.feed(Receipt(t_us=chair.t_us, who="phone", alert=raised.id))
    chair.acknowledge("systolic-high")
    chair.wait(20, systolic=170.0)
    assert chair.presence("alert-not-received") == "off"


@pytest.mark.parametrize("is_acknowledged", [True, False])
def test_an_alert_of_what_is_over_or_acknowledged_waits_for_no_receipt(is_acknowledged):
    chair = small()
    chair.feed(Receipt(t_us=chair.t_us, who="tablet", alert=""))
    chair.wait(7, systolic=170.0)
    assert chair.presence("alert-not-received") == "on"
    if is_acknowledged:
        chair.acknowledge("systolic-high")
    chair.wait(12, **({"systolic": 170.0} if is_acknowledged else {}))
    assert chair.presence("alert-not-received") == "off"
    state = chair.engine.snapshot()
    assert state.unreceived == {}


def test_an_alert_that_was_acknowledged_in_time_needs_no_receipt():
    chair = small()
    chair.feed(Receipt(t_us=chair.t_us, who="tablet", alert=""))
    chair.wait(4, systolic=170.0)
    chair.acknowledge("systolic-high")
    chair.wait(30, systolic=170.0)
    assert "alert-not-received" not in [t.alarm.condition.value for t in chair.out if isinstance(t, Transition)]


def test_so_many_names_of_receivers_are_kept_and_every_receipt_counts():
    chair = small()
    for number in range(40):
        chair.feed(Receipt(t_us=chair.t_us, who=f"c{number}", alert=""))
    assert len(chair.engine.snapshot().receivers) == 32
    [raised] = [t for t in chair.wait(1, systolic=170.0) if isinstance(t, Transition)]
    chair.feed(Receipt(t_us=chair.t_us, who="c39", alert=raised.id))
    assert chair.engine.snapshot().unreceived == {}


# Facts


def test_a_fact_is_a_technical_alarm_with_its_detail_until_it_is_over():
    chair = Chair()
    [raised] = chair.fact("board-doubtful", detail="bus error")
    assert (raised.alarm.text, raised.alarm.kind.value) == ("Board not as it should be: bus error", "technical")
    chair.fact("board-doubtful", False, seconds=6)
    assert chair.presence("board-doubtful") == "off"
    chair.fact("board-doubtful", False, seconds=1)
    assert chair.changes("board-doubtful") == ["raised", "ended"]


def test_the_detail_of_a_fact_follows():
    chair = Chair()
    chair.fact("board-doubtful", detail="bus error")
    chair.fact("board-doubtful", detail="wrong sensor")
    assert chair.alarm("board-doubtful").detail == "wrong sensor"


# Restart


def again(chair, *, gone_s=3, other=None):
    """The gateway was gone for so long; its time begins at 0."""
    state = chair.engine.snapshot()
    engine = AlarmEngine.restore(other or state.configured, state, series="c", t_us=-gone_s * 1_000_000)
    return Chair(engine, armed=False)


def test_state_survives_a_restart_with_the_same_ids_and_acknowledgements():
    chair = small()
    chair.wait(2, systolic=170.0)
    chair.acknowledge("systolic-high")
    rev = chair.alarm("systolic-high").rev
    restarted = again(chair)
    alarm = restarted.alarm("systolic-high")
    assert (alarm.id, alarm.presence.value, alarm.acknowledged_by) == ("b-1", "ack", "nurse")
    assert (alarm.truth.value, alarm.value, alarm.was, alarm.rev) == ("unknown", None, 170.0, rev + 1)
    restarted.wait(1, systolic=170.0)
    alarm = restarted.alarm("systolic-high")
    assert (alarm.id, alarm.presence.value, alarm.truth.value) == ("b-1", "ack", "present")
    restarted.wait(6)
    restarted.wait(1, systolic=170.0)
    assert restarted.alarm("systolic-high").id == "c-2"
    assert [t.id for t in restarted.out] == ["c-t3", "c-t4", "c-t5"]


def test_what_was_on_is_on_as_unknown_and_ends_only_when_it_is_measured():
    chair = small()
    chair.wait(2, systolic=170.0)
    restarted = again(chair)
    assert restarted.presence("systolic-high") == "on"
    lost(restarted, 70)
    assert restarted.presence("systolic-high") == "on"
    restarted.wait(6)
    assert restarted.presence("systolic-high") == "off"


def test_times_go_on_over_a_restart():
    chair = small()
    chair.wait(10, systolic=170.0)  # raised nine seconds ago
    chair.pause(60)
    restarted = again(chair, gone_s=15)
    assert restarted.engine.annunciation().paused_s == 60
    restarted.wait(5, systolic=170.0)
    assert restarted.engine.annunciation().paused_s == 40
    assert restarted.changes("systolic-high") == ["known again"]
    restarted.wait(1, systolic=170.0)
    assert restarted.changes("systolic-high") == ["known again", "escalated"]
    assert restarted.alarm("systolic-high").since_us == -24_000_000


def test_changed_limits_survive_a_restart_but_not_another_profile():
    chair = Chair()
    limits(chair, "systolic-high", medium=150.0)
    configured = chair.engine.snapshot().configured
    assert again(chair).engine.profile.tiers(Condition.SYSTOLIC_HIGH)[0].limit == 150.0
    other = again(chair, other=profile(systolic_high=[tier("high", limit=170)]))
    assert other.engine.profile.tiers(Condition.SYSTOLIC_HIGH)[0].limit == 170
    assert configured.tiers(Condition.SYSTOLIC_HIGH)[0].limit == 160


def test_switched_off_standby_receivers_baseline_and_arming_survive_a_restart():
    chair = Chair()
    chair.switch("systolic-high", True)
    chair.feed(Baseline(t_us=chair.t_us, values={dsp.Quantity.SYSTOLIC: 120.0}))
    chair.feed(Receipt(t_us=chair.t_us, who="phone", alert="none"))
    restarted = again(chair)
    assert restarted.alarm("systolic-high").inactivated_by == "nurse"
    restarted.wait(1, spo2=80.0)
    assert restarted.presence("spo2-low") == "on"
    restarted.wait(16, systolic=165.0, spo2=80.0)
    assert restarted.presence("systolic-rise") == "on"
    assert restarted.presence("alert-not-received") == "on"
    chair.feed(Attended(t_us=chair.t_us, is_attended=False, who="nurse"))
    restarted = again(chair)
    restarted.wait(20, spo2=80.0)
    assert restarted.engine.standby_by == "nurse"
    assert restarted.presence("spo2-low") == "off"


def test_no_id_is_given_twice_by_gateways_that_went_on_from_the_same_state():
    """As where the disk was full: what the first of them numbered after it is not known to the second."""
    chair = small()
    chair.wait(1, systolic=170.0)
    state = chair.engine.snapshot()
    told = []
    for series in ("c", "d"):
        engine = AlarmEngine.restore(state.configured, state, series=series, t_us=0)
        assert engine.alarm(Condition.SYSTOLIC_HIGH).id == "b-1"
        restarted = Chair(engine, armed=False)
        restarted.wait(20)
        restarted.wait(1, systolic=170.0)
        told += [(out.id, out.alarm.id) for out in restarted.out if out.change.value == "raised"]
    assert len(told) == 2
    assert len({name for ids in told for name in ids}) == 4


def test_a_sensor_that_was_in_use_is_missed_after_a_restart_too():
    restarted = again(Chair())
    lost(restarted, 2)
    assert restarted.presence("no-pressure-signal") == "off"
    lost(restarted, 1)
    assert restarted.presence("no-pressure-signal") == "on"


def test_the_thirty_seconds_after_somebody_came_go_on_over_a_restart():
    chair = Chair(armed=False)
    chair.wait(1, channels=FLAT, **NO_PRESSURE)
    chair.feed(Attended(t_us=chair.t_us, is_attended=True, who="nurse"))
    lost(chair, 10)
    restarted = again(chair, gone_s=10)
    lost(restarted, 11)
    assert restarted.presence("no-pressure-signal") == "off"
    lost(restarted, 1)
    assert restarted.presence("no-pressure-signal") == "on"


def test_late_receipts_are_late_after_a_restart_too():
    chair = small()
    chair.feed(Receipt(t_us=chair.t_us, who="phone", alert="none"))
    chair.wait(1, systolic=170.0)
    restarted = again(chair, gone_s=3)
    restarted.wait(1, systolic=170.0)
    assert restarted.presence("alert-not-received") == "off"
    restarted.wait(1, systolic=170.0)
    assert restarted.presence("alert-not-received") == "on"


def test_a_snapshot_is_a_copy():
    chair = small()
    chair.wait(1, systolic=170.0)
    state = chair.engine.snapshot()
    chair.wait(6)
    assert state.records[Condition.SYSTOLIC_HIGH].id == "b-1"
    assert state.records[Condition.SYSTOLIC_HIGH].signal.value == "on"
    assert state.t_us == 13_000_000


def test_what_is_switched_off_for_one_patient_is_on_again_for_the_next():
    chair = small()
    chair.switch("systolic-high", is_off=True)
    chair.feed(Attended(t_us=chair.t_us, is_attended=False, who="nurse"))
    assert chair.alarm("systolic-high").inactivated_by == "nurse"
    [told] = chair.feed(Attended(t_us=chair.t_us, is_attended=True, who="dentist"))
    assert (told.change.value, told.who) == ("switched on", "dentist")
    assert chair.alarm("systolic-high").inactivated_by is None
    assert chair.feed(Attended(t_us=chair.t_us, is_attended=True, who="dentist")) == []


# What is refused, expected and told in one answer


def test_what_is_over_gives_nothing_to_pause():
    chair = small()
    chair.wait(1, systolic=170.0)
    chair.wait(6)
    assert answer(chair.pause(60)).accepted is False


def test_a_refusal_names_every_fault():
    chair = small(systolic_high=[tier("medium", limit=160), tier("high", limit=180)])
    expected = "; ".join(
        f"conditions.systolic-high, tier {number}: limit: expected 100..260, found {limit}"
        for number, limit in ((1, 300), (2, 400))
    )
    assert answer(limits(chair, "systolic-high", medium=300.0, high=400.0)).reason == expected
    other = profile(systolic_high=[tier("medium", limit=300), tier("high", limit=400)])
    assert use(chair, other).reason == expected


def test_whoever_is_in_the_chair_is_attended_at_once():
    chair = small()
    for is_attended, who in ((False, "nurse"), (True, None)):
        chair.feed(Attended(t_us=chair.t_us, is_attended=is_attended, who="nurse"))
        assert chair.engine.standby_by == who
    assert chair.engine._evidence.expected_us == chair.t_us + 30_000_000
    chair.feed(Attended(t_us=chair.t_us, is_attended=False, who="nurse"))
    assert chair.engine._evidence.expected_us is None


@pytest.mark.parametrize("is_next_patient", [True, False])
def test_what_is_raised_because_it_is_on_again_has_to_be_received_too(is_next_patient):
    chair = small()
    chair.feed(Receipt(t_us=chair.t_us, who="phone", alert="none"))
    chair.switch("systolic-high", True)
    chair.wait(1, systolic=170.0)
    if is_next_patient:
        chair.feed(Attended(t_us=chair.t_us, is_attended=True, who="nurse"))
    else:
        chair.switch("systolic-high", False)
    chair.wait(4, systolic=170.0)
    assert chair.presence("alert-not-received") == "off"
    chair.wait(1, systolic=170.0)
    assert chair.presence("alert-not-received") == "on"


@pytest.mark.parametrize(("first", "later_s", "expected"), [("medium", 0, "on"), ("high", 0, "on"), ("high", 1, "on")])
def test_a_receipt_answers_for_no_other_alert_of_its_second_and_for_none_of_more_urgency(first, later_s, expected):
    second = "high" if first == "medium" else "medium"
    chair = small(systolic_high=[tier(first, limit=160)], spo2_low=[tier(second, limit=85)])
    chair.feed(Receipt(t_us=chair.t_us, who="phone", alert="none"))
    told = chair.wait(1, systolic=170.0, spo2=97.0 if later_s else 80.0)
    if later_s:
        chair.wait(1, systolic=170.0, spo2=80.0)
        told = chair.out[-1:]
    named = next(out for out in told if out.alarm.priority.value == "medium")
    chair.feed(Receipt(t_us=chair.t_us, who="phone", alert=named.id))
    chair.wait(5, systolic=170.0, spo2=80.0)
    assert chair.presence("alert-not-received") == expected


@pytest.mark.parametrize(("later_s", "expected"), [(0, "on"), (1, "off")])
def test_a_receipt_answers_for_older_alerts_of_its_priority_not_for_those_of_its_second(later_s, expected):
    chair = small(systolic_high=[tier("high", limit=160)], spo2_low=[tier("high", limit=85)])
    chair.feed(Receipt(t_us=chair.t_us, who="phone", alert="none"))
    chair.wait(1, systolic=170.0, spo2=97.0 if later_s else 80.0)
    chair.wait(later_s, systolic=170.0, spo2=80.0)
    named = chair.out[-1]
    chair.feed(Receipt(t_us=chair.t_us, who="phone", alert=named.id))
    chair.wait(6, systolic=170.0, spo2=80.0)
    assert chair.presence("alert-not-received") == expected


def test_what_is_announced_again_needs_no_new_receipt():
    chair = small()
    chair.feed(Receipt(t_us=chair.t_us, who="phone", alert="none"))
    for _ in range(200):
        for told in chair.wait(1, systolic=170.0):
            if told.change.value in ("raised", "escalated"):
                chair.feed(Receipt(t_us=chair.t_us, who="phone", alert=told.id))
    assert "announced again" in chair.changes("systolic-high")
    assert chair.changes("alert-not-received") == []


def test_a_receipt_of_an_alert_that_is_not_waited_for_answers_for_none():
    chair = small()
    chair.feed(Receipt(t_us=chair.t_us, who="phone", alert="none"))
    chair.wait(1, systolic=170.0)
    chair.feed(Receipt(t_us=chair.t_us, who="phone", alert="none"))
    chair.wait(5, systolic=170.0)
    assert chair.presence("alert-not-received") == "on"
