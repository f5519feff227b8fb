"""What of the alarm engine has to outlive the process."""

from __future__ import annotations

import msgspec

import dsp
from gateway.alarms.catalogue import Site
from gateway.alarms.profile import Profile
from gateway.alarms.signals import Signal
from gateway.alarms.types import Condition, Priority, Truth


class Record(msgspec.Struct, kw_only=True):
    """One condition as it has to outlive the process. ``priority`` is None while it does not hold."""

    signal: Signal = Signal.OFF
    truth: Truth = Truth.UNKNOWN
    priority: Priority | None = None
    shown: Priority | None = None  # the last one: a latched signal keeps it
    id: str | None = None
    rev: int = 0
    since_us: int | None = None
    lost_us: int | None = None  # when its data were lost the last time while it held
    announced_us: int | None = None
    value: float | None = None
    was: float | None = None
    limit: float | None = None
    rule: str = ""
    delay_s: float = 0.0
    detail: str = ""
    escalation: int = 0
    acknowledged_by: str | None = None
    inactivated_by: str | None = None


class Unreceived(msgspec.Struct, kw_only=True):
    """An alert without a receipt: since when, and the occurrence that it tells."""

    since_us: int
    occurrence: str
    priority: Priority


class State(msgspec.Struct, kw_only=True):
    """Everything of an engine that outlives the process; times are those of the gateway that wrote it."""

    t_us: int
    series: str  # of the ids: the start of the gateway
    alarms: int = 0
    transitions: int = 0
    profile: Profile
    configured: Profile  # as it was before limits were changed
    records: dict[Condition, Record]
    armed: list[dsp.Quantity]
    armed_sites: list[Site] = []
    baseline: dict[dsp.Quantity, float]
    standby_by: str | None = None  # who said that nobody is in the chair
    expected_us: int | None = None
    paused: list[str] = []  # occurrences that an audio pause covers
    pause_until_us: int = 0
    paused_by: str | None = None
    receivers: list[str] = []
    unreceived: dict[str, Unreceived] = {}  # by id of the alert


def shifted(state: State, by_us: int) -> State:
    """A copy with every time moved: times of one start of the gateway mean nothing to the next."""
    moved = msgspec.json.decode(msgspec.json.encode(state), type=State)
    moved.t_us += by_us
    moved.pause_until_us += by_us
    moved.expected_us = _moved(moved.expected_us, by_us)
    for waiting in moved.unreceived.values():
        waiting.since_us += by_us
    for record in moved.records.values():
        record.since_us = _moved(record.since_us, by_us)
        record.lost_us = _moved(record.lost_us, by_us)
        record.announced_us = _moved(record.announced_us, by_us)
    return moved


def _moved(t_us: int | None, by_us: int) -> int | None:
    return None if t_us is None else t_us + by_us
