"""A calibration file in, the curve of an oximeter sensor or a reference output out; says every fault of it at once."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import msgspec

import dsp
from gateway import strict_toml
from gateway.errors import UserError
from gateway.requests import LEAST_VALID_MIN, MOST_VALID_MIN
from gateway.routing import ANY_BOARD, Calibration

__all__ = ["ANY_BOARD", "Calibration", "CalibrationError", "MeasuredOutput", "load_calibration", "load_output"]

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


class _OutputFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    format: Annotated[int, msgspec.Meta(ge=FORMAT, le=FORMAT)]
    chair: _Text
    cardiac_output_l_min: Annotated[float, msgspec.Meta(ge=dsp.LEAST_OUTPUT_L_MIN, le=dsp.MOST_OUTPUT_L_MIN)]
    measured_at: Annotated[datetime.datetime, msgspec.Meta(tz=True)]
    valid_min: Annotated[int, msgspec.Meta(ge=LEAST_VALID_MIN, le=MOST_VALID_MIN)]
    method: _Text
    made_by: _Text


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredOutput:
    """A cardiac output measured by another method: how much, when, how, by whom, and of which chair's patient."""

    chair: str
    output_l_min: float
    measured_utc_ms: int
    valid_min: int
    method: str
    made_by: str

    def reference(self, started_utc_ms: int) -> dsp.OutputReference:
        """The same in the time of a stream that started then."""
        return dsp.OutputReference(
            t_us=0,
            measured_us=1000 * (self.measured_utc_ms - started_utc_ms),
            output_l_min=self.output_l_min,
            valid_us=60_000_000 * self.valid_min,
        )


def load_output(path: str | Path) -> MeasuredOutput:
    """Read the file of a reference output; raise CalibrationError with every fault of it."""
    try:
        file = strict_toml.read(path, _OutputFile)
    except strict_toml.FaultyFileError as error:
        raise CalibrationError(f"{path}: {error}") from error
    return MeasuredOutput(
        chair=file.chair,
        output_l_min=file.cardiac_output_l_min,
        measured_utc_ms=round(file.measured_at.timestamp() * 1000),
        valid_min=file.valid_min,
        method=file.method,
        made_by=file.made_by,
    )
