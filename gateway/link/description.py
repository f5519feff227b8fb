"""What a board says of itself in HELLO, checked; the layout is docs/wire.md."""

from __future__ import annotations

from typing import Annotated, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from gateway import decoding

_LOWEST_RATE_HZ, _HIGHEST_RATE_HZ = 20.0, 1000.0  # what the monitor takes
_UNITS = {"red": "count", "infrared": "count", "pressure": "mm[Hg]"}

_Count = Annotated[int, msgspec.Meta(ge=0, le=(1 << 32) - 1)]
_Positive = Annotated[int, msgspec.Meta(ge=1, le=1 << 30)]
_Text = Annotated[str, msgspec.Meta(max_length=64)]
_Part = Annotated[int, msgspec.Meta(ge=1, le=64)]


class BoardInfo(msgspec.Struct, frozen=True):
    """HELLO of stream 0: who the board is."""

    fw: _Text
    uid: _Text
    boot: _Count
    reset: _Count
    streams: Annotated[int, msgspec.Meta(ge=1, le=254)]
    selftest: bool = True


class OfBoot(msgspec.Struct, frozen=True):
    """The one field every HELLO has."""

    boot: _Count


class ProgramPart(msgspec.Struct, frozen=True):
    """HELLO of stream 255: a piece of what runs; ``modules`` has the first half of each file's SHA-256."""

    boot: _Count
    part: _Part
    parts: _Part
    modules: dict[_Text, _Text] = {}


class Descriptor(msgspec.Struct, frozen=True):
    """HELLO of another stream: what its samples mean. ``value = (raw - offset) * num / den``."""

    name: _Text
    channels: Annotated[list[_Text], msgspec.Meta(min_length=1, max_length=8)]
    unit: _Text
    format: _Text
    full: Annotated[int, msgspec.Meta(ge=1, lt=1 << 24)]
    offset: Annotated[int, msgspec.Meta(ge=0, lt=1 << 24)]
    num: _Positive
    den: _Positive
    rate: tuple[_Positive, _Positive]
    part: _Text
    boot: _Count

    def __post_init__(self) -> None:
        if self.format != "u24be":
            raise ValueError(f"stream {self.name}: format {self.format}, expected u24be")
        if not _LOWEST_RATE_HZ <= self.rate_hz <= _HIGHEST_RATE_HZ:
            raise ValueError(f"stream {self.name}: rate {self.rate_hz} Hz, expected 20..1000")
        for channel in self.channels:
            if self.unit != _UNITS.get(channel, self.unit):
                raise ValueError(f"{channel}: unit {self.unit}, expected {_UNITS[channel]}")

    @property
    def rate_hz(self) -> float:
        return self.rate[0] / self.rate[1]

    def scale(self, raw: NDArray[np.int64] | int) -> NDArray[np.float64]:
        """Raw counts to ``unit``."""
        return np.asarray((raw - self.offset) * (self.num / self.den), dtype=np.float64)


_Described = TypeVar("_Described", BoardInfo, Descriptor, OfBoot, ProgramPart)


def decoded(payload: bytes, kind: type[_Described]) -> _Described | None:
    """A HELLO's payload as what it should be, None if it is not."""
    try:
        return decoding.decoded(payload, kind)
    except msgspec.DecodeError:
        return None
