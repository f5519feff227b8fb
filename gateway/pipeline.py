"""Chunks of the link in, messages out: the one path of live, replay and rig. It reads no clock and does no I/O."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, replace

import numpy as np
from numpy.typing import NDArray

import dsp
from gateway.chunklog import Chunk
from gateway.link.device import Connected, Descriptor, Device, Samples
from gateway.link.frame import FrameParser, LinkFault
from gateway.messages import Composer, Message, value_of

_SECOND_US = 1_000_000
_SILENCE_US = 1_500_000  # no good frame for so long is a lost link; plus a tick, null within 3 s

# Where a channel of the monitor comes from, and its sign: absorbed light rises in systole, so reflected counts fall.
_SOURCES = {
    "infrared": (dsp.Channel.PLETH, -1.0),
    "red": (dsp.Channel.RED, -1.0),
    "pressure": (dsp.Channel.PRESSURE, 1.0),
}

_AXES = ["x", "y", "z"]  # a stream of these, in g, is acceleration

_NOT_IMPLEMENTED = dsp.Unavailable(reason=dsp.Reason.NOT_IMPLEMENTED)


class Pipeline:
    """One chair: owns the link, the monitor and the composer. Results do not depend on how the bytes were cut."""

    def __init__(self, composer: Composer) -> None:
        self._composer = composer
        self._parser = FrameParser()
        self._device = Device()
        self._monitor = dsp.VitalsMonitor(dsp.MonitorConfig())
        self._routed: set[dsp.Channel] = set()
        self._newest_us: dict[dsp.Channel, int | None] = {}
        self._last_frame_us: int | None = None
        self._connected_us = 0
        self._next_second_us: int | None = None
        self._seq = 0
        self._last_status: tuple[object, ...] = ()

    def feed(self, chunk: Chunk) -> list[Message]:
        """Let time pass up to the chunk, then take its bytes."""
        messages = self._advance(chunk.t_us)
        for frame in self._parser.feed(chunk.data):
            if isinstance(frame, LinkFault):
                self._device.note_fault()
                continue
            self._last_frame_us = chunk.t_us
            for event in self._device.feed(chunk.t_us, frame):
                match event:
                    case Connected():
                        self._connect(event, chunk.t_us)
                    case Samples():
                        messages += self._samples(event)
            messages += self._status(chunk.t_us)
        return messages

    def close(self, t_us: int) -> list[Message]:
        """The orderly end: the last status says so."""
        return [self._composer.status(t_us, "offline", ["ended"])]

    def _advance(self, t_us: int) -> list[Message]:
        if self._next_second_us is None:
            self._next_second_us = -(-t_us // _SECOND_US) * _SECOND_US
            return self._status(t_us)
        messages: list[Message] = []
        while self._next_second_us <= t_us:
            messages += self._second(self._next_second_us)
            self._next_second_us += _SECOND_US
        return messages

    def _second(self, t_us: int) -> list[Message]:
        messages = self._status(t_us)
        vitals: list[dsp.Vital] = []
        for event in self._monitor.feed(dsp.Tick(t_us=t_us)):
            if isinstance(event, dsp.Beat):
                messages.append(self._composer.beat(event))
            elif event.t_us == t_us:
                vitals.append(event)
        quantities = {vital.quantity.value: value_of(self._unless_lost(vital)) for vital in vitals}
        self._seq += 1
        messages.append(self._composer.vitals(t_us, self._seq, quantities))
        by_name = {channel.value: self._age_ms(channel, t_us) for channel in self._newest_us}
        counters = asdict(self._device.statistics)
        messages.append(self._composer.heartbeat(t_us, self._seq, by_name, counters))
        return messages

    def _unless_lost(self, vital: dsp.Vital) -> dsp.Vital:
        """Without a link, or a board that has described itself, nothing is measured, whatever the monitor says."""
        if vital.reading == _NOT_IMPLEMENTED or (self._device.is_connected and not self._is_silent(vital.t_us)):
            return vital
        was_heard = self._last_frame_us is not None
        reason = dsp.Reason.LINK_LOST if was_heard and self._is_silent(vital.t_us) else dsp.Reason.NO_DATA
        return replace(vital, reading=dsp.Unavailable(reason=reason))

    def _connect(self, event: Connected, t_us: int) -> None:
        """A board has come up: what was learnt of the signal before does not count any more."""
        sources = {
            _SOURCES[name][0]: (stream, _SOURCES[name][1])
            for stream in event.streams
            for name in stream.channels
            if name in _SOURCES
        }
        if dsp.Channel.RED in sources and "infrared" not in sources[dsp.Channel.RED][0].channels:
            sources.pop(dsp.Channel.RED, None)  # red alone, or of another sensor, says nothing
        moving = next((stream for stream in event.streams if _is_acceleration(stream)), None)
        rates = {channel: stream.rate_hz for channel, (stream, _) in sources.items()}
        rails = {channel: _rails(stream, sign) for channel, (stream, sign) in sources.items()}
        self._monitor = dsp.VitalsMonitor(
            dsp.MonitorConfig(
                pleth_rate_hz=rates.get(dsp.Channel.PLETH),
                pressure_rate_hz=rates.get(dsp.Channel.PRESSURE),
                pleth_rails=rails.get(dsp.Channel.PLETH),
                pressure_rails=rails.get(dsp.Channel.PRESSURE),
                red_rate_hz=rates.get(dsp.Channel.RED),
                red_rails=rails.get(dsp.Channel.RED),
                motion_rate_hz=moving.rate_hz if moving else None,
            )
        )
        self._monitor.feed(dsp.Tick(t_us=t_us))  # its first second is our next, whatever time its first samples bear
        self._routed = {*sources, *([dsp.Channel.MOTION] if moving else [])}
        # Red comes in the frames of infrared: one age, and one fault, for both.
        self._newest_us = dict.fromkeys(
            channel for channel in dsp.Channel if channel in self._routed - {dsp.Channel.RED}
        )
        self._connected_us = t_us

    def _samples(self, event: Samples) -> list[Message]:
        messages: list[Message] = []
        for channel, samples in _waveforms(event):
            if channel not in self._routed:
                continue
            if channel in self._newest_us:
                self._newest_us[channel] = int(event.t_us[-1])
            block = dsp.SampleBlock(channel=channel, t_us=event.t_us, samples=samples)
            messages += [self._composer.beat(beat) for beat in self._monitor.feed(block) if isinstance(beat, dsp.Beat)]
        return messages

    def _is_silent(self, t_us: int) -> bool:
        return self._last_frame_us is None or t_us - self._last_frame_us > _SILENCE_US

    def _age_ms(self, channel: dsp.Channel, t_us: int) -> int | None:
        newest = self._newest_us[channel]
        return None if newest is None else max(0, (t_us - newest) // 1000)

    def _status(self, t_us: int) -> list[Message]:
        """The status, if it has changed."""
        reasons = self._faults(t_us)
        board = self._device.board
        identity = (board.uid, board.boot, board.fw) if board else (None, None, None)
        status = (*reasons, *identity)
        if status == self._last_status:
            return []
        self._last_status = status
        uid, boot, firmware = identity
        state = "degraded" if reasons else "online"
        return [self._composer.status(t_us, state, reasons, board=uid, board_boot=boot, firmware=firmware)]

    def _faults(self, t_us: int) -> list[str]:
        if self._last_frame_us is None:
            return ["nothing heard from the board"]
        if self._is_silent(t_us):
            return ["link lost"]
        if not self._device.is_connected:
            return ["the board has not described its streams yet"]
        faults = [f"stream {number} of the board cannot be read" for number in sorted(self._device.unreadable)]
        for channel, newest_us in self._newest_us.items():
            since_us = self._connected_us if newest_us is None else newest_us
            if t_us - since_us > _SILENCE_US:
                faults.append(f"{channel.value}: no fresh samples")
        return faults


def _is_acceleration(stream: Descriptor) -> bool:
    return stream.channels == _AXES and stream.unit == "g"


def _waveforms(event: Samples) -> Iterator[tuple[dsp.Channel, NDArray[np.float64]]]:
    """The waveforms in the samples of one stream, in the monitor's units and signs."""
    if _is_acceleration(event.stream):
        yield dsp.Channel.MOTION, np.sqrt((event.values**2).sum(axis=1))
        return
    for column, name in enumerate(event.stream.channels):
        if name in _SOURCES:
            channel, sign = _SOURCES[name]
            yield channel, sign * event.values[:, column]


def _rails(stream: Descriptor, sign: float) -> dsp.Rails:
    """Only full scale is saturation: raw 0 is an open input or a dark sensor, and so a flat line."""
    full = sign * float(stream.scale(stream.full))
    return dsp.Rails(low=-math.inf, high=full) if sign > 0 else dsp.Rails(low=full, high=math.inf)
