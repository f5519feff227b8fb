"""What a board describes in, what the monitor is fed with out: which stream is which waveform, unit and sign."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

import dsp
from gateway.link.description import Descriptor
from gateway.link.events import Connected, Samples

# Where a channel of the monitor comes from, and its sign: absorbed light rises in systole, so reflected counts fall.
_SOURCES = {
    "infrared": (dsp.Channel.PLETH, -1.0),
    "red": (dsp.Channel.RED, -1.0),
    "pressure": (dsp.Channel.PRESSURE, 1.0),
}
_AXES = ["x", "y", "z"]  # a stream of these, in g, is acceleration


ANY_BOARD = "any"


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """What is known about the curve of a sensor: where it holds, who made it, when and from what."""

    sensor: str  # as in the board's description of its stream, such as MAX30102
    board: str  # uid of the one board it holds for, or "any"
    version: str
    made_by: str
    made_on: str  # date
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


class Routing:
    """The way from one board's streams to one monitor.

    Attributes
    ----------
    config : what the monitor is to expect
    faults : what the clinician must know of the set-up, such as a calibration that is another sensor's
    """

    def __init__(self, event: Connected, calibration: Calibration | None) -> None:
        sources = {
            _SOURCES[name][0]: (stream, _SOURCES[name][1])
            for stream in event.streams
            for name in stream.channels
            if name in _SOURCES
        }
        if dsp.Channel.RED in sources and "infrared" not in sources[dsp.Channel.RED][0].channels:
            del sources[dsp.Channel.RED]  # red alone, or of another sensor, says nothing
        moving = next((stream for stream in event.streams if _is_acceleration(stream)), None)
        rates = {channel: stream.rate_hz for channel, (stream, _) in sources.items()}
        rails = {channel: _rails(stream, sign) for channel, (stream, sign) in sources.items()}
        self.faults: list[str] = []
        self._channels = {*sources, *([dsp.Channel.MOTION] if moving else [])}
        self.config = dsp.MonitorConfig(
            pleth_rate_hz=rates.get(dsp.Channel.PLETH),
            pressure_rate_hz=rates.get(dsp.Channel.PRESSURE),
            pleth_rails=rails.get(dsp.Channel.PLETH),
            pressure_rails=rails.get(dsp.Channel.PRESSURE),
            red_rate_hz=rates.get(dsp.Channel.RED),
            red_rails=rails.get(dsp.Channel.RED),
            motion_rate_hz=moving.rate_hz if moving else None,
            oximeter=self._curve(event, sources.get(dsp.Channel.RED), calibration),
        )

    @property
    def watched(self) -> list[dsp.Channel]:
        """The channels whose age is told; red comes in the frames of infrared: one age, and one fault, for both."""
        return [channel for channel in dsp.Channel if channel in self._channels - {dsp.Channel.RED}]

    def blocks(self, event: Samples) -> Iterator[dsp.SampleBlock]:
        """The samples of one stream as the monitor takes them."""
        for channel, samples in _waveforms(event):
            if channel in self._channels:
                yield dsp.SampleBlock(channel=channel, t_us=event.t_us, samples=samples)

    def _curve(
        self, event: Connected, red: tuple[Descriptor, float] | None, calibration: Calibration | None
    ) -> dsp.OximeterCurve | None:
        """The curve of this very sensor; another's is worse than none, because nobody would see it."""
        if calibration is None or red is None:
            return None
        mismatch = calibration.mismatch(event.board.uid, red[0].part)
        if mismatch is None:
            return calibration.curve
        self.faults.append(mismatch)
        return None


def _is_acceleration(stream: Descriptor) -> bool:
    return stream.channels == _AXES and stream.unit == "g"


def _waveforms(event: Samples) -> Iterator[tuple[dsp.Channel, NDArray[np.float64]]]:
    if _is_acceleration(event.stream):
        yield dsp.Channel.MOTION, event.values
        return
    for column, name in enumerate(event.stream.channels):
        if name in _SOURCES:
            channel, sign = _SOURCES[name]
            yield channel, sign * event.values[:, column]


def _rails(stream: Descriptor, sign: float) -> dsp.Rails:
    """Only full scale is saturation: raw 0 is an open input or a dark sensor, and so a flat line."""
    full = sign * float(stream.scale(stream.full))
    return dsp.Rails(low=-math.inf, high=full) if sign > 0 else dsp.Rails(low=full, high=math.inf)
