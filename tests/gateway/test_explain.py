"""Every rejected beat and every second without a good value says which rule decided and what it saw."""

import re
from pathlib import Path

import numpy as np

from dsp import Beat, Channel, Finding, Measured, Quantity, Reason, Rule, Unavailable, Validity, Vital
from gateway.analysis import analyze
from gateway.explain import Ledger, explain_lines
from gateway.recordings import Recording, Signal
from tests import naive

DOCS = Path(__file__).parent.parent.parent / "docs"
RATE_HZ = 125.0


def recording():
    """Humps that are no pulse, pulses, a movement, a flat line, pulses again, silence: 60 s."""
    t_us = naive.times_us(RATE_HZ, 60.0)
    x = naive.pressure_wave(t_us / 1e6, naive.beat_times(60.0, 72.0)) + np.random.default_rng(3).normal(0, 0.2, 7500)
    x[:375] = 90 + 20 * np.sin(np.arange(375) ** 2 / 900)
    x[2500:2700] += 400 * np.sin(np.arange(200) / 8)
    x[3750:4500] = 90.0
    keep = t_us < 55_000_000
    signal = Signal(
        channel=Channel.PRESSURE, name="ABP", unit="mmHg", rate_hz=RATE_HZ, t_us=t_us[keep], samples=x[keep]
    )
    return Recording(name="r", duration_s=60.0, signals={Channel.PRESSURE: signal})


EVENTS = list(analyze(recording()))


def test_everything_that_is_missing_has_a_rule():
    rejected = [e for e in EVENTS if isinstance(e, Beat) and not e.accepted]
    missing = [e for e in EVENTS if isinstance(e, Vital) and isinstance(e.reading, Unavailable)]
    assert rejected
    assert missing
    for event in (*rejected, *missing):
        lines = explain_lines(event)
        assert lines, event
        assert all(line["rule"] in {rule.value for rule in Rule} for line in lines), event
        assert {line["reason"] for line in lines} <= {reason.value for reason in Reason}
    vitals = [e for e in EVENTS if isinstance(e, Vital)]
    good = [e for e in vitals if e.reading.validity in {Validity.MEASURED, Validity.UNCALIBRATED}]
    assert good
    assert not any(explain_lines(e) for e in good)
    assert not any(explain_lines(e) for e in EVENTS if isinstance(e, Beat) and e.accepted)


def test_the_numbers_are_those_that_decided():
    by_rule = {}
    for event in EVENTS:
        for line in explain_lines(event):
            by_rule.setdefault(line["rule"], []).append(line["numbers"])
    assert {"search_time", "beat_age", "flat", "beat_alike", "no_channel", "sample_age"} <= set(by_rule)
    assert all(n["in_row"] <= n["humps"] for n in by_rule["beat_alike"])
    assert all(n["flat_s"] >= n["least_s"] for n in by_rule["flat"])
    assert all(n["age_s"] > n["most_s"] for rule in ("beat_age", "sample_age") for n in by_rule[rule])
    assert all(n["searched_s"] < n["most_s"] for n in by_rule["search_time"])


def test_a_reader_gets_seconds_in_a_row_as_one_line():
    ledger = Ledger()
    for second in (1, 2, 3, 5):
        finding = Finding(rule=Rule.FLAT, numbers=(("flat_s", 1.5 + second),))
        reading = Unavailable(reason=Reason.FLAT, finding=finding)
        for line in explain_lines(Vital(t_us=second * 1_000_000, quantity=Quantity.SYSTOLIC, reading=reading)):
            ledger.add(line)
    assert [line.strip() for line in ledger.text().splitlines()] == [
        "1 to     3 s systolic: flat line [flat: flat_s 2.5]",
        "5 to     5 s systolic: flat line [flat: flat_s 6.5]",
    ]


def test_every_doubt_is_told_with_its_reason():
    doubtful = [e for e in EVENTS if isinstance(e, Vital) and e.reading.validity is Validity.QUESTIONABLE]
    assert doubtful
    for event in doubtful:
        lines = explain_lines(event)
        assert {line["reason"] for line in lines} == {reason.value for reason in event.reading.doubts}
        assert {line["effect"] for line in lines} == {"doubted"}
        assert all(line["rule"] in {rule.value for rule in Rule} for line in lines), event


def test_a_reader_is_told_of_each_doubt():
    findings = ((Reason.RINGING, Finding(rule=Rule.LINE_RINGING, numbers=(("roughness", 4.0), ("most", 3.0)))),)
    reasons = (Reason.RINGING, Reason.IRREGULAR, Reason.UNCALIBRATED)
    reading = Measured(value=150.0, sqi=0.4, newest_us=0, reasons=reasons, findings=findings)
    ledger = Ledger()
    for second in (1, 2):
        for line in explain_lines(Vital(t_us=second * 1_000_000, quantity=Quantity.SYSTOLIC, reading=reading)):
            ledger.add(line)
    assert [line.strip() for line in ledger.text().splitlines()] == [
        "1 to     2 s systolic doubted: irregular",
        "1 to     2 s systolic doubted: ringing line [line_ringing: roughness 4, most 3]",
    ]


def test_dsp_md_lists_every_rule():
    section = (DOCS / "dsp.md").read_text().split("## Rules")[1]
    assert re.findall(r"^\| ([a-z_]+) \| \w", section, re.MULTILINE)[1:] == [rule.value for rule in Rule]
