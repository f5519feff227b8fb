"""The board's STATUS payload in, its fields out; the layout is docs/wire.md."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum, IntFlag

_LAYOUT = struct.Struct("<4B8IhHBBHII12I5B")
_U32_UNKNOWN, _U16_UNKNOWN, _I16_UNKNOWN = 0xFFFFFFFF, 0xFFFF, -0x8000
_NO_REFERENCE_MV = 100
STREAMS = ("optical", "pressure", "motion")


class Shown(IntEnum):
    """Why the board's light and sounder are on."""

    NOTHING = 0
    GATEWAY = 1
    OWN_ALARM = 2
    SELF_TEST = 3
    IDENTIFY = 4


class StatusBit(IntFlag):
    SOUND = 1
    SELF_TEST_PASSED = 2
    BUTTON_HELD = 4
    SETTINGS_BAD = 8
    REFERENCE_OFF = 16
    SOUND_PAUSED = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamStatus:
    """Counts of one stream since boot; ``rate_hz`` as the board's clock measures it, None until it has."""

    rate_hz: float | None
    bus_errors: int
    samples_lost: int
    losses_unknown: int
    error: int  # the detail of SENSOR_ERROR that lasts, 0 for none
    repairs: int  # of the configuration, modulo 256


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardStatus:
    """What the board says of itself each second; None is not known."""

    reset_cause: int
    priority: int
    shown: Shown
    bits: StatusBit
    uptime_s: int
    frames_dropped: int
    commands_refused: int
    corrupt_frames: int
    exceptions: int
    near_misses: int
    button_presses: int
    free_heap_bytes: int
    temperature_c: float | None
    reference_mv: int | None
    led_red_ma: float
    led_infrared_ma: float
    events_lost: int
    red_level: int | None
    infrared_level: int | None
    streams: dict[str, StreamStatus]


def decode_status(payload: bytes) -> BoardStatus | None:
    """The fields, None if it is no STATUS of this version; bytes behind them are of a later one."""
    if len(payload) < _LAYOUT.size:
        return None
    cause, priority, shown, bits, *fields = _LAYOUT.unpack_from(payload)
    uptime, dropped, refused, corrupt, exceptions, misses, presses, heap = fields[:8]
    temperature, reference, red_ma, infrared_ma, events_lost, red, infrared = fields[8:15]
    if shown not in Shown.__members__.values():
        return None
    counts, errors, (of_optical, of_motion) = fields[15:27], fields[27:30], fields[30:32]
    repairs = (of_optical, 0, of_motion)
    streams = {name: _stream(counts[4 * k : 4 * k + 4], errors[k], repairs[k]) for k, name in enumerate(STREAMS)}
    return BoardStatus(
        reset_cause=cause,
        priority=priority,
        shown=Shown(shown),
        bits=StatusBit(bits),
        uptime_s=uptime,
        frames_dropped=dropped,
        commands_refused=refused,
        corrupt_frames=corrupt,
        exceptions=exceptions,
        near_misses=misses,
        button_presses=presses,
        free_heap_bytes=heap,
        temperature_c=None if temperature == _I16_UNKNOWN else temperature / 100,
        reference_mv=None if reference == _U16_UNKNOWN or reference < _NO_REFERENCE_MV else reference,
        led_red_ma=red_ma / 5,
        led_infrared_ma=infrared_ma / 5,
        events_lost=events_lost,
        red_level=_known(red),
        infrared_level=_known(infrared),
        streams=streams,
    )


def _stream(counts: list[int], error: int, repairs: int) -> StreamStatus:
    rate, bus_errors, lost, unknown = counts
    known = _known(rate)
    return StreamStatus(
        rate_hz=None if known is None else known / 100,
        bus_errors=bus_errors,
        samples_lost=lost,
        losses_unknown=unknown,
        error=error,
        repairs=repairs,
    )


def _known(value: int) -> int | None:
    return None if value == _U32_UNKNOWN else value
