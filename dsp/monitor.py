"""Sample blocks and ticks in, beats and vitals out: the whole signal processing of one chair."""

from __future__ import annotations

from dsp import doubt
from dsp.agreement import contradict, located
from dsp.arterial import PRESSURES, pressures
from dsp.buffer import SampleBuffer
from dsp.channel import SECOND_US, ChannelMonitor, Summary
from dsp.config import MonitorConfig
from dsp.derived import Derived
from dsp.interruption import Interruptions
from dsp.line import LineMonitor, withheld
from dsp.motion import MotionMonitor, doubted
from dsp.optics import Optics
from dsp.oximetry import Oximeter, perfusion_index
from dsp.probation import Probation
from dsp.rate import pulse_rate
from dsp.readings import better, questioned
from dsp.rules import Rule, found
from dsp.types import (
    Beat,
    Channel,
    Interruption,
    OutputReference,
    Quantity,
    Reading,
    Reason,
    SampleBlock,
    Tick,
    Unavailable,
    Validity,
    Vital,
)
from dsp.window import Window

OF_LIGHT = (Quantity.PULSE_RATE, Quantity.SPO2)
ON_PROBATION = (*OF_LIGHT, *PRESSURES)
CATCH_UP_SECONDS = 3600  # a tick that is further ahead than this skips the seconds before


class VitalsMonitor:
    """Streaming monitor; keeps no time of its own.

    Beats come from blocks, vitals from ticks: one of each quantity for each whole second up to the tick. What a vital
    says depends only on the samples up to its second, however they were cut into blocks.

    Attributes
    ----------
    channels : why a channel shows no pulse at the newest second, None where it shows one
    """

    def __init__(self, config: MonitorConfig) -> None:
        self._channels: dict[Channel, ChannelMonitor] = {}
        self._line: LineMonitor | None = None
        if config.pleth_rate_hz is not None:
            self._channels[Channel.PLETH] = ChannelMonitor(Channel.PLETH, config.pleth_rate_hz, config.pleth_rails)
        if config.pressure_rate_hz is not None:
            self._channels[Channel.PRESSURE] = ChannelMonitor(
                Channel.PRESSURE, config.pressure_rate_hz, config.pressure_rails
            )
            self._line = LineMonitor(config.pressure_rate_hz)
        self._motion = MotionMonitor(config.motion_rate_hz) if config.motion_rate_hz is not None else None
        self._optics: Optics | None = None
        self._oximeter: Oximeter | None = None
        if config.red_rate_hz is not None:
            self._optics = Optics(config.pleth_rails, config.red_rails)
            self._oximeter = Oximeter(config.red_rate_hz, self._optics, config.oximeter)
        self._buffers: dict[Channel, SampleBuffer] = dict(self._optics.buffers) if self._optics else {}
        if self._motion:
            self._buffers[Channel.MOTION] = self._motion.buffer
        self._moved, self._pressures_moved = doubt.Lingering(), doubt.Lingering()
        self._probations = {quantity: Probation() for quantity in ON_PROBATION}
        self._derived = Derived()
        self._interruptions = Interruptions()
        self._next_second: int | None = None
        self.channels: dict[Channel, Reason | None] = {}

    def feed(self, event: SampleBlock | Tick | Interruption | OutputReference) -> list[Beat | Vital]:
        """Take one block, tick or word of the clinician; return what it completed.

        The arrays of a block are kept until a later tick: they must not change any more. A sample that is not newer
        than the newest of its channel is left out. One that comes after the tick of its second counts for the seconds
        to come; what was said of the past is not said again.

        Raises
        ------
        ValueError
            A block of a channel that the configuration does not have.
        """
        match event:
            case SampleBlock():
                return [*self._block(event)]
            case Tick(t_us=t_us):
                return [*self._tick(t_us)]
            case Interruption():
                self._interruptions.feed(event)
            case OutputReference():
                self._derived.calibrate(event)
        return []

    def _block(self, block: SampleBlock) -> list[Beat]:
        buffer, monitor = self._buffers.get(block.channel), self._channels.get(block.channel)
        if buffer is None and monitor is None:
            known = [channel.value for channel in self._channels | self._buffers]
            raise ValueError(f"channel: expected one of {known}, got {block.channel.value}")
        if self._next_second is None and len(block.t_us):
            self._next_second = int(block.t_us[0]) // SECOND_US + 1
        if buffer is not None:
            buffer.append(block.t_us, block.samples)
        return monitor.feed(block) if monitor else []

    def _tick(self, t_us: int) -> list[Vital]:
        newest = t_us // SECOND_US
        first = newest if self._next_second is None else max(self._next_second, newest - CATCH_UP_SECONDS)
        vitals: list[Vital] = []
        for second in range(first, newest + 1):
            vitals += self._vitals(second * SECOND_US)
        self._next_second = max(first, newest + 1)
        return vitals

    def _vitals(self, t_us: int) -> list[Vital]:
        readings: dict[Quantity, Reading] = {}
        no_channel = Unavailable(reason=Reason.NO_CHANNEL, finding=found(Rule.NO_CHANNEL))
        readings[Quantity.MOTION] = self._motion.reading(t_us) if self._motion else no_channel
        pressure, pleth = self._summary(Channel.PRESSURE, t_us), self._summary(Channel.PLETH, t_us)
        pressure, pleth = doubt.doubted(located(pressure, pleth)), doubt.doubted(located(pleth, pressure))
        if self._motion:
            self._motion.compare(pleth)
        pleth, is_shifted, readings[Quantity.SPO2] = self._lights(t_us, pleth)
        self.channels = {Channel.PLETH: pleth.unavailable, Channel.PRESSURE: pressure.unavailable}
        if self._motion:
            pleth = doubted(pleth, self._motion)
        strength = pleth.doubted(Reason.ARTIFACT, found(Rule.LIGHT_SHIFTED)) if is_shifted else pleth
        readings[Quantity.PERFUSION_INDEX] = perfusion_index(strength) if self._optics else no_channel
        readings |= self._of_pulses(pressure, pleth, readings[Quantity.SPO2])
        is_suspect = Reason.CHANNEL_ORDER in readings[Quantity.SPO2].reasons
        for quantity, probation in self._probations.items():
            is_timed = is_suspect and quantity in OF_LIGHT
            readings[quantity] = probation.judged(t_us, readings[quantity], is_timed=is_timed)
        return [Vital(t_us=t_us, quantity=q, reading=readings[q]) for q in Quantity]

    def _lights(self, t_us: int, pleth: Summary) -> tuple[Summary, bool, Reading]:
        """The pleth as far as the two lights agree that it is blood, whether one has changed, and saturation."""
        if self._optics is None or self._oximeter is None:
            return pleth, False, Unavailable(reason=Reason.NO_CHANNEL, finding=found(Rule.NO_CHANNEL))
        infrared_fault, red_fault = self._optics.faults(t_us)
        if infrared_fault is None and pleth.unavailable is not None:
            infrared_fault = self._optics.dim()
        if infrared_fault is not None:
            pleth = pleth.without(infrared_fault.reason, infrared_fault.finding)
        fault = infrared_fault or red_fault
        is_shifted = fault is None and self._optics.is_shifted(t_us)
        shifted = pleth.doubted(Reason.ARTIFACT, found(Rule.LIGHT_SHIFTED)) if is_shifted else pleth
        saturation = self._oximeter.spo2(shifted, fault, self._motion)
        if self._moved.stands(t_us, is_found=self._oximeter.is_moved):
            no_blood = found(Rule.NO_BLOOD)
            pleth = pleth.doubted(Reason.ARTIFACT, no_blood)
            is_doubtful = saturation.validity is Validity.QUESTIONABLE
            saturation = questioned(saturation, saturation.reasons[0] if is_doubtful else Reason.ARTIFACT, no_blood)
        return pleth, is_shifted, saturation

    def _of_pulses(self, pressure: Summary, pleth: Summary, saturation: Reading) -> dict[Quantity, Reading]:
        """Rate, pressures and what is derived from them, and the saturation again if the sensors disagree."""
        t_us = pressure.t_us
        rates = [pulse_rate(doubt.doubted_rate(summary)) for summary in (pressure, pleth)]
        readings = {Quantity.PULSE_RATE: better(rates), Quantity.SPO2: saturation}
        differ = contradict(*rates)
        if differ is not None:
            readings = {
                quantity: questioned(reading, Reason.DISAGREEMENT, differ) for quantity, reading in readings.items()
            }
        doubted_pressure = doubt.doubted_pressure(pressure, self._pressures_moved)
        readings |= pressures(doubted_pressure)
        is_moving = self._motion is not None and self._motion.is_moving(t_us - SECOND_US, t_us)
        readings |= self._derived.readings(pressure, pleth, is_moving=is_moving)
        verdict = self._line.judge(doubted_pressure) if self._line and pressure.unavailable is None else None
        return withheld(readings, verdict)

    def _summary(self, name: Channel, t_us: int) -> Summary:
        channel = self._channels.get(name)
        if channel is None:
            no_channel = found(Rule.NO_CHANNEL)
            return Summary(t_us=t_us, pulses=Window(), unavailable=Reason.NO_CHANNEL, finding=no_channel)
        return self._interruptions.applied(channel.summary(t_us), name)
