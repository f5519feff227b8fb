"""Chunks of the link in, messages out: the one path of live, replay and rig. It reads no clock and does no I/O."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, replace

import dsp
from gateway.alarm_facts import AlarmFacts
from gateway.alarms import Condition, Fact, Priority, Profile, forecast_limits
from gateway.announcer import Announcer
from gateway.chunklog import Chunk
from gateway.desk import Desk
from gateway.errands import Errands, Outcome
from gateway.kept import Ended, Snapshot
from gateway.link.device import Device
from gateway.link.downlink import EventCode, ToBoard
from gateway.link.events import Acknowledged, BoardEvent, Connected, Samples
from gateway.link.faults import Fault, Finding
from gateway.link.frame import FrameParser, LinkFault
from gateway.link.program import KnownFirmware
from gateway.link.status import Shown
from gateway.messages import Composer, Message
from gateway.payloads import value_of
from gateway.requests import Incoming
from gateway.routing import Calibration, Routing

Output = Message | ToBoard | Snapshot | Ended

_SECOND_US = 1_000_000
_SILENCE_US = 1_500_000  # no good frame for so long is a lost link; plus a tick, null within 3 s

# What is wrong by as much as the pressure is; the rest of what is made of it is a ratio or a time.
_OF_PRESSURE = (
    dsp.Quantity.SYSTOLIC,
    dsp.Quantity.DIASTOLIC,
    dsp.Quantity.MEAN_PRESSURE,
    dsp.Quantity.STROKE_VOLUME,
    dsp.Quantity.CARDIAC_OUTPUT,
    dsp.Quantity.SYSTEMIC_VASCULAR_RESISTANCE,
)


class Pipeline:
    """One chair: owns the link, the monitor and the composer. Results do not depend on how the bytes were cut.

    Parameters
    ----------
    reference : cardiac output measured before the start
    board : uid of the chair's own board; the first that is heard, if not said
    firmware : what may run on it; not looked at, if not said
    """

    def __init__(
        self,
        composer: Composer,
        calibration: Calibration | None = None,
        announcer: Announcer | None = None,
        desk: Desk | None = None,
        *,
        reference: dsp.OutputReference | None = None,
        board: str | None = None,
        firmware: KnownFirmware | None = None,
    ) -> None:
        self._composer = composer
        self._calibration = calibration
        self._announcer = announcer
        self._facts = AlarmFacts()
        self._desk = desk
        self._parser = FrameParser()
        self._device = Device(uid=board, firmware=firmware)
        self._reference = reference
        self._monitor = dsp.VitalsMonitor(dsp.MonitorConfig())
        self._errands = Errands()
        self._routing: Routing | None = None
        self._newest_us: dict[dsp.Channel, int | None] = {}
        self._last_frame_us: int | None = None
        self._connected_us = 0
        self._next_second_us: int | None = None
        self._seq = 0
        self._last_status: tuple[object, ...] = ()
        self._is_noisy = False
        self._is_trusted = True
        self._is_reference_off = False  # that of the board's ADC
        self._trend = dsp.Trends()
        self._forecast_by: Profile | None = None

    def feed(self, chunk: Chunk) -> list[Output]:
        """Let time pass up to the chunk, then take its bytes."""
        messages: list[Output] = [*self._advance(chunk.t_us), *self._device.poll(chunk.t_us)]
        for frame in self._parser.feed(chunk.data):
            if isinstance(frame, LinkFault):
                self._device.note_fault(chunk.t_us, frame)
                continue
            self._last_frame_us = chunk.t_us
            for event in self._device.feed(chunk.t_us, frame):
                match event:
                    case Connected():
                        self._connect(event, chunk.t_us)
                    case Samples():
                        messages += self._samples(event)
                    case BoardEvent(code=EventCode.BUTTON, detail=Shown.GATEWAY) if self._desk is not None:
                        messages += self._desk.press(chunk.t_us, event.t_us)
                    case Acknowledged():
                        messages += self._finish(chunk.t_us, self._errands.answered(event))
                    case BoardEvent():
                        pass  # counted; what lasts of them is a finding
            messages += self._status(chunk.t_us)
        return self._kept(chunk.t_us, messages)

    def commands(self, t_us: int, incoming: Iterable[Incoming]) -> list[Output]:
        """Take what clients have sent; ``t_us`` is that of the newest chunk.

        All of it is stored once: a burst of requests must not keep the disk, and so the chair, busy for seconds.
        """
        if self._desk is None:
            return []
        messages = [message for one in incoming for message in self._command(t_us, one, self._desk)]
        return self._kept(t_us, messages)

    def _command(self, t_us: int, incoming: Incoming, desk: Desk) -> list[Output]:
        before = desk.session_id
        messages: list[Output] = [*desk.take(t_us, incoming)]
        if desk.session_id not in (before, None):
            self._forget_signal(t_us)  # another patient: nothing learnt from the one before may show in a number
            self._reference = None
            self._trend.restart()
        for reference in desk.references():
            self._reference = reference
            self._monitor.feed(reference)
        for interruption in desk.interruptions():
            self._monitor.feed(interruption)
        for errand in desk.errands():
            if self._device.is_connected and not self._is_silent(t_us):
                messages.append(self._errands.send(t_us, errand, self._device))
            else:
                messages += desk.finish(
                    t_us, Outcome(errand=errand, refusal="board: none that is known as this chair's is heard")
                )
        return [*messages, *self._status(t_us)]

    def _finish(self, t_us: int, outcomes: list[Outcome]) -> list[Message]:
        return [message for one in outcomes for message in self._desk.finish(t_us, one)] if self._desk else []

    def fact(self, t_us: int, condition: Condition, *, is_present: bool, detail: str = "") -> list[Output]:
        """Take what only the edge can know, such as that the broker is gone."""
        if self._announcer is None:
            return []
        fact = Fact(t_us=t_us, condition=condition, is_present=is_present, detail=detail)
        return self._kept(t_us, [*self._announcer.take(fact)[0]])

    def expect_return(self) -> None:
        """There is a broker: what is published comes back to whoever listens."""
        if self._announcer is not None:
            self._announcer.checks.expect_return()

    def note_dropped(self, total: int) -> None:
        """So much of what clients have sent was dropped before it came here, since the start."""
        if self._desk is not None:
            self._desk.dropped = total

    def _kept(self, t_us: int, outputs: list[Output]) -> list[Output]:
        """What has changed is stored before anybody hears of it."""
        return [*self._desk.keep(t_us), *outputs] if self._desk else outputs

    def close(self, t_us: int) -> list[Message]:
        """The orderly end: the last status says so."""
        return [self._composer.status(t_us, "offline", ["ended"])]

    def _advance(self, t_us: int) -> list[Message | ToBoard]:
        if self._next_second_us is None:
            self._next_second_us = -(-t_us // _SECOND_US) * _SECOND_US
            return [*self._status(t_us)]
        messages: list[Message | ToBoard] = []
        while self._next_second_us <= t_us:
            messages += self._second(self._next_second_us)
            self._next_second_us += _SECOND_US
        return messages + self._status(t_us)

    def _second(self, t_us: int) -> list[Message | ToBoard]:
        messages: list[Message | ToBoard] = [*self._status(t_us), *self._finish(t_us, self._errands.late(t_us))]
        vitals: list[dsp.Vital] = []
        for event in self._monitor.feed(dsp.Tick(t_us=t_us)):
            if isinstance(event, dsp.Beat):
                messages.append(self._composer.beat(self._marked_beat(event)))
            elif event.t_us == t_us:
                vitals.append(self._as_it_is(event))
        readings = {vital.quantity: vital.reading for vital in vitals}
        vitals = [self._marked(vital) for vital in vitals]
        trends = self._trends(vitals)
        quantities = {vital.quantity.value: value_of(vital, trends.get(vital.quantity)) for vital in vitals}
        self._seq += 1
        messages.append(self._composer.vitals(t_us, self._seq, quantities))
        messages.append(self._heartbeat(t_us))
        if self._desk is not None:
            messages += self._desk.second(t_us, {vital.quantity: vital.reading for vital in vitals})
        return messages + self._alarms(t_us, readings)

    def _heartbeat(self, t_us: int) -> Message:
        by_name = {channel.value: self._age_ms(channel, t_us) for channel in self._newest_us}
        counters = asdict(self._device.statistics)
        requests = self._desk.counts if self._desk else {}
        return self._composer.heartbeat(
            t_us, self._seq, by_name, counters, board=self._device.status, requests=requests
        )

    def _trends(self, vitals: list[dsp.Vital]) -> dict[dsp.Quantity, dsp.Trend]:
        """Against the baseline and the limits that the alarms have."""
        if self._announcer is not None:
            self._trend.set_baseline(self._announcer.engine.baseline)
            profile = self._announcer.engine.profile
            if profile is not self._forecast_by:
                self._forecast_by = profile
                self._trend.set_limits(forecast_limits(profile))
        return self._trend.feed(vitals)

    def _alarms(self, t_us: int, readings: dict[dsp.Quantity, dsp.Reading]) -> list[Message | ToBoard]:
        if self._announcer is None:
            return []
        for fact in self._facts.at(t_us, self.findings(t_us)):
            self._announcer.take(fact)
        messages = self._announcer.second(t_us, readings, self._channels(t_us))
        return [*messages, self._annunciate(t_us, self._announcer)]

    def _channels(self, t_us: int) -> dict[dsp.Channel, dsp.Reason | None]:
        """Why each channel shows no pulse; a board that does not answer shows none anywhere."""
        channels = self._monitor.channels
        return dict.fromkeys(channels, dsp.Reason.LINK_LOST) if self._is_silent(t_us) or self._is_noisy else channels

    def _annunciate(self, t_us: int, announcer: Announcer) -> ToBoard:
        """The chair's own light and sound; the board does without a gateway that falls silent."""
        now = announcer.annunciation
        return self._device.show(t_us, _priority(now.light), _priority(now.sound))

    def _as_it_is(self, vital: dsp.Vital) -> dsp.Vital:
        """Nothing is measured without a link and a board that has described itself, nor what a rig had to invent."""
        if vital.quantity.value in self._composer.origin.invented:
            return replace(vital, reading=dsp.Unavailable(reason=dsp.Reason.NO_CHANNEL))
        is_silent = self._is_silent(vital.t_us)
        if self._device.is_connected and not is_silent and not self._is_noisy:
            return vital
        was_heard = self._last_frame_us is not None
        reason = dsp.Reason.LINK_LOST if was_heard and (is_silent or self._is_noisy) else dsp.Reason.NO_DATA
        return replace(vital, reading=dsp.Unavailable(reason=reason))

    def _marked(self, vital: dsp.Vital) -> dsp.Vital:
        """Say what makes a value doubtful though its signal is good; an alarm does not wait for that.

        Whatever a firmware that is in no release sends is, and a pressure while the board's ADC is known to be off.
        """
        if not isinstance(vital.reading, dsp.Measured):
            return vital
        reasons = vital.reading.reasons
        if self._is_reference_off and vital.quantity in _OF_PRESSURE:
            reasons += (dsp.Reason.CONVERTER,)
        if not self._is_trusted:
            reasons += (dsp.Reason.FIRMWARE,)
        return replace(vital, reading=replace(vital.reading, reasons=reasons))

    def _marked_beat(self, beat: dsp.Beat) -> dsp.Beat:
        """Say the same of a beat: it is one, and its pressures may be wrong."""
        reasons = beat.reasons
        if self._is_reference_off and beat.systolic_mmhg is not None:
            reasons += (dsp.Reason.CONVERTER,)
        if not self._is_trusted:
            reasons += (dsp.Reason.FIRMWARE,)
        return beat if reasons == beat.reasons else replace(beat, reasons=reasons)

    def _connect(self, event: Connected, t_us: int) -> None:
        """A board has come up: what was learnt of the signal before does not count any more."""
        self._routing = Routing(event, self._calibration)
        self._forget_signal(t_us)
        if self._reference is not None:  # the new monitor says itself when it has nothing to compare it with
            self._monitor.feed(self._reference)
        self._newest_us = dict.fromkeys(self._routing.watched)
        self._connected_us = t_us

    def _forget_signal(self, t_us: int) -> None:
        """Begin to learn the signal from nothing."""
        self._trend.forget_relative()
        self._monitor = dsp.VitalsMonitor(self._routing.config if self._routing else dsp.MonitorConfig())
        self._monitor.feed(dsp.Tick(t_us=t_us))  # its first second is our next, whatever time its first samples bear
        for interruption in self._desk.standing() if self._desk else []:  # the cuff is still on the arm
            self._monitor.feed(interruption)

    def _samples(self, event: Samples) -> list[Message]:
        messages: list[Message] = []
        for block in self._routing.blocks(event) if self._routing else ():
            if block.channel in self._newest_us:
                self._newest_us[block.channel] = int(block.t_us[-1])
            for beat in self._monitor.feed(block):
                if isinstance(beat, dsp.Beat):
                    messages.append(self._composer.beat(self._marked_beat(beat)))
                    if self._announcer is not None:
                        self._announcer.take(beat)
        return messages

    def _is_silent(self, t_us: int) -> bool:
        return self._last_frame_us is None or t_us - self._last_frame_us > _SILENCE_US

    def _age_ms(self, channel: dsp.Channel, t_us: int) -> int | None:
        """Never negative: a stamp may be ahead by what the clock is uncertain by (gateway.link.device.AHEAD_US)."""
        newest = self._newest_us[channel]
        return None if newest is None else max(0, (t_us - newest) // 1000)

    def _status(self, t_us: int) -> list[Message]:
        """The status, if it has changed."""
        findings = self.findings(t_us)
        self._is_noisy = any(finding.fault is Fault.LINK_NOISE for finding in findings)
        self._is_trusted = all(finding.fault is not Fault.UNKNOWN_FIRMWARE for finding in findings)
        self._is_reference_off = any(finding.fault is Fault.REFERENCE for finding in findings)
        reasons = [str(finding) for finding in findings]
        board = self._device.board
        identity = (board.uid, board.boot, board.fw) if board else (None, None, None)
        session = self._desk.session_id if self._desk else None
        status = (*_kinds(findings), *identity, session)
        if status == self._last_status:
            return []
        self._last_status = status
        uid, boot, firmware = identity
        state = "degraded" if reasons else "online"
        return [
            self._composer.status(t_us, state, reasons, board=uid, board_boot=boot, firmware=firmware, session=session)
        ]

    def findings(self, t_us: int) -> list[Finding]:
        """Everything that is wrong with the board, the link and the set-up now."""
        if self._last_frame_us is None:
            return [*self._device.findings_of_link(t_us), Finding(fault=Fault.NOTHING_HEARD)]
        if self._is_silent(t_us):
            return [*self._device.findings_of_link(t_us), Finding(fault=Fault.LINK_LOST)]
        found = self._device.findings(t_us)
        if not self._device.is_connected:
            return found
        if self._routing is not None:
            found += [Finding(fault=Fault.SET_UP, detail=text) for text in self._routing.faults]
        for channel, newest_us in self._newest_us.items():
            since_us = self._connected_us if newest_us is None else newest_us
            if t_us - since_us > _SILENCE_US:
                found.append(Finding(fault=Fault.NO_SAMPLES, subject=channel.value))
        return found


def _priority(priority: Priority | None) -> int:
    """As docs/wire.md numbers them."""
    return 0 if priority is None else 1 + list(Priority).index(priority)


def _kinds(findings: list[Finding]) -> list[tuple[Fault, str]]:
    """What makes a status new: a figure that wanders does not."""
    return [(finding.fault, finding.subject) for finding in findings]
