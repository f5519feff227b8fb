"""A profile's TOML file, or the name of a shipped one, in; the alarm profile out, or every fault of the file at once.

A file may be ``based_on`` a shipped profile: it then needs only the conditions that differ. A profile that is not
shipped with the program is a clinic's own and has to be signed off by name and date.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from gateway import strict_toml
from gateway.alarms.profile import Profile, faults_of, name_faults
from gateway.alarms.tier import Tier
from gateway.errors import UserError
from gateway.treatment import Route

_SHIPPED = Path(__file__).parent / "profiles"
DEFAULT = "adult"


class ProfileError(UserError):
    """The profile cannot be used; a line for each fault of it."""


def shipped() -> list[str]:
    """Names of the profiles that come with the program."""
    return sorted(path.stem for path in _SHIPPED.glob("*.toml"))


def load_profile(name: str | Path) -> Profile:
    """The shipped profile of that name, or that of a file; raise ProfileError with every fault, a line each."""
    if str(name) in shipped():
        return _load(_SHIPPED / f"{name}.toml", is_shipped=True)
    return _load(Path(name), is_shipped=False)


def load_or_last_good(name: str | Path, last: Profile | None = None) -> tuple[Profile, str]:
    """The profile, or the last good one, and why: a chair is never without alarms for a fault in a file.

    Where there is no ``last``, or this program does not take it any more, it is the one that ships as the default.
    """
    try:
        return load_profile(name), ""
    except ProfileError as error:
        is_good = last is not None and not faults_of(last)
        used = last if last is not None and is_good else load_profile(DEFAULT)
        whose = "the last good one" if is_good else "shipped with the program, for want of a good one from before"
        return used, f"{used.name} {used.version} is in force, {whose}: {_one_line(error)}"


def load_for_routes(
    default: str | Path, routes: Mapping[Route, str], last: Mapping[Route, Profile] | None = None
) -> tuple[dict[Route, Profile], str]:
    """The profile of each route's sessions, and why one cannot be used; a route without one keeps the default.

    A clinic's own default is never replaced by a shipped profile, which no clinic has signed. Where a file is faulty
    the last good one of that route stays.
    """
    names = {route: route.value for route in Route} if str(default) == DEFAULT else {}
    profiles, faults = {}, []
    for route, name in {**names, **routes}.items():
        try:
            profiles[route] = load_profile(name)
        except ProfileError as error:
            kept = (last or {}).get(route)
            is_good = kept is not None and not faults_of(kept)
            if kept is not None and is_good:
                profiles[route] = kept
            whose = f"the last good one, {kept.name} {kept.version}," if kept and is_good else "that without a session"
            faults.append(f"{whose} is in force for {route.value}: {_one_line(error)}")
    return profiles, "; ".join(faults)


def _one_line(error: ProfileError) -> str:
    return str(error).replace("\n", "; ")


def _load(path: Path, *, is_shipped: bool) -> Profile:
    try:
        table = strict_toml.parse(path)
    except strict_toml.FaultyFileError as error:
        raise ProfileError(f"{path}: {error}") from None
    if isinstance(table.get("signed_off_on"), datetime.date):
        table["signed_off_on"] = table["signed_off_on"].isoformat()
    base, faults = _base(table.pop("based_on", None))
    conditions = table.get("conditions", {})
    if isinstance(conditions, dict):
        faults += name_faults(list(conditions))
        faults += [fault for name, tiers in conditions.items() for fault in _shape_faults(name, tiers)]
        table["conditions"] = {}
    faults += strict_toml.faults_of(table, Profile) + _signature_faults(table)
    if not is_shipped and not {"signed_off_by", "signed_off_on"} <= set(table):
        faults.append("signed_off_by, signed_off_on: missing; a clinic's own profile has the name and date of who did")
    if not faults:
        profile = msgspec.convert({**table, "conditions": conditions}, Profile)
        profile = msgspec.structs.replace(profile, conditions={**base, **profile.conditions})
        faults = faults_of(profile)
        if not faults:
            return profile
    raise ProfileError("\n".join(f"{path}: {fault}" for fault in faults))


def _signature_faults(table: Mapping[str, Any]) -> list[str]:
    """A name of blanks is nobody's, and a day that never was nobody's either."""
    name, day = table.get("signed_off_by"), table.get("signed_off_on")
    faults = ["signed_off_by: expected a name, found blanks"] if isinstance(name, str) and not name.strip() else []
    if isinstance(day, str):
        try:
            datetime.date.fromisoformat(day)
        except ValueError:
            faults.append(f"signed_off_on: expected a day, such as 2026-11-25, found {day!r}")
    return faults


def _base(name: Any) -> tuple[dict[Any, tuple[Tier, ...]], list[str]]:
    if name is None:
        return {}, []
    if name not in shipped():
        return {}, [f"based_on: expected one of {', '.join(shipped())}, found {name!r}"]
    return dict(load_profile(name).conditions), []


def _shape_faults(name: str, tiers: Any) -> list[str]:
    """Of each tier: fields that are missing, unknown or of the wrong kind."""
    if not isinstance(tiers, list) or not all(isinstance(tier, dict) for tier in tiers):
        return [f"conditions.{name}: expected [[conditions.{name}]] tables, found {tiers!r}"]
    return [
        fault
        for number, tier in enumerate(tiers, 1)
        for fault in strict_toml.faults_of(tier, Tier, f"conditions.{name}, tier {number}: ")
    ]
