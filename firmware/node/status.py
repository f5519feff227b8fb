"""Everything the board counts, in one STATUS frame a second (docs/wire.md)."""

import gc
from struct import pack_into
from time import ticks_us

from micropython import const

from node.frame import STATUS, Header
from node.sources import UNKNOWN

_LENGTH = const(105)  # 128 with all that is around it: what the USB port takes at once beside another frame
_FIRST, _EACH, _STREAMS = const(52), const(16), const(3)
_ERRORS = const(100)
_REPAIRS_OPTICAL, _REPAIRS_MOTION = const(103), const(104)
_UNKNOWN = 0xFFFFFFFF
_SOUND, _PASSED, _HELD, _BAD_SETTINGS, _REFERENCE_OFF, _PAUSED = 1, 2, 4, 8, 16, 32
_COUNT_MAX = const(0x3FFFFFFF)


class Status:
    """Packs and sends; everything it tells is asked of those who know it."""

    def __init__(self, board, link, inbox, annunciator, events):
        self._board = board
        self._link = link
        self._inbox = inbox
        self._annunciator = annunciator
        self._events = events
        self._header = Header(STATUS, 0)
        self._payload = bytearray(_LENGTH)
        self._uptime_s = 0
        self.refused = 0  # commands
        self.exceptions = 0
        self.is_passed = False  # the self test

    def send(self, sources, streams, seconds):
        """Send it; sources and streams are those of optical, pressure and motion, None where there is none."""
        board, annunciator = self._board, self._annunciator
        self._uptime_s = min(self._uptime_s + seconds, _COUNT_MAX)
        payload = self._payload
        pack_into(
            "<4B8IhHBBHII",
            payload,
            0,
            board.reset_cause,
            annunciator.priority,
            annunciator.why,
            self._bits(),
            self._uptime_s,
            self._link.dropped,
            self.refused,
            self._inbox.damaged,
            self.exceptions,
            board.watchdog.near_misses,
            annunciator.presses,
            gc.mem_free(),
            board.adc.centi_celsius,
            board.adc.reference_mv,
            board.optical.red_steps,
            board.optical.infrared_steps,
            self._events.lost,
            _known(board.optical.red_level),
            _known(board.optical.infrared_level),
        )
        for k in range(_STREAMS):
            _pack_stream(payload, _FIRST + k * _EACH, sources[k], streams[k])
            payload[_ERRORS + k] = sources[k].error() if sources[k] else 0
        optical, _, motion = sources
        payload[_REPAIRS_OPTICAL] = optical.repairs
        payload[_REPAIRS_MOTION] = motion.repairs if motion else 0
        self._header.ticks = ticks_us()  # type: ignore[assignment]  # ticks are plain numbers outside of time
        self._link.send(self._header, payload, _LENGTH)

    def _bits(self):
        annunciator = self._annunciator
        return (
            (_SOUND if annunciator.is_sounding else 0)
            | (_PASSED if self.is_passed else 0)
            | (_HELD if annunciator.is_pressed else 0)
            | (_BAD_SETTINGS if self._board.settings.is_bad else 0)
            | (_REFERENCE_OFF if self._board.adc.is_off else 0)
            | (_PAUSED if annunciator.is_paused() else 0)
        )


def _pack_stream(payload, at, source, stream):
    rate = source.rate_chz if source else UNKNOWN
    errors = source.bus_errors if source else 0
    lost = stream.lost if stream else 0
    unknown = stream.losses_unknown if stream else 0
    pack_into("<4I", payload, at, _known(rate), errors, lost, unknown)


def _known(value):
    return _UNKNOWN if value < 0 else value
