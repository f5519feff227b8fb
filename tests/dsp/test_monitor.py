"""The monitor as its users see it: what is measured, what is not, and why."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dsp import (
    Beat,
    Channel,
    Measured,
    MonitorConfig,
    Quantity,
    Rails,
    Reason,
    Rule,
    Tick,
    Unavailable,
    Validity,
    VitalsMonitor,
)
from dsp.history import LEARN_BEATS
from tests import naive
from tests.dsp.signals import RATE_HZ, accepted, block, reason, run, value, wave

PRESSURES = (Quantity.SYSTOLIC, Quantity.DIASTOLIC, Quantity.MEAN_PRESSURE)


# What is measured


@pytest.mark.parametrize("rate_bpm", [25.0, 30.0, 45.0, 72.0, 110.0, 150.0, 200.0])
def test_pulse_rate_is_followed_from_25_to_200(rate_bpm):
    t_us, x = wave(60.0, rate_bpm)
    _, vitals = run(t_us, x, RATE_HZ)
    for second in range(20, 60):
        assert value(vitals, Quantity.PULSE_RATE, second) == pytest.approx(rate_bpm, rel=0.02)


@pytest.mark.parametrize(("systolic", "diastolic"), [(120, 80), (50, 30), (210, 120), (75, 60)])
def test_pressure_is_measured_however_low(systolic, diastolic):
    t_us, x = wave(30.0, 80.0, systolic, diastolic)
    beats, vitals = run(t_us, x, RATE_HZ)
    whole = x[(t_us > 15_000_000) & (t_us <= 15_000_000 + 6 * 750_000)]
    for second in range(10, 30):
        assert value(vitals, Quantity.SYSTOLIC, second) == pytest.approx(systolic, abs=1.0)
        assert value(vitals, Quantity.DIASTOLIC, second) == pytest.approx(diastolic, abs=1.0)
        assert value(vitals, Quantity.MEAN_PRESSURE, second) == pytest.approx(whole.mean(), abs=0.5)
    assert np.mean([b.sqi for b in accepted(beats)]) > 0.8


def test_every_beat_is_found_at_its_upslope_soon_after_its_peak():
    t_us, x = wave(30.0)
    starts = naive.beat_times(30.0, 72.0)
    monitor = VitalsMonitor(MonitorConfig(pressure_rate_hz=RATE_HZ))
    found, late_us = [], []
    for k in range(len(x)):
        for beat in monitor.feed(block(t_us[k : k + 1], x[k : k + 1])):
            found += [beat] if beat.accepted else []
            late_us += [t_us[k] - beat.peak_us] if beat.accepted else []
    assert max(late_us[LEARN_BEATS:]) <= 400_000
    assert late_us[LEARN_BEATS - 1] <= 400_000 < late_us[LEARN_BEATS - 2]  # the first ones are known by the fourth
    upslopes = starts + naive.UPSLOPE_S
    late = [min(abs(upslopes - b.t_us / 1e6)) for b in found]
    assert max(late) < 0.03
    assert len(found) >= len(starts) - 1  # one without its end
    assert all(b.onset_us < b.t_us < b.peak_us for b in found)
    assert found[0].interval_us is None
    assert all(b.interval_us == pytest.approx(60e6 / 72, abs=10_000) for b in found[1:])


def test_a_slow_hump_between_pulses_is_no_beat():
    t_us, x = wave(40.0)
    t_s, x = t_us / 1e6, x - 80
    hump = 60 * np.exp(-(((t_s - 25.2) / 0.35) ** 2))  # a finger that moves: higher and slower than the pulse
    settled = np.where(abs(t_s - 25.2) < 0.9, 0.0, x)
    beats, _ = run(t_us, settled + hump, RATE_HZ, channel=Channel.PLETH)
    at = [b for b in beats if 24.5 < b.t_us / 1e6 < 26.0]
    assert [b.accepted for b in at] == [False]
    assert at[0].findings[0].rule is Rule.BEAT_SLOW


def test_humps_that_never_become_a_pulse_are_told_in_order_of_time():
    rng = np.random.default_rng(3)
    t_us = naive.times_us(RATE_HZ, 40.0)
    beats, _ = run(t_us, np.cumsum(rng.normal(size=len(t_us))) * 3 + 90, RATE_HZ)
    assert beats
    assert not accepted(beats)
    times = [b.t_us for b in beats]
    assert times == sorted(times)


def test_first_rate_comes_within_ten_seconds():
    t_us, x = wave(12.0)
    _, vitals = run(t_us, x, RATE_HZ)
    assert reason(vitals, Quantity.PULSE_RATE, 1) is Reason.LEARNING
    assert value(vitals, Quantity.PULSE_RATE, 10) == pytest.approx(72, abs=1)


@pytest.mark.parametrize("rate_bpm", [72, 150])  # four beats at 40/min already fill the window
def test_a_rate_over_part_of_the_window_is_questionable_until_the_window_is_full(rate_bpm):
    _, vitals = run(*wave(21, rate_bpm=rate_bpm), RATE_HZ)
    doubts = {s: vitals[Quantity.PULSE_RATE, s].reasons for s in range(1, 21)}
    first = min(s for s in doubts if isinstance(vitals[Quantity.PULSE_RATE, s], Measured))
    assert doubts[first][0] is Reason.LEARNING
    assert vitals[Quantity.PULSE_RATE, first].validity is Validity.QUESTIONABLE
    assert all(reasons == () for s, reasons in doubts.items() if s >= 11)


def test_a_large_dicrotic_wave_at_a_low_rate_is_not_counted():
    t_us = naive.times_us(RATE_HZ, 60.0)
    x = np.full(len(t_us), 70.0)
    for start in naive.beat_times(60.0, 45.0):
        x += 50 * naive.pulse_shape(t_us / 1e6 - start) + 18 * np.exp(-0.5 * ((t_us / 1e6 - start - 0.5) / 0.06) ** 2)
    _, vitals = run(t_us, x, RATE_HZ)
    for second in range(15, 60):
        assert value(vitals, Quantity.PULSE_RATE, second) == pytest.approx(45, abs=1)


# A real change is followed, never latched


def test_a_fall_of_pressure_is_followed():
    t_us, high = wave(60.0, 80.0, 120, 80)
    low = wave(60.0, 80.0, 70, 40)[1]
    x = np.where(t_us < 30_000_000, high, low)
    _, vitals = run(t_us, x, RATE_HZ)
    for second in range(40, 60):
        assert value(vitals, Quantity.SYSTOLIC, second) == pytest.approx(70, abs=1.5)
        assert value(vitals, Quantity.DIASTOLIC, second) == pytest.approx(40, abs=1.5)


@pytest.mark.parametrize("share", [0.05, 0.1, 0.3, 0.6, 2.0, 5.0, 20.0])
def test_a_change_of_pulse_amplitude_is_followed(share):
    t_us = naive.times_us(RATE_HZ, 60.0)
    starts = naive.beat_times(60.0, 75.0)
    amplitude = np.where(t_us < 30_000_000, 1000.0, 1000.0 * share)
    x = 50_000 + amplitude * (naive.pressure_wave(t_us / 1e6, starts, 1, 0))
    beats, vitals = run(t_us, x, RATE_HZ, channel=Channel.PLETH)
    for second in range(45, 60):
        assert value(vitals, Quantity.PULSE_RATE, second) == pytest.approx(75, abs=1)
    late = [b for b in accepted(beats) if b.t_us > 45_000_000]
    assert len(late) >= 17


@pytest.mark.parametrize(("before", "after"), [(60, 130), (150, 60), (70, 40), (45, 110)])
def test_a_step_of_rate_is_followed(before, after):
    t_us = naive.times_us(RATE_HZ, 60.0)
    starts = np.concatenate([naive.beat_times(30.0, before), naive.beat_times(60.0, after, 30.5)])
    x = naive.pressure_wave(t_us / 1e6, starts)
    _, vitals = run(t_us, x, RATE_HZ)
    for second in range(45, 60):
        assert value(vitals, Quantity.PULSE_RATE, second) == pytest.approx(after, rel=0.02)


# No pulse, no number


@pytest.mark.parametrize("rate_bpm", [60.0, 75.0, 120.0])
@pytest.mark.parametrize("remaining", ["noise", "constant"])
def test_a_vanished_pulse_is_null_within_three_seconds(rate_bpm, remaining):
    t_us, x = wave(40.0, rate_bpm)
    rest = 93.0 if remaining == "constant" else 93.0 + np.random.default_rng(5).normal(0, 0.3, len(x))
    x = np.where(t_us < 20_000_000, x, rest)
    _, vitals = run(t_us, x, RATE_HZ)
    assert isinstance(vitals[Quantity.PULSE_RATE, 20], Measured)
    for second in range(23, 40):
        for quantity in (Quantity.PULSE_RATE, *PRESSURES):
            assert reason(vitals, quantity, second) in {Reason.NO_PULSE, Reason.FLAT}


@pytest.mark.parametrize("kind", ["white", "hum"])
@pytest.mark.parametrize("channel", [Channel.PLETH, Channel.PRESSURE])
def test_five_minutes_of_noise_have_no_beat(kind, channel):
    t_us = naive.times_us(RATE_HZ, 300.0)
    white = np.random.default_rng(6).normal(0, 3.0, len(t_us))
    noise = white if kind == "white" else 5 * np.sin(2 * np.pi * 10.0 * t_us / 1e6) + 0.2 * white
    beats, vitals = run(t_us, 90 + noise, RATE_HZ, channel=channel)
    assert not accepted(beats)
    assert not any(isinstance(reading, Measured) for reading in vitals.values())


@pytest.mark.parametrize("channel", [Channel.PLETH, Channel.PRESSURE])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_noise_as_slow_as_pulses_has_no_beat(seed, channel):
    # White noise averaged over 0.2 s makes two or three pulse-like humps a second: the hardest case there is.
    t_us = naive.times_us(RATE_HZ, 300.0)
    noise = np.convolve(np.random.default_rng(seed).normal(0, 3.0, len(t_us)), np.ones(25) / 5, mode="same")
    beats, vitals = run(t_us, 90 + noise, RATE_HZ, channel=channel)
    assert not accepted(beats)
    assert not any(isinstance(r, Measured) for r in vitals.values())


@pytest.mark.parametrize("seed", [0, 1])
def test_an_irregular_pulse_is_found_and_a_rate_that_misses_beats_is_not_given(seed):
    rng = np.random.default_rng(seed)
    t_us = naive.times_us(RATE_HZ, 80.0)
    for spread, is_given in ((0.18, True), (0.5, False)):
        starts = 0.5 + np.cumsum(0.75 * np.clip(rng.normal(1, spread, 100), 0.5, 2.5))
        x = naive.pressure_wave(t_us / 1e6, starts[starts < 78])
        beats, vitals = run(t_us, x + rng.normal(0, 0.2, len(x)), RATE_HZ)
        expected = np.sum((starts > 15) & (starts < 75))
        assert abs(sum(15 < b.t_us / 1e6 < 75 for b in accepted(beats)) - expected) <= 0.1 * expected
        given = [isinstance(vitals[Quantity.PULSE_RATE, second], Measured) for second in range(20, 78)]
        assert np.mean(given) > 0.9 if is_given else np.mean(given) < 0.7
        assert is_given or Reason.IRREGULAR in {reason(vitals, Quantity.PULSE_RATE, s) for s in range(20, 78)}


def test_a_flat_line_is_flat():
    t_us, x = wave(30.0)
    x[t_us > 15_000_000] = 88.0
    _, vitals = run(t_us, x, RATE_HZ)
    assert reason(vitals, Quantity.SYSTOLIC, 20) is Reason.FLAT
    assert reason(vitals, Quantity.PULSE_RATE, 29) is Reason.FLAT


def test_a_line_on_its_rail_is_saturated():
    t_us, x = wave(30.0)
    x[t_us > 15_000_000] = 300.0
    _, vitals = run(t_us, x, RATE_HZ, pressure_rails=Rails(low=-50.0, high=300.0))
    assert reason(vitals, Quantity.SYSTOLIC, 20) is Reason.SATURATED


def test_pulses_cut_at_a_rail_give_no_pressure():
    t_us, x = wave(30.0, 72.0, 120, 80)
    beats, vitals = run(t_us, np.minimum(x, 110.0), RATE_HZ, pressure_rails=Rails(low=-50.0, high=110.0))
    assert not accepted([b for b in beats if b.t_us > 10_000_000])
    assert all(Reason.SATURATED in b.reasons or Reason.LEARNING in b.reasons for b in beats)
    for second in range(10, 30):
        assert isinstance(vitals[Quantity.SYSTOLIC, second], Unavailable)


def test_silence_is_stale():
    t_us, x = wave(20.0)
    _, vitals = run(t_us, x, RATE_HZ, until_s=30)
    assert value(vitals, Quantity.PULSE_RATE, 20) == pytest.approx(72, abs=1)
    for second in range(22, 31):
        assert reason(vitals, Quantity.PULSE_RATE, second) is Reason.STALE
        assert reason(vitals, Quantity.SYSTOLIC, second) is Reason.STALE


def test_a_channel_that_never_spoke_has_no_data():
    monitor = VitalsMonitor(MonitorConfig(pressure_rate_hz=RATE_HZ))
    readings = {v.quantity: v.reading for v in monitor.feed(Tick(t_us=5_000_000))}
    assert readings[Quantity.SYSTOLIC] == Unavailable(reason=Reason.NO_DATA)
    assert readings[Quantity.PULSE_RATE] == Unavailable(reason=Reason.NO_DATA)


def test_an_absent_channel_is_said_to_be_absent():
    monitor = VitalsMonitor(MonitorConfig())
    readings = {v.quantity: v.reading for v in monitor.feed(Tick(t_us=5_000_000))}
    assert readings[Quantity.SYSTOLIC] == Unavailable(reason=Reason.NO_CHANNEL)
    assert readings[Quantity.PULSE_RATE] == Unavailable(reason=Reason.NO_CHANNEL)
    assert readings[Quantity.SPO2] == Unavailable(reason=Reason.NO_CHANNEL)
    assert readings[Quantity.STROKE_VOLUME] == Unavailable(reason=Reason.NO_CHANNEL)
    with pytest.raises(ValueError, match="channel"):
        monitor.feed(block(np.array([0]), np.array([1.0])))


def test_samples_that_are_not_newer_are_left_out():
    t_us, x = wave(20.0)
    once, twice = (VitalsMonitor(MonitorConfig(pressure_rate_hz=RATE_HZ)) for _ in range(2))
    for second in range(20):
        new = slice(second * 125, (second + 1) * 125)
        for monitor in (once, twice):
            monitor.feed(block(t_us[new], x[new]))
        assert twice.feed(block(t_us[: new.stop], np.full(new.stop, 300.0))) == []
        tick = Tick(t_us=(second + 1) * 1_000_000)
        said = once.feed(tick)
        assert twice.feed(tick) == said
    assert any(isinstance(vital.reading, Measured) for vital in said)


# Gaps


@pytest.mark.parametrize("rate_bpm", [28, 60, 70])
def test_the_end_of_the_samples_is_not_called_a_missing_pulse(rate_bpm):
    t_us, x = wave(24, rate_bpm=rate_bpm)
    for end_us in range(20_000_000, 22_000_000, 290_000):
        _, vitals = run(t_us[t_us <= end_us], x[t_us <= end_us], RATE_HZ, until_s=25)
        seen = [vitals[Quantity.PULSE_RATE, second] for second in range(20, 26)]
        assert isinstance(seen[0], Measured)
        assert {r.reason for r in seen if isinstance(r, Unavailable)} == {Reason.STALE}, end_us


def test_samples_that_come_a_second_late_are_no_missing_pulse():
    t_us, x = wave(40, rate_bpm=60)
    monitor, seen = VitalsMonitor(MonitorConfig(pressure_rate_hz=RATE_HZ)), []
    for second in range(1, 40):
        late = slice(*np.searchsorted(t_us, (second * 1_000_000 - 2_200_000, second * 1_000_000 - 1_200_000)))
        monitor.feed(block(t_us[late], x[late]))
        seen += [v.reading for v in monitor.feed(Tick(t_us=second * 1_000_000)) if v.quantity is Quantity.PULSE_RATE]
    assert all(isinstance(reading, Measured) for reading in seen[12:])


def test_a_lost_sample_after_the_last_pulse_does_not_excuse_that_there_is_none():
    t_us, x = wave(50)
    x = np.where(t_us > 30_000_000, 30 + np.random.default_rng(1).normal(0, 0.1, len(x)), x)
    for lost_us in (31_504_000, 33_400_000, 35_000_000):
        kept = t_us != lost_us
        _, vitals = run(t_us[kept], x[kept], RATE_HZ)
        seen = {reason(vitals, Quantity.PULSE_RATE, second) for second in range(36, 50)}
        assert seen <= {Reason.NO_PULSE, Reason.LEARNING}, lost_us  # what the alarm of a lost pulse goes by


def test_a_gap_joins_nothing_and_a_long_one_is_learned_again():
    t_us, x = wave(40.0)
    keep = (t_us < 20_000_000) | (t_us > 25_000_000)
    beats, vitals = run(t_us[keep], x[keep], RATE_HZ)
    after = [b for b in beats if b.t_us > 25_000_000]
    assert all(b.accepted for b in after)
    assert after[0].interval_us is None
    assert all(b.interval_us is None or b.interval_us < 1_000_000 for b in beats)
    assert reason(vitals, Quantity.PULSE_RATE, 26) is Reason.LEARNING
    assert value(vitals, Quantity.PULSE_RATE, 35) == pytest.approx(72, abs=1)


def test_a_short_gap_keeps_what_was_learned():
    t_us, x = wave(40.0)
    keep = (t_us < 20_000_000) | (t_us > 21_000_000)
    beats, _ = run(t_us[keep], x[keep], RATE_HZ)
    first, second, *_ = [b for b in beats if b.t_us > 21_200_000]
    assert first.accepted
    assert first.interval_us is None
    assert first.mean_mmhg is None
    assert second.interval_us == pytest.approx(60e6 / 72, abs=20_000)


# Cutting and ticking


def trouble():
    """Pulses, a gap, noise, silence, another rate: 40 s."""
    t_us, x = wave(40.0, 72.0, noise=1.0)
    x[(t_us > 12_000_000) & (t_us < 16_000_000)] = 90.0
    x[(t_us > 20_000_000) & (t_us < 22_000_000)] *= 3
    x[700] = np.nan
    keep = (t_us < 25_000_000) | (t_us > 28_000_000)
    return t_us[keep], x[keep]


def fed(parts, ticks):
    t_us, x = TROUBLE
    monitor = VitalsMonitor(MonitorConfig(pressure_rate_hz=RATE_HZ))
    events = []
    for part in parts:
        events += monitor.feed(block(t_us[part], x[part]))
        if ticks and part.stop < len(t_us):
            events += monitor.feed(Tick(t_us=(int(t_us[part.stop]) - 1) // 1_000_000 * 1_000_000))
    events += monitor.feed(Tick(t_us=43_000_000))
    beats = [e for e in events if isinstance(e, Beat)]
    return beats, [e for e in events if not isinstance(e, Beat)]


TROUBLE = trouble()
N = len(TROUBLE[0])
WHOLE = fed([slice(0, N)], ticks=False)


def test_beats_and_vitals_are_there_for_every_second():
    beats, vitals = WHOLE
    assert any(b.accepted for b in beats)
    assert any(not b.accepted for b in beats)
    assert [v.t_us for v in vitals] == [1_000_000 * s for s in range(1, 44) for _ in Quantity]
    assert [v.quantity for v in vitals[:14]] == list(Quantity)


def test_one_sample_at_a_time_gives_equal_results():
    assert fed([slice(k, k + 1) for k in range(N)], ticks=True) == WHOLE


@settings(deadline=None, max_examples=25)
@given(cuts=st.lists(st.integers(0, N - 1), max_size=60), ticks=st.booleans())
def test_any_cut_with_or_without_ticks_gives_equal_results(cuts, ticks):
    assert fed(naive.spans(N, cuts), ticks) == WHOLE


def earlier(reading, offset_us):
    if isinstance(reading, Measured):
        return replace(reading, newest_us=reading.newest_us - offset_us)
    return reading


def test_time_far_from_zero_changes_nothing_but_the_times():
    t_us, x = TROUBLE
    offset = 1_800_000_000_000_000
    monitor = VitalsMonitor(MonitorConfig(pressure_rate_hz=RATE_HZ))
    beats = monitor.feed(block(t_us + offset, x))
    assert [b.t_us - offset for b in beats] == [b.t_us for b in WHOLE[0]]
    vitals = monitor.feed(Tick(t_us=43_000_000 + offset))
    assert [earlier(v.reading, offset) for v in vitals] == [v.reading for v in WHOLE[1]]


@pytest.mark.parametrize("rate", [10.0, 2000.0, float("nan")])
def test_a_sampling_rate_out_of_range_is_refused(rate):
    with pytest.raises(ValueError, match="pleth_rate_hz"):
        MonitorConfig(pleth_rate_hz=rate)


def test_rails_are_ordered():
    with pytest.raises(ValueError, match="low < high"):
        Rails(low=1.0, high=1.0)


@pytest.mark.parametrize(("systolic", "diastolic", "reasons"), [(260, 150, ()), (287, 241, (Reason.IMPLAUSIBLE,))])
def test_pressures_of_no_patient_are_told_and_doubtful_and_a_surge_is_good(systolic, diastolic, reasons):
    t_us, x = wave(20, systolic=systolic, diastolic=diastolic)
    monitor = VitalsMonitor(MonitorConfig(pressure_rate_hz=RATE_HZ))
    monitor.feed(block(t_us, x))
    readings = {v.quantity: v.reading for v in monitor.feed(Tick(t_us=20_000_000)) if v.t_us == 20_000_000}
    for quantity in PRESSURES:
        assert isinstance(readings[quantity], Measured)
        assert readings[quantity].reasons == reasons
        assert (readings[quantity].sqi < 0.5) is bool(reasons)


def test_a_line_whose_zero_is_wrong_is_doubtful():
    _, vitals = run(*wave(21, systolic=30.0, diastolic=-3.0), RATE_HZ)
    for quantity in PRESSURES:
        assert value(vitals, quantity, 20) > -5
        assert vitals[quantity, 20].reasons == (Reason.IMPLAUSIBLE,)
        assert vitals[quantity, 20].sqi < 0.5


def test_a_line_far_below_zero_is_implausible_and_a_patient_near_shock_is_not():
    for systolic, diastolic, expected in ((20.0, -25.0, Reason.IMPLAUSIBLE), (38.0, 22.0, None)):
        t_us, x = wave(20, systolic=systolic, diastolic=diastolic)
        monitor = VitalsMonitor(MonitorConfig(pressure_rate_hz=RATE_HZ))
        monitor.feed(block(t_us, x))
        readings = {v.quantity: v.reading for v in monitor.feed(Tick(t_us=20_000_000)) if v.t_us == 20_000_000}
        for quantity in PRESSURES:
            if expected is None:
                assert isinstance(readings[quantity], Measured)
            else:
                assert readings[quantity] == Unavailable(reason=expected)
