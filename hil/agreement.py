"""Published vitals and the truth of the patient behind them in, the error of each quantity out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

GOOD_SQI = 0.5
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

    A second counts where the value is ``measured`` and its sqi at least 0.5, whatever happens to the patient then. The
    truth is the mean of its last 8 s.
    """
    messages = list(vitals)
    true_s = [second["t_s"] for second in truth]
    if true_s != list(range(1, len(true_s) + 1)):
        raise ValueError("truth: expected every second from 1 on")
    return {name: _agreement(_errors(messages, truth, name), len(truth)) for name in names}


def _errors(
    messages: list[Mapping[str, Any]], truth: Sequence[Mapping[str, Any]], name: str
) -> list[tuple[int, float]]:
    true = np.array([second[name] for second in truth], dtype=np.float64)
    errors = []
    for message in messages:
        t_s, rest_us = divmod(message["t_us"], 1_000_000)
        if rest_us:
            raise ValueError(f"t_us: expected whole seconds, got {message['t_us']}")
        published = message["quantities"][name]
        if t_s <= len(true) and is_good(published):
            errors.append((t_s, published["value"] - float(true[max(0, t_s - WINDOW_S) : t_s].mean())))
    return errors


def is_good(published: Mapping[str, Any]) -> bool:
    """Whether a clinician is shown the value without reserve."""
    return bool(published["validity"] == "measured" and published["sqi"] >= GOOD_SQI)


def _agreement(errors: list[tuple[int, float]], seconds: int) -> Agreement:
    if not errors:
        return Agreement(mae=None, p95=None, largest=None, worst_s=None, coverage=0.0)
    sizes = np.abs([error for _, error in errors])
    worst = int(sizes.argmax())
    return Agreement(
        mae=float(sizes.mean()),
        p95=float(np.percentile(sizes, 95)),
        largest=float(sizes[worst]),
        worst_s=errors[worst][0],
        coverage=len(errors) / seconds,
    )
