"""A patient in, what an alarm engine is fed with out: the sensors straight into the signal processing, without a board.

For questions about alarms over hours: the firmware and the link, which other rigs test, cost most of the time there.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

import dsp
from gateway.alarms import Second
from gateway.calibration import load_calibration
from hil.chair import Sensed

_SECOND_US = 1_000_000
_LIGHT_HZ, _PRESSURE_HZ, _MOTION_HZ = 100, 200, 50
_FULL_SCALE = 262_143.0  # counts of the MAX30102
_MMHG_PER_VOLT = 100.0
CURVE = Path(__file__).parent / "calibration" / "emulated_max30102.toml"


def played(sensors: Sensed, *, with_pressure: bool = True) -> Iterator[dsp.Beat | Second]:
    """Beats and seconds, in order, until the sensors end."""
    if sensors.duration_s is None:
        raise ValueError("sensors: expected a patient who ends")
    rails = dsp.Rails(low=-_FULL_SCALE, high=float("inf"))
    monitor = dsp.VitalsMonitor(
        dsp.MonitorConfig(
            pleth_rate_hz=_LIGHT_HZ,
            red_rate_hz=_LIGHT_HZ,
            pleth_rails=rails,
            red_rails=rails,
            pressure_rate_hz=_PRESSURE_HZ if with_pressure else None,
            motion_rate_hz=_MOTION_HZ,
            oximeter=load_calibration(CURVE).curve,
        )
    )
    for second in range(1, int(sensors.duration_s) + 1):
        for block in _blocks(sensors, second * _SECOND_US, with_pressure=with_pressure):
            yield from (event for event in monitor.feed(block) if isinstance(event, dsp.Beat))
        vitals = [v for v in monitor.feed(dsp.Tick(t_us=second * _SECOND_US)) if isinstance(v, dsp.Vital)]
        readings = {vital.quantity: vital.reading for vital in vitals if vital.t_us == second * _SECOND_US}
        yield Second(t_us=second * _SECOND_US, readings=readings, channels=dict(monitor.channels))


def _blocks(sensors: Sensed, end_us: int, *, with_pressure: bool) -> Iterator[dsp.SampleBlock]:
    """The second that ends there; light falls in systole."""
    t_us = _times(end_us, _LIGHT_HZ)
    counts = np.clip(np.rint(sensors.light(t_us)), 0.0, _FULL_SCALE)
    yield dsp.SampleBlock(channel=dsp.Channel.RED, t_us=t_us, samples=-counts[:, 0])
    yield dsp.SampleBlock(channel=dsp.Channel.PLETH, t_us=t_us, samples=-counts[:, 1])
    if with_pressure:
        t_us = _times(end_us, _PRESSURE_HZ)
        millivolts = np.rint(1000 * sensors.volts(t_us))
        yield dsp.SampleBlock(channel=dsp.Channel.PRESSURE, t_us=t_us, samples=millivolts * _MMHG_PER_VOLT / 1000)
    t_us = _times(end_us, _MOTION_HZ)
    yield dsp.SampleBlock(channel=dsp.Channel.MOTION, t_us=t_us, samples=sensors.acceleration(t_us))


def _times(end_us: int, rate_hz: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    step_us = _SECOND_US // rate_hz
    return np.arange(end_us - _SECOND_US + step_us, end_us + 1, step_us, dtype=np.int64)
