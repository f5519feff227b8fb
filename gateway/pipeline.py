"""Chunks of the link in, messages out: the one path of live, replay and rig. It reads no clock and does no I/O."""

from __future__ import annotations

import math
from dataclasses import asdict, replace

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
    "pressure": (dsp.Channel.PRESSURE, 1.0),
}

_NOT_IMPLEMENTED = dsp.Unavailable(reason=dsp.Reason.NOT_IMPLEMENTED)


class Pipeline:
    """One chair: owns the link, the monitor and the composer. Results do not depend on how the bytes were cut."""

    def __init__(self, composer: Composer) -> None:
        self._composer = composer
        self._parser = FrameParser()
        self._device = Device()
        self._monitor = dsp.VitalsMonitor(dsp.MonitorConfig())
        self._newest_us: dict[dsp.Channel, int | None] = {}
        self._last_frame_us: int | None = None
        self._next_second_us: int | None = None
        self._seq = 0
        self._last_status: tuple[object, ...] = ()

    def feed(self, chunk: Chunk) -> list[Message]:
        """Let time pass up to the chunk, then take its bytes."""
        messages = self._advance(chunk.t_us)
        for frame in self._parser.feed(chunk.data):
            if isinstance(frame, LinkFault):
                self._device.statistics.faults += 1
                continue
            self._last_frame_us = chunk.t_us
            for event in self._device.feed(chunk.t_us, frame):
                messages += self._connected(event) if isinstance(event, Connected) else self._samples(event)
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
        """A lost link says so for everything that could have been measured."""
        if self._is_live(vital.t_us) or vital.reading == _NOT_IMPLEMENTED:
            return vital
        reason = dsp.Reason.NO_DATA if self._last_frame_us is None else dsp.Reason.LINK_LOST
        return replace(vital, reading=dsp.Unavailable(reason=reason))

    def _connected(self, event: Connected) -> list[Message]:
        """A board has come up: what was learnt of the signal before does not count any more."""
        sources = {
            _SOURCES[name][0]: (stream, _SOURCES[name][1])
            for stream in event.streams
            for name in stream.channels
            if name in _SOURCES
        }
        rates = {channel: stream.rate_hz for channel, (stream, _) in sources.items()}
        rails = {channel: _rails(stream, sign) for channel, (stream, sign) in sources.items()}
        self._monitor = dsp.VitalsMonitor(
            dsp.MonitorConfig(
                pleth_rate_hz=rates.get(dsp.Channel.PLETH),
                pressure_rate_hz=rates.get(dsp.Channel.PRESSURE),
                pleth_rails=rails.get(dsp.Channel.PLETH),
                pressure_rails=rails.get(dsp.Channel.PRESSURE),
            )
        )
        if self._next_second_us is not None:  # its first second is ours, whatever time its first samples bear
            self._monitor.feed(dsp.Tick(t_us=self._next_second_us - _SECOND_US))
        self._newest_us = dict.fromkeys(sources)
        return []

    def _samples(self, event: Samples) -> list[Message]:
        messages: list[Message] = []
        for column, name in enumerate(event.stream.channels):
            if name not in _SOURCES:
                continue
            channel, sign = _SOURCES[name]
            self._newest_us[channel] = int(event.t_us[-1])
            samples = sign * event.values[:, column]
            block = dsp.SampleBlock(channel=channel, t_us=event.t_us, samples=samples)
            messages += [self._composer.beat(beat) for beat in self._monitor.feed(block) if isinstance(beat, dsp.Beat)]
        return messages

    def _is_live(self, t_us: int) -> bool:
        last = self._last_frame_us
        return self._device.is_connected and last is not None and t_us - last <= _SILENCE_US

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
        if t_us - self._last_frame_us > _SILENCE_US:
            return ["link lost"]
        if not self._device.is_connected:
            return ["the board has not described its streams yet"]
        return [
            f"{channel.value}: no samples"
            for channel in self._newest_us
            if (self._age_ms(channel, t_us) or 0) * 1000 > _SILENCE_US
        ]


def _rails(stream: Descriptor, sign: float) -> dsp.Rails:
    """Only full scale is saturation: raw 0 is an open input or a dark sensor, and so a flat line."""
    full = sign * float(stream.scale(stream.full))
    return dsp.Rails(low=-math.inf, high=full) if sign > 0 else dsp.Rails(low=full, high=math.inf)
