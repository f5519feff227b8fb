"""An alarm profile in, the limits that a forecast looks out for out."""

from __future__ import annotations

import dsp
from gateway.alarms.catalogue import CATALOGUE, Rule
from gateway.alarms.profile import Profile


def forecast_limits(profile: Profile) -> dict[dsp.Quantity, dsp.Limits]:
    """The absolute limits of every quantity, by side; those relative to a baseline are the alarms' own."""
    limits: dict[dsp.Quantity, dsp.Limits] = {}
    for condition, tiers in profile.conditions.items():
        definition = CATALOGUE[condition]
        if definition.rule not in (Rule.ABOVE, Rule.BELOW):
            continue
        assert definition.quantity is not None
        absolute = tuple(tier.limit for tier in tiers if tier.limit is not None)
        before = limits.get(definition.quantity, dsp.Limits())
        is_high = definition.rule is Rule.ABOVE
        limits[definition.quantity] = dsp.Limits(
            low=before.low if is_high else before.low + absolute,
            high=before.high + absolute if is_high else before.high,
        )
    return limits
