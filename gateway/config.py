"""A chair's TOML file in, its checked settings out, or every fault of the file at once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec

from gateway import strict_toml
from gateway.alarm_profiles import DEFAULT, ProfileError, load_profile, shipped
from gateway.calibration import CalibrationError, load_calibration
from gateway.errors import UserError
from gateway.messages import ID_PATTERN
from gateway.mqtt.broker import CHOICES
from gateway.mqtt.connection import BrokerError, BrokerUrl

FORMAT = 1

_Id = Annotated[str, msgspec.Meta(pattern=f"^{ID_PATTERN}$")]
_Port = Annotated[int, msgspec.Meta(ge=1, le=65535)]
_Text = Annotated[str, msgspec.Meta(min_length=1)]


class ConfigError(UserError):
    """The configuration cannot be used; a line for each fault of it."""


class Chair(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the chair stands in the topics."""

    site: _Id
    name: _Id


class Source(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the board is."""

    port: _Text


class Broker(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``url``: mqtt://host[:port] or one of CHOICES; ``port`` of a private one; ``messages``: a file instead."""

    url: _Text = "auto"
    port: _Port | None = None
    messages: _Text | None = None


class Oximeter(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``calibration``: the file of the very sensor, relative to this one."""

    calibration: _Text


class Alarms(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``profile``: the name of a shipped one, or the clinic's own file relative to this one."""

    profile: _Text = DEFAULT


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One chair."""

    format: Annotated[int, msgspec.Meta(ge=FORMAT, le=FORMAT)]
    chair: Chair
    source: Source
    broker: Broker = Broker()
    oximeter: Oximeter | None = None
    alarms: Alarms = Alarms()


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
    if config.alarms.profile not in shipped():
        config = msgspec.structs.replace(config, alarms=Alarms(profile=str(home / config.alarms.profile)))
    if config.oximeter is None:
        return config
    calibration = home / config.oximeter.calibration
    return msgspec.structs.replace(config, oximeter=Oximeter(calibration=str(calibration)))


def _meaning_faults(table: dict[str, object], home: Path) -> list[str]:
    """What is of the right kind and still cannot be: looked for also where other fields are wrong."""
    broker, oximeter = (_section(table, name) for name in ("broker", "oximeter"))
    return [*_broker_faults(broker), *_calibration_faults(oximeter, home)]


def _section(table: dict[str, object], name: str) -> dict[str, object]:
    section = table.get(name)
    return section if isinstance(section, dict) else {}


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
    name = alarms.get("profile", DEFAULT)
    if not isinstance(name, str) or not name:
        return []
    try:
        load_profile(name if name in shipped() else home / name)
    except ProfileError as error:
        return [f"alarms.profile: {line}" for line in str(error).splitlines()]
    return []


def _calibration_faults(oximeter: dict[str, object], home: Path) -> list[str]:
    name = oximeter.get("calibration")
    if not isinstance(name, str) or not name:
        return []
    try:
        load_calibration(home / name)
    except CalibrationError as error:
        return [f"oximeter.calibration: {error}, found {name!r}"]
    return []
