"""Left ventricular ejection time: the notch where it is, on signals with marks and with a known truth."""

import csv
import gzip

import numpy as np
import pytest

from dsp import Channel, Measured, MonitorConfig, Quantity, Unavailable, VitalsMonitor
from dsp.channel import ChannelMonitor
from tests import naive
from tests.dsp.signals import block, run

RATE_HZ = 250.0
EJECTION = Quantity.EJECTION_TIME


def notched(t_s, starts, *, notch_s=0.3, dip=4.0):
    """Pulses that fall to a notch at a given time after their start, with a small wave after it."""
    x = np.full(len(t_s), 80.0)
    knots_s = [0.0, 0.1, notch_s - 0.06, notch_s, notch_s + 0.06, 0.7]
    levels = [0.0, 40.0, 24.0, 18.0, 18.0 + dip, 0.0]
    for start in starts:
        near = (t_s >= start) & (t_s < start + 0.7)
        x[near] += np.interp(t_s[near] - start, knots_s, levels)
    return np.convolve(x, np.hanning(9) / np.hanning(9).sum(), "same")


@pytest.mark.parametrize("rate_bpm", [55.0, 70.0, 80.0])
@pytest.mark.parametrize("notch_s", [0.25, 0.30, 0.36])
def test_the_time_from_onset_to_notch_is_measured(rate_bpm, notch_s):
    t_us = naive.times_us(RATE_HZ, 30.0)
    x = notched(t_us / 1e6, naive.beat_times(30.0, rate_bpm), notch_s=notch_s)
    _, vitals = run(t_us, x, RATE_HZ)
    for second in range(15, 30):
        reading = vitals[EJECTION, second]
        assert reading.value == pytest.approx(1e3 * notch_s, abs=25)  # the corners are rounded by the sensor's filter
        assert reading.reasons == ()


def test_a_bend_without_a_dip_is_a_notch_too():
    t_us = naive.times_us(RATE_HZ, 30.0)
    x = notched(t_us / 1e6, naive.beat_times(30.0, 70.0), dip=0.0)
    _, vitals = run(t_us, x, RATE_HZ)
    assert vitals[EJECTION, 25].value == pytest.approx(300, abs=25)


def test_a_wave_without_a_notch_has_no_ejection_time():
    t_us = naive.times_us(RATE_HZ, 40.0)
    x = 95 + 20 * np.sin(2 * np.pi * 1.2 * t_us / 1e6)
    _, vitals = run(t_us, x, RATE_HZ)
    assert isinstance(vitals[Quantity.SYSTOLIC, 35], Measured)
    assert all(isinstance(vitals[EJECTION, second], Unavailable) for second in range(1, 40))


@pytest.mark.parametrize("seed", [1, 2])
def test_noise_over_the_notch_leaves_no_value_or_a_doubt(seed):
    t_us = naive.times_us(RATE_HZ, 60.0)
    smooth = naive.pressure_wave(t_us / 1e6, naive.beat_times(60.0, 70.0))
    _, vitals = run(t_us, smooth + np.random.default_rng(seed).normal(0, 6.0, len(t_us)), RATE_HZ)
    readings = [vitals[EJECTION, second] for second in range(20, 60)]
    assert sum(isinstance(r, Measured) and not r.reasons for r in readings) <= 4


def test_the_finder_looks_at_each_cycle_once_and_at_none_across_a_gap():
    t_us = naive.times_us(RATE_HZ, 30.0)
    x = notched(t_us / 1e6, naive.beat_times(30.0, 70.0))
    keep = (t_us < 12_000_000) | (t_us > 12_600_000)
    monitor = ChannelMonitor(Channel.PRESSURE, RATE_HZ, None)
    monitor.feed(block(t_us[keep], x[keep]))
    ends = [e for second in range(1, 30) for e in monitor.summary(second * 1_000_000).ejections]
    times = [e.t_us for e in ends]
    assert times == sorted(set(times))
    assert len(times) > 25
    assert all(not 12_000_000 < e.t_us - 857_000 < 12_600_000 for e in ends)
    assert all(e.length_us is not None for e in ends[2:])


def test_points_agree_with_the_marks_of_a_finger_pressure(recordings):
    folder = recordings / "autonomic_aging_nibp"
    with gzip.open(folder / "aac0027_raw10s.csv.gz", "rt") as file:
        x = np.tile([float(row["NIBP_mmHg"]) for row in csv.DictReader(file)], 4)
    with (folder / "aac0027_raw10s_points.csv").open() as file:
        marks = [{k: int(v) / 1e3 for k, v in row.items() if v} for row in csv.DictReader(file)]
    monitor = VitalsMonitor(MonitorConfig(pressure_rate_hz=1000.0))
    channel = monitor._channels[Channel.PRESSURE]
    t_us = np.arange(len(x), dtype=np.int64) * 1000
    beats, ejections = [], []
    for second in range(40):
        cut = slice(second * 1000, (second + 1) * 1000)
        beats += [b for b in channel.feed(block(t_us[cut], x[cut])) if b.accepted]
        ejections += channel.summary((second + 1) * 1_000_000).ejections
    onsets = {b.t_us: b.onset_us / 1e6 for b in beats}
    previous = dict(zip([b.t_us for b in beats[1:]], [b.t_us for b in beats[:-1]], strict=True))
    notches = [onsets[previous[e.t_us]] + e.length_us / 1e6 for e in ejections if e.length_us is not None]
    errors = {
        "onset_sample": errors_of([b.onset_us / 1e6 for b in beats], marks, "onset_sample"),
        "sys_peak_sample": errors_of([b.peak_us / 1e6 for b in beats], marks, "sys_peak_sample"),
        "dicr_notch_sample": errors_of(notches, marks, "dicr_notch_sample"),
    }
    for point, found in errors.items():
        assert len(found) >= 40, point
        assert np.median(np.abs(found)) <= 0.012, point


def errors_of(times, marks, point):
    """Distances of each mark, four times in a row, to the nearest time."""
    truths = [mark[point] + 10.0 * lap for lap in range(4) for mark in marks if point in mark]
    nearest = [min(np.array(times) - truth, key=abs) for truth in truths]
    return [error for error in nearest if abs(error) < 0.15]
