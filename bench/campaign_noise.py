"""Half an hour of noise of every colour has no pulse; `make campaign-noise`. Exit code 1 if a beat is found."""

import sys
from dataclasses import dataclass

import numpy as np

from dsp import Beat, Channel, Measured, MonitorConfig, SampleBlock, Tick, VitalsMonitor
from hil.noise import COLOURS, coloured

RATES_HZ = (25.0, 50.0, 100.0, 125.0, 250.0)
SEEDS = 2
LEVEL, SIZE = 90.0, 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Accepted beats, measured values, and those of good quality."""

    beats: int
    measured: int
    good: int


def watched(colour, channel, rate_hz, seed, minutes):
    """What the monitor says of such noise."""
    count = int(60 * minutes * rate_hz)
    t_us = np.rint(np.arange(1, count + 1) * 1e6 / rate_hz).astype(np.int64)
    samples = LEVEL + SIZE * coloured(colour, count, rate_hz, seed)
    monitor = VitalsMonitor(MonitorConfig(**{f"{channel.value}_rate_hz": rate_hz}))
    events = monitor.feed(SampleBlock(channel=channel, t_us=t_us, samples=samples))
    readings = [v.reading for v in monitor.feed(Tick(t_us=minutes * 60_000_000)) if not isinstance(v, Beat)]
    values = [r for r in readings if isinstance(r, Measured)]
    return Found(
        beats=sum(1 for beat in events if isinstance(beat, Beat) and beat.accepted),
        measured=len(values),
        good=sum(1 for value in values if value.sqi >= 0.5),
    )


def main():
    is_clean = True
    print("| colour | channel | rate Hz | beats a minute | values | good values |\n|---|---|---|---|---|---|")
    for colour in COLOURS:
        for channel in (Channel.PLETH, Channel.PRESSURE):
            for rate_hz in RATES_HZ:
                found = [watched(colour, channel, rate_hz, seed, 30) for seed in range(SEEDS)]
                beats = sum(f.beats for f in found) / (30 * SEEDS)
                values, good = sum(f.measured for f in found), sum(f.good for f in found)
                is_clean &= beats == 0 and good == 0
                print(f"| {colour} | {channel.value} | {rate_hz:g} | {beats:.2f} | {values} | {good} |", flush=True)
    return 0 if is_clean else 1


if __name__ == "__main__":
    sys.exit(main())
