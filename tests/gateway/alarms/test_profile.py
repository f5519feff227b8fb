"""Profiles: every fault at once, with its place, and nothing that would switch an alarm off quietly."""

import math

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.alarm_profiles import ProfileError, load_for_routes, load_or_last_good, load_profile, shipped
from gateway.alarms import Condition, Priority, Profile, faults_of
from gateway.alarms.catalogue import CATALOGUE, Rule
from gateway.alarms.profile import limits_of, name_faults, with_limits
from gateway.alarms.types import Kind
from gateway.treatment import Route
from tests.gateway.alarms.chair import adult, profile, tier


def fault(**conditions):
    """The one fault of a profile with these conditions."""
    [found] = faults_of(profile(**conditions))
    return found


# What is shipped


def test_the_shipped_profiles_are_good_and_unsigned():
    assert shipped() == ["adult", "im", "iv", "nasal", "oral"]
    for name in shipped():
        one = load_profile(name)
        assert (one.name, one.signed_off_by, one.signed_off_on) == (name, None, None)
        assert faults_of(one) == []


def test_every_tier_that_is_shipped_says_where_it_is_from():
    for name in shipped():
        for tiers in load_profile(name).conditions.values():
            assert all(len(one.source) > 5 for one in tiers)


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("systolic-high", {"medium": 160, "high": 180}),
        ("systolic-low", {"medium": 90, "high": 80}),
        ("diastolic-high", {"medium": 100, "high": 110}),
        ("mean-low", {"high": 60}),
        ("spo2-low", {"low": 92, "medium": 90, "high": 85}),
        ("pulse-rate-high", {"low": 110, "medium": 120}),
        ("pulse-rate-low", {"medium": 50}),
        ("extreme-bradycardia", {"high": 40}),
        ("extreme-tachycardia", {"high": 150}),
        ("respiration-low", {"medium": 10}),
        ("respiration-high", {"medium": 30}),
        ("pulse-lost", {"high": 4}),
    ],
)
def test_the_defaults_are_those_of_the_clinical_notes(condition, expected):
    limits = limits_of(adult(), Condition(condition))
    assert {priority.value: limit for priority, limit in limits.items()} == expected


def test_every_technical_condition_is_on_by_default():
    assert all(adult().tiers(c) for c, definition in CATALOGUE.items() if definition.kind is Kind.TECHNICAL)


# What cannot be


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"limit": 99.9}, "limit: expected 100..260, found 99.9"),
        ({"limit": 260.1}, "limit: expected 100..260, found 260.1"),
        ({"limit": math.nan}, "limit: expected a finite number, found nan"),
        ({"limit": math.inf}, "limit: expected a finite number, found inf"),
        ({"limit": 160, "delay_s": math.nan}, "delay_s: expected a finite number, found nan"),
        ({"limit": 160, "delay_s": -1}, "delay_s: expected 0..120, found -1"),
        ({"limit": 160, "delay_s": 120.5}, "delay_s: expected 0..120, found 120.5"),
        ({}, "expected one of limit, percent and points, found none"),
        ({"percent": 20}, "bound: expected with percent and with points, and only there"),
        ({"limit": 160, "bound": 150}, "bound: expected with percent and with points, and only there"),
        ({"percent": 0, "bound": 150}, "percent: expected more than 0, found 0"),
        ({"points": -5, "bound": 150}, "points: expected more than 0, found -5"),
        ({"percent": 20, "bound": 99}, "bound: expected 100..260, found 99"),
        ({"limit": 160, "point_seconds": 0}, "point_seconds: expected more than 0, found 0"),
        ({"limit": 160, "beats": 5}, "beats: not used by this condition"),
        ({"limit": 160, "drop": 5}, "drop: not used by this condition"),
        ({"percent": 100.1, "bound": 150}, "percent: expected at most 100, found 100.1"),
    ],
)
def test_a_tier_that_cannot_be_is_refused_with_its_place(fields, expected):
    found = faults_of(profile(systolic_high=[tier("medium", **fields)]))
    assert f"conditions.systolic-high, tier 1: {expected}" in found


@pytest.mark.parametrize("limit", [100, 260])
def test_the_bounds_themselves_are_allowed(limit):
    assert faults_of(profile(systolic_high=[tier("medium", limit=limit)])) == []


@pytest.mark.parametrize("delay", [0, 120])
def test_a_delay_may_be_none_or_two_minutes(delay):
    assert faults_of(profile(systolic_high=[tier("medium", limit=160, delay_s=delay)])) == []


def test_two_ways_to_say_a_limit_are_one_too_many():
    found = fault(systolic_high=[tier("medium", percent=20, points=40, bound=140)])
    assert found.endswith("expected one of limit, percent and points, found percent and points")


@pytest.mark.parametrize(
    ("condition", "fields", "expected"),
    [
        ("desaturation", {"window_s": 60}, "drop: missing"),
        ("desaturation", {"drop": 10}, "window_s: missing"),
        ("desaturation", {"drop": 10, "window_s": 121}, "window_s: expected 10..120, found 121"),
        ("desaturation", {"drop": 10, "window_s": 9.9}, "window_s: expected 10..120, found 9.9"),
        (
            "desaturation",
            {"drop": 4, "window_s": 60, "delay_s": 60},
            "delay_s: expected less than window_s 60, found 60",
        ),
        ("desaturation", {"drop": 3.9, "window_s": 60}, "drop: expected 4..20, found 3.9"),
        ("extreme_bradycardia", {"limit": 40}, "beats: missing"),
        ("extreme_bradycardia", {"limit": 40, "beats": 33}, "beats: expected 2..32, found 33"),
        ("extreme_tachycardia", {"beats": 17}, "limit: missing"),
        ("extreme_tachycardia", {"limit": 150, "beats": 0}, "beats: expected more than 0, found 0"),
        ("pulse_lost", {}, "limit: missing"),
        ("pulse_lost", {"limit": 2.9}, "limit: expected 3..10, found 2.9"),
        ("pulse_lost", {"limit": 4, "percent": 20}, "percent: not used by this condition"),
        ("probe_off", {"limit": 4}, "limit: not used by this condition"),
        ("board_fault", {"beats": 4}, "beats: not used by this condition"),
    ],
)
def test_each_rule_needs_its_fields_and_no_others(condition, fields, expected):
    found = fault(**{condition: [tier("high", **fields)]})
    assert found == f"conditions.{condition.replace('_', '-')}, tier 1: {expected}"


def test_the_fields_of_every_rule_are_allowed():
    given = {
        Rule.DROP: {"drop": 10, "window_s": 120, "delay_s": 1},
        Rule.SLOW_BEATS: {"limit": 40, "beats": 5, "delay_s": 1},
        Rule.FAST_BEATS: {"limit": 150, "beats": 17, "delay_s": 1},
        Rule.NO_BEAT: {"limit": 4, "delay_s": 1},
        Rule.READING: {"delay_s": 1},
        Rule.FACT: {"delay_s": 1},
    }
    for condition, definition in CATALOGUE.items():
        if definition.rule in given:
            one = tier("high", **given[definition.rule])
            assert faults_of(profile(**{condition.value.replace("-", "_"): [one]})) == [], condition


def test_the_shortest_window_and_a_delay_just_under_it_are_allowed():
    assert faults_of(profile(desaturation=[tier("high", drop=4, window_s=10, delay_s=9.9)])) == []


def test_the_place_names_the_tier():
    found = fault(systolic_high=[tier("medium", limit=160), tier("high", limit=999)])
    assert found.startswith("conditions.systolic-high, tier 2: ")


@pytest.mark.parametrize(
    ("low", "high", "limits"),
    [
        ("systolic-low", "systolic-high", (120, 121)),
        ("diastolic-low", "diastolic-high", (80, 81)),
        ("mean-low", "mean-high", (90, 91)),
        ("pulse-rate-low", "pulse-rate-high", (80, 81)),
        ("respiration-low", "respiration-high", (18, 19)),
    ],
)
def test_limits_that_leave_nothing_between_them_are_crossed(low, high, limits):
    def of(under, over):
        names = {low: under, high: over}
        return faults_of(profile(**{n.replace("-", "_"): [tier("medium", limit=x)] for n, x in names.items()}))

    under, over = limits
    assert of(under, over) == []
    for above in (over, over + 1):
        assert of(above, over) == [
            f"conditions.{low} {above} and conditions.{high} {over}: crossed, expected the low limit under the high one"
        ]


def test_the_widest_of_the_low_and_the_nearest_of_the_high_limits_count():
    found = fault(
        systolic_low=[tier("medium", limit=130), tier("high", limit=80)],
        systolic_high=[tier("medium", limit=120), tier("high", limit=180)],
    )
    assert "systolic-low 130 and conditions.systolic-high 120: crossed" in found


def test_limits_that_are_not_paired_cannot_be_crossed():
    slow, fast = CATALOGUE[Condition.EXTREME_BRADYCARDIA], CATALOGUE[Condition.EXTREME_TACHYCARDIA]
    assert slow.bounds[1] < fast.bounds[0]


@pytest.mark.parametrize(
    ("condition", "fields", "near", "far"),
    [
        ("spo2-low", {}, 90, 85),
        ("systolic-rise", {}, 150, 160),
        ("extreme-bradycardia", {"beats": 5}, 50, 40),
        ("extreme-tachycardia", {"beats": 17}, 140, 150),
        ("pulse-lost", {}, 4, 6),
    ],
)
def test_of_every_rule_the_higher_priority_has_the_farther_limit(condition, fields, near, far):
    def of(medium, high):
        tiers = [tier("medium", limit=medium, **fields), tier("high", limit=high, **fields)]
        return faults_of(profile(**{condition.replace("-", "_"): tiers}))

    assert of(near, far) == []
    assert of(far, near) == [f"conditions.{condition}: a higher priority has the nearer limit: [{far}, {near}]"]


def test_a_higher_priority_is_farther_from_normal():
    assert fault(systolic_high=[tier("medium", limit=180), tier("high", limit=160)]) == (
        "conditions.systolic-high: a higher priority has the nearer limit: [180, 160]"
    )
    assert "nearer limit: [80, 90]" in fault(systolic_low=[tier("medium", limit=80), tier("high", limit=90)])
    assert faults_of(profile(systolic_high=[tier("high", limit=180), tier("medium", limit=160)])) == []


def test_two_limits_of_one_priority_are_refused():
    found = faults_of(profile(systolic_high=[tier("medium", limit=160), tier("medium", limit=170)]))
    assert "conditions.systolic-high: two limits of one priority" in found


def test_a_technical_condition_may_not_be_left_out():
    one = profile()
    conditions = {c: t for c, t in one.conditions.items() if c is not Condition.LINK_LOST}
    assert faults_of(type(one)(format=1, name="x", version="1", conditions=conditions)) == [
        "conditions.link-lost: missing; it may not be left out"
    ]
    found = faults_of(type(one)(format=1, name="x", version="1", conditions={}))
    assert len(found) == 1 + sum(definition.kind is Kind.TECHNICAL for definition in CATALOGUE.values())
    assert found[0] == "conditions.pulse-lost: missing; it may not be left out"


@pytest.mark.parametrize(
    ("condition", "limit", "least", "longest_s"),
    [("pulse-lost", {"limit": 4}, "high", 10), ("link-lost", {}, "high", 10), ("alert-not-received", {}, "medium", 30)],
)
def test_what_everything_depends_on_alarms_soon_and_urgently(condition, limit, least, longest_s):
    def of(*tiers):
        made = [tier(priority, delay_s=delay_s, **limit) for priority, delay_s in tiers]
        return [one for one in faults_of(profile(**{condition.replace("-", "_"): made})) if "expected a tier" in one]

    lower = "medium" if least == "high" else "low"
    refused = [f"conditions.{condition}: expected a tier of priority {least} or more, delay_s {longest_s} or less"]
    assert of((least, longest_s)) == of(("high", 0)) == of((lower, 120), (least, longest_s)) == []
    assert of((least, longest_s + 1)) == of((lower, 0)) == of((lower, 0), (least, 120)) == refused


@pytest.mark.parametrize(
    ("condition", "low", "high", "expected"),
    [
        ("systolic_high", {"percent": 50, "bound": 130}, {"percent": 10, "bound": 130}, "percent [50, 10]"),
        ("systolic_rise", {"points": 50, "bound": 130}, {"points": 10, "bound": 130}, "points [50, 10]"),
        ("systolic_high", {"points": 10, "bound": 150}, {"points": 10, "bound": 130}, "bound [150, 130]"),
        ("systolic_low", {"points": 10, "bound": 80}, {"points": 10, "bound": 90}, "bound [80, 90]"),
    ],
)
def test_of_relative_limits_too_the_higher_priority_is_the_farther_one(condition, low, high, expected):
    found = fault(**{condition: [tier("low", **low), tier("high", **high)]})
    name = condition.replace("_", "-")
    assert found == f"conditions.{name}: a higher priority is nearer to the baseline: {expected}"
    assert faults_of(profile(**{condition: [tier("high", **low), tier("low", **high)]})) == []


def test_a_word_that_is_not_known_is_refused():
    table = msgspec.to_builtins(profile())
    assert msgspec.convert(table, Profile) == profile()
    with pytest.raises(msgspec.ValidationError, match="colour"):
        msgspec.convert({**table, "colour": "red"}, Profile)


def test_a_signature_has_a_name_and_a_date():
    one = profile()
    for signed in ({"signed_off_by": "Dr A"}, {"signed_off_on": "2026-11-25"}):
        made = type(one)(format=1, name="x", version="1", conditions=one.conditions, **signed)
        assert faults_of(made) == ["signed_off_by, signed_off_on: expected both or none"]


def test_an_unknown_name_is_told_with_what_may_have_been_meant():
    assert name_faults(["systolic-high", "sistolic-high", "zzz"]) == [
        "conditions.sistolic-high: no such condition; is systolic-high meant?",
        "conditions.zzz: no such condition",
    ]


@given(st.floats(allow_nan=True, allow_infinity=True), st.sampled_from(["limit", "percent", "points", "delay_s"]))
@settings(max_examples=200, deadline=None, derandomize=True)
def test_whatever_number_stands_there_it_is_finite_and_bounded_or_refused(number, name):
    fields = {"limit": 160.0} if name == "delay_s" else {"bound": 150.0} if name != "limit" else {}
    made = profile(systolic_high=[tier("medium", **{**fields, name: number})])
    assert bool(faults_of(made)) or (math.isfinite(number) and abs(number) < 1e300)


def test_changed_limits_leave_everything_else():
    changed = with_limits(adult(), Condition.SYSTOLIC_HIGH, {Priority.HIGH: 190.0})
    assert limits_of(changed, Condition.SYSTOLIC_HIGH) == {Priority.MEDIUM: 160, Priority.HIGH: 190.0}
    others = [c for c in Condition if changed.tiers(c) != adult().tiers(c)]
    assert others == [Condition.SYSTOLIC_HIGH]
    assert changed.tiers(Condition.SYSTOLIC_HIGH)[1] == adult().tiers(Condition.SYSTOLIC_HIGH)[1]


# Files

CLINIC = """
format = 1
based_on = "adult"
name = "clinic"
version = "2026-11"
signed_off_by = "Dr A. Example"
signed_off_on = 2026-11-25
[[conditions.systolic-high]]
priority = "medium"
limit = 150
delay_s = 20
source = "our own protocol"
"""


@pytest.fixture
def written(tmp_path):
    def write(text):
        path = tmp_path / "clinic.toml"
        path.write_text(text)
        return path

    return write


def test_a_clinics_own_profile_says_only_what_differs(written):
    one = load_profile(written(CLINIC))
    assert (one.signed_off_by, one.signed_off_on) == ("Dr A. Example", "2026-11-25")
    assert limits_of(one, Condition.SYSTOLIC_HIGH) == {Priority.MEDIUM: 150}
    assert one.tiers(Condition.SPO2_LOW) == adult().tiers(Condition.SPO2_LOW)


def test_every_fault_of_a_file_is_said_at_once(written):
    path = written("""
format = 1
based_on = "nobody"
name = "Clinic 1"
colour = "red"
[[conditions.sistolic-high]]
priority = "medium"
limit = 150
source = "x"
[[conditions.systolic-low]]
priority = "urgent"
limit = "90"
[conditions.mean-low]
limit = 60
""")
    with pytest.raises(ProfileError) as caught:
        load_profile(path)
    found = [line.removeprefix(f"{path}: ") for line in str(caught.value).splitlines()]
    assert found == [
        "based_on: expected one of adult, im, iv, nasal, oral, found 'nobody'",
        "conditions.sistolic-high: no such condition; is systolic-high meant?",
        "conditions.systolic-low, tier 1: priority: Invalid enum value 'urgent', found 'urgent'",
        "conditions.systolic-low, tier 1: source: missing",
        "conditions.systolic-low, tier 1: limit: Expected `float | null`, got `str`, found '90'",
        "conditions.mean-low: expected [[conditions.mean-low]] tables, found {'limit': 60}",
        "name: Expected `str` matching regex '^[a-z0-9-]{1,32}$', found 'Clinic 1'",
        "version: missing",
        "colour: not known here, expected format, name, version, conditions, signed_off_by, signed_off_on",
        "signed_off_by, signed_off_on: missing; a clinic's own profile has the name and date of who did",
    ]


def test_a_profile_that_cannot_be_used_leaves_the_last_good_one_in_force_and_says_why(written):
    last, why = load_or_last_good(written(CLINIC))
    assert (last.name, why) == ("clinic", "")
    one, why = load_or_last_good(written(CLINIC.replace("150", "nan")), last)
    assert one == last
    assert why.startswith(f"clinic {last.version} is in force, the last good one: ")
    assert "limit: expected a finite number, found nan" in why


def test_without_a_last_good_profile_the_shipped_default_is_in_force_and_says_so(written):
    bad = written(CLINIC.replace("150", "nan"))
    no_more = msgspec.structs.replace(adult(), conditions={})  # that an earlier program took
    for last in (None, no_more):
        one, why = load_or_last_good(bad, last)
        assert one == adult()
        assert why.startswith("adult 1 is in force, shipped with the program, for want of a good one from before: ")


def test_a_route_whose_profile_cannot_be_used_keeps_its_last_good_one(written):
    last = load_profile(written(CLINIC))
    bad = {Route.ORAL: str(written(CLINIC.replace("150", "nan")))}
    profiles, why = load_for_routes("clinic.toml", bad, {Route.ORAL: last, Route.NASAL: last})
    assert profiles == {Route.ORAL: last}
    assert why.startswith(f"the last good one, clinic {last.version}, is in force for oral: ")
    profiles, why = load_for_routes("clinic.toml", bad)
    assert profiles == {}
    assert why.startswith("that without a session is in force for oral: ")


def test_a_signature_of_blanks_or_of_no_day_is_none(written):
    with pytest.raises(ProfileError) as caught:
        load_profile(written(CLINIC.replace("Dr A. Example", "  ").replace("2026-11-25", '"2026-13-45"')))
    assert [line.partition("toml: ")[2] for line in str(caught.value).splitlines()] == [
        "signed_off_by: expected a name, found blanks",
        "signed_off_on: expected a day, such as 2026-11-25, found '2026-13-45'",
    ]


@pytest.mark.parametrize(
    "text", ["format = " + "9" * 5000, "a = " + "[" * 3000, "a = \x00"], ids=["long", "deep", "NUL"]
)
def test_a_file_that_would_break_its_reader_is_refused_with_a_reason(written, text):
    with pytest.raises(ProfileError, match="expected TOML: "):
        load_profile(written(text))


def test_a_path_that_no_file_can_have_is_refused_with_a_reason():
    for name in ("x\0y", "x" * 5000, ""):
        with pytest.raises(ProfileError):
            load_profile(name)


def test_no_file_and_no_toml_are_told(written, tmp_path):
    for path in (tmp_path / "nowhere.toml", written("limit = = 3")):
        with pytest.raises(ProfileError):
            load_profile(path)


def test_what_would_crash_or_never_alarm_is_a_fault():
    for beats, is_good in ((1, False), (2, True), (32, True), (33, False)):
        found = faults_of(profile(extreme_bradycardia=[tier("high", limit=40, beats=beats)]))
        assert (found == []) is is_good, beats
    for away, is_good in ((0.5, True), (100, True), (100.1, False)):
        assert (faults_of(profile(systolic_rise=[tier("medium", points=away, bound=140)])) == []) is is_good
        assert (faults_of(profile(systolic_high=[tier("medium", percent=away, bound=140)])) == []) is is_good
    assert faults_of(profile(state_lost=[tier("low", delay_s=4)])) == []
    assert "delay_s: expected less than 5, found 5" in fault(state_lost=[tier("low", delay_s=5)])
