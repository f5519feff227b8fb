"""Red and infrared light of a finger whose saturation is known."""

from __future__ import annotations

import numpy as np

from dsp import Beat, Channel, MonitorConfig, Rails, Tick, VitalsMonitor
from tests import naive
from tests.dsp.signals import block

RATE_HZ = 100.0
MOTION_RATE_HZ = 50.0
FULL = 262_143.0
RAILS = Rails(low=-FULL, high=np.inf)
DC_INFRARED, DC_RED = 110_000.0, 95_000.0
AMBIENT = 300.0


def finger(
    spo2_pct,
    duration_s,
    *,
    rate_bpm=72.0,
    perfusion_pct=2.0,
    noise=0.0,
    breath=0.0,
    motion=0.0,
    motion_ratio=1.0,
    dc=(DC_INFRARED, DC_RED),
    seed=0,
):
    """Times and counts of infrared and red by the law of Beer and Lambert, rounded as a converter does.

    ``spo2_pct`` is a number or an array over the samples; ``breath`` and ``motion`` are in pulse heights, the first a
    sine of 0.25 Hz in both lights alike, the second a walk between 0.5 and 4 Hz that moves red by ``motion_ratio``.
    """
    rng = np.random.default_rng(seed)
    t_us = naive.times_us(RATE_HZ, duration_s)
    t_s = t_us / 1e6
    pulse = naive.pressure_wave(t_s, naive.beat_times(duration_s, rate_bpm), 1.0, 0.0)
    ratio = (110.0 - np.asarray(spo2_pct)) / 25.0
    drift = breath * np.sin(2 * np.pi * 0.25 * t_s)
    shake = motion * wander(len(t_us), rng)
    height = perfusion_pct / 100
    infrared = dc[0] * np.exp(-height * (pulse + drift + shake))
    red = dc[1] * np.exp(-height * (ratio * pulse + drift + motion_ratio * shake))
    return t_us, *(np.rint(x + rng.normal(0, noise, len(x))) for x in (infrared, red))


def wander(count, rng, low_hz=0.5, high_hz=4.0):
    """Noise of one pulse height from top to bottom (four standard deviations), between two frequencies."""
    spectrum = np.fft.rfft(rng.normal(size=count))
    hz = np.fft.rfftfreq(count, 1 / RATE_HZ)
    x = np.fft.irfft(np.where((hz >= low_hz) & (hz <= high_hz), spectrum, 0), count)
    return x / (4 * x.std())


def upright(acceleration):
    """Acceleration along gravity, or all three axes as they are: shape (n, 3)."""
    a = np.asarray(acceleration, dtype=np.float64)
    return a if a.ndim == 2 else np.stack([np.zeros(len(a)), np.zeros(len(a)), a], axis=1)


def watch(t_us, infrared, red, *, acceleration=None, until_s=None, tenths=1, **config):
    """Feed both lights as the board does, with a tick each second; return (beats, vitals) as ``signals.run``."""
    options = {
        "pleth_rate_hz": RATE_HZ,
        "red_rate_hz": RATE_HZ,
        "pleth_rails": RAILS,
        "red_rails": RAILS,
        "motion_rate_hz": MOTION_RATE_HZ if acceleration is not None else None,
        **config,
    }
    monitor = VitalsMonitor(MonitorConfig(**options))
    end_s = until_s if until_s is not None else round(int(t_us[-1]) / 1e6)
    waves = [(Channel.PLETH, t_us, -np.asarray(infrared)), (Channel.RED, t_us, -np.asarray(red))]
    if acceleration is not None:
        moved_us = naive.times_us(MOTION_RATE_HZ, len(acceleration) / MOTION_RATE_HZ)
        waves.append((Channel.MOTION, moved_us, upright(acceleration)))
    events = []
    done = dict.fromkeys([channel for channel, _, _ in waves], 0)
    for tenth in range(tenths, end_s * 10 + 1, tenths):
        for channel, times, samples in waves:
            stop = int(np.searchsorted(times, tenth * 100_000, side="right"))
            if stop > done[channel]:
                events += monitor.feed(block(times[done[channel] : stop], samples[done[channel] : stop], channel))
            done[channel] = stop
        if tenth % 10 == 0:
            events += monitor.feed(Tick(t_us=tenth * 100_000))
    beats = [e for e in events if isinstance(e, Beat)]
    return beats, {(e.quantity, e.t_us // 1_000_000): e.reading for e in events if not isinstance(e, Beat)}
