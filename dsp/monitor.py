"""Sample blocks and ticks in, beats and vitals out: the whole signal processing of one chair."""

from __future__ import annotations

from dsp.arterial import pressures
from dsp.channel import SECOND_US, ChannelMonitor, Summary
from dsp.config import MonitorConfig
from dsp.rate import better, pulse_rate
from dsp.types import Beat, Channel, Quantity, Reading, Reason, SampleBlock, Tick, Unavailable, Vital

CATCH_UP_SECONDS = 3600  # a tick that is further ahead than this skips the seconds before


class VitalsMonitor:
    """Streaming monitor; keeps no time of its own.

    Beats come from blocks, vitals from ticks: one of each quantity for each whole second up to the tick. What a vital
    says depends only on the samples up to its second, however they were cut into blocks.
    """

    def __init__(self, config: MonitorConfig) -> None:
        self._channels: dict[Channel, ChannelMonitor] = {}
        if config.pleth_rate_hz is not None:
            self._channels[Channel.PLETH] = ChannelMonitor(Channel.PLETH, config.pleth_rate_hz, config.pleth_rails)
        if config.pressure_rate_hz is not None:
            self._channels[Channel.PRESSURE] = ChannelMonitor(
                Channel.PRESSURE, config.pressure_rate_hz, config.pressure_rails
            )
        self._next_second: int | None = None

    def feed(self, event: SampleBlock | Tick) -> list[Beat | Vital]:
        """Take one block or tick; return what it completed."""
        match event:
            case SampleBlock():
                return [*self._block(event)]
            case Tick(t_us=t_us):
                return [*self._tick(t_us)]

    def _block(self, block: SampleBlock) -> list[Beat]:
        channel = self._channels.get(block.channel)
        if channel is None:
            raise ValueError(f"channel: expected one of {[c.value for c in self._channels]}, got {block.channel.value}")
        if self._next_second is None and len(block.t_us):
            self._next_second = int(block.t_us[0]) // SECOND_US + 1
        return channel.feed(block)

    def _tick(self, t_us: int) -> list[Vital]:
        newest = t_us // SECOND_US
        first = newest if self._next_second is None else max(self._next_second, newest - CATCH_UP_SECONDS)
        vitals: list[Vital] = []
        for second in range(first, newest + 1):
            vitals += self._vitals(second * SECOND_US)
        self._next_second = max(first, newest + 1)
        return vitals

    def _vitals(self, t_us: int) -> list[Vital]:
        readings: dict[Quantity, Reading] = dict.fromkeys(Quantity, Unavailable(reason=Reason.NOT_IMPLEMENTED))
        summaries = {name: self._summary(name, t_us) for name in (Channel.PRESSURE, Channel.PLETH)}
        readings[Quantity.PULSE_RATE] = better(pulse_rate(s) for s in summaries.values())
        readings |= pressures(summaries[Channel.PRESSURE])
        return [Vital(t_us=t_us, quantity=q, reading=r) for q, r in readings.items()]

    def _summary(self, name: Channel, t_us: int) -> Summary:
        channel = self._channels.get(name)
        if channel is None:
            return Summary(t_us=t_us, pulses=(), unavailable=Reason.NO_CHANNEL)
        return channel.summary(t_us)
