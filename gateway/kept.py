"""What a chair keeps for a restart of its gateway: bytes in, the alarm engine and the session as they go on out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from gateway.alarms import AlarmEngine, Condition, Profile, State
from gateway.alarms.state import Record
from gateway.decoding import decoded
from gateway.treatment import Route, Treatment
from gateway.treatment.records import Summary
from gateway.treatment.state import Stored

FORMAT = 2
_STARTS = 10  # kept of the gateway's starts


class Kept(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All of it; ``saved_utc_ms`` is the gateway's time when it was."""

    format: int
    saved_utc_ms: int
    alarms: State
    session: Stored
    starts: list[int] = []  # of the gateway, utc_ms, the newest last


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """An output that is stored before those after it go out: who has heard of something finds it again."""

    payload: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """An output: a session of a series has ended; what stays of it is stored for later ones."""

    payload: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Resumed:
    """Where a chair goes on.

    Attributes
    ----------
    lost : why what it had kept cannot be read, empty if it can or there is none
    starts : when its gateway was started, with this time, utc_ms
    """

    engine: AlarmEngine
    treatment: Treatment
    lost: str
    starts: list[int]


def kept_bytes(alarms: State, session: Stored, starts: list[int]) -> bytes:
    """What is kept, as it is stored."""
    kept = Kept(
        format=FORMAT, saved_utc_ms=session.saved_utc_ms, alarms=alarms, session=session, starts=starts[-_STARTS:]
    )
    return msgspec.json.encode(kept)


def resume(
    payload: bytes | None,
    *,
    profile: Profile,
    profiles: Mapping[Route, Profile],
    series: str,
    started_utc_ms: int,
    earlier: Sequence[Summary] = (),
    lost: str = "",
) -> Resumed:
    """Go on from what was kept, or begin.

    Parameters
    ----------
    payload : what was kept, None if nothing was or it could not be read, and then ``lost`` may say why
    profile, profiles : in force without a session, and with one of a route
    series : makes the ids of this start of the gateway unique
    started_utc_ms : the gateway's time at ``t_us`` 0
    """
    treatment = Treatment(earlier=earlier)
    if payload is not None:
        try:
            kept = decoded(payload, Kept)
            if kept.format == FORMAT:
                return _resumed(kept, treatment, profile, profiles, started_utc_ms)
            lost = f"format: expected {FORMAT}, found {kept.format}"
        except msgspec.DecodeError as error:
            lost = str(error)
    return Resumed(engine=AlarmEngine(profile, series=series), treatment=treatment, lost=lost, starts=[started_utc_ms])


def _resumed(
    kept: Kept, treatment: Treatment, profile: Profile, profiles: Mapping[Route, Profile], started_utc_ms: int
) -> Resumed:
    treatment.restore(kept.session, started_utc_ms)
    for condition in Condition:  # one that is newer than what was kept
        kept.alarms.records.setdefault(condition, Record())
    route = treatment.state.route if treatment.is_active else None
    in_force = profile if route is None else profiles.get(route, profile)
    away_us = max(0, started_utc_ms - kept.saved_utc_ms) * 1000  # a clock that is behind: as if no time had passed
    engine = AlarmEngine.restore(in_force, kept.alarms, t_us=-away_us)
    return Resumed(engine=engine, treatment=treatment, lost="", starts=[*kept.starts, started_utc_ms])
