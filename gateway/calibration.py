"""A calibration file in, the curve of one oximeter sensor out; refuses what it does not know, and says all of it."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Annotated

import msgspec

import dsp
from gateway import strict_toml
from gateway.errors import UserError
from gateway.routing import ANY_BOARD, Calibration

__all__ = ["ANY_BOARD", "Calibration", "CalibrationError", "load_calibration"]

FORMAT = 1

_Text = Annotated[str, msgspec.Meta(min_length=1)]


class CalibrationError(UserError):
    """The calibration cannot be used; one line names every fault of the file."""


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
        file = strict_toml.read(path, _File)
        curve = dsp.OximeterCurve(coefficients=file.coefficients, r_min=file.r_min, r_max=file.r_max)
    except (strict_toml.FaultyFileError, ValueError) as error:
        raise CalibrationError(f"{path}: {error}") from error
    return Calibration(
        sensor=file.sensor,
        board=file.board,
        version=file.version,
        made_by=file.made_by,
        made_on=file.made_on.isoformat(),
        source=file.source,
        curve=curve,
    )
