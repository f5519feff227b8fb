"""An alarm profile: the limits, delays and priorities of every condition, where each comes from, and who signed them.

``faults_of`` finds every fault of a profile at once. Reading a file is done at the edge (gateway.profiles).
"""

from __future__ import annotations

import math
from difflib import get_close_matches
from typing import Annotated

import msgspec

from gateway.alarms.catalogue import CATALOGUE, Definition, Rule
from gateway.alarms.tier import Text, Tier
from gateway.alarms.types import Condition, Kind, Priority

FORMAT = 1
MOST_BEATS = 32  # so many are kept of a channel
MOST_AWAY = 100.0  # percent or points from the baseline: farther would be an alarm switched off
TOLD_S = 5.0  # a lost state is told for so long (gateway.desk): a longer delay would never alarm
LONGEST_DELAY_S = 120.0  # longer is an alarm switched off
SHORTEST_WINDOW_S = 10.0  # the saturation is a mean of 8 s: within less it cannot fall (clinical.md 3.3)

_LIMIT_RULES = (Rule.ABOVE, Rule.BELOW)

# What everything else depends on alarms at once and of high priority, or medium where the chair itself alarms too: the
# priority at least and the delay in s at most. 10 s is the longest common delay of a monitor's pulse alarms (S52).
_VITAL: dict[Condition, tuple[Priority, float]] = {
    Condition.PULSE_LOST: (Priority.HIGH, 10.0),
    Condition.LINK_LOST: (Priority.HIGH, 10.0),
    Condition.ALERT_NOT_RECEIVED: (Priority.MEDIUM, 30.0),
}


class Profile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The alarm settings of a chair. ``signed_off_by`` None is a proposal that no clinic has made its own."""

    format: Annotated[int, msgspec.Meta(ge=FORMAT, le=FORMAT)]
    name: Annotated[str, msgspec.Meta(pattern="^[a-z0-9-]{1,32}$")]
    version: Text
    conditions: dict[Condition, tuple[Tier, ...]]
    signed_off_by: Text | None = None
    signed_off_on: Annotated[str, msgspec.Meta(pattern=r"^\d{4}-\d{2}-\d{2}$")] | None = None

    def tiers(self, condition: Condition) -> tuple[Tier, ...]:
        """The tiers of a condition; none is a condition that this profile does not watch."""
        return self.conditions.get(condition, ())


def faults_of(profile: Profile) -> list[str]:
    """Everything that cannot be, a sentence each, with its place."""
    faults = [
        f"conditions.{condition.value}: missing; it may not be left out"
        for condition, definition in CATALOGUE.items()
        if (definition.kind is Kind.TECHNICAL or condition in _VITAL) and not profile.tiers(condition)
    ]
    for condition, (least, longest_s) in _VITAL.items():
        tiers = profile.tiers(condition)
        if tiers and not any(tier.priority >= least and tier.delay_s <= longest_s for tier in tiers):
            wanted = f"priority {least.value} or more, delay_s {longest_s:g} or less"
            faults.append(f"conditions.{condition.value}: expected a tier of {wanted}")
    if (profile.signed_off_by is None) != (profile.signed_off_on is None):
        faults.append("signed_off_by, signed_off_on: expected both or none")
    for condition, tiers in profile.conditions.items():
        for number, tier in enumerate(tiers, 1):
            place = f"conditions.{condition.value}, tier {number}"
            faults += [f"{place}: {fault}" for fault in _tier_faults(CATALOGUE[condition], tier)]
            if condition is Condition.STATE_LOST and tier.delay_s >= TOLD_S:
                faults.append(f"{place}: delay_s: expected less than {TOLD_S:g}, found {tier.delay_s:g}")
    return faults + _crossed(profile)


def name_faults(names: list[str]) -> list[str]:
    """Conditions that do not exist, each with what may have been meant."""
    known = [condition.value for condition in Condition]
    faults = []
    for name in names:
        if name not in known:
            near = get_close_matches(name, known)
            faults.append(f"conditions.{name}: no such condition" + (f"; is {near[0]} meant?" if near else ""))
    return faults


def limits_of(profile: Profile, condition: Condition) -> dict[Priority, float]:
    """The absolute limits of a condition."""
    return {tier.priority: tier.limit for tier in profile.tiers(condition) if tier.limit is not None}


def with_limits(profile: Profile, condition: Condition, limits: dict[Priority, float]) -> Profile:
    """The profile with other absolute limits of one condition; a priority that has none stays without."""
    tiers = tuple(
        msgspec.structs.replace(tier, limit=limits[tier.priority])
        if tier.limit is not None and tier.priority in limits
        else tier
        for tier in profile.tiers(condition)
    )
    return msgspec.structs.replace(profile, conditions={**profile.conditions, condition: tiers})


_NUMBERS = ("limit", "percent", "points", "bound", "delay_s", "point_seconds", "beats", "drop", "window_s")


def _tier_faults(definition: Definition, tier: Tier) -> list[str]:
    given = {name: value for name in _NUMBERS if (value := getattr(tier, name)) is not None}
    broken = [name for name, value in given.items() if not math.isfinite(value)]
    if broken:
        return [f"{name}: expected a finite number, found {given[name]}" for name in broken]
    faults = [f"{name}: not used by this condition" for name in given if name not in _ALLOWED[definition.rule]]
    faults += [f"{name}: missing" for name in _NEEDED[definition.rule] if name not in given]
    if not 0 <= tier.delay_s <= LONGEST_DELAY_S:
        faults.append(f"delay_s: expected 0..{LONGEST_DELAY_S:g}, found {tier.delay_s:g}")
    if tier.window_s is not None and not SHORTEST_WINDOW_S <= tier.window_s <= LONGEST_DELAY_S:
        faults.append(f"window_s: expected {SHORTEST_WINDOW_S:g}..{LONGEST_DELAY_S:g}, found {tier.window_s:g}")
    if tier.window_s is not None and tier.delay_s >= tier.window_s:  # the top would be forgotten before it ends
        faults.append(f"delay_s: expected less than window_s {tier.window_s:g}, found {tier.delay_s:g}")
    faults += [
        f"{name}: expected more than 0, found {given[name]:g}"
        for name in ("percent", "points", "point_seconds", "beats")
        if name in given and given[name] <= 0
    ]
    if tier.beats is not None and tier.beats > 0 and not 2 <= tier.beats <= MOST_BEATS:
        faults.append(f"beats: expected 2..{MOST_BEATS}, found {tier.beats}")
    faults += [
        f"{name}: expected at most {MOST_AWAY:g}, found {given[name]:g}"
        for name in ("percent", "points")
        if name in given and given[name] > MOST_AWAY
    ]
    return faults + _limit_faults(definition, tier)


_OF_LIMITS = {"limit", "percent", "points", "bound", "delay_s", "point_seconds"}
_ALLOWED: dict[Rule, set[str]] = {
    Rule.ABOVE: _OF_LIMITS,
    Rule.BELOW: _OF_LIMITS,
    Rule.DROP: {"drop", "window_s", "delay_s"},
    Rule.SLOW_BEATS: {"limit", "beats", "delay_s"},
    Rule.FAST_BEATS: {"limit", "beats", "delay_s"},
    Rule.NO_BEAT: {"limit", "delay_s"},
    Rule.READING: {"delay_s"},
    Rule.FACT: {"delay_s"},
}
_NEEDED: dict[Rule, tuple[str, ...]] = {
    Rule.ABOVE: (),
    Rule.BELOW: (),
    Rule.DROP: ("drop", "window_s"),
    Rule.SLOW_BEATS: ("limit", "beats"),
    Rule.FAST_BEATS: ("limit", "beats"),
    Rule.NO_BEAT: ("limit",),
    Rule.READING: (),
    Rule.FACT: (),
}


def _limit_faults(definition: Definition, tier: Tier) -> list[str]:
    low, high = definition.bounds
    faults = [
        f"{name}: expected {low:g}..{high:g}, found {value:g}"
        for name in ("limit", "bound", "drop")
        if (value := getattr(tier, name)) is not None and name in _ALLOWED[definition.rule] and not low <= value <= high
    ]
    if definition.rule in _LIMIT_RULES:
        ways = [name for name in ("limit", "percent", "points") if getattr(tier, name) is not None]
        if len(ways) != 1:
            faults.append(f"expected one of limit, percent and points, found {' and '.join(ways) or 'none'}")
        if ("limit" in ways) == (tier.bound is not None):
            faults.append("bound: expected with percent and with points, and only there")
    return faults


# A limit of the left side has to stay under every limit of the right side. Those of beats cannot meet, by their bounds.
_PAIRS = (
    (Condition.SYSTOLIC_LOW, Condition.SYSTOLIC_HIGH),
    (Condition.DIASTOLIC_LOW, Condition.DIASTOLIC_HIGH),
    (Condition.MEAN_LOW, Condition.MEAN_HIGH),
    (Condition.PULSE_RATE_LOW, Condition.PULSE_RATE_HIGH),
    (Condition.RESPIRATION_LOW, Condition.RESPIRATION_HIGH),
)


def _crossed(profile: Profile) -> list[str]:
    """Limits that would leave nothing between them, and a higher priority that would come before a lower one."""
    faults = []
    for low, high in _PAIRS:
        lows, highs = limits_of(profile, low).values(), limits_of(profile, high).values()
        if lows and highs and not max(lows) < min(highs):
            faults.append(
                f"conditions.{low.value} {max(lows):g} and conditions.{high.value} {min(highs):g}: crossed, "
                "expected the low limit under the high one"
            )
    for condition, tiers in profile.conditions.items():
        absolute = [tier.priority for tier in tiers if tier.limit is not None]
        if len(absolute) != len(set(absolute)):
            faults.append(f"conditions.{condition.value}: two limits of one priority")
        limits = limits_of(profile, condition)
        by_priority = [limits[priority] for priority in sorted(limits)]
        is_low = CATALOGUE[condition].rule in (Rule.BELOW, Rule.SLOW_BEATS)
        if by_priority != sorted(by_priority, reverse=is_low):
            faults.append(f"conditions.{condition.value}: a higher priority has the nearer limit: {by_priority}")
        faults += [
            f"conditions.{condition.value}: a higher priority is nearer to the baseline: {name} {found}"
            for name, is_reverse in (("percent", False), ("points", False), ("bound", is_low))
            if (found := _by_priority(tiers, name)) != sorted(found, reverse=is_reverse)
        ]
    return faults


def _by_priority(tiers: tuple[Tier, ...], name: str) -> list[float]:
    """A number of those tiers that have it, from the lowest priority to the highest."""
    ordered = sorted(tiers, key=lambda tier: tier.priority)
    return [value for tier in ordered if (value := getattr(tier, name)) is not None]
