"""One hash of all that the signal processing says about a fixed input: equal on every machine and in every mode.

The input is made here from integers alone, so it cannot differ itself. The compiled and the interpreted kernels
(NUMBA_DISABLE_JIT=1), every CPU setting (NUMBA_CPU_NAME=generic) and every machine (`make campaign-aarch64`) must
print the same line; tests/dsp/test_bits.py holds the first three against each other.
"""

import hashlib
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import dsp

SECONDS = 110
OPTICAL_HZ, PRESSURE_HZ, MOTION_HZ = 100, 250, 50
STEP_US = 250_000
CONFIG = dsp.MonitorConfig(
    pleth_rate_hz=float(OPTICAL_HZ),
    red_rate_hz=float(OPTICAL_HZ),
    pressure_rate_hz=float(PRESSURE_HZ),
    motion_rate_hz=float(MOTION_HZ),
    pleth_rails=dsp.Rails(low=-262143.0, high=0.0),
    red_rails=dsp.Rails(low=-262143.0, high=0.0),
    pressure_rails=dsp.Rails(low=0.0, high=330.0),
)


def noise(n, seed, size):
    """Integers in -size..size, from the generator of Knuth's MMIX."""
    out, state = np.zeros(n, np.int64), seed
    for k in range(n):
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        out[k] = (state >> 33) % (2 * size + 1) - size
    return out


def onsets_us():
    """Starts of the heart cycles: slow, faster, with an early beat and its pause every 13 beats, some swing."""
    starts, t_us, k = [], 0, 0
    while t_us < (SECONDS + 2) * 1_000_000:
        starts.append(t_us)
        usual = 900_000 if t_us < 40_000_000 else 620_000
        swing = 6_000 * (abs(k % 10 - 5) - 2)
        t_us += usual + swing - (usual // 3 if k % 13 == 11 else 0) + (usual // 3 if k % 13 == 12 else 0)
        k += 1
    return np.array(starts, np.int64)


def pulse(t_us, delay_us):
    """Height of the pulse at each time, 0..1024: a smooth rise, a fall, a second wave."""
    starts = onsets_us()
    at = np.maximum(t_us - delay_us, 0)
    since_ms = (at - starts[np.searchsorted(starts, at, side="right") - 1]) // 1000
    rise = np.minimum(since_ms, 130)
    height = 1024 * rise * rise * (390 - 2 * rise) // 130**3
    fall = np.clip(since_ms - 130, 0, 450)
    height -= 1024 * fall * (900 - fall) // 450**2
    wave = np.clip(since_ms - 300, 0, 160)
    return height + 180 * wave * (160 - wave) // 6400


def pressure_mmhg():
    t_us = np.arange(0, SECONDS * 1_000_000, 1_000_000 // PRESSURE_HZ, dtype=np.int64)
    sixteenths = 78 * 16 + pulse(t_us, 0) * 45 * 16 // 1024 + t_us // 2_500_000 + noise(len(t_us), 1, 6)
    second = t_us // 1_000_000
    sixteenths[(second >= 62) & (second < 65)] = 300 * 16  # the line is flushed
    sixteenths[(second >= 80) & (second < 83)] = 95 * 16  # and closed
    samples = sixteenths / 16.0
    samples[(second >= 90) & (second < 91) & (t_us % 3_000 == 0)] = np.nan
    is_kept = (t_us < 30_300_000) | (t_us >= 31_000_000)
    return t_us[is_kept], samples[is_kept]


def lights():
    """Times, infrared and red, in counts, negated as the sensor's driver does."""
    t_us = np.arange(0, SECONDS * 1_000_000, 1_000_000 // OPTICAL_HZ, dtype=np.int64)
    second, height = t_us // 1_000_000, pulse(t_us, 180_000)
    parts = np.where(second < 50, 550, 700)  # of the infrared pulse, in thousands: the saturation falls
    infrared = 120_000 - height * 2400 // 1024 + noise(len(t_us), 2, 12)
    red = 100_000 - height * 2000 * parts // 1024_000 + noise(len(t_us), 3, 12)
    moved = noise(len(t_us), 4, 4000) * ((second >= 70) & (second < 76))
    infrared, red = infrared + moved, red + moved
    for light in (infrared, red):
        light[(second >= 95) & (second < 98)] = 262_143
    is_kept = (t_us < 58_000_000) | (t_us >= 61_500_000)
    return t_us[is_kept], -infrared[is_kept].astype(float), -red[is_kept].astype(float)


def acceleration_g():
    t_us = np.arange(0, SECONDS * 1_000_000, 1_000_000 // MOTION_HZ, dtype=np.int64)
    shaken = (t_us >= 70_000_000) & (t_us < 76_000_000)
    axes = [noise(len(t_us), 5 + axis, 3) + noise(len(t_us), 8 + axis, 300) * shaken for axis in range(3)]
    axes[2] += 1024
    return t_us, np.stack(axes, axis=1) / 1024.0


def waves():
    """Channel, times and samples of each wave."""
    optical_us, infrared, red = lights()
    return [
        (dsp.Channel.PLETH, optical_us, infrared),
        (dsp.Channel.RED, optical_us, red),
        (dsp.Channel.PRESSURE, *pressure_mmhg()),
        (dsp.Channel.MOTION, *acceleration_g()),
    ]


def blocks():
    """The whole input in the order of time: each channel's quarter seconds, cut once more somewhere, and ticks."""
    cuts = noise(4 * SECONDS, 11, STEP_US // 2 - 1) + STEP_US // 2
    ends = [end for k in range(4 * SECONDS) for end in (k * STEP_US + cuts[k], (k + 1) * STEP_US)]
    return cut(waves(), ends)


def cut(channels, ends_us):
    """Blocks of every channel up to each end, and a tick where an end is a whole second."""
    start_us = 0
    for end_us in ends_us:
        for channel, t_us, samples in channels:
            piece = slice(*np.searchsorted(t_us, [start_us, end_us]))
            yield dsp.SampleBlock(channel=channel, t_us=t_us[piece], samples=samples[piece])
        if end_us % 1_000_000 == 0:
            yield dsp.Tick(t_us=int(end_us))
        start_us = end_us


def events():
    """Every beat and vital; the repr of a float is exact."""
    monitor = dsp.VitalsMonitor(CONFIG)
    return [event for block in blocks() for event in monitor.feed(block)]


def main():
    said = events()
    values = sum(isinstance(event, dsp.Vital) and isinstance(event.reading, dsp.Measured) for event in said)
    beats = sum(isinstance(event, dsp.Beat) for event in said)
    digest = hashlib.sha256("\n".join(repr(event) for event in said).encode()).hexdigest()
    print(f"{beats} beats, {values} values, sha256 {digest}")


if __name__ == "__main__":
    main()
