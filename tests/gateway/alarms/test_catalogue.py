"""The catalogue: total, with ids that fit into topics, and the words and delays that are told."""

import re
from pathlib import Path

import pytest

import dsp
from gateway.alarms import Condition
from gateway.alarms.catalogue import CATALOGUE, SITES, Site, doubt_delay_s, rule_text, signal_delay_s, site_of
from gateway.alarms.types import Kind, Priority
from gateway.messages import ID_PATTERN
from tests.gateway.alarms.chair import tier


def test_every_condition_is_defined_and_has_an_id_for_topics():
    assert list(CATALOGUE) == list(Condition)
    assert all(re.fullmatch(ID_PATTERN, condition.value) for condition in Condition)
    assert len({definition.title for definition in CATALOGUE.values()}) == len(Condition)


def test_the_titles_are_those_of_the_page():
    page = (Path(__file__).parents[3] / "docs" / "alarms.md").read_text()
    for condition, definition in CATALOGUE.items():
        latching = ", latching" if definition.is_latching else ""
        assert f"| `{condition.value}`: {definition.title}{latching} |" in page


def test_what_is_over_soon_and_kills_latches():
    latching = {c.value for c, d in CATALOGUE.items() if d.is_latching and d.kind is Kind.PHYSIOLOGICAL}
    assert latching == {"pulse-lost", "extreme-bradycardia", "extreme-tachycardia", "desaturation"}


def test_the_patients_conditions_come_before_the_technical_ones():
    kinds = [CATALOGUE[condition].kind for condition in Condition]
    assert kinds == sorted(kinds, key=lambda kind: kind is Kind.TECHNICAL)


def test_priorities_are_ordered():
    assert sorted([Priority.HIGH, Priority.LOW, Priority.MEDIUM]) == [Priority.LOW, Priority.MEDIUM, Priority.HIGH]
    assert Priority.HIGH > Priority.LOW
    assert Priority.MEDIUM >= Priority.MEDIUM


@pytest.mark.parametrize(
    ("condition", "bounds", "hysteresis"),
    [
        ("pulse-lost", (3, 10), 0),
        ("extreme-bradycardia", (20, 60), 2),
        ("extreme-tachycardia", (100, 240), 2),
        ("desaturation", (4, 20), 1),
        ("spo2-low", (80, 99), 1),
        ("systolic-high", (100, 260), 2),
        ("systolic-low", (40, 140), 2),
        ("systolic-rise", (100, 260), 2),
        ("diastolic-high", (60, 160), 2),
        ("diastolic-low", (20, 90), 2),
        ("diastolic-rise", (60, 160), 2),
        ("mean-high", (70, 200), 2),
        ("mean-low", (30, 110), 2),
        ("pulse-rate-high", (70, 240), 2),
        ("pulse-rate-low", (20, 100), 2),
        ("respiration-high", (15, 60), 1),
        ("respiration-low", (4, 20), 1),
    ],
)
def test_bounds_and_hysteresis(condition, bounds, hysteresis):
    definition = CATALOGUE[Condition(condition)]
    assert (definition.bounds, definition.hysteresis) == (bounds, hysteresis)


def test_every_number_that_is_judged_has_a_site():
    judged = {d.quantity for d in CATALOGUE.values() if d.quantity}
    assert judged == set(SITES)
    assert site_of(Condition.SYSTOLIC_LOW) is Site.PRESSURE
    assert site_of(Condition.SPO2_LOW) is Site.FINGER
    assert site_of(Condition.PULSE_LOST) is Site.EITHER
    assert site_of(Condition.RESPIRATION_LOW) is Site.EITHER


@pytest.mark.parametrize(
    ("condition", "seconds"),
    [
        ("systolic-high", dsp.TIMINGS[dsp.Quantity.SYSTOLIC].latency_us / 1e6),
        ("diastolic-low", dsp.TIMINGS[dsp.Quantity.DIASTOLIC].latency_us / 1e6),
        ("desaturation", dsp.TIMINGS[dsp.Quantity.SPO2].latency_us / 1e6),
        ("pulse-lost", 2),
        ("extreme-bradycardia", 2),
        ("extreme-tachycardia", 2),
        ("probe-off", max(timing.silence_us for timing in dsp.TIMINGS.values()) / 1e6),
        ("board-fault", 1),
        ("link-lost", 5.0),
        ("link-noise", 4),
        ("clock-fault", 2),
        ("broker-lost", 12.0),
        ("alert-not-received", 6),
        ("self-check-failed", 121),
    ],
)
def test_the_delay_of_the_signal_is_that_of_its_number(condition, seconds):
    assert signal_delay_s(Condition(condition)) == seconds


@pytest.mark.parametrize(
    ("condition", "seconds"),
    [
        ("systolic-high", 10),
        ("spo2-low", 10),
        ("desaturation", 10),
        ("extreme-bradycardia", 10),
        ("extreme-tachycardia", 10),
        ("pulse-lost", 10),
        ("respiration-high", None),
        ("respiration-low", None),
        ("probe-off", 0),
        ("link-lost", 0),
    ],
)
def test_a_doubtful_number_takes_longer_or_begins_nothing(condition, seconds):
    assert doubt_delay_s(Condition(condition)) == seconds


@pytest.mark.parametrize(
    ("condition", "fields", "words"),
    [
        ("systolic-high", {"limit": 160, "delay_s": 15}, "at or above 160 mm[Hg] for 15 s"),
        ("systolic-low", {"limit": 90}, "under 90 mm[Hg], at once"),
        (
            "systolic-high",
            {"percent": 20, "bound": 140, "delay_s": 60},
            "at or above +20 % of the baseline, but never under 140 mm[Hg] for 60 s",
        ),
        (
            "systolic-low",
            {"percent": 20, "bound": 100},
            "under -20 % of the baseline, but never above 100 mm[Hg], at once",
        ),
        (
            "systolic-rise",
            {"points": 40, "bound": 140},
            "at or above +40 of the baseline, but never under 140 mm[Hg], at once",
        ),
        (
            "spo2-low",
            {"limit": 90, "delay_s": 30, "point_seconds": 50},
            "under 90 % for 30 s, or sooner once points times seconds are 50",
        ),
        ("desaturation", {"drop": 10, "window_s": 60}, "fallen by 10 % or more within 60 s, at once"),
        ("extreme-bradycardia", {"limit": 40, "beats": 5}, "5 beats in a row under 40 /min, at once"),
        ("extreme-tachycardia", {"limit": 150, "beats": 17}, "17 beats in a row above 150 /min, at once"),
        ("pulse-lost", {"limit": 4}, "no beat for 4 s, at once"),
        ("probe-off", {"delay_s": 2}, "cannot be measured for 2 s"),
        ("board-fault", {}, "found, at once"),
    ],
)
def test_what_is_watched_for_is_told_in_words(condition, fields, words):
    assert rule_text(Condition(condition), tier("high", **fields)) == words
