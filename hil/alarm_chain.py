"""Alarm cases of link and broker in, rows of the table out: firmware, faults, the whole gateway in virtual time.

What other cases leave out for the sake of hours is all here: the unmodified firmware, its link, decoder and clock.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gateway.alarm_profiles import load_profile
from gateway.alarms import AlarmEngine, Condition, Output, TimedInput, Transition
from gateway.alarms.catalogue import signal_delay_s
from gateway.announcer import Announcer
from gateway.calibration import load_calibration
from gateway.chunklog import Chunk, Origin, OriginKind
from gateway.link.downlink import ToBoard
from gateway.messages import Composer
from gateway.pipeline import Pipeline
from hil import chair
from hil.alarm_cases import LinkCase
from hil.alarm_oracle import SLACK_S, Due
from hil.alarm_table import Row, others, raised_s
from hil.bedside import CURVE
from hil.chair import Sensed
from hil.link_faults import leaping, lossy, silent
from hil.patient import Patient
from hil.stimulus import Stimulus

_SECOND_US = 1_000_000


class _Engine(AlarmEngine):
    """Remembers what it has done."""

    transitions: list[Transition]

    def feed(self, event: TimedInput) -> list[Output]:
        out = super().feed(event)
        self.transitions += [one for one in out if isinstance(one, Transition)]
        return out


@dataclass(slots=True)
class _Part:
    """A stretch of a patient, as the sensors of a board see it that is switched on at its beginning."""

    whole: Stimulus
    start_us: int
    duration_s: float | None

    def light(self, t_us: NDArray[np.int64]) -> NDArray[np.float64]:
        return self.whole.light(t_us + self.start_us)

    def ambient(self, t_us: NDArray[np.int64]) -> NDArray[np.float64]:
        return self.whole.ambient(t_us + self.start_us)

    def volts(self, t_us: NDArray[np.int64]) -> NDArray[np.float64]:
        return self.whole.volts(t_us + self.start_us)

    def acceleration(self, t_us: NDArray[np.int64]) -> NDArray[np.float64]:
        return self.whole.acceleration(t_us + self.start_us)


class _Host:
    """What the gateway says to the board, until the board takes it."""

    def __init__(self) -> None:
        self._waiting = b""

    def send(self, data: bytes) -> None:
        self._waiting += data

    def take(self) -> bytes:
        taken, self._waiting = self._waiting, b""
        return taken


def rows(case: LinkCase) -> Iterator[Row]:
    """Play a case."""
    transitions = _play(case)
    expected = [_due(case, condition) for condition in case.due]
    for one in expected:
        yield Row(case=case, seed=case.seed, due=one, raised_s=raised_s(transitions, one))
    known = {one.condition for one in expected} | set(case.allowed)
    yield Row(case=case, seed=case.seed, due=None, others=others(transitions, known))


def _due(case: LinkCase, condition: Condition) -> Due:
    tier = min(load_profile("adult").tiers(condition), key=lambda one: one.delay_s)
    by_s = case.from_s + tier.delay_s + signal_delay_s(condition) + SLACK_S
    return Due(condition=condition, priority=tier.priority, since_s=case.from_s, by_s=by_s)


def _play(case: LinkCase) -> list[Transition]:
    patient = Patient(case.seed, case.scenario)
    origin = Origin(kind=OriginKind.SIMULATED, label=patient.label)
    composer = Composer("site", "chair", boot="", version="", origin=origin, started_utc_ms=0)
    engine = _Engine(load_profile("adult"), series="table")
    engine.transitions = []
    pipeline = Pipeline(composer, load_calibration(CURVE), Announcer(composer, engine))
    host, was_lost = _Host(), False
    for chunk in _chunks(case, Stimulus(patient, noise_seed=case.seed), host):
        is_lost = case.is_broker_lost and case.from_s * _SECOND_US <= chunk.t_us < case.to_s * _SECOND_US
        if is_lost is not was_lost:
            pipeline.fact(chunk.t_us, Condition.BROKER_LOST, is_present=is_lost)
            was_lost = is_lost
        for output in pipeline.feed(chunk):
            if isinstance(output, ToBoard):
                host.send(output.data)
    return engine.transitions


def _chunks(case: LinkCase, sensors: Stimulus, host: _Host) -> Iterator[Chunk]:
    """What comes to the gateway."""
    if case.is_power_lost:
        yield from _switched(sensors, case.seed, host, 0.0, case.from_s)
        yield from silent(case.from_s, case.to_s)
        yield from _switched(sensors, case.seed + 1, host, case.to_s, case.end_s)
        return
    chunks = _switched(sensors, case.seed, host, 0.0, case.end_s)
    if case.lost_share:
        chunks = lossy(chunks, case.lost_share, from_s=case.from_s, to_s=case.to_s, seed=case.seed)
    if case.leap_s:
        chunks = leaping(chunks, case.leap_s, at_s=case.from_s)
    yield from chunks


def _switched(sensors: Stimulus, seed: int, host: _Host, on_s: float, off_s: float) -> Iterator[Chunk]:
    """A board from its power-on to its power-off; ``seed`` is what it takes for random, such as its boot's number."""
    start_us = round(on_s * _SECOND_US)
    part: Sensed = _Part(whole=sensors, start_us=start_us, duration_s=off_s - on_s)
    with contextlib.closing(chair.play(part, seed=seed, host=host.take)) as chunks:
        for chunk in chunks:
            yield Chunk(t_us=chunk.t_us + start_us, data=chunk.data)
