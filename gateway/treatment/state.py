"""What of a session survives a restart of the gateway: plain values, and how their times are moved if the clock was."""

from __future__ import annotations

from typing import Any

import msgspec

import dsp
from gateway.treatment.phases import Phase
from gateway.treatment.records import Advisory, BaselineValue, Cuff, NurseItem, SessionEvent, VitalSigns
from gateway.treatment.routes import Route


class GivenDose(msgspec.Struct, frozen=True, kw_only=True):
    """A dose, or a supplement, and when it began."""

    utc_ms: int
    amount_mg: float | None


class CuffReading(msgspec.Struct, frozen=True, kw_only=True):
    """What a person read from a cuff, and when."""

    utc_ms: int
    cuff: Cuff


class SessionState(msgspec.Struct, kw_only=True):
    """One session from its start on; the record is ``events``."""

    phase: Phase = Phase.IDLE
    phase_since_ms: int | None = None
    route: Route | None = None
    series: str | None = None
    is_over_65: bool = False
    started_ms: int | None = None
    ended_ms: int | None = None
    finished_ms: int | None = None
    doses: list[GivenDose] = []
    baseline: dict[dsp.Quantity, BaselineValue] = {}
    cuffs: list[CuffReading] = []
    items: dict[NurseItem, int] = {}
    advisories: list[Advisory] = []
    form: list[VitalSigns] = []
    peak_rise: dict[dsp.Quantity, float] = {}
    peak_at_ms: int | None = None
    fit_since_ms: int | None = None
    first_fit_ms: int | None = None
    events: list[SessionEvent] = []
    lines_dropped: int = 0


class Stored(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A session as it is kept; ``saved_utc_ms`` is the gateway's time when it was."""

    saved_utc_ms: int
    session: SessionState


def restored(stored: Stored, now_ms: int) -> tuple[SessionState, int]:
    """The session as it goes on at ``now_ms``, and by how much its times had to be moved.

    A clock that is behind the saved time was set back, or has not been set yet: then the session goes on as if no time
    had passed. The record keeps the times it was written with.
    """
    behind_ms = max(0, stored.saved_utc_ms - now_ms)
    if not behind_ms:
        return stored.session, 0
    plain = msgspec.to_builtins(stored.session)
    events = plain.pop("events", [])
    moved = msgspec.convert({**_moved(plain, behind_ms), "events": events}, SessionState)
    return moved, behind_ms


def _moved(plain: Any, by_ms: int) -> Any:
    """Every time in a plain value, so much earlier."""
    if isinstance(plain, dict):
        return {
            key: value - by_ms if key.endswith("_ms") and isinstance(value, int) else _moved(value, by_ms)
            for key, value in plain.items()
        }
    if isinstance(plain, list):
        return [_moved(value, by_ms) for value in plain]
    return plain
