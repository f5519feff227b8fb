"""BoardClock and SampleTimeline: sample times that are right in spite of wraps, drift, jitter and stalls."""

import random

import numpy as np
import pytest

from gateway.link.clock import TICKS_PERIOD_US, BoardClock
from gateway.link.timeline import SampleTimeline

FRAME_US = 40_000


def play(clock, times_us, delays_us, *, ppm=0.0, start_ticks=0):
    """Feed frames made at true times; return the error of each mapped time, in microseconds."""
    errors = []
    for t_us, delay in zip(times_us, delays_us, strict=True):
        ticks = start_ticks + round(t_us * (1 + ppm * 1e-6))
        device_us = clock.feed(t_us + delay, ticks % TICKS_PERIOD_US)
        errors.append(device_us + clock.offset_us - t_us)
    return np.array(errors)


def test_mapped_times_stay_near_the_truth_across_six_wraps_with_jitter_and_drift():
    rng = random.Random(2)
    for ppm, wraps in ((-500.0, 1), (0.0, 1), (500.0, 6)):
        times = range(0, wraps * TICKS_PERIOD_US + 10_000_000, FRAME_US * 5)
        delays = [rng.expovariate(1 / 2000) for _ in times]
        errors = play(BoardClock(), times, map(int, delays), ppm=ppm, start_ticks=TICKS_PERIOD_US - 5_000_000)
        assert abs(errors[50:]).max() < 6_000


def test_a_hundred_wraps_are_no_event():
    clock = BoardClock()
    times = range(0, 101 * TICKS_PERIOD_US, 30_000_000)
    assert abs(play(clock, times, [1000] * len(times), ppm=300.0)[50:]).max() < 6_000
    assert clock.steps == 0


def test_a_stall_of_ten_seconds_and_the_burst_after_it_do_not_move_the_clock():
    times = list(range(0, 60_000_000, FRAME_US))
    delays = [max(0, 30_000_000 - t) if 20_000_000 <= t < 30_000_000 else 1000 for t in times]
    errors = play(BoardClock(), times, delays)
    assert abs(errors).max() < 30_000  # mapped to when they were taken, not to when they came


def test_frames_that_stay_five_seconds_late_keep_their_age_for_ever():
    times = list(range(0, 120_000_000, FRAME_US))
    delays = [0 if t < 20_000_000 else 5_000_000 for t in times]
    assert abs(play(BoardClock(), times, delays)).max() == 0


@pytest.mark.parametrize("ppm", [-500.0, 500.0])
def test_after_an_outage_of_two_hours_a_drifting_board_is_on_time_again_and_stays_so(ppm):
    before, outage_us = 60_000_000, 7_200_000_000
    times = [*range(0, before, FRAME_US), *range(before + outage_us, before + outage_us + 1_800_000_000, FRAME_US * 5)]
    errors = play(BoardClock(), times, [1000] * len(times), ppm=ppm)
    back = times.index(before + outage_us) + 100  # 20 s
    assert abs(errors[back:]).max() < 50_000


def test_a_first_impression_that_was_late_is_mended_at_once():
    times = list(range(0, 4_000_000, FRAME_US))
    delays = [2_000_000 if t < 1_000_000 else 500 for t in times]
    errors = play(BoardClock(), times, delays)
    assert abs(errors[times.index(1_000_000) :]).max() <= 500


def test_a_silence_longer_than_a_wrap_is_unwrapped_by_the_gateways_own_time():
    clock = BoardClock()
    clock.feed(0, 100)
    late_us = 3 * TICKS_PERIOD_US + 777
    assert clock.feed(late_us, (late_us + 100) % TICKS_PERIOD_US) == late_us + 100


def test_sample_times_are_even_and_follow_a_sensor_clock_three_percent_fast():
    rng = random.Random(3)
    timeline = SampleTimeline(10_000.0)
    true_period_us = 9_700.0
    times, truth = [], []
    for k in range(0, 12_000, 4):
        taken_us = (k + 3) * true_period_us
        times.append(timeline.feed(k, 4, round(taken_us + rng.uniform(0, 9_000))))
        truth.append((np.arange(k, k + 4)) * true_period_us)
    times, truth = np.concatenate(times), np.concatenate(truth)
    settled = slice(2000, None)
    error = (times - truth)[settled]
    assert np.ptp(error) < 6_000  # the reading delay's jitter of 9 ms, smoothed
    assert abs(np.diff(times)[settled] - true_period_us).max() < 500
    assert abs(np.diff(times)[settled].mean() - true_period_us) < 1.0


def test_a_loss_moves_the_times_by_exactly_the_lost_samples():
    timeline = SampleTimeline(5_000.0)
    for k in range(0, 800, 8):
        timeline.feed(k, 8, (k + 7) * 5_000)
    np.testing.assert_array_equal(timeline.feed(1000, 8, 1007 * 5_000), np.arange(1000, 1008) * 5_000)


def test_answers_that_are_seconds_late_say_nothing_of_the_drift():
    """A gateway that lags behind its rig: what it asks is read long after, now sooner, now later."""
    rng = random.Random(4)
    clock, worst_ppm = BoardClock(), 0.0
    for t_us in range(0, 300_000_000, 100_000):
        clock.feed(t_us + 1000, t_us % TICKS_PERIOD_US)
        asked_us = t_us - rng.randrange(20_000, 4_000_000)
        if asked_us > 0:
            clock.feed_exchange(asked_us, t_us + 1000, t_us % TICKS_PERIOD_US)
        worst_ppm = max(worst_ppm, abs(clock.drift_ppm or 0.0))
    assert worst_ppm < 20
    assert clock.findings(300_000_000) == []
    assert abs(clock.offset_us - 1000) < 100
