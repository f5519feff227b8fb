"""What withholds a value names the numbers that it compared: as they were, and so that they decide."""

import numpy as np
import pytest

from dsp import (
    Cause,
    Channel,
    Finding,
    Interruption,
    MonitorConfig,
    Quantity,
    Rails,
    Reason,
    Rule,
    Tick,
    Validity,
    VitalsMonitor,
)
from dsp.variability import lacking
from tests.dsp.optics import finger, watch
from tests.dsp.signals import RATE_HZ, block, run, wave


def why(vitals, quantity, second):
    """The rule that withheld a value, and its numbers."""
    finding = vitals[quantity, second].finding
    return finding.rule, dict(finding.numbers)


def test_an_open_line_names_its_level_and_how_little_it_moves():
    t_us, x = wave(16.0)
    x[t_us > 12e6] = 1.0 + np.random.default_rng(4).normal(0, 0.05, (t_us > 12e6).sum())
    rule, seen = why(run(t_us, x, RATE_HZ)[1], Quantity.SYSTOLIC, 15)
    assert rule is Rule.LINE_OPEN
    assert 1.0 < seen["highest_mmhg"] < 1.3 < seen["vessel_from_mmhg"] == 5.0
    assert 0.1 < seen["moves_mmhg"] < 0.5 < seen["most_mmhg"] == 0.6


def test_what_is_made_of_many_beats_names_what_it_lacked():
    _, vitals = run(*wave(30.0, systolic=40.0, diastolic=-2.0, rate_bpm=110.0), RATE_HZ)
    assert why(vitals, Quantity.STROKE_VOLUME, 29) == (Rule.BEAT_COUNT, {"whole": 0, "least": 5, "beats": 36})
    rule, seen = why(vitals, Quantity.PULSE_RATE_VARIABILITY, 29)
    assert rule is Rule.PULSE_TIME
    assert 25 < seen["seconds"] < 29 < seen["least"]
    assert lacking(54.0, 20) is None
    assert lacking(53.9, 19).rule is Rule.PULSE_TIME
    assert lacking(54.0, 19) == Finding(rule=Rule.BEAT_COUNT, numbers=(("pairs", 19), ("least", 20)))


def test_a_resistance_that_cannot_be_names_the_mean_it_was_made_of():
    rule, seen = why(run(*wave(20.0, systolic=9.0, diastolic=1.0, noise=0.0), RATE_HZ)[1], Quantity.STROKE_VOLUME, 19)
    assert rule is Rule.BELOW_ZERO
    assert 1.0 < seen["mean_mmhg"] < seen["above_mmhg"] == 5.0


def test_a_line_on_a_rail_and_a_flush_name_what_they_saw():
    t_us, x = wave(20.0)
    clipped = np.where((t_us > 15e6) & (t_us < 15.1e6), 110.0, np.minimum(x, 109.0))
    _, vitals = run(t_us, clipped, RATE_HZ, pressure_rails=Rails(low=-50.0, high=110.0))
    assert why(vitals, Quantity.SYSTOLIC, 17) == (Rule.CLIPPED, {"ago_s": pytest.approx(1.904), "within_s": 3.0})
    beats, _ = run(t_us, np.minimum(x, 109.0), RATE_HZ, pressure_rails=Rails(low=-50.0, high=109.0))
    railed = [dict(finding.numbers) for beat in beats for finding in beat.findings if finding.rule is Rule.BEAT_RAILED]
    assert railed
    assert all(seen["highest"] == 109.0 and seen["lowest"] < 85.0 for seen in railed)
    x[(t_us > 15e6) & (t_us < 16e6)] = 290.0
    rule, seen = why(run(t_us, x, RATE_HZ)[1], Quantity.SYSTOLIC, 17)
    assert rule is Rule.FLUSHED
    assert seen == {"highest_mmhg": 290.0, "least_mmhg": pytest.approx(160.0, abs=1.0)}


def test_an_interruption_names_how_long_it_lasts_and_may():
    t_us, x = wave(30.0)
    monitor = VitalsMonitor(MonitorConfig(pressure_rate_hz=RATE_HZ))
    told = {9: True, 17: False}
    seen = {}
    for second in range(1, 20):
        if second in told:
            monitor.feed(Interruption(t_us=second * 1_000_000, cause=Cause.CALIBRATION, is_on=told[second]))
        monitor.feed(block(*(a[(second - 1) * 125 : second * 125] for a in (t_us, x))))
        for vital in monitor.feed(Tick(t_us=second * 1_000_000)):
            seen[vital.quantity, second] = vital.reading
    assert why(seen, Quantity.SYSTOLIC, 15) == (Rule.INTERRUPTED, {"since_s": 6.0, "most_s": 60.0})
    assert why(seen, Quantity.SYSTOLIC, 18) == (Rule.INTERRUPTED, {"since_s": 9.0, "most_s": 9.0})
    few = (Rule.BEAT_COUNT, {"beats": 0, "least": 1, "rejected": 0})
    assert why(seen, Quantity.EJECTION_TIME, 19) == few  # no beat of the window is left


def test_the_lights_name_what_they_saw():
    t_us, infrared, red = finger(96.0, 20.0)
    zero = np.where(np.isin(np.arange(len(t_us)), (1250, 1260, 1270)), 0.0, infrared)
    assert why(watch(t_us, zero, red)[1], Quantity.SPO2, 13) == (Rule.LIGHT_ZERO, {"share": 0.03, "most": 0.02})
    dark = np.where(t_us > 12e6, 9000.0 + np.arange(len(t_us)) % 2, infrared)
    rule, seen = why(watch(t_us, dark, red)[1], Quantity.SPO2, 15)
    assert rule is Rule.LIGHT_DARK
    assert 0 < seen["level"] < seen["least"] < seen["other_level"]
    frozen = np.where(t_us > 12e6, 90_000.0, infrared)
    assert why(watch(t_us, frozen, red)[1], Quantity.SPO2, 16) == (Rule.LIGHT_FROZEN, {"still_s": 1.0, "least_s": 1.0})
    _, vitals = watch(t_us, infrared, red, until_s=60)
    for second in (22, 40, 60):
        assert why(vitals, Quantity.SPO2, second) == (
            Rule.SAMPLE_AGE,
            {"age_s": pytest.approx(second - 19.99), "most_s": 1.5},
        )


def test_a_light_that_comes_later_is_not_called_stale_before():
    t_us, infrared, red = finger(96.0, 10.0)
    monitor = VitalsMonitor(MonitorConfig(pleth_rate_hz=100.0, red_rate_hz=100.0))
    monitor.feed(block(t_us, -infrared, Channel.PLETH))
    monitor.feed(block(t_us[800:], -red[800:], Channel.RED))
    vitals = {(v.quantity, v.t_us // 1_000_000): v.reading for v in monitor.feed(Tick(t_us=10_000_000))}
    assert why(vitals, Quantity.SPO2, 5) == (Rule.NO_SAMPLE, {})


def test_swapped_lights_are_told_by_a_saturation_in_per_cent():
    t_us, infrared, red = finger(96.0, 20.0)
    rule, seen = why(watch(t_us, red, infrared)[1], Quantity.SPO2, 19)
    assert rule is Rule.LIGHTS_ORDER
    assert 60 < seen["spo2_pct"] < seen["least_pct"] == 70.0


def doubts(vitals, quantity, second):
    """The rules behind a value that is shown and doubted, with their numbers, by reason."""
    reading = vitals[quantity, second]
    assert {reason for reason, _ in reading.findings} <= set(reading.reasons)
    return {(reason, finding.rule): dict(finding.numbers) for reason, finding in reading.findings}


def test_a_slow_line_and_one_that_rings_name_what_they_saw():
    t_us, x = wave(24.0, noise=0.0)
    slow = np.convolve(x, np.ones(35) / 35, "same")
    _, vitals = run(t_us, slow, RATE_HZ)
    seen = doubts(vitals, Quantity.SYSTOLIC, 20)[Reason.DAMPED, Rule.LINE_SLOW]
    assert 0 < seen["steepness_per_s"] < seen["least"] == 6.3
    mean = x.mean()
    _, vitals = run(t_us, np.where(t_us < 14e6, x, mean + 1.4 * (x - mean)), RATE_HZ)
    seen = doubts(vitals, Quantity.SYSTOLIC, 23)[Reason.RINGING, Rule.LINE_RINGING]
    assert seen["pulse_mmhg"] == pytest.approx(1.4 * seen["pulse_before_mmhg"], rel=0.02)


def test_sensors_that_disagree_name_both_rates():
    t_us, x = wave(20.0)
    _, y = wave(20.0, rate_bpm=96.0)
    monitor = VitalsMonitor(MonitorConfig(pressure_rate_hz=RATE_HZ, pleth_rate_hz=RATE_HZ))
    for samples, channel in ((x, Channel.PRESSURE), (y, Channel.PLETH)):
        monitor.feed(block(t_us, samples, channel))
    vitals = {(v.quantity, v.t_us // 1_000_000): v.reading for v in monitor.feed(Tick(t_us=20_000_000))}
    seen = doubts(vitals, Quantity.PULSE_RATE, 19)[Reason.DISAGREEMENT, Rule.RATES_DIFFER]
    assert seen["pressure_per_min"] == pytest.approx(72, abs=0.5)
    assert seen["pleth_per_min"] == pytest.approx(96, abs=0.5)
    assert seen["apart_per_min"] > seen["most"] == pytest.approx(9.6, abs=0.1)


def test_beats_of_little_quality_name_it():
    t_us, x = wave(20.0, noise=0.0)
    bumpy = x + 9.0 * np.random.default_rng(5).normal(0, 1, len(x))
    _, vitals = run(t_us, bumpy, RATE_HZ, channel=Channel.PLETH)
    findings = [f for r in vitals.values() if r.validity is Validity.QUESTIONABLE for _, f in r.findings]
    poor = [dict(f.numbers) for f in findings if f.rule is Rule.BEAT_QUALITY]
    assert poor
    assert all(seen["sqi"] < seen["least"] == 0.6 for seen in poor)
