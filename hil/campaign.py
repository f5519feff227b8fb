"""A kind of artifact and a seed in, what became of the published values out: wrong, late, answered.

The truth is what the same program says of the undisturbed signal at the same second. A value of good quality that is
further from it than the tolerance is wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from dsp import (
    Cause,
    Channel,
    Interruption,
    Measured,
    MonitorConfig,
    OximeterCurve,
    Quantity,
    Rails,
    Reading,
    SampleBlock,
    Tick,
    Vital,
    VitalsMonitor,
)
from hil.artifact_kinds import KINDS, Kind, Sensors
from hil.artifacts import Artifact, Finger
from hil.disturbed import Disturbed
from hil.episodes import Level
from hil.patient import Patient
from hil.scenarios import Scenario
from hil.sensor_artifacts import FULL_COUNTS
from hil.stimulus import Source

GOOD_SQI = 0.5
TOLERANCE = {
    Quantity.PULSE_RATE: 5.0,
    Quantity.SYSTOLIC: 10.0,
    Quantity.DIASTOLIC: 10.0,
    Quantity.MEAN_PRESSURE: 10.0,
    Quantity.SPO2: 4.0,
}
_EXAMPLES = 12
_SECOND_US = 1_000_000
_RATES_HZ = {Channel.PLETH: 100, Channel.RED: 100, Channel.PRESSURE: 200, Channel.MOTION: 50}
_LIGHT = (Channel.PLETH, Channel.RED)
_CHANNELS: dict[Sensors, tuple[Channel, ...]] = {
    Sensors.LIGHT: _LIGHT,
    Sensors.LIGHT_AND_MOTION: (*_LIGHT, Channel.MOTION),
    Sensors.PRESSURE: (Channel.PRESSURE,),
    Sensors.ALL: (*_LIGHT, Channel.MOTION, Channel.PRESSURE),
}
_VOLTS_PER_CODE = 3.3 / 4095
_FULL_MMHG = 330.0
_CURVE = OximeterCurve(coefficients=(110.0, -25.0), r_min=0.4, r_max=2.4)  # the emulated sensor's own


@dataclass(frozen=True, slots=True, kw_only=True)
class Length:
    """How long a run is, when its artifact begins, and how long that lasts (some kinds last longer), s."""

    duration_s: int = 60
    begin_s: tuple[float, float] = (20.0, 24.0)
    lasts_s: tuple[float, float] = (8.0, 15.0)


USUAL = Length()
SHORT = Length(duration_s=32, begin_s=(13.0, 15.0), lasts_s=(5.0, 8.0))

Values = NDArray[np.float64]
Times = NDArray[np.int64]
Readings = dict[tuple[Quantity, int], Reading]


class Sensed(Protocol):
    """Sensors that may be disturbed."""

    def light(self, t_us: Times) -> Values: ...
    def volts(self, t_us: Times) -> Values: ...
    def acceleration(self, t_us: Times) -> Values: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrong:
    """A good value that is not true."""

    t_s: int
    quantity: Quantity
    value: float
    truth: float
    sqi: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one seed of one kind did; ``late`` are the lost values still shown when they had to be null."""

    wrong: tuple[Wrong, ...]
    late: tuple[tuple[int, Quantity], ...]
    worst_delay_s: float
    answered: int
    asked: int
    is_changed: bool
    start_s: float


def simulated(seed: int) -> Source:
    """A patient of some constitution."""
    random = np.random.default_rng([seed, 7])
    systolic = float(random.uniform(80, 180))
    base = Level(
        rate_bpm=float(random.uniform(45, 120)),
        systolic_mmhg=systolic,
        diastolic_mmhg=systolic * float(random.uniform(0.52, 0.68)),
        spo2_pct=float(random.uniform(88, 99.5)),
        breaths_bpm=float(random.uniform(9, 20)),
        perfusion_pct=float(np.exp(random.uniform(0.0, 1.8))),
    )
    return Patient(seed, Scenario(name="campaign", summary="", duration_s=None, base=base))


class Excerpt:
    """A stretch of a source as a source of its own, beginning at 0."""

    def __init__(self, source: Source, start_s: float, duration_s: float) -> None:
        self._source = source
        self._start_us = round(start_s * 1e6)
        self.duration_s: float | None = duration_s

    def finger(self, t_us: Times) -> Finger:
        return self._source.finger(t_us + self._start_us)

    def pressure(self, t_us: Times) -> Values:
        return self._source.pressure(t_us + self._start_us)

    def acceleration(self, t_us: Times) -> Values:
        return self._source.acceleration(t_us + self._start_us)


Sources = Callable[[int, Sensors], Source]


class Campaign:
    """Runs kinds on sources; what is said of an undisturbed source is computed once."""

    def __init__(self, source: Sources | None = None, length: Length = USUAL) -> None:
        self._source = source or (lambda seed, _sensors: simulated(seed))
        self._length = length
        self._clean = lru_cache(maxsize=4)(self._undisturbed)

    def run(self, kind: Kind, seed: int) -> Outcome:
        random = np.random.default_rng([seed, KINDS.index(kind)])
        start_s = float(random.uniform(*self._length.begin_s))
        artifacts = kind.make(random, start_s, start_s + float(random.uniform(*self._length.lasts_s)))
        clean = self._clean(seed, kind.sensors)
        seen = Disturbed(self._source(seed, kind.sensors), artifacts, noise_seed=seed)
        said = _announcements(artifacts[0]) if kind.is_announced else []
        found = readings(seen, _CHANNELS[kind.sensors], self._length.duration_s, said)
        return _judged(kind, artifacts[0], clean, found)

    def _undisturbed(self, seed: int, sensors: Sensors) -> Readings:
        seen = Disturbed(self._source(seed, sensors), [], noise_seed=seed)
        return readings(seen, _CHANNELS[sensors], self._length.duration_s)


def readings(seen: Sensed, channels: Sequence[Channel], duration_s: int, said: Sequence[Interruption] = ()) -> Readings:
    """Every vital of every second."""
    monitor = VitalsMonitor(_config(channels))
    monitor.feed(Tick(t_us=0))
    blocks = [_block(seen, channel, duration_s) for channel in channels]
    waiting = sorted(said, key=lambda event: event.t_us)
    out: Readings = {}
    for second in range(1, duration_s + 1):
        end_us = second * _SECOND_US
        for block in blocks:
            span = slice(*np.searchsorted(block.t_us, (end_us - _SECOND_US, end_us), side="right"))
            monitor.feed(SampleBlock(channel=block.channel, t_us=block.t_us[span], samples=block.samples[span]))
        while waiting and waiting[0].t_us <= end_us:
            monitor.feed(waiting.pop(0))
        for vital in monitor.feed(Tick(t_us=end_us)):
            if isinstance(vital, Vital):
                out[vital.quantity, second] = vital.reading
    return out


def _config(channels: Sequence[Channel]) -> MonitorConfig:
    rates = {channel: float(hz) if channel in channels else None for channel, hz in _RATES_HZ.items()}
    light = Rails(low=-FULL_COUNTS, high=np.inf)
    return MonitorConfig(
        pleth_rate_hz=rates[Channel.PLETH],
        red_rate_hz=rates[Channel.RED],
        pressure_rate_hz=rates[Channel.PRESSURE],
        motion_rate_hz=rates[Channel.MOTION],
        pleth_rails=light,
        red_rails=light,
        pressure_rails=Rails(low=-np.inf, high=_FULL_MMHG),
        oximeter=_CURVE,
    )


def _block(seen: Sensed, channel: Channel, duration_s: int) -> SampleBlock:
    """All samples of a channel as its converter gives them."""
    hz = _RATES_HZ[channel]
    t_us = np.arange(1, duration_s * hz + 1, dtype=np.int64) * (_SECOND_US // hz)
    match channel:
        case Channel.PRESSURE:
            samples = np.rint(np.clip(seen.volts(t_us), 0, 3.3) / _VOLTS_PER_CODE) * _VOLTS_PER_CODE * 100
        case Channel.MOTION:
            samples = seen.acceleration(t_us)
        case Channel.RED | Channel.PLETH:
            column = 0 if channel is Channel.RED else 1
            samples = -np.clip(np.rint(seen.light(t_us)[:, column]), 0, FULL_COUNTS)
    return SampleBlock(channel=channel, t_us=t_us, samples=np.ascontiguousarray(samples))


def _announcements(artifact: Artifact) -> list[Interruption]:
    return [
        Interruption(t_us=round(artifact.start_s * 1e6), cause=Cause.CUFF, is_on=True),
        Interruption(t_us=round(artifact.end_s * 1e6), cause=Cause.CUFF, is_on=False),
    ]


def _judged(kind: Kind, artifact: Artifact, clean: Readings, found: Readings) -> Outcome:
    wrong, late, delay_s, answered, asked = [], [], 0.0, 0, 0
    first = max(0, int(artifact.start_s)) + 1
    for quantity, tolerance in TOLERANCE.items():
        for t_s in range(first, max(second for _, second in clean) + 1):
            truth, reading = clean[quantity, t_s], found[quantity, t_s]
            if not isinstance(truth, Measured):
                continue
            asked += 1
            if not isinstance(reading, Measured):
                continue
            answered += 1
            error = abs(reading.value - truth.value)
            if reading.sqi >= GOOD_SQI and truth.sqi >= GOOD_SQI and error > tolerance:
                wrong.append(Wrong(t_s=t_s, quantity=quantity, value=reading.value, truth=truth.value, sqi=reading.sqi))
            if quantity in kind.lost and kind.within_s is not None and t_s <= artifact.end_s - kind.until_s:
                after_s = t_s - max(0.0, artifact.start_s)
                delay_s = max(delay_s, after_s)
                if after_s > kind.within_s:
                    late.append((t_s, quantity))
    return Outcome(
        wrong=tuple(wrong),
        late=tuple(late),
        worst_delay_s=delay_s,
        answered=answered,
        asked=asked,
        is_changed=any(found[key] != clean[key] for key in found),
        start_s=artifact.start_s,
    )


@dataclass(slots=True, kw_only=True)
class Row:
    """The outcomes of one kind added up."""

    kind: Kind
    seeds: int = 0
    wrong_seeds: int = 0
    wrong: int = 0
    late_seeds: int = 0
    worst_delay_s: float = 0.0
    answered: int = 0
    asked: int = 0
    changed: int = 0
    examples: list[str] = field(default_factory=list)  # of the first seeds

    def add(self, seed: int, outcome: Outcome) -> None:
        self.seeds += 1
        self.wrong += len(outcome.wrong)
        self.wrong_seeds += bool(outcome.wrong)
        self.late_seeds += bool(outcome.late)
        self.worst_delay_s = max(self.worst_delay_s, outcome.worst_delay_s)
        self.answered += outcome.answered
        self.asked += outcome.asked
        self.changed += outcome.is_changed
        for t_s, quantity in outcome.late[:1]:
            self.examples.append(f"seed {seed}, {t_s} s: {quantity.value} still shown")
        for w in outcome.wrong[: max(0, _EXAMPLES - len(self.examples))]:
            values = f"{w.quantity.value} {w.value:.0f} for {w.truth:.0f}, sqi {w.sqi:.2f}"
            self.examples.append(f"seed {seed}, {w.t_s} s ({w.t_s - outcome.start_s:.0f} s after): {values}")


def table(rows: Sequence[Row]) -> Iterator[str]:
    """The table as Markdown."""
    yield "| row | kind | sensors | seeds | with a wrong value | wrong values | late | worst delay s | answered % |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for row in rows:
        delay = f"{row.worst_delay_s:.1f} of {row.kind.within_s:g}" if row.kind.within_s is not None else ""
        share = 100 * row.answered / max(1, row.asked)
        cells = (
            row.kind.row, row.kind.name, row.kind.sensors.value, row.seeds, row.wrong_seeds, row.wrong, row.late_seeds,
            delay, f"{share:.0f}",
        )  # fmt: skip
        yield "| " + " | ".join(map(str, cells)) + " |"
