"""Sensors in, DATA and HELLO frames out: the one loop of the board.

Every 5 ms one pressure sample; every 40 ms the optical FIFO is drained and every 80 ms, between two of these, that of
the motion sensor; every 5 s the board describes itself. Losses move a stream's index or start a new epoch, so samples
are never joined over a gap.
"""

import json
from time import ticks_us

from micropython import const

from node import VERSION, selftest
from node.clock import Pace
from node.frame import (
    CLIPPED,
    DATA,
    HELLO,
    LOSS_UNKNOWN,
    MAX_PAYLOAD,
    OVERFLOW_COUNTED,
    RECONFIGURED,
    SENSOR_ERROR,
    TX_DROPPED,
    Header,
)
from node.link import Link

_PERIOD_US = const(5_000)  # pressure 200 Hz
_BLOCK = const(8)  # ticks between two frames of optical and of pressure: 40 ms
_MOTION_BLOCK = const(16)
_HELLO_TICKS = const(1000)  # 5 s
_FAILURES = const(3)  # in a row: the sensor is gone
_RETRY_POLLS = const(25)  # 1 s, for motion 2 s, between two attempts to start a sensor
_SILENT_POLLS = const(10)  # as long without a sample: the sensor has lost its configuration
_INDEX_MAX = const(0x3FFFFFFF)  # the largest small integer of the board
_U24 = const(3)

# States of a sensor with a FIFO
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
        if self._link.send(header, payload, n * self._sample_bytes):
            header.flags = 0
        else:  # what was lost before it is still to be told; that it was clipped went with it
            header.flags = header.flags & ~CLIPPED | TX_DROPPED
        header.index += n

    def skip(self, n):
        """Count n lost samples."""
        if self._header.index > _INDEX_MAX - n:
            self.start_epoch(LOSS_UNKNOWN)
        else:
            self.flag(OVERFLOW_COUNTED)
            self._header.index += n

    def start_epoch(self, flags):
        """Start counting anew after a loss that cannot be counted."""
        self._header.epoch = (self._header.epoch + 1) & 0xFF
        self._header.index = 0
        self.flag(flags)

    def flag(self, flags):
        self._header.flags |= flags


class FifoSource:
    """Keeps a sensor with a FIFO running and sends what it has; one that is gone is tried again now and then."""

    def __init__(self, sensor, stream):
        self._sensor = sensor
        self._stream = stream
        self._state = _OFF
        self._polls = _RETRY_POLLS  # in this state, or since the last sample
        self._failures = 0
        self._starts = 0
        self.is_waiting = False

    def poll(self):
        """Do what is due; bus errors end in the next attempt, never in a wait."""
        self._polls += 1
        self.is_waiting = False
        try:
            if self._state == _RUNNING:
                self._read()
            elif self._state == _RESET:
                self._sensor.configure()
                self._enter(_RUNNING)
                self._stream.flag(RECONFIGURED if self._starts else 0)
                self._starts = 1
            elif self._polls >= _RETRY_POLLS:
                self._enter(_RESET)
                self._sensor.reset()
            self._failures = 0
        except OSError:
            self._failures += 1
            if self._state != _RUNNING or self._failures >= _FAILURES:
                self._give_up()
            self._stream.flag(SENSOR_ERROR)

    def _enter(self, state):
        self._state = state
        self._polls = 0

    def _give_up(self):
        if self._state == _RUNNING:
            self._stream.start_epoch(LOSS_UNKNOWN)
        self._enter(_OFF)

    def _read(self):
        sensor = self._sensor
        n = sensor.read()
        self.is_waiting = sensor.is_waiting
        if sensor.clipped:
            self._stream.flag(CLIPPED)
        if n:
            self._polls = 0
            self._stream.send(sensor.samples, n, sensor.ticks)
        if sensor.lost:
            self._stream.skip(sensor.lost)
        elif sensor.is_lost_unknown:
            self._stream.start_epoch(LOSS_UNKNOWN)
        elif self._polls >= _SILENT_POLLS:
            self._stream.flag(SENSOR_ERROR)
            self._give_up()


class PressureSource:
    """Collects pressure samples into frames."""

    def __init__(self, sensor, stream):
        self._sensor = sensor
        self._stream = stream
        self._payload = bytearray(_BLOCK * _U24)
        self._n = 0
        self._ticks = ticks_us()

    def take(self, missed):
        """Take one sample now, before anything that may be slow; ``missed`` ones before it are lost."""
        ticks = ticks_us()
        raw = self._sensor.read()
        if missed:
            self.flush()
            self._stream.skip(missed)
        if raw == self._sensor.FULL:
            self._stream.flag(CLIPPED)
        payload = self._payload
        at = self._n * _U24
        payload[at] = raw >> 16
        payload[at + 1] = (raw >> 8) & 255
        payload[at + 2] = raw & 255
        self._ticks = ticks
        self._n += 1
        if self._n == _BLOCK:
            self.flush()

    def flush(self):
        if self._n:
            self._stream.send(self._payload, self._n, self._ticks)
            self._n = 0


class Sampler:
    """Runs one board."""

    def __init__(self, board):
        link = Link(board.out)
        self._link = link
        self._optical = FifoSource(board.optical, Stream(1, board.entropy[4], board.optical.SAMPLE_BYTES, link))
        self._pressure = PressureSource(board.pressure, Stream(2, board.entropy[5], _U24, link))
        self._motion = None
        if board.motion:
            self._motion = FifoSource(board.motion, Stream(3, board.entropy[6], board.motion.SAMPLE_BYTES, link))
        self._hello = Header(HELLO, 0)
        self._descriptions = _describe(board)
        self._hello_ticks = 0
        self._described = 0  # descriptions sent of the present HELLO
        self._block_ticks = 0
        self._motion_ticks = _BLOCK // 2
        self._pace = Pace(_PERIOD_US)

    def run(self):
        """Sample for ever."""
        while True:
            self.step(self._pace.wait())

    def step(self, missed):
        """Do the work of one tick; ``missed`` ticks before it went by."""
        self._pressure.take(missed)
        self._block_ticks = (self._block_ticks + 1) % _BLOCK
        if not self._block_ticks or self._optical.is_waiting:
            self._optical.poll()
        if self._motion:
            self._motion_ticks = (self._motion_ticks + 1) % _MOTION_BLOCK
            if not self._motion_ticks or self._motion.is_waiting:
                self._motion.poll()
        self._hello_ticks += 1
        if self._hello_ticks > _HELLO_TICKS:
            self._hello_ticks = 1
            self._described = 0
        if self._described < len(self._descriptions) and self._link.flush():
            self._say_hello()

    def _say_hello(self):
        """Send the next description: one a tick, all at once would not fit the USB port."""
        hello = self._hello
        hello.stream = self._described
        hello.ticks = ticks_us()  # type: ignore[assignment]  # ticks are plain numbers outside of time
        payload = self._descriptions[self._described]
        if self._link.send(hello, payload, len(payload)):
            self._described += 1


def _describe(board):
    """Return the HELLO payloads: the board, then each stream in the order of its number."""
    boot = int.from_bytes(board.entropy[:4], "little")
    sensors = [sensor for sensor in (board.optical, board.pressure, board.motion) if sensor]
    descriptions: list[dict[str, object]] = [
        {
            "fw": VERSION,
            "uid": board.uid.hex(),
            "boot": boot,
            "reset": board.reset_cause,
            "streams": len(sensors),
            "selftest": selftest.is_passed(),
        }
    ]
    for sensor in sensors:
        stream: dict[str, object] = {"name": sensor.NAME, "channels": list(sensor.CHANNELS), "unit": sensor.UNIT}
        stream.update({"rate": [sensor.RATE_HZ, 1], "full": sensor.FULL, "offset": sensor.OFFSET, "num": sensor.NUM})
        stream.update({"den": sensor.DEN, "format": "u24be", "part": sensor.PART, "boot": boot})
        descriptions.append(stream)
    payloads = [json.dumps(fields, separators=(",", ":")).encode() for fields in descriptions]
    # The encoder copies whatever length it is told; what is sent is bounded here, once.
    longest = [len(payload) for payload in payloads]
    longest += [len(sensor.samples) for sensor in (board.optical, board.motion) if sensor]
    if max(longest) > MAX_PAYLOAD:
        raise ValueError("payload of %d bytes, expected at most %d" % (max(longest), MAX_PAYLOAD))
    return payloads
