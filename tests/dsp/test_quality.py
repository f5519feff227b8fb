"""What is no beat although it is as large as one: the rules about movement, by the numbers they look at."""

import pytest

from dsp import Rule
from dsp.quality import Evidence, judge, sqi_of

PULSE = Evidence(
    shape=0.99,
    likeness=0.98,
    slope_ratio=1.0,
    amplitude_ratio=1.0,
    interval_ratio=1.0,
    foot_height=0.0,
    is_echo=False,
    has_steps=False,
    is_saturated=False,
    highest=120.0,
    lowest=80.0,
)


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"slope_ratio": 6.0, "amplitude_ratio": 6.0}, Rule.BEAT_LARGE),
        ({"slope_ratio": 2.0, "shape": 0.5}, Rule.BEAT_ODD),
        ({"slope_ratio": 3.5, "amplitude_ratio": 4.0, "likeness": 0.7}, Rule.BEAT_HUGE),
        ({"amplitude_ratio": 2.2, "likeness": 0.1}, Rule.BEAT_SLOW),
        ({"interval_ratio": 0.65, "likeness": 0.0}, Rule.BEAT_EARLY),
        ({"is_saturated": True}, Rule.BEAT_RAILED),
    ],
)
def test_a_movement_is_no_beat(changes, rule):
    assert [finding.rule for finding in judge(PULSE._replace(**changes))] == [rule]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"slope_ratio": 3.5, "amplitude_ratio": 3.5},  # the pulse comes back after a cuff
        {"amplitude_ratio": 1.6, "likeness": 0.9},  # a wider pulse of the same shape
        {"interval_ratio": 0.6, "slope_ratio": 0.4, "amplitude_ratio": 0.4, "likeness": 0.4},  # an early beat
        {"interval_ratio": None, "likeness": 0.0},  # nothing is known of the time since the last
        {"amplitude_ratio": 2.2, "likeness": 0.1, "has_steps": True},  # of a pressure: judged by its shape
    ],
)
def test_a_pulse_of_a_patient_is_a_beat(changes):
    assert judge(PULSE._replace(**changes)) == ()


def test_an_upslope_without_a_pulse_behind_it_is_of_no_quality():
    assert sqi_of(PULSE) == 1.0
    assert sqi_of(PULSE._replace(likeness=0.0)) == 0.0
    assert 0.4 < sqi_of(PULSE._replace(likeness=0.3)) < 0.6
