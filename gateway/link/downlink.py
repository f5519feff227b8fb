"""What the gateway says to the board: requests and commands in, bytes for the link out (docs/wire.md)."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from enum import IntEnum

from gateway.link.frame import VERSION, FrameType

INDEX_MODULUS = 1 << 30
_HEADER = struct.Struct("<BBHBBHII")
_CONFIGURE = struct.Struct("<HHBB")
_ANNUNCIATE = struct.Struct("<BBH")
_IDENTIFY = struct.Struct("<H")
UPDATE_ARGUMENTS = b"update"


@dataclass(frozen=True, slots=True, kw_only=True)
class ToBoard:
    """Encoded frames for the board; the source carries them there, or loses them: nobody waits."""

    data: bytes


class Verb(IntEnum):
    """What a CMD asks for."""

    START = 1
    CONFIGURE = 2
    ANNUNCIATE = 3
    IDENTIFY = 4
    SELF_TEST = 5
    UPDATE = 6


class AckResult(IntEnum):
    """How the board took a CMD."""

    DONE = 0
    UNKNOWN_VERB = 1
    BAD_ARGUMENT = 2
    BUSY = 3
    FAILED = 4


class EventCode(IntEnum):
    """What an EVENT tells."""

    BUTTON = 1
    SENSOR_ERROR = 2
    SENSOR_GOOD = 3
    REPAIRED = 4
    OWN_ALARM = 5
    OWN_ALARM_END = 6
    EXCEPTION = 7
    BAD_SETTINGS = 8
    LED_CHANGED = 9
    REFERENCE_OFF = 10
    REFERENCE_GOOD = 11


def encode_frame(
    kind: FrameType, *, stream: int = 0, seq: int = 0, index: int = 0, payload: bytes = b"", version: int = VERSION
) -> bytes:
    """One frame with a delimiter before and behind it; ``seq`` and ``index`` wrap."""
    body = _HEADER.pack(version << 4 | kind, stream, seq % 65536, 0, 0, 0, index % INDEX_MODULUS, 0) + payload
    return b"\0" + encode_cobs(body + zlib.crc32(body).to_bytes(4, "little")) + b"\0"


def encode_cobs(raw: bytes) -> bytes:
    """Consistent overhead byte stuffing of at most 253 bytes: each zero becomes the distance to the next one."""
    return b"".join(bytes([len(group) + 1]) + group for group in raw.split(b"\0"))


def time_request(index: int, *, seq: int = 0) -> bytes:
    return encode_frame(FrameType.TIME_REQ, seq=seq, index=index)


def command(verb: Verb, arguments: bytes = b"", *, index: int, seq: int = 0) -> bytes:
    return encode_frame(FrameType.CMD, stream=verb, seq=seq, index=index, payload=arguments)


def configure(*, pleth_rate_hz: int, pressure_rate_hz: int, red: int = 0, infrared: int = 0) -> bytes:
    """Arguments of CONFIGURE; currents in steps of 0.2 mA, 0 leaves them to the board."""
    return _CONFIGURE.pack(pleth_rate_hz, pressure_rate_hz, red, infrared)


def annunciate(priority: int, *, sound: int, expiry_ms: int) -> bytes:
    """Arguments of ANNUNCIATE: priority of the light and of the sound, 0 none, 1 low, 2 medium, 3 high."""
    return _ANNUNCIATE.pack(priority, sound, expiry_ms)


def identify(duration_ms: int) -> bytes:
    """Arguments of IDENTIFY."""
    return _IDENTIFY.pack(duration_ms)
