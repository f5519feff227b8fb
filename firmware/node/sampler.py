"""Sensors in, DATA and HELLO frames out: the one loop of the board.

Every 5 ms one pressure sample; every 40 ms the optical FIFO is drained and both streams send a frame; every 5 s the
board describes itself. Losses move a stream's index or start a new epoch, so samples are never joined over a gap.
"""

import json
from time import ticks_us

from micropython import const

from node import VERSION
from node.clock import Pace
from node.frame import (
    CLIPPED,
    DATA,
    HELLO,
    LOSS_UNKNOWN,
    OVERFLOW_COUNTED,
    RECONFIGURED,
    SENSOR_ERROR,
    Header,
)
from node.link import Link

_PERIOD_US = const(5_000)  # pressure 200 Hz
_BLOCK = const(8)  # ticks between two frames of a stream: 40 ms
_HELLO_TICKS = const(1000)  # 5 s
_RETRY_BLOCKS = const(25)  # 1 s between two attempts to start a sensor
_SILENT_BLOCKS = const(10)  # 0.4 s without a sample: the sensor has lost its configuration
_INDEX_MAX = const(0x3FFFFFFF)  # the largest small integer of the board
_U24 = const(3)

# States of the optical sensor
_OFF = const(0)
_RESET = const(1)
_RUNNING = const(2)


class Stream:
    """Numbers the samples of one stream: index, epoch and what the next frame must confess."""

    def __init__(self, number, epoch, sample_bytes, link):
        self._sample_bytes = sample_bytes
        self._link = link
        self._header = Header(DATA, number)
        self._header.epoch = epoch

    def send(self, payload, n, ticks):
        """Send n samples, the last of them taken at ``ticks``."""
        header = self._header
        if header.index > _INDEX_MAX - n:
            self.start_epoch(0)
        header.n = n
        header.ticks = ticks
        self._link.send(header, payload, n * self._sample_bytes)
        header.flags = 0
        header.index += n

    def skip(self, n):
        """Count n lost samples."""
        self.flag(OVERFLOW_COUNTED)
        if self._header.index > _INDEX_MAX - n:
            self.start_epoch(0)
        else:
            self._header.index += n

    def start_epoch(self, flags):
        """Start counting anew after a loss that cannot be counted."""
        self._header.epoch = (self._header.epoch + 1) & 0xFF
        self._header.index = 0
        self.flag(flags)

    def flag(self, flags):
        self._header.flags |= flags


class OpticalSource:
    """Keeps the optical sensor running and sends what it has; one that fails is tried again every second."""

    def __init__(self, sensor, stream):
        self._sensor = sensor
        self._stream = stream
        self._state = _OFF
        self._blocks = _RETRY_BLOCKS  # in this state, or since the last sample
        self._starts = 0
        self.is_waiting = False

    def poll(self):
        """Do what is due; bus errors end in the next attempt, never in a wait."""
        self._blocks += 1
        self.is_waiting = False
        try:
            if self._state == _RUNNING:
                self._read()
            elif self._state == _RESET:
                self._sensor.configure()
                self._enter(_RUNNING)
                self._stream.flag(RECONFIGURED if self._starts else 0)
                self._starts = 1
            elif self._blocks >= _RETRY_BLOCKS:
                self._enter(_RESET)
                self._sensor.reset()
        except OSError:
            self._fail()

    def _enter(self, state):
        self._state = state
        self._blocks = 0

    def _fail(self):
        if self._state == _RUNNING:
            self._stream.start_epoch(LOSS_UNKNOWN)
        self._stream.flag(SENSOR_ERROR)
        self._enter(_OFF)

    def _read(self):
        sensor = self._sensor
        n = sensor.read()
        self.is_waiting = sensor.is_waiting
        if sensor.clipped:
            self._stream.flag(CLIPPED)
        if n:
            self._blocks = 0
            self._stream.send(sensor.samples, n, sensor.ticks)
        if sensor.lost:
            self._stream.skip(sensor.lost)
        elif sensor.is_lost_unknown:
            self._stream.start_epoch(LOSS_UNKNOWN)
        elif self._blocks >= _SILENT_BLOCKS:
            self._fail()


class PressureSource:
    """Collects pressure samples into frames."""

    def __init__(self, sensor, stream):
        self._sensor = sensor
        self._stream = stream
        self._payload = bytearray(_BLOCK * _U24)
        self._n = 0
        self._ticks = ticks_us()

    def take(self):
        """Take one sample now."""
        self._ticks = ticks_us()
        raw = self._sensor.read()
        if raw == self._sensor.FULL:
            self._stream.flag(CLIPPED)
        payload = self._payload
        at = self._n * _U24
        payload[at] = raw >> 16
        payload[at + 1] = (raw >> 8) & 255
        payload[at + 2] = raw & 255
        self._n += 1
        if self._n == _BLOCK:
            self.flush()

    def skip(self, missed):
        """Count samples that the loop was too late for; what came before them goes out first."""
        self.flush()
        self._stream.skip(missed)

    def flush(self):
        if self._n:
            self._stream.send(self._payload, self._n, self._ticks)
            self._n = 0


class Sampler:
    """Runs one board."""

    def __init__(self, board):
        link = Link(board.out)
        sensor = board.optical
        optical = Stream(1, board.entropy[4], sensor.SAMPLE_BYTES, link)
        pressure = Stream(2, board.entropy[5], _U24, link)
        self._link = link
        self._optical = OpticalSource(sensor, optical)
        self._pressure = PressureSource(board.pressure, pressure)
        self._hello = Header(HELLO, 0)
        self._descriptions = _describe(board)
        self._hello_ticks = _HELLO_TICKS
        self._block_ticks = 0
        self._pace = Pace(_PERIOD_US)

    def run(self):
        """Sample for ever."""
        while True:
            self.step(self._pace.wait())

    def step(self, missed):
        """Do the work of one tick; ``missed`` ticks before it went by."""
        if missed:
            self._pressure.skip(missed)
        self._pressure.take()
        self._block_ticks += 1
        if self._block_ticks >= _BLOCK or self._optical.is_waiting:
            self._block_ticks = 0
            self._optical.poll()
        self._hello_ticks += 1
        if self._hello_ticks >= _HELLO_TICKS:
            self._hello_ticks = 0
            self._say_hello()

    def _say_hello(self):
        hello = self._hello
        hello.stream = 0
        hello.ticks = ticks_us()  # type: ignore[assignment]  # ticks are plain numbers outside of time
        for payload in self._descriptions:
            self._link.send(hello, payload, len(payload))
            hello.stream += 1


def _describe(board):
    """Return the HELLO payloads: the board, then each stream in the order of its number."""
    boot = int.from_bytes(board.entropy[:4], "little")
    hello = {"fw": VERSION, "uid": board.uid.hex(), "boot": boot, "reset": board.reset_cause, "streams": 2}
    optical: dict[str, object] = {"name": "optical", "channels": ["red", "infrared"], "unit": "count", "rate": [100, 1]}
    pressure: dict[str, object] = {"name": "pressure", "channels": ["pressure"], "unit": "mm[Hg]", "rate": [200, 1]}
    for stream, sensor in ((optical, board.optical), (pressure, board.pressure)):
        stream.update({"full": sensor.FULL, "offset": 0, "num": sensor.NUM, "den": sensor.DEN})
        stream.update({"format": "u24be", "part": sensor.PART, "boot": boot})
    return [json.dumps(fields, separators=(",", ":")).encode() for fields in (hello, optical, pressure)]
