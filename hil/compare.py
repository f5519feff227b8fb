"""Published vitals in, their errors against a bedside monitor's own numbers out."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Column of the numerics file -> our quantity.
NUMERICS = {
    "ABP_SYS": "systolic",
    "ABP_DIA": "diastolic",
    "ABP_MEAN": "mean_pressure",
    "PLETH_HR": "pulse_rate",
}
_NEAREST_S = 0.52  # half the period of the numerics, 1.024 s
_DELAYS_S = np.arange(-30.0, 0.5, 0.5)  # a monitor shows its averages later than the waveforms they come from

Series = tuple[NDArray[np.float64], NDArray[np.float64]]  # times, s; values


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """Errors of one quantity over the seconds that both report, and the share of seconds we answered."""

    mae: float
    bias: float
    sd: float
    answered: float


def against_monitor(vitals: Sequence[Mapping[str, Any]], numerics: Path) -> tuple[float, dict[str, Agreement]]:
    """Compare vitals messages with a numerics file after one constant delay, the same for all quantities.

    Returns the delay that makes the sum of the mean absolute errors least, s (negative: the monitor is later), and the
    agreement of each quantity.
    """
    truth = _read(numerics)
    ours = {name: _series(vitals, name) for name in NUMERICS.values()}
    delay_s = min(_DELAYS_S, key=lambda d: sum(abs(_errors(ours[n], truth[n], d)).mean() for n in truth))
    return float(delay_s), {
        name: _agreement(_errors(ours[name], truth[name], delay_s), len(ours[name][0]) / len(vitals)) for name in truth
    }


def _read(path: Path) -> dict[str, Series]:
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    out = {}
    for column, name in NUMERICS.items():
        pairs = [(float(row["time_s"]), float(row[column])) for row in rows if row[column]]
        out[name] = _arrays(pairs)
    return out


def _series(vitals: Sequence[Mapping[str, Any]], name: str) -> Series:
    values = [(message["t_us"] / 1e6, message["quantities"][name]["value"]) for message in vitals]
    return _arrays([(t_s, value) for t_s, value in values if value is not None])


def _arrays(pairs: list[tuple[float, float]]) -> Series:
    table = np.array(pairs, dtype=np.float64).reshape(-1, 2)
    return table[:, 0], table[:, 1]


def _errors(ours: Series, truth: Series, delay_s: float) -> NDArray[np.float64]:
    """Our value minus the monitor's nearest, where it has one within half its period."""
    (t_s, value), (true_s, true) = ours, truth
    right = np.clip(np.searchsorted(true_s, t_s - delay_s), 1, len(true_s) - 1)
    nearest = np.where(abs(true_s[right - 1] - t_s + delay_s) < abs(true_s[right] - t_s + delay_s), right - 1, right)
    near = abs(true_s[nearest] + delay_s - t_s) <= _NEAREST_S
    return value[near] - true[nearest[near]]


def _agreement(errors: NDArray[np.float64], answered: float) -> Agreement:
    return Agreement(
        mae=float(abs(errors).mean()), bias=float(errors.mean()), sd=float(errors.std()), answered=answered
    )
