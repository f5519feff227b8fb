"""What the engine sees: armed numbers, sites, reasons, beats, falls."""

from dataclasses import replace

import pytest

import dsp
from gateway.alarms import AlarmEngine, Attended, Condition, Second
from gateway.alarms.catalogue import Site
from gateway.alarms.evidence import _SITE_OF, _cause
from gateway.alarms.hold import Missing
from tests.gateway.alarms.chair import NORMAL, Chair, adult, beat, profile, tier

R, C = dsp.Reason, dsp.Channel
BOTH = (C.PLETH, C.PRESSURE)


def small(**conditions):
    return Chair(AlarmEngine(profile(**conditions), series="b"))


def reasons(pleth=None, pressure=None):
    return {C.PLETH: pleth, C.PRESSURE: pressure}


# Limits


@pytest.mark.parametrize(
    ("condition", "quantity", "limit", "beyond", "inside"),
    [
        ("systolic-high", "systolic", 160, 160.0, 159.99),
        ("systolic-low", "systolic", 90, 89.99, 90.0),
        ("diastolic-high", "diastolic", 100, 100.0, 99.99),
        ("diastolic-low", "diastolic", 50, 49.99, 50.0),
        ("mean-high", "mean_pressure", 110, 110.0, 109.99),
        ("mean-low", "mean_pressure", 60, 59.99, 60.0),
        ("pulse-rate-high", "pulse_rate", 120, 120.0, 119.99),
        ("pulse-rate-low", "pulse_rate", 50, 49.99, 50.0),
        ("spo2-low", "spo2", 90, 89.99, 90.0),
        ("systolic-rise", "systolic", 150, 150.0, 149.99),
        ("diastolic-rise", "diastolic", 90, 90.0, 89.99),
    ],
)
def test_each_condition_is_judged_by_its_own_number_at_its_limit(condition, quantity, limit, beyond, inside):
    name = condition.replace("-", "_")
    for value, expected in ((beyond, "on"), (inside, "off")):
        chair = small(**{name: [tier("medium", limit=limit)]})
        chair.wait(1, **{quantity: value})
        assert chair.presence(condition) == expected, value


@pytest.mark.parametrize(
    ("condition", "quantity", "limit", "beyond", "back"),
    [
        ("systolic-high", "systolic", 160, 165.0, 158.0),
        ("systolic-low", "systolic", 90, 85.0, 92.0),
        ("spo2-low", "spo2", 90, 85.0, 91.0),
        ("pulse-rate-high", "pulse_rate", 120, 130.0, 118.0),
    ],
)
def test_it_ends_only_when_the_value_is_inside_by_the_hysteresis(condition, quantity, limit, beyond, back):
    name = condition.replace("-", "_")
    step = 0.01 if back < limit else -0.01
    for value, expected in ((back + step, "on"), (back, "off")):
        chair = small(**{name: [tier("medium", limit=limit)]})
        chair.wait(1, **{quantity: beyond})
        chair.wait(20, **{quantity: value})
        assert chair.presence(condition) == expected, value


def test_a_value_is_judged_as_it_is_published():
    chair = small(systolic_high=[tier("medium", limit=160)])
    chair.wait(1, systolic=159.996)
    assert chair.alarm("systolic-high").value == 160.0


def test_a_doubtful_value_waits_longer():
    chair = small(systolic_high=[tier("medium", limit=160)])
    chair.wait(10, systolic=170.0, reasons={"systolic": R.IRREGULAR})
    assert chair.presence("systolic-high") == "off"
    chair.wait(1, systolic=170.0, reasons={"systolic": R.IRREGULAR})
    assert chair.presence("systolic-high") == "on"


def breathing(chair, seconds, rate, *, is_clear=True):
    """A respiration rate, which the chair of these tests does not have by itself."""
    for _ in range(seconds):
        chair.t_s += 1
        second = chair.second(None, {}, 1.0, (), {})
        doubts = () if is_clear else (R.BREATHING_UNCLEAR,)
        reading = dsp.Measured(value=rate, sqi=1.0 if is_clear else 0.5, newest_us=chair.t_us, reasons=doubts)
        chair.feed(replace(second, readings={**second.readings, dsp.Quantity.RESPIRATION_RATE: reading}))


def test_respiration_alarms_when_it_has_been_clear_for_a_whole_window():
    chair = small(respiration_low=[tier("medium", limit=10, delay_s=64)])
    breathing(chair, 12, 14.0)
    breathing(chair, 64, 6.0)
    assert chair.presence("respiration-low") == "off"
    breathing(chair, 1, 6.0)
    assert chair.presence("respiration-low") == "on"
    breathing(chair, 30, 6.0, is_clear=False)
    assert (chair.presence("respiration-low"), chair.alarm("respiration-low").truth.value) == ("on", "present")
    breathing(chair, 6, 14.0)
    assert chair.presence("respiration-low") == "off"


def test_doubtful_respiration_begins_nothing_and_makes_what_runs_begin_anew():
    chair = small(respiration_low=[tier("medium", limit=10, delay_s=64)])
    breathing(chair, 12, 14.0)
    breathing(chair, 200, 6.0, is_clear=False)
    breathing(chair, 60, 6.0)
    breathing(chair, 1, 6.0, is_clear=False)
    breathing(chair, 64, 6.0)
    assert chair.presence("respiration-low") == "off"
    breathing(chair, 1, 6.0)
    assert chair.presence("respiration-low") == "on"


def test_an_uncalibrated_value_is_no_doubtful_one():
    chair = small(spo2_low=[tier("medium", limit=90)])
    chair.wait(1, spo2=85.0, reasons={"spo2": R.UNCALIBRATED})
    assert chair.presence("spo2-low") == "on"


@pytest.mark.parametrize(("percent", "limit"), [(20, 144.0), (10, 140.0)])
def test_a_percentage_is_of_the_baseline_and_bounded(percent, limit):
    chair = small(systolic_high=[tier("medium", percent=percent, bound=140)])
    chair.engine._evidence.baseline = {dsp.Quantity.SYSTOLIC: 120.0}
    chair.wait(1, systolic=limit)
    assert chair.alarm("systolic-high").limit == limit


@pytest.mark.parametrize(("points", "limit"), [(40, 160.0), (10, 140.0)])
def test_points_are_above_the_baseline_and_bounded(points, limit):
    chair = small(systolic_rise=[tier("medium", points=points, bound=140)])
    chair.engine._evidence.baseline = {dsp.Quantity.SYSTOLIC: 120.0}
    chair.wait(1, systolic=limit - 0.01)
    assert chair.presence("systolic-rise") == "off"
    chair.wait(1, systolic=limit)
    assert chair.alarm("systolic-rise").limit == limit


def test_below_a_baseline_is_bounded_from_above():
    for percent, limit in ((20, 96.0), (5, 100.0)):
        chair = small(systolic_low=[tier("medium", percent=percent, bound=100)])
        chair.engine._evidence.baseline = {dsp.Quantity.SYSTOLIC: 120.0}
        chair.wait(1, systolic=limit)
        assert chair.presence("systolic-low") == "off"
        chair.wait(1, systolic=limit - 0.01)
        assert chair.alarm("systolic-low").limit == limit


# Falls of saturation


def falling(chair, *values):
    for value in values:
        chair.wait(1, spo2=value)


def test_a_fall_by_ten_points_within_a_minute_alarms_at_once():
    chair = Chair()
    falling(chair, 96.0, 92.0, 87.01)
    assert chair.presence("desaturation") == "off"
    falling(chair, 87.0)
    alarm = chair.alarm("desaturation")
    assert (alarm.presence.value, alarm.value, alarm.limit) == ("on", 87.0, 87.0)


def test_the_same_fall_within_more_than_a_minute_does_not():
    for seconds, expected in ((60, "on"), (61, "off")):
        chair = Chair()
        chair.wait(seconds - 1, spo2=92.0)
        chair.wait(1, spo2=87.0)
        assert chair.presence("desaturation") == expected, seconds


def test_a_fall_is_over_when_the_value_is_back_above_the_limit_it_crossed():
    chair = Chair()
    falling(chair, 86.0)
    chair.wait(70, spo2=87.9)
    assert chair.presence("desaturation") == "on"
    chair.wait(6, spo2=88.0)
    assert chair.presence("desaturation") == "latched"


def test_the_top_of_another_patient_is_none():
    chair = small(desaturation=[tier("high", drop=10, window_s=60)])
    chair.wait(12, spo2=99.0)
    chair.feed(Attended(t_us=chair.t_us, is_attended=False, who="nurse"))
    chair.feed(Attended(t_us=chair.t_us, is_attended=True, who="nurse"))
    chair.wait(15, spo2=88.0)
    assert chair.presence("desaturation") == "off"


def test_a_doubtful_top_is_no_top():
    chair = Chair()
    chair.wait(1, spo2=99.0, reasons={"spo2": R.MOTION})
    falling(chair, 88.0)
    assert chair.presence("desaturation") == "off"


def test_a_top_from_before_the_number_was_armed_does_not_count():
    chair = Chair(armed=False)
    chair.wait(5, spo2=99.0)
    chair.wait(10, spo2=89.5)
    assert chair.presence("desaturation") == "off"


# Beats


def beats(chair, count, interval_s, **options):
    """Seconds with beats that far apart, on the hour of the beat."""
    passed = 0.0
    for _ in range(count):
        passed += interval_s
        seconds = int(passed)
        passed -= seconds
        if seconds:
            chair.wait(seconds, beat_s=None)
        chair.engine.feed(_beat_at(chair, passed, interval_s, **options))
    chair.wait(1, beat_s=None)


def _beat_at(chair, after_s, interval_s, **options):
    return beat(chair.t_us + round(after_s * 1e6), interval_s, **options)


SLOW = {"extreme_bradycardia": [tier("high", limit=40, beats=5)]}
FAST = {"extreme_tachycardia": [tier("high", limit=140, beats=17)]}


@pytest.mark.parametrize(("count", "expected"), [(4, "off"), (5, "on")])
def test_five_slow_beats_in_a_row_are_an_extreme_bradycardia(count, expected):
    chair = small(**SLOW)
    beats(chair, 5, 0.8)
    beats(chair, count - 1, 1.51)  # the first of the five ended the last usual interval
    assert chair.presence("extreme-bradycardia") == expected


def test_the_rate_of_the_five_is_told():
    chair = small(**SLOW)
    beats(chair, 6, 1.6)
    assert chair.alarm("extreme-bradycardia").value == 37.5
    assert chair.alarm("extreme-bradycardia").limit == 40


@pytest.mark.parametrize(("interval_s", "expected"), [(1.5, "off"), (1.51, "on")])
def test_the_limit_itself_is_not_under_it(interval_s, expected):
    chair = small(**SLOW)
    beats(chair, 8, interval_s)
    assert chair.presence("extreme-bradycardia") == expected


@pytest.mark.parametrize(("count", "expected"), [(16, "off"), (17, "on")])
def test_seventeen_fast_beats_in_a_row_are_an_extreme_tachycardia(count, expected):
    chair = small(**FAST)
    beats(chair, 5, 0.8)
    beats(chair, count - 1, 0.42)  # one usual interval among sixteen is too many
    chair.wait(1, beat_s=None)
    assert chair.presence("extreme-tachycardia") == expected


def test_a_rejected_beat_breaks_the_row():
    chair = small(**SLOW)
    beats(chair, 3, 1.6)
    beats(chair, 1, 1.6, accepted=False)
    beats(chair, 3, 1.6)
    assert chair.presence("extreme-bradycardia") == "off"


def test_beats_of_poor_quality_need_ten_seconds_more():
    chair = small(**SLOW)
    beats(chair, 5, 0.8, sqi=0.59)
    beats(chair, 5, 1.6, sqi=0.59)
    assert chair.presence("extreme-bradycardia") == "off"
    beats(chair, 9, 1.6, sqi=0.59)
    assert chair.presence("extreme-bradycardia") == "on"


def test_the_channel_with_the_better_beats_is_believed():
    for good, expected in ((C.PLETH, "off"), (C.PRESSURE, "on")):
        chair = small(**SLOW)
        beats(chair, 5, 0.8, channel=C.PLETH, sqi=0.95)
        for _ in range(12):
            chair.wait(1, beat_s=None)
            chair.engine.feed(_beat_at(chair, 0, 1.6, channel=C.PRESSURE, sqi=0.9 if good is C.PRESSURE else 0.7))
            chair.engine.feed(_beat_at(chair, 0, 0.8, channel=C.PLETH, sqi=0.9 if good is C.PLETH else 0.7))
        chair.wait(1, beat_s=None)
        assert chair.presence("extreme-bradycardia") == expected, good


def test_beats_of_three_seconds_ago_say_nothing_of_now():
    chair = small(**SLOW)
    beats(chair, 6, 1.6)
    chair.wait(9, beat_s=None)
    assert chair.alarm("extreme-bradycardia").truth.value == "unknown"
    assert chair.alarm("extreme-bradycardia").was == 37.5


# No pulse


def silent(chair, seconds, pleth=R.NO_PULSE, pressure=R.NO_PULSE):
    chair.wait(seconds, beat_s=None, channels=reasons(pleth, pressure), pulse_rate=None)


@pytest.mark.parametrize(("seconds", "expected"), [(3, "off"), (4, "on")])
def test_four_seconds_without_a_beat_are_a_lost_pulse(seconds, expected):
    chair = Chair()
    silent(chair, seconds)
    assert chair.presence("pulse-lost") == expected
    if expected == "on":
        assert (chair.alarm("pulse-lost").value, chair.alarm("pulse-lost").limit) == (4.0, 4.0)


def test_a_beat_on_any_channel_is_a_pulse():
    chair = Chair()
    for _ in range(20):
        chair.t_s += 1
        chair.beats(0.8, channel=C.PLETH)
        chair.feed(chair.second(reasons(None, R.NO_PULSE), {}, 1.0, (), {}))
    assert chair.presence("pulse-lost") == "off"


def test_rejected_beats_are_no_pulse():
    chair = Chair()
    for _ in range(4):
        chair.t_s += 1
        chair.engine.feed(_learning(chair))
        chair.feed(chair.second(reasons(R.IRREGULAR, R.NO_PULSE), {}, 1.0, (), {"pulse_rate": None}))
    assert chair.presence("pulse-lost") == "on"


def _learning(chair, reason=R.LEARNING):
    return replace(_beat_at(chair, 0, 0.8, accepted=False, channel=C.PLETH), reasons=(reason,))


@pytest.mark.parametrize(("pressure", "expected"), [((120.0, 100.0), "off"), ((119.9, 100.0), "on")])
def test_pressure_pulses_of_a_size_that_moves_blood_are_a_pulse_without_a_rhythm(pressure, expected):
    chair = Chair()
    for _ in range(15):
        chair.t_s += 1
        strong = replace(_learning(chair), systolic_mmhg=pressure[0], diastolic_mmhg=pressure[1])
        chair.engine.feed(strong)
        chair.feed(chair.second(reasons(R.IRREGULAR, R.IRREGULAR), {}, 1.0, (), {"pulse_rate": None}))
    assert chair.presence("pulse-lost") == expected


@pytest.mark.parametrize(("height_mmhg", "expected"), [(9.9, "on"), (10.0, "off")])
def test_beats_of_a_pressure_that_hardly_moves_are_no_pulse(height_mmhg, expected):
    chair = Chair()
    for _ in range(8):
        chair.t_s += 1
        for channel in BOTH:
            sizes = {"systolic_mmhg": 14.0 + height_mmhg, "diastolic_mmhg": 14.0} if channel is C.PRESSURE else {}
            one = beat(chair.t_us, 1.0, channel=channel, accepted=channel is C.PRESSURE)
            chair.engine.feed(replace(one, **sizes))
        chair.feed(chair.second(reasons(R.NO_PULSE, None), {}, 1.0, (), {}))
    assert chair.presence("pulse-lost") == expected


def test_a_disturbed_pressure_pulse_is_none_however_large():
    chair = Chair()
    for _ in range(15):
        chair.t_s += 1
        spoilt = _learning(chair, R.ARTIFACT)
        chair.engine.feed(replace(spoilt, systolic_mmhg=280.0, diastolic_mmhg=100.0))
        chair.feed(chair.second(reasons(R.IRREGULAR, R.IRREGULAR), {}, 1.0, (), {"pulse_rate": None}))
    assert chair.presence("pulse-lost") == "on"


def test_a_lost_pulse_explains_what_the_sites_do_not_see():
    chair = Chair()
    chair.wait(100, beat_s=None, channels=reasons(R.IRREGULAR, R.NO_PULSE), pulse_rate=None)
    assert chair.sounding() == {"pulse-lost"}


@pytest.mark.parametrize("blind", [R.FLAT, R.STALE, R.PROBE_OFF, R.MOTION, R.SATURATED, R.FLUSH, R.CALIBRATION])
def test_where_no_channel_could_show_a_pulse_its_silence_is_unknown(blind):
    chair = Chair()
    silent(chair, 30, blind, blind)
    assert (chair.presence("pulse-lost"), chair.alarm("pulse-lost").truth.value) == ("off", "unknown")


@pytest.mark.parametrize("other", [R.FLAT, R.NO_CHANNEL])
def test_one_sensor_alone_needs_ten_seconds_more(other):
    chair = Chair()
    silent(chair, 13, R.NO_PULSE, other)
    assert chair.presence("pulse-lost") == "off"
    silent(chair, 1, R.NO_PULSE, other)
    assert chair.presence("pulse-lost") == "on"


def test_humps_on_both_channels_need_ten_seconds_more():
    chair = Chair()
    silent(chair, 13, R.IRREGULAR, R.IRREGULAR)
    assert chair.presence("pulse-lost") == "off"
    silent(chair, 1, R.IRREGULAR, R.IRREGULAR)
    assert chair.presence("pulse-lost") == "on"


@pytest.mark.parametrize(("ago_s", "expected"), [(3, "off"), (4, "on")])
def test_a_disturbance_in_the_last_eight_seconds_may_have_hidden_a_pulse(ago_s, expected):
    chair = Chair()
    chair.engine.feed(_disturbed(chair, -4 + (4 - ago_s) + 0))
    silent(chair, 4, R.IRREGULAR)
    assert chair.presence("pulse-lost") == expected


def _disturbed(chair, after_s):
    at = _beat_at(chair, after_s, 0.8, accepted=False, channel=C.PRESSURE)
    return replace(at, reasons=(R.ARTIFACT,))


@pytest.mark.parametrize(("blind_s", "expected"), [(7, "on"), (8, "off")])
def test_a_sensor_that_was_blind_to_the_last_pulses_is_no_witness(blind_s, expected):
    chair = Chair()
    for _ in range(2):
        chair.beats(1.0, channel=C.PLETH)
        chair.wait(1, beat_s=1.0)
    for _ in range(blind_s):
        chair.t_s += 1
        chair.beats(1.0, channel=C.PLETH)
        chair.feed(chair.second(reasons(None, R.SIGNAL_LOST), {}, 1.0, (), {}))
    for _ in range(4):  # a hand that moves: the other sensor loses it too
        chair.t_s += 1
        chair.beats(1.0, channel=C.PLETH, accepted=False)
        chair.feed(chair.second(reasons(R.IRREGULAR, R.SIGNAL_LOST), {}, 1.0, (), {}))
    assert chair.presence("pulse-lost") == expected
    for _ in range(10):
        chair.t_s += 1
        chair.beats(1.0, channel=C.PLETH, accepted=False)
        chair.feed(chair.second(reasons(R.IRREGULAR, R.SIGNAL_LOST), {}, 1.0, (), {}))
    assert chair.presence("pulse-lost") == "on"


def test_a_sensor_that_has_never_shown_a_pulse_for_half_a_minute_is_a_lost_pulse_too():
    chair = Chair(armed=False)
    silent(chair, 29)
    assert chair.presence("pulse-lost") == "off"
    silent(chair, 1)
    assert (chair.presence("pulse-lost"), chair.alarm("pulse-lost").value) == ("on", 30.0)


def test_a_sensor_that_lies_unused_is_none():
    chair = Chair(armed=False)
    silent(chair, 100, R.PROBE_OFF, R.FLAT)
    assert chair.sounding() == set()


# The monitoring itself


@pytest.mark.parametrize(
    ("condition", "pleth", "pressure"),
    [
        ("no-finger-signal", R.FLAT, None),
        ("no-finger-signal", R.STALE, None),
        ("no-finger-signal", R.NO_DATA, None),
        ("probe-off", R.PROBE_OFF, None),
        ("sensor-fault", R.LED_FAULT, None),
        ("sensor-fault", R.CHANNEL_ORDER, None),
        ("low-perfusion", R.LOW_PERFUSION, None),
        ("low-perfusion", R.NO_PULSE, None),
        ("artifact-finger", R.MOTION, None),
        ("artifact-finger", R.SATURATED, None),
        ("no-pressure-signal", None, R.FLAT),
        ("no-pressure-signal", None, R.STALE),
        ("artifact-pressure", None, R.DAMPED),
        ("artifact-pressure", None, R.NO_PULSE),
    ],
)
def test_each_reason_is_its_technical_condition_at_its_site_and_no_other(condition, pleth, pressure):
    chair = Chair()
    values = {"spo2": None} if pleth else dict.fromkeys(("systolic", "diastolic", "mean_pressure"))
    why = dict.fromkeys(values, pleth or pressure)
    chair.wait(21, channels=reasons(pleth, pressure), reasons=why, **values)
    assert chair.sounding() == {condition}
    chair.wait(6)
    assert chair.sounding() == set()


def test_a_reading_without_a_value_is_missed_where_its_channel_has_a_pulse():
    chair = Chair()
    chair.wait(3, spo2=None, reasons={"spo2": R.LED_FAULT})
    assert chair.sounding() == {"sensor-fault"}


@pytest.mark.parametrize("site", [Site.FINGER, Site.PRESSURE])
def test_every_reason_has_a_condition_of_its_site_or_none(site):
    for reason in R:
        condition = _cause(site, reason)
        assert condition is None or _SITE_OF[condition] is site, reason


def test_a_channel_that_a_source_never_had_is_no_alarm():
    chair = Chair(armed=False)
    absent = ("systolic", "diastolic", "mean_pressure", "spo2")
    chair.wait(100, channels=reasons(None, R.NO_CHANNEL), absent=absent)
    assert chair.sounding() == set()
    assert chair.alarm("systolic-high").truth.value == "unknown"


@pytest.mark.parametrize(
    ("pleth", "pressure", "absent", "expected"),
    [
        (R.NO_CHANNEL, None, ("spo2",), {"no-finger-signal"}),
        (None, None, ("spo2",), {"no-finger-signal"}),  # its red light alone is not there any more
        (None, R.NO_CHANNEL, ("systolic", "diastolic", "mean_pressure"), {"no-pressure-signal"}),
    ],
)
def test_a_sensor_that_was_there_and_is_not_any_more_is_missed(pleth, pressure, absent, expected):
    chair = Chair()
    chair.wait(4, channels=reasons(pleth, pressure), absent=absent)
    assert chair.sounding() == expected
    [name] = expected
    assert chair.alarm(name).detail == "no such sensor"


def test_a_condition_whose_sensor_is_not_there_any_more_is_unknown_with_its_last_value():
    chair = Chair()
    chair.wait(3, spo2=80.0)
    assert chair.presence("spo2-low") == "on"
    chair.wait(60, channels=reasons(R.NO_CHANNEL, None), absent=("spo2",))
    alarm = chair.alarm("spo2-low")
    assert (alarm.presence.value, alarm.truth.value, alarm.value, alarm.was) == ("on", "unknown", None, 80.0)
    assert "no-finger-signal" in chair.sounding()


def test_a_pulse_rate_without_any_sensor_is_missed_where_no_site_is():
    state = AlarmEngine(adult(), series="b").snapshot()
    state.armed = [dsp.Quantity.PULSE_RATE]
    chair = Chair(AlarmEngine.restore(adult(), state, series="c", t_us=0), armed=False)
    chair.wait(21, beat_s=None, channels=reasons(R.NO_CHANNEL, R.NO_CHANNEL), absent=[q.value for q in NORMAL])
    assert chair.sounding() == {"no-pulse-rate"}


def test_without_a_link_only_the_link_is_told():
    chair = Chair()
    gone = dict.fromkeys(("systolic", "diastolic", "mean_pressure", "spo2", "pulse_rate"))
    chair.fact("link-lost", detail="link lost", seconds=0)
    chair.wait(
        60, beat_s=None, channels=reasons(R.LINK_LOST, R.LINK_LOST), reasons=dict.fromkeys(gone, R.LINK_LOST), **gone
    )
    assert chair.sounding() == {"link-lost"}


def test_no_pulse_rate_is_told_where_no_site_explains_it():
    chair = Chair()
    chair.wait(20, pulse_rate=None, reasons={"pulse_rate": R.IRREGULAR})
    assert chair.sounding() == set()
    chair.wait(1, pulse_rate=None, reasons={"pulse_rate": R.IRREGULAR})
    assert chair.sounding() == {"no-pulse-rate"}
    assert chair.alarm("no-pulse-rate").detail == "irregular"
    chair.wait(6)
    chair.wait(40, pulse_rate=None, reasons={"pulse_rate": R.MOTION}, channels=reasons(R.MOTION), spo2=None)
    assert chair.presence("no-pulse-rate") == "off"


def test_a_sensor_that_never_was_there_does_not_explain_why_there_is_no_pulse_rate():
    chair = Chair(armed=False)
    pressures = dict.fromkeys(("systolic", "diastolic", "mean_pressure"))
    chair.wait(12, channels=reasons(None, R.FLAT), **pressures)
    missing = {"reasons": {"pulse_rate": R.IRREGULAR}, "channels": reasons(None, R.FLAT)}
    chair.wait(21, pulse_rate=None, **missing, **pressures)
    assert chair.sounding() == {"no-pulse-rate"}


def test_no_pulse_rate_beside_an_unknown_condition_hurries():
    chair = small(pulse_rate_high=[tier("high", limit=120)])
    chair.wait(1, pulse_rate=130.0)
    chair.wait(4, pulse_rate=None, reasons={"pulse_rate": R.IRREGULAR})
    assert chair.presence("no-pulse-rate") == "on"


def test_an_uncalibrated_sensor_is_told_as_long_as_it_measures():
    chair = Chair()
    chair.wait(1, reasons={"spo2": R.UNCALIBRATED})
    assert chair.sounding() == {"uncalibrated"}
    chair.wait(6)
    assert chair.sounding() == set()


def test_nothing_is_uncalibrated_before_anything_is_measured():
    chair = Chair(armed=False)
    chair.wait(5, reasons={"spo2": R.UNCALIBRATED})
    assert chair.sounding() == set()


@pytest.mark.parametrize(("seconds", "expected"), [(29 + 21, "off"), (30 + 21, "on")])
def test_a_sensor_with_a_signal_that_is_never_good_is_told_after_half_a_minute_and_its_delay(seconds, expected):
    chair = Chair(armed=False)
    values = dict.fromkeys(("systolic", "diastolic", "mean_pressure"))
    chair.wait(
        seconds - 1, channels=reasons(None, R.SIGNAL_LOST), reasons=dict.fromkeys(values, R.SIGNAL_LOST), **values
    )
    assert chair.presence("artifact-pressure") == expected


def test_a_disturbance_is_not_over_while_the_number_is_doubtful():
    chair = Chair()
    values = dict.fromkeys(("systolic", "diastolic", "mean_pressure"))
    chair.wait(21, channels=reasons(None, R.DAMPED), reasons=dict.fromkeys(values, R.DAMPED), **values)
    chair.wait(30, reasons={"systolic": R.ARTIFACT})
    assert chair.presence("artifact-pressure") == "on"
    chair.wait(6)
    assert chair.presence("artifact-pressure") == "off"


def test_a_site_arms_by_its_own_pulse():
    chair = Chair(armed=False)
    chair.wait(60, channels=reasons(None, R.FLAT), systolic=None, diastolic=None, mean_pressure=None)
    assert chair.sounding() == set()
    chair.wait(10)
    chair.wait(3, channels=reasons(None, R.FLAT), systolic=None, diastolic=None, mean_pressure=None)
    assert chair.sounding() == {"no-pressure-signal"}


def test_nine_seconds_of_pulse_do_not_arm_a_site():
    chair = Chair(armed=False)
    chair.wait(9)
    chair.wait(20, channels=reasons(R.PROBE_OFF, R.FLAT), systolic=None, spo2=None)
    assert chair.sounding() == set()


def test_a_pulse_of_one_sensor_ends_a_lost_pulse():
    chair = small(pulse_lost=[tier("high", limit=4)])
    chair.wait(20, beat_s=None, channels=reasons(R.NO_PULSE, R.NO_PULSE))
    assert chair.presence("pulse-lost") == "on"
    chair.acknowledge("pulse-lost")
    chair.wait(10, channels=reasons(R.PROBE_OFF))
    assert chair.presence("pulse-lost") == "off"
    chair.wait(40, beat_s=None, channels=reasons(R.PROBE_OFF, R.NO_PULSE))
    assert chair.presence("pulse-lost") == "on"


def test_a_beat_with_a_time_ahead_hides_no_lost_pulse():
    chair = small(pulse_lost=[tier("high", limit=4)])
    chair.engine.feed(beat(chair.t_us + 3600 * 1_000_000))
    chair.wait(10, beat_s=None, channels=reasons(R.NO_PULSE, R.NO_PULSE))
    assert chair.presence("pulse-lost") == "on"


def test_rejected_beats_do_not_push_out_the_time_of_the_last_pulse():
    chair = small(pulse_lost=[tier("high", limit=4)])
    start_s = chair.t_s
    for _ in range(8):
        chair.wait(beat_s=None, channels=reasons(R.IRREGULAR, R.IRREGULAR))
        for _ in range(10):
            chair.engine.feed(beat(chair.t_us, accepted=False))
    seen = chair.engine._evidence._no_beat(tier("high", limit=4))
    assert seen.value == chair.t_s - start_s


def test_who_is_expected_is_waited_for_until_the_board_is_there():
    chair = Chair(armed=False)
    chair.engine._evidence.set_attended(0, is_attended=True)
    chair.wait(40, beat_s=None, channels={})
    chair.wait(1, beat_s=None, channels=reasons(R.PROBE_OFF, R.NO_DATA))
    assert chair.engine._evidence.armed_sites == {Site.FINGER, Site.PRESSURE}
    assert chair.engine._evidence.expected_us is None


# At the edges of what is kept, waited for and rounded


def test_a_fall_within_the_longest_window_counts_from_its_first_second():
    for seconds, expected in ((120, "on"), (121, "off")):
        chair = small(desaturation=[tier("high", drop=10, window_s=120)])
        chair.wait(seconds - 1, spo2=92.0)
        chair.wait(1, spo2=87.0)
        assert chair.presence("desaturation") == expected, seconds


def test_limits_that_are_reckoned_are_told_and_judged_in_hundredths():
    chair = small(
        systolic_high=[tier("medium", percent=20, bound=100)], desaturation=[tier("high", drop=10.006, window_s=60)]
    )
    chair.engine._evidence.baseline = {dsp.Quantity.SYSTOLIC: 111.11}
    chair.wait(1, systolic=133.332, spo2=86.994)
    assert (chair.alarm("systolic-high").value, chair.alarm("systolic-high").limit) == (133.33, 133.33)
    assert (chair.alarm("desaturation").value, chair.alarm("desaturation").limit) == (86.99, 86.99)
    chair = small(desaturation=[tier("high", drop=10, window_s=60)])
    chair.wait(20, spo2=97.004)
    chair.wait(1, spo2=86.0)
    assert chair.alarm("desaturation").limit == 87.0


def test_thirty_two_beats_in_a_row_can_be_asked_for():
    chair = small(extreme_tachycardia=[tier("high", limit=140, beats=32)])
    beats(chair, 5, 0.8)
    beats(chair, 31, 0.42)
    assert chair.presence("extreme-tachycardia") == "on"


def test_a_rate_of_beats_is_told_in_tenths():
    chair = small(**SLOW)
    beats(chair, 6, 1.57)
    assert chair.alarm("extreme-bradycardia").value == 38.2


@pytest.mark.parametrize(
    ("condition", "beyond", "within", "back"), [(SLOW, 1.6, 1.43, 1.42), (FAST, 0.42, 0.434, 0.44)]
)
def test_a_run_of_beats_is_over_when_its_rate_is_back_by_the_hysteresis(condition, beyond, within, back):
    [name] = [key.replace("_", "-") for key in condition]
    for interval_s, expected in ((within, "ack"), (back, "off")):
        chair = small(**condition)
        beats(chair, 20, beyond)
        chair.acknowledge(name)
        beats(chair, 40, interval_s)
        assert chair.presence(name) == expected, interval_s


def test_beats_of_just_enough_quality_are_not_doubtful():
    chair = small(**SLOW)
    beats(chair, 5, 0.8, sqi=0.6)
    beats(chair, 5, 1.6, sqi=0.6)
    assert chair.presence("extreme-bradycardia") == "on"


@pytest.mark.parametrize(("late_us", "expected"), [(3_000_000, "on"), (3_000_001, "off")])
def test_a_run_of_beats_is_of_now_for_three_seconds(late_us, expected):
    chair = small(**SLOW)
    for number in range(5):
        chair.engine.feed(beat(chair.t_us + 4_000_000 - late_us - (4 - number) * 1_600_000, 1.6))
    chair.t_s += 3  # none of these was judged
    chair.wait(1, beat_s=None)
    assert chair.presence("extreme-bradycardia") == expected


def test_a_beat_without_an_interval_makes_no_run():
    chair = small(**SLOW)
    for number in range(5):
        one = beat(chair.t_us - (4 - number) * 1_600_000, 1.6)
        chair.engine.feed(replace(one, interval_us=None) if number == 2 else one)
    chair.wait(1, beat_s=None)
    assert chair.presence("extreme-bradycardia") == "off"


@pytest.mark.parametrize(("ahead_us", "value"), [(3_000_000, 2.0), (3_000_001, 5.0)])
def test_a_pulse_that_is_a_little_ahead_counts_when_its_time_has_come(ahead_us, value):
    chair = small(pulse_lost=[tier("high", limit=4)])
    chair.engine.feed(beat(chair.t_us + 1_000_000 + ahead_us))
    chair.wait(6 if value == 2 else 5, beat_s=None)
    assert chair.engine._evidence._no_beat(tier("high", limit=4)).value == value


def test_an_older_pulse_that_comes_late_does_not_make_the_last_one_older():
    chair = small(pulse_lost=[tier("high", limit=4)])
    chair.wait(1)
    chair.engine.feed(beat(chair.t_us - 2_000_000))
    chair.wait(3, beat_s=None)
    assert chair.engine._evidence._no_beat(tier("high", limit=4)).value == 3.0


def test_silence_is_told_in_tenths_of_a_second():
    chair = small(pulse_lost=[tier("high", limit=4)])
    chair.engine.feed(beat(chair.t_us + 160_000))
    chair.wait(5, beat_s=None)
    assert chair.alarm("pulse-lost").value == 4.8


def test_a_profile_without_a_lost_pulse_has_the_sites_tell_it():
    chair = small(systolic_high=[tier("high", limit=160)], pulse_lost=())
    silent(chair, 21)
    assert chair.sounding() == {"low-perfusion", "artifact-pressure"}


def test_whoever_sits_down_after_a_patient_has_left_is_armed_like_the_first():
    chair = small(spo2_low=[tier("high", limit=85)])
    dead = dict.fromkeys(("systolic", "diastolic", "mean_pressure", "pulse_rate", "spo2"))
    chair.wait(9, beat_s=None, channels=reasons(R.PROBE_OFF, R.FLAT), **dead)
    chair.engine._evidence.set_attended(chair.t_us, is_attended=False)
    chair.wait(9, beat_s=None, channels=reasons(R.PROBE_OFF, R.FLAT), **dead)
    assert chair.engine._evidence.is_standby
    chair.wait(1, beat_s=None, channels=reasons(R.PROBE_OFF, R.FLAT), **dead)
    assert not chair.engine._evidence.is_standby
    chair.wait(9, spo2=80.0)
    assert chair.presence("spo2-low") == "off"
    chair.wait(1, spo2=80.0)
    assert chair.presence("spo2-low") == "on"


DOUBTFUL = {
    "systolic": R.IRREGULAR,
    "diastolic": R.IRREGULAR,
    "mean_pressure": R.IRREGULAR,
    "spo2": R.LOW_PERFUSION,
}


def test_a_number_that_is_never_good_alarms_once_it_has_been_there_for_half_a_minute():
    chair = Chair(armed=False)
    chair.wait(29, reasons=DOUBTFUL, systolic=230.0, spo2=70.0)
    assert not {dsp.Quantity.SYSTOLIC, dsp.Quantity.SPO2} & chair.engine._evidence.armed
    chair.wait(1, reasons=DOUBTFUL, systolic=230.0, spo2=70.0)
    assert {dsp.Quantity.SYSTOLIC, dsp.Quantity.SPO2} <= chair.engine._evidence.armed
    chair.wait(20, reasons=DOUBTFUL, systolic=230.0, spo2=70.0)
    assert chair.sounding() == {"systolic-high", "spo2-low"}


def test_a_number_that_comes_and_goes_in_doubt_is_not_there_for_half_a_minute():
    chair = Chair(armed=False)
    for _ in range(4):
        chair.wait(29, reasons=DOUBTFUL, spo2=70.0)
        chair.wait(1, reasons=DOUBTFUL, spo2=None)
    assert chair.sounding() == set()
    chair.wait(20, reasons=DOUBTFUL, spo2=70.0)
    chair.feed(Attended(t_us=chair.t_us, is_attended=False, who="nurse"))
    assert chair.engine._evidence._alive == {}


def test_a_calibration_that_has_expired_is_told_until_there_is_a_new_one():
    chair = Chair()
    chair.wait(1, reasons={"mean_pressure": R.UNCALIBRATED})
    assert chair.presence("calibration-expired") == "off"
    chair.wait(1, reasons={"mean_pressure": R.REFERENCE_EXPIRED})
    assert chair.presence("calibration-expired") == "on"
    chair.wait(6)
    assert chair.presence("calibration-expired") == "off"


def test_nobody_in_the_chair_is_left_after_ten_seconds_after_a_restart_too():
    chair = small(spo2_low=[tier("high", limit=85)])
    chair.engine.feed(Attended(t_us=chair.t_us, is_attended=False, who="nurse"))
    state = chair.engine.snapshot()
    restarted = Chair(AlarmEngine.restore(state.configured, state, series="c", t_us=0), armed=False)
    for seconds, expected in ((9, "nurse"), (1, None)):
        restarted.wait(seconds, beat_s=None, channels=reasons(R.PROBE_OFF, R.FLAT), spo2=None)
        assert restarted.engine.standby_by == expected


@pytest.mark.parametrize("site", [reasons(R.LOW_PERFUSION, None), reasons(None, R.ARTIFACT)])
def test_a_lost_number_of_either_site_makes_both_hurry(site):
    chair = small(pulse_rate_high=[tier("high", limit=120)])
    chair.wait(1, pulse_rate=130.0)
    chair.wait(4, pulse_rate=None, channels=site)
    assert chair.sounding() & {"low-perfusion", "artifact-pressure"}


def test_a_lost_number_of_one_site_does_not_hurry_the_other():
    chair = small(systolic_high=[tier("high", limit=160)])
    chair.wait(1, systolic=170.0)
    gone = dict.fromkeys(("systolic", "diastolic", "mean_pressure", "spo2"))
    chair.wait(6, channels=reasons(R.LOW_PERFUSION, R.ARTIFACT), **gone)
    assert chair.sounding() == {"systolic-high", "artifact-pressure"}


def test_a_pulse_at_the_second_is_of_that_second():
    chair = small(pulse_lost=[tier("high", limit=4)])
    chair.wait(1)
    assert chair.engine._evidence._no_beat(tier("high", limit=4)).value == 0.0


@pytest.mark.parametrize(("absent", "expected"), [((), "on"), (("systolic",), "off")])
def test_who_is_expected_has_every_number_armed_that_there_is(absent, expected):
    chair = small(systolic_high=[tier("high", limit=160)])
    chair = Chair(AlarmEngine(chair.engine.profile, series="b"), armed=False)
    chair.engine.feed(Attended(t_us=0, is_attended=True, who="nurse"))
    chair.wait(30, systolic=None, absent=absent)
    chair.wait(1, systolic=170.0)
    assert chair.presence("systolic-high") == expected


def test_who_is_expected_is_not_missed_what_nobody_measures():
    chair = Chair(armed=False)
    chair.engine.feed(Attended(t_us=0, is_attended=True, who="nurse"))
    chair.wait(31)
    assert chair.engine._evidence.armed == set(NORMAL)


def test_the_good_seconds_of_one_patient_do_not_arm_the_next():
    chair = Chair()
    for is_attended in (False, True):
        chair.engine.feed(Attended(t_us=chair.t_us, is_attended=is_attended, who="nurse"))
    chair.wait(9)
    assert (chair.engine._evidence.armed, chair.engine._evidence.armed_sites) == (set(), set())
    chair.wait(1)
    assert chair.engine._evidence.armed == set(NORMAL)


def test_a_signal_from_the_first_second_on_counts_that_second():
    chair = Chair(armed=False)
    chair.wait(29, beat_s=None, channels=reasons(R.SIGNAL_LOST, R.SIGNAL_LOST))
    assert chair.engine._evidence.armed_sites == set()


def test_a_site_with_a_signal_is_armed_after_exactly_half_a_minute():
    chair = Chair(armed=False)
    chair.wait(5, beat_s=None, channels=reasons(R.FLAT, R.PROBE_OFF))
    for seconds, expected in ((29, set()), (1, {Site.FINGER, Site.PRESSURE})):
        chair.wait(seconds, beat_s=None, channels=reasons(R.SIGNAL_LOST, R.SIGNAL_LOST))
        assert chair.engine._evidence.armed_sites == expected


@pytest.mark.parametrize(
    ("condition", "fields"),
    [
        ("systolic-high", {"limit": 160}),
        ("desaturation", {"drop": 10, "window_s": 60}),
        ("extreme-bradycardia", {"limit": 40, "beats": 5}),
        ("pulse-lost", {"limit": 4}),
        ("artifact-finger", {}),
        ("no-pulse-rate", {}),
    ],
)
def test_what_is_not_armed_is_not_watched_and_what_is_gone_is_lost(condition, fields):
    def seen(chair):
        return chair.engine._evidence.observe(Condition(condition), tier("high", **fields), None)

    gone = dict.fromkeys(("systolic", "diastolic", "mean_pressure", "spo2", "pulse_rate"))
    linkless = {"channels": reasons(R.LINK_LOST, R.LINK_LOST), "reasons": dict.fromkeys(gone, R.LINK_LOST), **gone}
    chair = Chair(armed=False)
    chair.wait(5, beat_s=None, **linkless)
    assert seen(chair) is Missing.SETTING
    chair = Chair()
    chair.wait(5, beat_s=None, **linkless)
    assert seen(chair) is Missing.DATA


def test_a_run_of_beats_is_back_at_exactly_its_hysteresis():
    chair = small(extreme_bradycardia=[tier("high", limit=38, beats=5)])
    beats(chair, 8, 1.6)
    chair.acknowledge("extreme-bradycardia")
    beats(chair, 12, 1.5)
    assert chair.presence("extreme-bradycardia") == "off"


def test_only_a_pulse_ends_a_pulse_that_was_never_there():
    chair = small(pulse_lost=[tier("high", limit=10)])
    chair = Chair(AlarmEngine(chair.engine.profile, series="b"), armed=False)
    silent(chair, 31)
    assert chair.presence("pulse-lost") == "on"
    silent(chair, 1, R.FLAT, R.FLAT)
    silent(chair, 9)
    assert chair.presence("pulse-lost") == "on"


def test_one_sensor_that_saw_the_pulse_alone_needs_ten_seconds_more_too():
    chair = small(pulse_lost=[tier("high", limit=4)])
    for _ in range(10):
        chair.wait(1, beat_s=None)
        chair.beats(0.8, channel=C.PLETH)
    silent(chair, 13, R.NO_PULSE, R.FLAT)
    assert chair.presence("pulse-lost") == "off"


def test_a_disturbance_at_this_very_second_may_hide_a_pulse():
    chair = small(pulse_lost=[tier("high", limit=4)])
    silent(chair, 3, R.IRREGULAR)
    chair.engine.feed(_disturbed(chair, 1))
    silent(chair, 1, R.IRREGULAR)
    assert chair.presence("pulse-lost") == "off"


def test_whoever_is_said_to_be_there_stays_armed_and_whoever_has_left_does_not():
    chair = Chair()
    chair.engine.feed(Attended(t_us=chair.t_us, is_attended=True, who="nurse"))
    chair.wait(1, spo2=80.0)
    assert chair.presence("spo2-low") == "on"
    dead = dict.fromkeys(("systolic", "diastolic", "mean_pressure", "pulse_rate", "spo2"))
    chair.engine.feed(Attended(t_us=chair.t_us, is_attended=False, who="nurse"))
    assert chair.engine._evidence.armed_sites == set()
    chair.wait(60, beat_s=None, channels=reasons(R.PROBE_OFF, R.FLAT), **dead)
    assert chair.sounding() == set()


@pytest.mark.parametrize("pressures", [(120.0, None), (None, 80.0)])
def test_half_a_pressure_is_no_pulse(pressures):
    chair = small(pulse_lost=[tier("high", limit=4)])
    chair.wait(1, beat_s=None)
    chair.engine.feed(replace(_learning(chair), systolic_mmhg=pressures[0], diastolic_mmhg=pressures[1]))
    chair.wait(1, beat_s=None)
    assert chair.engine._evidence._no_beat(tier("high", limit=4)).value == 2.0


def test_a_run_of_beats_ends_with_the_beat_of_this_second():
    chair = small(**SLOW)
    for number in range(4):  # without the last one the run has a quick interval more
        chair.engine.feed(beat(chair.t_us + 1_000_000 - (3 - number) * 1_600_000, 1.6))
    chair.wait(1, beat_s=None)
    assert chair.presence("extreme-bradycardia") == "on"


def test_a_condition_that_is_on_its_way_out_keeps_its_own_detail():
    chair = Chair()
    chair.wait(4, channels=reasons(R.PROBE_OFF), spo2=None, reasons={"spo2": R.PROBE_OFF})
    assert chair.alarm("probe-off").detail == R.PROBE_OFF.value
    chair.wait(2, channels=reasons(R.MOTION), spo2=None, reasons={"spo2": R.MOTION})
    assert (chair.presence("probe-off"), chair.alarm("probe-off").detail) == ("on", R.PROBE_OFF.value)


def test_a_site_without_a_pulse_is_told_where_the_other_has_one():
    chair = Chair()
    silent(chair, 25, None, R.NO_PULSE)
    assert "artifact-pressure" in chair.sounding()


def test_without_any_reading_the_pulse_rate_is_lost_and_nothing_is_uncalibrated():
    chair = Chair()
    chair.engine.feed(Second(t_us=chair.t_us + 1_000_000, readings={}, channels=reasons()))
    for name in ("no-pulse-rate", "uncalibrated"):
        assert chair.engine._evidence.observe(Condition(name), tier("low"), None) is Missing.DATA
