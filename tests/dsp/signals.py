"""Feeding the monitor in tests."""

from __future__ import annotations

import numpy as np

from dsp import Beat, Channel, Measured, MonitorConfig, Quantity, Reading, SampleBlock, Tick, Unavailable, VitalsMonitor
from tests import naive

RATE_HZ = 125.0


def wave(duration_s, rate_bpm=72.0, systolic=120.0, diastolic=80.0, noise=0.1):
    """Times and samples of a pressure with even pulses."""
    t_us = naive.times_us(RATE_HZ, duration_s)
    x = naive.pressure_wave(t_us / 1e6, naive.beat_times(duration_s, rate_bpm), systolic, diastolic)
    return t_us, x + np.random.default_rng(3).normal(0, noise, len(x))


def block(t_us, samples, channel=Channel.PRESSURE):
    return SampleBlock(channel=channel, t_us=t_us, samples=np.asarray(samples, dtype=np.float64))


def run(t_us, samples, rate_hz, *, channel=Channel.PRESSURE, until_s=None, **config):
    """Feed one channel in blocks of a tenth of a second with a tick each second; return (beats, vitals)."""
    name = f"{channel.value}_rate_hz"
    monitor = VitalsMonitor(MonitorConfig(**{name: rate_hz}, **config))
    end_s = until_s if until_s is not None else int(t_us[-1]) / 1e6
    events = []
    start = 0
    for tenth in range(1, int(end_s * 10) + 1):
        stop = int(np.searchsorted(t_us, tenth * 100_000, side="right"))
        if stop > start:
            events += monitor.feed(block(t_us[start:stop], samples[start:stop], channel))
        start = stop
        if tenth % 10 == 0:
            events += monitor.feed(Tick(t_us=tenth * 100_000))
    beats = [e for e in events if isinstance(e, Beat)]
    vitals = {(e.quantity, e.t_us // 1_000_000): e.reading for e in events if not isinstance(e, Beat)}
    return beats, vitals


def accepted(beats):
    return [b for b in beats if b.accepted]


def value(vitals, quantity: Quantity, second: int) -> float:
    reading: Reading = vitals[quantity, second]
    assert isinstance(reading, Measured), f"{quantity.value} at {second} s: {reading}"
    return reading.value


def reason(vitals, quantity: Quantity, second: int):
    reading: Reading = vitals[quantity, second]
    return reading.reason if isinstance(reading, Unavailable) else None
