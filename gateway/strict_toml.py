"""A TOML file in, a typed value out, or every fault of the file at once: where, what was expected, what is there."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, TypeVar

import msgspec

_File = TypeVar("_File", bound=msgspec.Struct)


class FaultyFileError(Exception):
    """What is wrong with a file, one sentence each."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = faults


def read(path: str | Path, kind: type[_File]) -> _File:
    """Read a file as ``kind``; raise FaultyFileError with all of it that is missing, unknown or of the wrong kind."""
    table = parse(path)
    faults = faults_of(table, kind)
    if faults:
        raise FaultyFileError(faults)
    return msgspec.convert(table, kind)


def parse(path: str | Path) -> dict[str, Any]:
    """The file's tables; raise FaultyFileError where it is none."""
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise FaultyFileError([f"cannot be read: {error.strerror}"]) from None
    except ValueError as error:  # no TOML, no UTF-8, a number of thousands of digits, a path with a NUL
        raise FaultyFileError([f"expected TOML: {error}"]) from None
    except RecursionError:
        raise FaultyFileError(["expected TOML: nested too deeply"]) from None


def faults_of(table: dict[str, Any], kind: type[msgspec.Struct], place: str = "") -> list[str]:
    """Every fault of a table, in the order of the format."""
    fields = {field.name: field for field in msgspec.structs.fields(kind)}
    faults: list[str] = []
    for name, field in fields.items():
        where = f"{place}{name}"
        if name not in table:
            faults += [f"{where}: missing"] if field.required else []
        elif (section := _section(field.type)) is not None and isinstance(table[name], dict):
            faults += faults_of(table[name], section, f"{where}.")
        else:
            faults += _fault(table[name], field.type, where)
    expected = ", ".join(fields)
    return [*faults, *(f"{place}{name}: not known here, expected {expected}" for name in table if name not in fields)]


def _section(kind: Any) -> type[msgspec.Struct] | None:
    """The table that a field is, also where it may be left out."""
    kinds = getattr(kind, "__args__", None) or (kind,)
    return next((one for one in kinds if isinstance(one, type) and issubclass(one, msgspec.Struct)), None)


def _fault(value: Any, kind: Any, where: str) -> list[str]:
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        return [f"{where}: {error}, found {value!r}"]
    return []
