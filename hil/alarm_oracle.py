"""The truth of a simulated patient and an alarm profile in, which alarms have to be by when, and which may be, out.

Slow and obvious, and written without the alarm engine: a limit is crossed when the true number, as a monitor averages
it, stays beyond it for the delay. Near the limit either answer is right.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import dsp
from gateway.alarms import Condition, Priority, Profile, Tier
from gateway.alarms.catalogue import CATALOGUE, Rule, signal_delay_s
from hil.truth import Truth

WINDOW_S = 8  # over which the monitor averages
SLACK_S = 1  # what an alarm may be late by beyond what is disclosed
_NEAR = {  # how far the measured number may be from the true one
    dsp.Quantity.SYSTOLIC: 4.0,
    dsp.Quantity.DIASTOLIC: 3.0,
    dsp.Quantity.MEAN_PRESSURE: 3.0,
    dsp.Quantity.PULSE_RATE: 2.0,
    dsp.Quantity.SPO2: 1.0,
    dsp.Quantity.RESPIRATION_RATE: 3.0,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """This condition has to be raised, of this priority or a higher one, from ``since_s`` and before ``by_s``."""

    condition: Condition
    priority: Priority
    since_s: float
    by_s: float
    why: str = ""


def due(profile: Profile, truth: Sequence[Truth], baseline: Mapping[dsp.Quantity, float]) -> list[Due]:
    """The first alarm that each tier of each condition of the patient owes."""
    found = []
    for condition, tier, limit in _tiers(profile, baseline):
        quantity = CATALOGUE[condition].quantity
        if quantity not in _NEAR or limit is None:
            continue
        latency_s = signal_delay_s(condition)
        values = [getattr(second, quantity.value) for second in truth]
        beyond = [_is_beyond(condition, value, limit, _NEAR[quantity]) for value in values]
        start = _run(beyond, math.ceil(tier.delay_s + latency_s) + 1)
        if start is not None:
            late_s = tier.delay_s + latency_s + SLACK_S
            found.append(
                Due(condition=condition, priority=tier.priority, since_s=start, by_s=start + late_s, why=f"{limit:g}")
            )
    return found


def allowed(profile: Profile, truth: Sequence[Truth], baseline: Mapping[dsp.Quantity, float]) -> set[Condition]:
    """Conditions of the patient that may be raised: their true number comes near the limit."""
    found = set()
    for condition, tier, limit in _tiers(profile, baseline):
        quantity = CATALOGUE[condition].quantity
        if quantity not in _NEAR:
            continue
        values = [getattr(second, quantity.value) for second in truth]
        if CATALOGUE[condition].rule is Rule.DROP:
            is_near = _largest_drop(values, tier) >= (tier.drop or 0.0) - 2 * _NEAR[quantity]
        else:
            is_near = limit is not None and any(
                _is_beyond(condition, value, limit, -_NEAR[quantity]) for value in _averaged(values)
            )
        if is_near:
            found.add(condition)
    return found


def _tiers(profile: Profile, baseline: Mapping[dsp.Quantity, float]) -> list[tuple[Condition, Tier, float | None]]:
    """Every tier with its limit as it stands, None where it needs a baseline that is not there."""
    return [(c, tier, _limit(c, tier, baseline)) for c, tiers in profile.conditions.items() for tier in tiers]


def _limit(condition: Condition, tier: Tier, baseline: Mapping[dsp.Quantity, float]) -> float | None:
    if tier.limit is not None:
        return tier.limit
    quantity = CATALOGUE[condition].quantity
    if quantity is None or quantity not in baseline or tier.bound is None:
        return None
    away = tier.points if tier.points is not None else baseline[quantity] * (tier.percent or 0.0) / 100
    if CATALOGUE[condition].rule is Rule.ABOVE:
        return max(tier.bound, baseline[quantity] + away)
    return min(tier.bound, baseline[quantity] - away)


def _is_beyond(condition: Condition, value: float, limit: float, margin: float) -> bool:
    is_above = CATALOGUE[condition].rule in (Rule.ABOVE, Rule.FAST_BEATS)
    return value >= limit + margin if is_above else value < limit - margin


def _run(flags: Sequence[bool], length: int) -> int | None:
    """The second at which the first run of that length begins."""
    count = 0
    for number, flag in enumerate(flags, 1):
        count = count + 1 if flag else 0
        if count == length:
            return number - length + 1
    return None


def _averaged(values: Sequence[float]) -> list[float]:
    return [sum(values[max(0, k - WINDOW_S) : k]) / min(k, WINDOW_S) for k in range(1, len(values) + 1)]


def _largest_drop(values: Sequence[float], tier: Tier) -> float:
    window = int(tier.window_s or 0)
    return max(max(values[max(0, k - window) : k + 1]) - values[k] for k in range(len(values)))
