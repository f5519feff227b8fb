"""What an alarm says in words to a person, for every way in which it may stand."""

from dataclasses import replace

import pytest

from gateway.alarms import AlarmEngine, Condition, Presence, Truth
from tests.gateway.alarms.chair import adult

HIGH = AlarmEngine(adult(), series="b").alarm(Condition.SYSTOLIC_HIGH)


@pytest.mark.parametrize(
    ("presence", "truth", "fields", "words"),
    [
        ("off", "absent", {}, "absent"),
        ("off", "unknown", {}, "unknown"),
        ("off", "present", {}, "holds"),
        ("off", "present", {"inactivated_by": "nurse"}, "holds, switched off by nurse"),
        ("off", "absent", {"inactivated_by": "nurse"}, "absent, switched off by nurse"),
        ("on", "present", {"value": 170.0, "limit": 160.0}, "170 mmHg, limit 160 mmHg"),
        ("ack", "present", {"value": 170.25, "limit": 160.0}, "170.25 mmHg, limit 160 mmHg"),
        ("on", "present", {"value": 130.0, "limit": 120.0, "unit": "/min"}, "130/min, limit 120/min"),
        ("on", "present", {"value": 84.0, "limit": 85.0, "unit": "%"}, "84 %, limit 85 %"),
        ("on", "present", {"value": 4.0, "limit": 3.0, "unit": "L"}, "4 L, limit 3 L"),
        ("on", "present", {"value": 4.0, "limit": 3.0, "unit": ""}, "4, limit 3"),
        ("on", "present", {"value": 170.0, "limit": 160.0, "detail": "moved"}, "170 mmHg, limit 160 mmHg, moved"),
        ("on", "present", {"detail": "moved"}, "moved"),
        ("on", "present", {"limit": 160.0, "detail": "moved"}, "moved"),
        ("on", "present", {"value": 170.0, "detail": "moved"}, "moved"),
        ("on", "unknown", {"was": 170.0, "limit": 160.0}, "unknown, was 170 mmHg"),
        ("on", "unknown", {"was": 130.0, "unit": "/min"}, "unknown, was 130/min"),
        ("on", "unknown", {"detail": "artifact"}, "unknown, artifact"),
        ("latched", "absent", {"detail": "moved"}, "moved, over"),
    ],
)
def test_what_is_the_matter_is_said_in_one_line(presence, truth, fields, words):
    alarm = replace(HIGH, presence=Presence(presence), truth=Truth(truth), **fields)
    assert alarm.text == f"Systolic pressure high: {words}"


@pytest.mark.parametrize(("presence", "words"), [("on", ""), ("ack", ""), ("latched", ", over")])
def test_without_a_number_or_a_detail_the_title_says_it_all(presence, words):
    alarm = replace(HIGH, presence=Presence(presence), truth=Truth.PRESENT)
    assert alarm.text == "Systolic pressure high" + words
