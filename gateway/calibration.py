"""A calibration file in, the curve of one oximeter sensor out; refuses what it does not know, and says all of it."""

from __future__ import annotations

import datetime
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import msgspec

import dsp
from gateway.errors import UserError

FORMAT = 1
ANY_BOARD = "any"

_Text = Annotated[str, msgspec.Meta(min_length=1)]


class CalibrationError(UserError):
    """The calibration cannot be used; one line names every fault of the file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """What is known about the curve of a sensor: where it holds, who made it, when and from what."""

    sensor: str  # as in the board's description of its stream, such as MAX30102
    board: str  # uid of the one board it holds for, or "any"
    version: str
    made_by: str
    made_on: datetime.date
    source: str
    curve: dsp.OximeterCurve

    def matches(self, board_uid: str, part: str) -> bool:
        """Whether it was made for this sensor on this board; if not, it must not be used."""
        return self.mismatch(board_uid, part) is None

    def mismatch(self, board_uid: str, part: str) -> str | None:
        """Why it must not be used there, None if it may."""
        if part != self.sensor:
            return f"calibration is for sensor {self.sensor}, the board has {part}: not used"
        if self.board not in (ANY_BOARD, board_uid):
            return f"calibration is for board {self.board}, this is {board_uid}: not used"
        return None


class _File(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    format: Annotated[int, msgspec.Meta(ge=FORMAT, le=FORMAT)]
    sensor: _Text
    board: _Text
    version: _Text
    made_by: _Text
    made_on: datetime.date
    source: _Text
    coefficients: Annotated[tuple[float, ...], msgspec.Meta(min_length=2)]
    r_min: float
    r_max: float


def load_calibration(path: str | Path) -> Calibration:
    """Read a calibration file; raise CalibrationError with every fault of it."""
    try:
        table = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise CalibrationError(f"{path}: cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CalibrationError(f"{path}: expected TOML: {error}") from error
    faults = _faults(table)
    if faults:
        raise CalibrationError(f"{path}: {'; '.join(faults)}")
    file = msgspec.convert(table, _File)
    try:
        curve = dsp.OximeterCurve(coefficients=file.coefficients, r_min=file.r_min, r_max=file.r_max)
    except ValueError as error:
        raise CalibrationError(f"{path}: {error}") from error
    return Calibration(
        sensor=file.sensor,
        board=file.board,
        version=file.version,
        made_by=file.made_by,
        made_on=file.made_on,
        source=file.source,
        curve=curve,
    )


def _faults(table: dict[str, Any]) -> list[str]:
    """Everything that is missing, unknown or of the wrong kind, in the order of the format."""
    fields = {field.name: field.type for field in msgspec.structs.fields(_File)}
    faults = []
    for name, kind in fields.items():
        if name not in table:
            faults.append(f"{name}: missing")
            continue
        try:
            msgspec.convert(table[name], kind)
        except msgspec.ValidationError as error:
            faults.append(f"{name}: {error}")
    return [*faults, *(f"{name}: not a field of this format" for name in table if name not in fields)]
