"""What a client may ask of a chair: typed, bounded, and nothing in it that is not known. Its name is in the topic.

``boot`` and ``t_us`` of a request are those of the newest heartbeat that its author had seen: so its age is counted by
the chair's own clock, and what was asked of an earlier start of the gateway is never done by a later one.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Annotated

import msgspec

import dsp
from gateway.alarms import Condition, Priority
from gateway.decoding import decoded
from gateway.treatment.records import Mark, Order

MAX_BYTES = 4096  # of a payload; the longest that can be meant has about 1000
# How long a reference holds is the clinic's to say; finger-cuff monitors are recalibrated every 30 to 240 min
# (caretaker.h of libcaretaker 1.6.5).
LEAST_VALID_MIN, MOST_VALID_MIN = 5, 240
# $ alone would take a newline at the end too, and \Z is not known to those who read the AsyncAPI document.
_Id = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9-]{8,64}$(?!\n)")]
_TUs = Annotated[int, msgspec.Meta(ge=0, le=1 << 53)]  # what every JSON reader takes for an integer
_Boot = Annotated[str, msgspec.Meta(max_length=64)]
_AlarmId = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]


class Verb(Enum):
    """What may be asked; the last level of the topic."""

    ACKNOWLEDGE = "acknowledge"
    AUDIO_PAUSE = "audio-pause"
    LIMITS = "limits"
    SESSION = "session"
    MARK = "mark"
    CALIBRATE = "calibrate"
    INTERRUPTION = "interruption"
    BOARD = "board"


class BoardAction(Enum):
    """What a person may have the chair's board do."""

    IDENTIFY = "identify"
    SELF_TEST = "self-test"


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """A message as it came to the gateway: an input of the pipeline, to be recorded before it acts."""

    topic: str
    payload: bytes
    is_retained: bool


class Request(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """On every request: ``id`` names the reply's topic and is used once."""

    id: _Id
    boot: _Boot
    t_us: _TUs


class AcknowledgeRequest(Request, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``acknowledge``: one occurrence of one condition, named by both."""

    condition: Condition
    alarm: _AlarmId


class AudioPauseRequest(Request, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``audio-pause``: no sound for so many seconds, of what sounds now; 0 ends a pause."""

    seconds: Annotated[int, msgspec.Meta(ge=0, le=120)]


class LimitsRequest(Request, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``limits``: other limits of one condition by priority, or its signal switched off or on again."""

    condition: Condition
    limits: dict[Priority, float] | None = None
    is_off: bool | None = None


class SessionRequest(Request, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``session``: an order to the treatment session."""

    order: Order


class MarkRequest(Request, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``mark``: a note or a cuff reading for the session's record."""

    mark: Mark


class CalibrateRequest(Request, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``calibrate``: the patient's cardiac output as another method measured it, so many seconds ago."""

    cardiac_output_l_min: Annotated[float, msgspec.Meta(ge=dsp.LEAST_OUTPUT_L_MIN, le=dsp.MOST_OUTPUT_L_MIN)]
    seconds_ago: Annotated[int, msgspec.Meta(ge=0, le=300)]  # further back nothing is kept to compare with
    method: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    valid_min: Annotated[int, msgspec.Meta(ge=LEAST_VALID_MIN, le=MOST_VALID_MIN)]


class InterruptionRequest(Request, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``interruption``: from now on a cuff on the arm, or a pause of the cuff monitor, disturbs the sensors, or not."""

    cause: dsp.Cause
    is_on: bool


class BoardRequest(Request, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``board``: the chair's board shows which it is, or tests itself; the reply is the board's."""

    action: BoardAction


OfGateway = (
    AcknowledgeRequest
    | AudioPauseRequest
    | LimitsRequest
    | SessionRequest
    | MarkRequest
    | CalibrateRequest
    | InterruptionRequest
)
AnyRequest = OfGateway | BoardRequest

REQUESTS: dict[Verb, type[AnyRequest]] = {
    Verb.ACKNOWLEDGE: AcknowledgeRequest,
    Verb.AUDIO_PAUSE: AudioPauseRequest,
    Verb.LIMITS: LimitsRequest,
    Verb.SESSION: SessionRequest,
    Verb.MARK: MarkRequest,
    Verb.CALIBRATE: CalibrateRequest,
    Verb.INTERRUPTION: InterruptionRequest,
    Verb.BOARD: BoardRequest,
}


class ReceiptMessage(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``receipt/{client}``: this alert has come, and was shown to somebody; without an alert: I receive alerts."""

    alert: _AlarmId | None = None
    is_shown: bool = False


class _Name(msgspec.Struct, frozen=True):
    """Of a request that cannot be read, what is needed for a reply."""

    id: _Id


def read(verb: str, payload: bytes) -> AnyRequest | Refused:
    """A request, or why it is none and under which name to say so."""
    name = reply_name(payload)
    known = next((one for one in Verb if one.value == verb), None)
    if known is None or known not in REQUESTS:
        expected = ", ".join(one.value for one in REQUESTS)
        return Refused(id=name, reason=f"{verb}: not a command, expected one of {expected}")
    try:
        return decoded(payload, REQUESTS[known])
    except msgspec.DecodeError as error:
        return Refused(id=name, reason=f"{verb}: {error}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """Not done, and why; ``id`` None cannot be replied to."""

    id: str | None
    reason: str


def reply_name(payload: bytes) -> str | None:
    """The ``id`` of a payload, however wrong the rest of it is."""
    if len(payload) > MAX_BYTES:
        return None
    try:
        return decoded(payload, _Name).id
    except msgspec.DecodeError:
        return None
