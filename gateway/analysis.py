"""A recording in, beats and vitals out: its signals straight into the monitor, in time order."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from dsp import Beat, Channel, MonitorConfig, SampleBlock, Tick, Vital, VitalsMonitor
from gateway.recordings import Recording, Signal

BLOCK_US = 100_000  # as the board sends them
SECOND_US = 1_000_000


def config_of(recording: Recording) -> MonitorConfig:
    """The monitor that fits the recording's channels."""
    pleth = recording.signals.get(Channel.PLETH)
    pressure = recording.signals.get(Channel.PRESSURE)
    return MonitorConfig(
        pleth_rate_hz=pleth.rate_hz if pleth else None,
        pressure_rate_hz=pressure.rate_hz if pressure else None,
    )


def analyze(recording: Recording, monitor: VitalsMonitor | None = None) -> Iterator[Beat | Vital]:
    """Yield every beat, and every quantity at each whole second; a ``monitor`` is a new one of the recording's."""
    monitor = monitor or VitalsMonitor(config_of(recording))
    signals = list(recording.signals.values())
    position = dict.fromkeys(recording.signals, 0)
    for end_us in range(BLOCK_US, int(recording.duration_s * 1e6) + BLOCK_US, BLOCK_US):
        for signal in signals:
            block = _block(signal, position[signal.channel], end_us)
            position[signal.channel] += len(block.t_us)
            if len(block.t_us):
                yield from monitor.feed(block)
        if end_us % SECOND_US == 0:
            yield from monitor.feed(Tick(t_us=end_us))


def _block(signal: Signal, start: int, end_us: int) -> SampleBlock:
    """Samples from ``start`` up to and including ``end_us``."""
    stop = start + int(np.searchsorted(signal.t_us[start:], end_us, side="right"))
    return SampleBlock(channel=signal.channel, t_us=signal.t_us[start:stop], samples=signal.samples[start:stop])
