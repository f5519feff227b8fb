"""A kind of artifact and a seed in, what became of the published values out: wrong, late, answered.

The truth is what the same program says of the undisturbed signal; of a heart out of order, it is the simulated
patient's own rate. A value of good quality is wrong if it is further than the tolerance from the truth of its second
and of the second before, which is all that its stated latency allows (``dsp.latency``: a rate looks back on 8 s and is
right after 9). The undisturbed program may itself be a second late, so that of its truths the next one counts as well:
a disturbed value is not wrong for having seen a beat first. The patient is never late. Between the truths of those
seconds a value is on its way, as the latency says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from functools import lru_cache
from typing import Protocol
from zlib import crc32

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
    Reason,
    SampleBlock,
    Tick,
    Unavailable,
    Vital,
    VitalsMonitor,
)
from hil.artifact_kinds import Kind, Rhythm, Sensors
from hil.artifacts import Artifact, Finger
from hil.disturbed import Disturbed
from hil.episodes import Level
from hil.patient import Patient
from hil.scenarios import Scenario
from hil.sensor_artifacts import FULL_COUNTS
from hil.stimulus import Source

GOOD_SQI = 0.5
SETTLED_S = 15  # after the start of a run, and after the end of an artifact: from then on a value ought to be good
TOLERANCE = {
    Quantity.PULSE_RATE: 5.0,
    Quantity.SYSTOLIC: 10.0,
    Quantity.DIASTOLIC: 10.0,
    Quantity.MEAN_PRESSURE: 10.0,
    Quantity.SPO2: 4.0,
}
WINDOW_S = 8  # that a rate is the mean of (dsp.channel)
_CLIPPING_S, _CLIPPING_SHARE = 2.0, 0.1
# A beat so soon after another has no pulse, up to the second time it may have one: a pressure rarely shows it.
_REFRACTORY_S = (0.25, 0.3)
# From the beat to mid-upslope in the simulated artery and finger, and from there until the pulse is known.
_ARTERY_S, _FINGER_S, _KNOWN_S = 0.06, 0.26, 0.4
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
Allowed = dict[tuple[Quantity, int], list[float]]


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


class Part(Enum):
    """A part of a run, for which is said how much of it was good."""

    UNDISTURBED = "undisturbed"  # the same signal without the artifact
    DURING = "during"
    AFTER = "after"  # more than ``SETTLED_S`` after the end


Share = tuple[int, int]  # values of good quality, values asked for


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one seed of one kind did; ``late`` are the lost values still shown when they had to be null.

    ``shares`` of what is good undisturbed, but for that itself.
    """

    wrong: tuple[Wrong, ...]
    late: tuple[tuple[int, Quantity], ...]
    worst_delay_s: float
    shares: dict[Part, Share]
    is_changed: bool
    start_s: float


def simulated(seed: int, rhythm: Rhythm | None = None) -> Patient:
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
    scenario = Scenario(name="campaign", summary="", duration_s=None, base=base)
    if rhythm is not None:
        scenario = replace(scenario, ectopic_share=rhythm.ectopic_share, rate_jitter=rhythm.rate_jitter)
    return Patient(seed, scenario)


def known(seed: int, rhythm: Rhythm, sensors: Sensors, duration_s: int, after_s: float) -> Readings:
    """The rate of such a patient's pulses that have come in the window, and the saturation.

    A beat right after another finds an empty heart and has no pulse: an ECG counts it, a finger does not; with
    ``after_s`` it is said how soon that is. Beats that come in pairs have the rate of the pairs.
    """
    patient = simulated(seed, rhythm)
    pulses_s = [-10.0]
    for t_s in range(duration_s + 1):
        for beat in patient.beats(t_s * _SECOND_US, (t_s + 1) * _SECOND_US):
            if beat.onset_us / 1e6 - pulses_s[-1] > after_s:
                pulses_s.append(beat.onset_us / 1e6)
    spo2_pct = patient.scenario.base.spo2_pct
    out: Readings = {
        (q, t_s): Unavailable(reason=Reason.NO_CHANNEL) for q in TOLERANCE for t_s in range(duration_s + 1)
    }
    transit_s = _ARTERY_S if sensors is Sensors.PRESSURE else _FINGER_S
    for t_s in range(WINDOW_S, duration_s + 1):
        seen_s = [x for x in pulses_s if t_s - WINDOW_S < x + transit_s <= t_s - _KNOWN_S]
        values = {Quantity.PULSE_RATE: 60 * (len(seen_s) - 1) / (seen_s[-1] - seen_s[0]), Quantity.SPO2: spo2_pct}
        if rhythm.ectopic_share:
            values[Quantity.PULSE_RATE] = patient.scenario.base.rate_bpm
        for quantity, value in values.items():
            out[quantity, t_s] = Measured(value=value, sqi=1.0, newest_us=t_s * _SECOND_US)
    return out


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
        random = np.random.default_rng([seed, crc32(f"{kind.row} {kind.name}".encode())])
        start_s = float(random.uniform(*self._length.begin_s))
        artifacts = kind.make(random, start_s, start_s + float(random.uniform(*self._length.lasts_s)))
        clean, true = self._clean(seed, kind.sensors, kind.rhythm)
        source = simulated(seed, kind.rhythm) if kind.rhythm else self._source(seed, kind.sensors)
        seen = Disturbed(source, artifacts, noise_seed=seed)
        said = _announcements(artifacts[0]) if kind.is_announced else []
        found = readings(seen, _CHANNELS[kind.sensors], self._length.duration_s, said)
        clipped_s = _clipped_s(seen, kind, artifacts[0]) if kind.is_clipping else None
        return _judged(kind, artifacts[0], clipped_s, (clean, true), found)

    def _undisturbed(self, seed: int, sensors: Sensors, rhythm: Rhythm | None) -> tuple[Readings, Allowed]:
        if rhythm is not None:
            either = [known(seed, rhythm, sensors, self._length.duration_s, after_s) for after_s in _REFRACTORY_S]
            return either[0], allowed(either, (-1, 0))
        seen = Disturbed(self._source(seed, sensors), [], noise_seed=seed)
        clean = readings(seen, _CHANNELS[sensors], self._length.duration_s)
        return clean, allowed([clean], (-1, 0, 1))


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


def _clipped_s(seen: Sensed, kind: Kind, artifact: Artifact) -> Values:
    """When a tenth of a second's samples and more have been at full scale within the budget: single ones clip no pulse.

    S3 is about a tenth of the samples; a recording that wanders off leaves fewer.
    """
    is_light = kind.sensors is Sensors.LIGHT
    hz = _RATES_HZ[Channel.PLETH if is_light else Channel.PRESSURE]
    t_us = np.rint(np.arange(artifact.start_s, artifact.end_s, 1 / hz) * 1e6).astype(np.int64)
    is_full = seen.light(t_us).max(axis=1) >= FULL_COUNTS if is_light else seen.volts(t_us) * 100 >= _FULL_MMHG
    lately = np.convolve(is_full, np.ones(round(_CLIPPING_S * hz)))[: len(is_full)]
    return t_us[is_full & (lately >= _CLIPPING_SHARE * hz)] / 1e6


def _judged(
    kind: Kind, artifact: Artifact, clipped_s: Values | None, undisturbed: tuple[Readings, Allowed], found: Readings
) -> Outcome:
    clean, true = undisturbed
    wrong, late, delay_s = [], [], 0.0
    first = max(0, int(artifact.start_s)) + 1
    begins_s = max(0.0, artifact.start_s if clipped_s is None or not len(clipped_s) else float(clipped_s[0]))
    for quantity, tolerance in TOLERANCE.items():
        for t_s in range(first, _last_s(clean) + 1):
            truth, reading = clean[quantity, t_s], found[quantity, t_s]
            if not (isinstance(truth, Measured) and isinstance(reading, Measured)):
                continue
            error = max(min(true[quantity, t_s]) - reading.value, reading.value - max(true[quantity, t_s]))
            if _is_good(reading) and _is_good(truth) and error > tolerance:
                wrong.append(Wrong(t_s=t_s, quantity=quantity, value=reading.value, truth=truth.value, sqi=reading.sqi))
            if clipped_s is not None and not np.any((clipped_s > t_s - _CLIPPING_S) & (clipped_s <= t_s)):
                continue  # the pulse was smaller for a while, and whole
            if quantity in kind.lost and kind.within_s is not None and t_s <= artifact.end_s - kind.until_s:
                after_s = t_s - begins_s
                delay_s = max(delay_s, after_s)
                if after_s > kind.within_s:
                    late.append((t_s, quantity))
    return Outcome(
        wrong=tuple(wrong),
        late=tuple(late),
        worst_delay_s=delay_s,
        shares=_shares(artifact, clean, found),
        is_changed=any(found[key] != clean[key] for key in found),
        start_s=artifact.start_s,
    )


def allowed(truths: Sequence[Readings], seconds: Sequence[int]) -> Allowed:
    """What may be said in each second: what one of the truths is in one of the seconds about it."""
    near = {(q, t): [truth.get((q, t + k)) for truth in truths for k in seconds] for q, t in truths[0]}
    return {key: [x.value for x in among if isinstance(x, Measured)] for key, among in near.items()}


def _shares(artifact: Artifact, clean: Readings, found: Readings) -> dict[Part, Share]:
    """How much is good; what the sensors at hand never show counts nowhere."""
    shown = {quantity for (quantity, _), reading in clean.items() if isinstance(reading, Measured)} & set(TOLERANCE)
    keys = [(quantity, t_s) for quantity in TOLERANCE if quantity in shown for t_s in range(1, _last_s(clean) + 1)]
    good = [key for key in keys if _is_good(clean[key])]
    during = [found[key] for key in good if artifact.start_s < key[1] <= artifact.end_s]
    after = [found[key] for key in good if key[1] > artifact.end_s + SETTLED_S]
    undisturbed = [clean[key] for key in keys if key[1] > SETTLED_S]
    parts = {Part.UNDISTURBED: undisturbed, Part.DURING: during, Part.AFTER: after}
    return {part: (sum(map(_is_good, of)), len(of)) for part, of in parts.items()}


def _is_good(reading: Reading) -> bool:
    return isinstance(reading, Measured) and reading.sqi >= GOOD_SQI


def _last_s(clean: Readings) -> int:
    return max(second for _, second in clean)


@dataclass(slots=True, kw_only=True)
class Row:
    """The outcomes of one kind added up."""

    kind: Kind
    seeds: int = 0
    wrong_seeds: int = 0
    wrong: int = 0
    late_seeds: int = 0
    worst_delay_s: float = 0.0
    shares: dict[Part, Share] = field(default_factory=lambda: dict.fromkeys(Part, (0, 0)))
    changed: int = 0
    examples: list[str] = field(default_factory=list)  # of the first seeds

    def add(self, seed: int, outcome: Outcome) -> None:
        self.seeds += 1
        self.wrong += len(outcome.wrong)
        self.wrong_seeds += bool(outcome.wrong)
        self.late_seeds += bool(outcome.late)
        self.worst_delay_s = max(self.worst_delay_s, outcome.worst_delay_s)
        for part, (good, asked) in outcome.shares.items():
            self.shares[part] = (self.shares[part][0] + good, self.shares[part][1] + asked)
        self.changed += outcome.is_changed
        for t_s, quantity in outcome.late[:1]:
            self.examples.append(f"seed {seed}, {t_s} s: {quantity.value} still shown")
        for w in outcome.wrong[: max(0, _EXAMPLES - len(self.examples))]:
            values = f"{w.quantity.value} {w.value:.0f} for {w.truth:.0f}, sqi {w.sqi:.2f}"
            self.examples.append(f"seed {seed}, {w.t_s} s ({w.t_s - outcome.start_s:.0f} s after): {values}")


def table(rows: Sequence[Row]) -> Iterator[str]:
    """The table as Markdown; per cent of what is good where the undisturbed signal is."""
    titles = ["row", "kind", "sensors", "seeds", "with a wrong value", "wrong values", "late", "worst delay s"]
    titles += ["good undisturbed %", "during", f"from {SETTLED_S} s after"]
    yield f"| {' | '.join(titles)} |"
    yield "|---" * len(titles) + "|"
    for row in rows:
        delay = f"{row.worst_delay_s:.1f} of {row.kind.within_s:g}" if row.kind.within_s is not None else ""
        shares = [f"{100 * good / asked:.0f}" if asked else "" for good, asked in (row.shares[part] for part in Part)]
        counts = [row.seeds, row.wrong_seeds, row.wrong, row.late_seeds, delay]
        cells = [row.kind.row, row.kind.name, row.kind.sensors.value, *counts, *shares]
        yield "| " + " | ".join(map(str, cells)) + " |"
