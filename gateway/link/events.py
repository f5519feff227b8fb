"""What a device tells the pipeline: who it is, its samples, what happened to it, how it took a command."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gateway.link.description import BoardInfo, Descriptor
from gateway.link.downlink import AckResult, EventCode, Verb


@dataclass(frozen=True, slots=True, kw_only=True)
class Connected:
    """The board has described itself and all its streams; samples follow."""

    board: BoardInfo
    streams: tuple[Descriptor, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Samples:
    """Samples of one stream: ``t_us`` shape (n,), gateway time; ``values`` shape (n, channels), in its unit."""

    stream: Descriptor
    t_us: NDArray[np.int64]
    values: NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardEvent:
    """The board tells what happened at ``t_us``, to which stream (0 is itself); details are in docs/wire.md."""

    t_us: int
    code: EventCode
    stream: int
    detail: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledged:
    """How the board took the command with this index."""

    verb: Verb
    index: int
    result: AckResult


DeviceEvent = Connected | Samples | BoardEvent | Acknowledged
