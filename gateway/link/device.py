"""Frames in, timed samples of named streams out; counts what is lost, refuses what it does not know."""

from __future__ import annotations

import struct

from gateway.link.clock import BoardClock
from gateway.link.description import BoardInfo, Descriptor, OfBoot, ProgramPart, decoded
from gateway.link.downlink import (
    INDEX_MODULUS,
    AckResult,
    EventCode,
    ToBoard,
    Verb,
    annunciate,
    command,
    configure,
)
from gateway.link.events import Acknowledged, BoardEvent, Connected, DeviceEvent, Samples
from gateway.link.exchange import TimeExchange
from gateway.link.faults import Fault, Finding
from gateway.link.frame import PROGRAM_STREAM, Flag, Frame, FrameType, LinkFault
from gateway.link.health import Health, Hearing, LinkQuality, Resets
from gateway.link.program import KnownFirmware, Program
from gateway.link.sequence import Sequence
from gateway.link.status import BoardStatus, StatusBit, decode_status
from gateway.link.stream import LinkStatistics, StreamDecoder

_START_US = 500_000  # between two requests for a description
_SETTINGS_US = 1_000_000  # between two attempts to have settings kept
_SHOWN_MS = 3000  # longer than the next order takes; then the board shows nothing, and after 5 s its own alarm
AHEAD_US = 250_000  # more than the clock's slewing and an untimed stamp may be wrong by together
_TOLD_US = 30_000_000  # how long refused samples are told
_BEYOND_US = 10_000_000  # how long a number that cannot be is told
_EVENT = struct.Struct("<BB")


class Device:
    """One board at the other end of the link.

    It is the chair's own: the one with ``uid``, or else the first that was heard. What another one sends is refused.
    A board is known by its HELLO; after a silence in which frames were lost it has to say who it is again.
    """

    def __init__(self, *, uid: str | None = None, firmware: KnownFirmware | None = None) -> None:
        self.statistics = LinkStatistics()
        self.board: BoardInfo | None = None
        self.is_connected = False
        self.unreadable: set[int] = set()  # streams that the board has and we do not understand
        self._uid = uid
        self._firmware = firmware
        self._stranger: BoardInfo | None = None
        self._sequence = Sequence(self.statistics)
        self._streams: dict[int, StreamDecoder] = {}
        self._clock = BoardClock()
        self._steps_of_boots = 0  # before this one
        self._ahead_us: int | None = None  # arrival of the newest samples from the future
        self._exchange = TimeExchange()
        self._quality = LinkQuality()
        self._resets = Resets()
        self._health = Health(is_self_test_passed=True, since_us=0)
        self._program = Program(0)
        self.next_command = 0  # its number
        self._polled_us: int | None = None  # once a moment, however the bytes that came then were cut
        self._started_us: int | None = None  # when it was last asked to describe itself
        self._hearing = Hearing()
        self._configured_us: int | None = None  # when its settings were last sent to it, in this boot
        self._is_configured = False  # it has answered that

    @property
    def status(self) -> BoardStatus | None:
        """The newest status of this boot."""
        return self._health.status

    @property
    def modules(self) -> dict[str, str] | None:
        """What runs, digest by module; None until the board has told all of it."""
        return self._program.modules

    def note_fault(self, t_us: int, fault: LinkFault) -> None:
        """Count bytes that were no frame."""
        self.statistics.faults += 1
        self._quality.note_bad(t_us, fault)

    def poll(self, t_us: int) -> list[ToBoard]:
        """What is to be said to the board now, by itself: who are you, what time is it."""
        is_again = self._polled_us is not None and t_us <= self._polled_us
        self._polled_us = t_us
        if self._sequence.is_silent(t_us):  # that is a lost link, whoever hears whom
            self._hearing = Hearing()
        if not self._sequence.is_identified or self._sequence.is_silent(t_us):  # nothing it says is taken yet
            self._health.note_silence(t_us)
        if is_again or self._stranger is not None or self._sequence.is_silent(t_us):
            return []
        if self.is_connected and self._sequence.is_identified:
            requests = self._exchange.poll(t_us)
            self.statistics.requests += len(requests)
            return [*requests, *self._settings(t_us)]
        if self._started_us is not None and t_us - self._started_us < _START_US:
            return []
        self._started_us = t_us
        return [self.command(Verb.START)]

    def show(self, t_us: int, light: int, sound: int) -> ToBoard:
        """The order of what to show and sound from now on, by priority; it has to be answered."""
        self._hearing.note_order(t_us)
        return self.command(Verb.ANNUNCIATE, annunciate(light, sound=sound, expiry_ms=_SHOWN_MS))

    def _settings(self, t_us: int) -> list[ToBoard]:
        """Have the settings that the board runs on kept, if what its flash held was damaged.

        Once it has answered there is nothing more to do: a flash that cannot be written stays bad.
        """
        rates = {stream.descriptor.name: round(stream.descriptor.rate_hz) for stream in self._streams.values()}
        is_bad = self.status is not None and StatusBit.SETTINGS_BAD in self.status.bits
        is_soon = self._configured_us is not None and t_us - self._configured_us < _SETTINGS_US
        if not is_bad or self._is_configured or is_soon or not rates.keys() >= {"optical", "pressure"}:
            return []
        self._configured_us = t_us
        arguments = configure(pleth_rate_hz=rates["optical"], pressure_rate_hz=rates["pressure"])
        return [self.command(Verb.CONFIGURE, arguments)]

    def command(self, verb: Verb, arguments: bytes = b"") -> ToBoard:
        """A command for the board; how it was taken comes as Acknowledged."""
        index, self.next_command = self.next_command, (self.next_command + 1) % INDEX_MODULUS
        self.statistics.commands += 1
        return ToBoard(data=command(verb, arguments, index=index))

    def feed(self, arrival_us: int, frame: Frame) -> list[DeviceEvent]:
        """Take a frame that came at ``arrival_us``."""
        self._quality.note_good(arrival_us)
        board = decoded(frame.payload, BoardInfo) if frame.type is FrameType.HELLO and frame.stream == 0 else None
        if board is not None:
            self._identify(arrival_us, board)
        if self._stranger is not None:
            self.statistics.refused += 1
            return []
        lost = self.statistics.frames_lost
        if not self._sequence.follows(arrival_us, frame.seq):
            return []
        if self.statistics.frames_lost > lost:
            self._quality.note_lost(arrival_us, self.statistics.frames_lost - lost)
            self._health.note_lost()
        self._sequence.is_identified = self._sequence.is_identified or board is not None
        if not self._sequence.is_identified:
            self.statistics.refused += 1
            return []
        device_us = self._clock.feed(arrival_us, frame.ticks_us)
        self._note_steps()
        return self._take(arrival_us, frame, device_us)

    def _take(self, arrival_us: int, frame: Frame, device_us: int) -> list[DeviceEvent]:
        match frame.type:
            case FrameType.HELLO:
                return self._describe(frame)
            case FrameType.DATA:
                return self._data(arrival_us, frame, device_us)
            case FrameType.EVENT:
                return self._event(arrival_us, frame, device_us)
            case FrameType.ACK:
                return self._acknowledged(frame)
            case FrameType.STATUS:
                self._take_status(arrival_us, frame)
            case FrameType.TIME_REP:
                self._take_reply(arrival_us, frame)
            case FrameType.TIME_REQ | FrameType.CMD:  # ours, and somebody sends them back
                self.statistics.refused += 1
            case FrameType.LOG:
                pass  # for people; it is in the recording
        return []

    def findings_of_link(self, t_us: int) -> list[Finding]:
        """What is wrong with the link, whoever is at its other end."""
        return self._quality.findings(t_us)

    def findings(self, t_us: int) -> list[Finding]:
        """Everything that is wrong with the board and its link now, but for silence."""
        found = self.findings_of_link(t_us)
        if self._stranger is not None:
            detail = f"{self._stranger.uid}, expected {self._uid}"
            return [*found, Finding(fault=Fault.OTHER_BOARD, detail=detail)]
        found += self._resets.findings(t_us)
        if self.board is None or not self.is_connected:
            return [*found, Finding(fault=Fault.NOT_DESCRIBED)]
        if self._firmware is not None:
            complaint = self._program.complaint(t_us, self.board.fw, self._firmware)
            found += [Finding(fault=Fault.UNKNOWN_FIRMWARE, detail=complaint)] if complaint else []
        names = {number: stream.descriptor.name for number, stream in self._streams.items()}
        found += self._hearing.findings(t_us)
        found += self._health.findings(t_us, names)
        found += self._clock.findings(t_us)
        is_told = self._ahead_us is not None and t_us - self._ahead_us <= _TOLD_US
        if is_told and not any(stream.rate.is_wrong for stream in self._streams.values()):  # which explains it
            found.append(Finding(fault=Fault.AHEAD))
        for stream in self._streams.values():
            if stream.rate.is_wrong:
                detail = f"declared {stream.descriptor.rate_hz:g} Hz, measured {stream.rate.measured_hz or 0:.0f} Hz"
                found.append(Finding(fault=Fault.RATE_MISMATCH, subject=stream.descriptor.name, detail=detail))
            if stream.stuck_bit:
                found.append(Finding(fault=Fault.STUCK_BIT, subject=stream.descriptor.name, detail=stream.stuck_bit))
            if stream.beyond_us is not None and t_us - self._clock.offset_us - stream.beyond_us <= _BEYOND_US:
                found.append(Finding(fault=Fault.OUT_OF_RANGE, subject=stream.descriptor.name))
        found += [
            Finding(fault=Fault.UNREADABLE_STREAM, subject=f"stream {number} of the board")
            for number in sorted(self.unreadable)
        ]
        return found

    def _identify(self, arrival_us: int, board: BoardInfo) -> None:
        """Keep to the chair's own board; the first one heard is it, if nobody has said which."""
        self._uid = self._uid or board.uid
        if board.uid != self._uid:
            self._stranger = board
            self.is_connected = False
            return
        if self._stranger is not None:
            self._stranger = None
            self._health.note_silence(arrival_us)
            self._forget()
        if self.board is None or board.boot != self.board.boot:
            self._reboot(arrival_us, board)

    def _reboot(self, t_us: int, board: BoardInfo) -> None:
        if self.board is not None:
            self._resets.note(t_us, board.reset)
        self.board = board
        self.statistics.boots += 1
        self._health = Health(is_self_test_passed=board.selftest, since_us=t_us)
        self._program = Program(t_us)
        self._clock = BoardClock()
        self._steps_of_boots = self.statistics.clock_steps
        self._forget()

    def _forget(self) -> None:
        """What the link said before does not count any more: the streams describe themselves again."""
        self.is_connected = False
        self.unreadable.clear()
        self._streams.clear()
        self._sequence.restart()
        self._hearing = Hearing()
        self._configured_us, self._is_configured = None, False

    def _describe(self, frame: Frame) -> list[DeviceEvent]:
        """Take a HELLO; a stream that cannot be understood leaves the others usable."""
        if self.board is None or not self._is_of_boot(frame.payload):
            self.statistics.refused += 1
            return []
        if frame.stream == PROGRAM_STREAM:
            self._take_program(frame.payload)
            return []
        if frame.stream == 0:
            self.statistics.refused += decoded(frame.payload, BoardInfo) is None
            return []
        return self._describe_stream(self.board, frame.stream, frame.payload)

    def _describe_stream(self, board: BoardInfo, stream: int, payload: bytes) -> list[DeviceEvent]:
        descriptor = decoded(payload, Descriptor)
        if descriptor is None:
            is_new = stream not in self.unreadable
            self.statistics.refused += 1
            self.unreadable.add(stream)
            self._streams.pop(stream, None)
        else:
            is_new = stream not in self._streams or self._streams[stream].descriptor != descriptor
            self.unreadable.discard(stream)
        if not is_new:
            return []
        if descriptor is not None:
            self._streams[stream] = StreamDecoder(descriptor, self.statistics)
        if len(self._streams) + len(self.unreadable) < board.streams:
            return []
        self.is_connected = True
        streams = tuple(self._streams[k].descriptor for k in sorted(self._streams))
        return [Connected(board=board, streams=streams)]

    def _is_of_boot(self, payload: bytes) -> bool:
        known = decoded(payload, OfBoot)
        return self.board is not None and known is not None and known.boot == self.board.boot

    def _take_program(self, payload: bytes) -> None:
        part = decoded(payload, ProgramPart)
        if part is None:
            self.statistics.refused += 1
        else:
            self._program.feed(part)

    def _data(self, t_us: int, frame: Frame, device_us: int) -> list[DeviceEvent]:
        self.statistics.sensor_errors += Flag.SENSOR_ERROR in frame.flags
        self.statistics.host_drops += Flag.TX_DROPPED in frame.flags
        stream = self._streams.get(frame.stream) if self.is_connected else None
        if stream is None or not stream.fits(frame):
            self.statistics.refused += 1
            return []
        decoded_samples = stream.feed(frame, device_us)
        if decoded_samples is None:
            return []
        device_t_us, values = decoded_samples
        sample_t_us = self._clock.gateway_us(device_t_us)
        if stream.rate.is_wrong or stream.stuck_bit or not self._health.is_trusted(frame.stream):
            self.statistics.refused += 1
            return []
        if int(sample_t_us[-1]) - t_us > AHEAD_US:  # nothing may look fresher than it can be
            self.statistics.refused += 1
            self._ahead_us = t_us
            return []
        return [Samples(stream=stream.descriptor, t_us=sample_t_us, values=values)]

    def _take_status(self, t_us: int, frame: Frame) -> None:
        status = decode_status(frame.payload)
        if status is None:
            self.statistics.refused += 1
        else:
            self._health.note_status(t_us, status)
            self._hearing.note_status(status)

    def _event(self, t_us: int, frame: Frame, device_us: int) -> list[DeviceEvent]:
        if len(frame.payload) != _EVENT.size or frame.payload[0] not in EventCode.__members__.values():
            self.statistics.refused += 1
            return []
        code, detail = _EVENT.unpack(frame.payload)
        self._health.note_event(t_us, EventCode(code), frame.stream, detail)
        happened_us = device_us + self._clock.offset_us
        return [BoardEvent(t_us=happened_us, code=EventCode(code), stream=frame.stream, detail=detail)]

    def _take_reply(self, t_us: int, frame: Frame) -> None:
        answer = self._exchange.feed(frame)
        if answer is None:
            self.statistics.refused += 1
            return
        self.statistics.replies += 1
        self._hearing.note_answer()
        self._clock.feed_exchange(answer.sent_us, t_us, answer.ticks_us)
        self._note_steps()

    def _note_steps(self) -> None:
        """Count them; what the streams have learnt of their clocks is wrong after one."""
        steps = self._steps_of_boots + self._clock.steps
        if steps != self.statistics.clock_steps:
            for stream in self._streams.values():
                stream.forget_clock()
        self.statistics.clock_steps = steps

    def _acknowledged(self, frame: Frame) -> list[DeviceEvent]:
        result = frame.payload[0] if len(frame.payload) == 1 else -1
        if frame.stream not in Verb.__members__.values() or result not in AckResult.__members__.values():
            self.statistics.refused += 1
            return []
        if frame.stream == Verb.ANNUNCIATE and result == AckResult.DONE:
            self._hearing.note_answer()
        self._is_configured = self._is_configured or frame.stream == Verb.CONFIGURE
        self.statistics.commands_done += result == AckResult.DONE
        self.statistics.commands_refused += result != AckResult.DONE
        return [Acknowledged(verb=Verb(frame.stream), index=frame.index, result=AckResult(result))]
