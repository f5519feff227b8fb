"""A chair's TOML file in, its checked settings out, or every fault of the file at once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec

from gateway import strict_toml
from gateway.alarm_profiles import DEFAULT, ProfileError, load_profile, shipped
from gateway.calibration import CalibrationError, load_calibration, load_output
from gateway.errors import UserError
from gateway.messages import ID_PATTERN
from gateway.mqtt.broker import CHOICES
from gateway.mqtt.connection import BrokerError, BrokerUrl
from gateway.treatment import Route

FORMAT = 1

_Id = Annotated[str, msgspec.Meta(pattern=rf"^{ID_PATTERN}$")]  # Topics refuses a line end behind it
_Port = Annotated[int, msgspec.Meta(ge=1, le=65535)]
_Text = Annotated[str, msgspec.Meta(min_length=1)]


class ConfigError(UserError):
    """The configuration cannot be used; a line for each fault of it."""


class Chair(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the chair stands in the topics."""

    site: _Id
    name: _Id


class Source(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the board is: ``port``, or the ``serial_number`` of its USB port; ``board``: the only uid that is taken."""

    port: _Text | None = None
    serial_number: _Text | None = None
    board: _Text | None = None


class Broker(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``url``: mqtt://host[:port] or one of CHOICES; ``port`` of a private one; ``messages``: a file instead."""

    url: _Text = "auto"
    port: _Port | None = None
    messages: _Text | None = None


class Oximeter(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``calibration``: the file of the very sensor, relative to this one."""

    calibration: _Text


class Alarms(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``profile``: the name of a shipped one, or the clinic's own file relative to this one.

    ``routes``: one for the sessions of a route. Without it a clinic's own profile is in force in every session, and the
    shipped ones by route only where the clinic has none of its own.
    """

    profile: _Text = DEFAULT
    routes: dict[Route, _Text] = {}


class Hemodynamics(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``reference``: the file of a cardiac output measured shortly before the start, relative to this one."""

    reference: _Text


class State(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``directory``: where the chair keeps what has to outlive a restart, relative to this file."""

    directory: _Text


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One chair."""

    format: Annotated[int, msgspec.Meta(ge=FORMAT, le=FORMAT)]
    chair: Chair
    source: Source
    broker: Broker = Broker()
    oximeter: Oximeter | None = None
    alarms: Alarms = Alarms()
    hemodynamics: Hemodynamics | None = None
    state: State | None = None

    @property
    def port(self) -> str:
        """Where the board is, for people."""
        return self.source.port or f"USB serial number {self.source.serial_number}"


def load_config(path: str | Path, *, is_starting: bool = False) -> Config:
    """Read a configuration; raise ConfigError with every fault of it, a line each.

    ``is_starting`` leaves out those of the alarm profile: a chair starts with the last good one, and says so.
    """
    try:
        table = strict_toml.parse(path)
    except strict_toml.FaultyFileError as error:
        raise ConfigError(f"{path}: {error}") from None
    home = Path(path).parent
    faults = strict_toml.faults_of(table, Config) + _meaning_faults(table, home)
    if not is_starting:
        faults += _profile_faults(_section(table, "alarms"), home)
    if faults:
        raise ConfigError("\n".join(f"{path}: {fault}" for fault in faults))
    config = msgspec.convert(table, Config)
    alarms, oximeter, state, hemodynamics = config.alarms, config.oximeter, config.state, config.hemodynamics
    routes = {route: _profile_path(name, home) for route, name in alarms.routes.items()}
    return msgspec.structs.replace(
        config,
        alarms=Alarms(profile=_profile_path(alarms.profile, home), routes=routes),
        oximeter=oximeter and Oximeter(calibration=str(home / oximeter.calibration)),
        hemodynamics=hemodynamics and Hemodynamics(reference=str(home / hemodynamics.reference)),
        state=state and State(directory=str(home / state.directory)),
    )


def _profile_path(name: str, home: Path) -> str:
    return name if name in shipped() else str(home / name)


def _meaning_faults(table: dict[str, object], home: Path) -> list[str]:
    """What is of the right kind and still cannot be: looked for also where other fields are wrong."""
    names = ("chair", "source", "broker", "oximeter", "hemodynamics")
    chair, source, broker, oximeter, hemodynamics = (_section(table, name) for name in names)
    source_faults = _source_faults(source) if isinstance(table.get("source"), dict) else []
    return [
        *source_faults,
        *_broker_faults(broker),
        *_calibration_faults(oximeter, home),
        *_reference_faults(hemodynamics, chair.get("name"), home),
    ]


def _section(table: dict[str, object], name: str) -> dict[str, object]:
    section = table.get(name)
    return section if isinstance(section, dict) else {}


def _source_faults(source: dict[str, object]) -> list[str]:
    named = [name for name in ("port", "serial_number") if name in source]
    if len(named) == 1:
        return []
    found = "both" if named else "neither"
    return [f"source: expected port or serial_number, found {found}"]


def _broker_faults(broker: dict[str, object]) -> list[str]:
    url = broker.get("url", "auto")
    if not isinstance(url, str) or not url:
        return []
    if url == "none" and "messages" not in broker:
        return ["broker.messages: missing, expected a file for what is measured, found broker.url 'none'"]
    if url in CHOICES:
        return []
    faults = []
    try:
        BrokerUrl.parse(url)
    except BrokerError as error:
        faults.append(f"broker.url: {str(error).removeprefix('broker: ')}")
    if "port" in broker:
        faults.append(f"broker.port: expected only with a private broker, found {broker['port']!r} beside a url")
    return faults


def _profile_faults(alarms: dict[str, object], home: Path) -> list[str]:
    names = {"profile": alarms.get("profile", DEFAULT)}
    names |= {f"routes.{route}": name for route, name in _section(alarms, "routes").items()}
    faults = []
    for place, name in names.items():
        if isinstance(name, str) and name:
            try:
                load_profile(_profile_path(name, home))
            except ProfileError as error:
                faults += [f"alarms.{place}: {line}" for line in str(error).splitlines()]
    return faults


def _calibration_faults(oximeter: dict[str, object], home: Path) -> list[str]:
    name = oximeter.get("calibration")
    if not isinstance(name, str) or not name:
        return []
    try:
        load_calibration(home / name)
    except CalibrationError as error:
        return [f"oximeter.calibration: {error}, found {name!r}"]
    return []


def _reference_faults(hemodynamics: dict[str, object], chair: object, home: Path) -> list[str]:
    """A reference of another chair is another person's."""
    name = hemodynamics.get("reference")
    if not isinstance(name, str) or not name:
        return []
    try:
        output = load_output(home / name)
    except CalibrationError as error:
        return [f"hemodynamics.reference: {error}, found {name!r}"]
    if output.chair != chair:
        return [f"hemodynamics.reference: expected one of this chair, {chair!r}, {name!r} is of {output.chair!r}"]
    return []
