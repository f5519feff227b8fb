"""Published vitals and the truth of the patient behind them in, the error of each quantity out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import msgspec
import numpy as np

from gateway.chunklog import Origin, OriginKind
from gateway.messages import Composer, Message
from gateway.pipeline import Pipeline
from hil import chair
from hil.patient import Patient
from hil.stimulus import Stimulus
from hil.truth import seconds

GOOD_SQI = 0.5
_GOOD = ("measured", "uncalibrated")
WINDOW_S = 8  # over which the monitor averages, and so the truth here
QUANTITIES = ("systolic", "diastolic", "mean_pressure", "pulse_rate", "spo2", "perfusion_index")


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """Absolute errors over the seconds of good quality; ``coverage`` is their share of all seconds of the truth.

    The errors are None where no second was good. ``worst_s`` is when the largest was.
    """

    mae: float | None
    p95: float | None
    largest: float | None
    worst_s: int | None
    coverage: float


def against_truth(
    vitals: Iterable[Mapping[str, Any]], truth: Sequence[Mapping[str, Any]], names: Sequence[str] = QUANTITIES
) -> dict[str, Agreement]:
    """Compare vitals messages with the seconds of a truth file (``hil.truth.read``).

    A second counts where the value is good, whatever happens to the patient then.
    """
    messages = list(vitals)
    return {name: _agreement(errors(messages, truth, name), len(truth)) for name in names}


def errors(
    vitals: Iterable[Mapping[str, Any]], truth: Sequence[Mapping[str, Any]], name: str
) -> list[tuple[int, float]]:
    """Seconds with a good value, and that value minus the mean of the last 8 s of truth."""
    if [second["t_s"] for second in truth] != list(range(1, len(truth) + 1)):
        raise ValueError("truth: expected every second from 1 on")
    true = np.array([second[name] for second in truth], dtype=np.float64)
    found = []
    for message in vitals:
        t_s, rest_us = divmod(message["t_us"], 1_000_000)
        if rest_us:
            raise ValueError(f"t_us: expected whole seconds, got {message['t_us']}")
        published = message["quantities"][name]
        if t_s <= len(true) and is_good(published):
            found.append((t_s, published["value"] - float(true[max(0, t_s - WINDOW_S) : t_s].mean())))
    return found


def measure(patient: Patient) -> dict[str, Agreement]:
    """Play a new patient through firmware and gateway and compare."""
    origin = Origin(kind=OriginKind.SIMULATED, label=patient.label)
    composer = Composer("site", "chair", boot="", version="", origin=origin, started_utc_ms=0)
    pipeline, vitals = Pipeline(composer), []
    for chunk in chair.play(Stimulus(patient, noise_seed=patient.seed), seed=patient.seed):
        for output in pipeline.feed(chunk):
            if isinstance(output, Message) and output.topic == composer.topics.vitals:
                vitals.append(msgspec.json.decode(output.payload))
    again = Patient(patient.seed, patient.scenario.name)
    return against_truth(vitals, [asdict(second) for second in seconds(again)])


def is_good(published: Mapping[str, Any]) -> bool:
    """Whether the signal behind a value is good; ``uncalibrated`` says something of the sensor's curve only."""
    return bool(published["validity"] in _GOOD and published["sqi"] >= GOOD_SQI)


def _agreement(found: list[tuple[int, float]], seconds: int) -> Agreement:
    if not found:
        return Agreement(mae=None, p95=None, largest=None, worst_s=None, coverage=0.0)
    sizes = np.abs([error for _, error in found])
    worst = int(sizes.argmax())
    return Agreement(
        mae=float(sizes.mean()),
        p95=float(np.percentile(sizes, 95)),
        largest=float(sizes[worst]),
        worst_s=found[worst][0],
        coverage=len(found) / seconds,
    )
