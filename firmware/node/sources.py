"""Sensors in, samples for their streams out: keeps each sensor running and says what it had to lose."""

from errno import EINVAL, ENODEV
from time import ticks_diff, ticks_us

import micropython
from micropython import const

from node.clock import measured_ppm
from node.events import (
    BUS,
    CONFIGURATION,
    LED_CHANGED,
    NO_SAMPLES,
    REPAIRED,
    SENSOR_ERROR,
    SENSOR_GOOD,
    WRONG_PART,
    WRONG_RATE,
)
from node.frame import CLIPPED, LOSS_UNKNOWN, RECONFIGURED, TIMED
from node.frame import SENSOR_ERROR as FAILED

BLOCK_US = const(40_000)  # between two frames of optical and of pressure
_MOST = const(10)  # samples of pressure in a frame
_FAILURES = const(3)  # in a row: the sensor is gone
_RETRY_POLLS = const(25)  # about 1 s, for motion 2 s, between two attempts to start a sensor
_SILENT_POLLS = const(10)  # as long without a sample: the sensor has lost its configuration
_U24 = const(3)
_COUNT_MAX = const(0x3FFFFFFF)

# States of a sensor with a FIFO
_OFF = const(0)
_RESET = const(1)
_RUNNING = const(2)

# A moment is looked for at each of the first polls of an epoch, then every second or three
_FIRST_MARKS = const(25)
_MARK_POLLS = const(40)
_TICK_US = const(4_000)  # the shortest

# The rate is measured over 10 s, between samples whose moment is known; if there are none, over 13 s of any
_MEASURE_US = const(10_000_000)
_MEASURE_ANY_US = const(13_000_000)
_MEASURE_MAX_US = const(16_000_000)
_RATE_TOLERANCE_PPM = const(100_000)
_PPM = const(1_000_000)
UNKNOWN = const(-1)


class FifoSource:
    """Keeps a sensor with a FIFO running and sends what it has; one that is gone is tried again now and then."""

    def __init__(self, sensor, stream, bus, events):
        self._sensor = sensor
        self._stream = stream
        self._bus = bus
        self._events = events
        self._state = _OFF
        self._polls = _RETRY_POLLS  # in this state, or since the last sample
        self._failures = 0
        self._starts = 0
        self._why = 0  # of an error that lasts; none of them is 0
        self._is_off_rate = False
        self._marks = _FIRST_MARKS  # to look for at once
        self._until_mark = 0
        self._is_watched = False  # since the last block
        self._watched_from = ticks_us()
        self._measured_from = 0
        self._measured_index = UNKNOWN
        self.rate_chz = UNKNOWN
        self.bus_errors = 0
        self.repairs = 0  # modulo 256
        self.is_waiting = False
        self.is_watching = False

    @micropython.native
    def poll(self, missed=0):
        """Do what is due; bus errors end in the next attempt, never in a wait. After missed ticks it is high time."""
        self.is_waiting = False
        try:
            if self._state == _RUNNING:
                self._run(missed)
            elif self._state == _RESET:
                self._sensor.configure()
                self._enter(_RUNNING)
                self._expect_marks()
                self._stream.flag(RECONFIGURED if self._starts else 0)
                self._starts = 1
            else:
                self._polls += 1
                if self._polls >= _RETRY_POLLS:
                    self._enter(_RESET)
                    self._bus.recover()
                    self._sensor.reset()
            self._failures = 0
        except OSError as error:
            self._fail(error.errno)

    def look(self):
        """Look for the moment of the next sample, while ``is_watching``."""
        sensor = self._sensor
        try:
            sensor.look()
            self.is_watching = sensor.is_watching
        except OSError as error:
            self._fail(error.errno)

    def check(self):
        """Read the whole configuration back, as once a second; what has changed is repaired."""
        if self._state != _RUNNING:
            return
        try:
            register = self._sensor.changed_register()
            if register >= 0:
                self.restart(LOSS_UNKNOWN)
                self._tell_change(register)
            elif self._sensor.control():
                self._events.put(self._stream.number, LED_CHANGED, 0)
                self._stream.flag(RECONFIGURED)
        except OSError as error:
            self._fail(error.errno)

    def _tell_change(self, register):
        """Tell which register has changed; if none has, its reading was disturbed."""
        if register >= 0:
            self.repairs = (self.repairs + 1) & 255
            self._events.put(self._stream.number, REPAIRED, register)

    def error(self):
        """The error that lasts, 0 if there is none: an event may be lost, so STATUS tells it each second."""
        return self._why or (WRONG_RATE if self._is_off_rate else 0)

    def restart(self, flags):
        """Configure the sensor anew, at the next two polls."""
        self._stop()
        self._stream.start_epoch(flags)
        self._polls = _RETRY_POLLS

    def _fail(self, number):
        self.bus_errors = min(self.bus_errors + 1, _COUNT_MAX)
        self._failures += 1
        if self._state != _RUNNING or self._failures >= _FAILURES:
            self._give_up(WRONG_PART if number == ENODEV else CONFIGURATION if number == EINVAL else BUS)
        self._stop_watching()
        self._stream.flag(FAILED)

    def _enter(self, state):
        self._state = state
        self._polls = 0

    def _give_up(self, why):
        if self._state == _RUNNING:
            self._stream.start_epoch(LOSS_UNKNOWN)
        if why != self._why:
            self._events.put(self._stream.number, SENSOR_ERROR, why)
            self._why = why
        self._stop()

    def _stop(self):
        self._enter(_OFF)
        self._stop_watching()
        self._measured_index = UNKNOWN
        self.rate_chz = UNKNOWN

    def _stop_watching(self):
        self.is_watching = self._sensor.is_watching = self._is_watched = False

    def _expect_marks(self):
        self._marks = _FIRST_MARKS
        self._until_mark = 0

    @micropython.native
    def _run(self, missed):
        sensor = self._sensor
        if self.is_watching:
            if not missed and ticks_diff(ticks_us(), self._watched_from) < 3 * sensor.period_us + _TICK_US:
                self.is_waiting = True
                return
            self._stop_watching()
        elif self._is_watched:
            self._is_watched = False
        elif self._until_mark > 0:
            self._until_mark -= 1
        elif not missed:
            self._until_mark = 0 if self._marks else _MARK_POLLS
            self._marks = max(0, self._marks - 1)
            if sensor.watch():
                self.is_watching = self.is_waiting = True
                self._is_watched = True
                self._watched_from = ticks_us()
                return
        self._read()

    @micropython.native
    def _read(self):
        sensor, stream = self._sensor, self._stream
        n = sensor.read()
        self.is_waiting = sensor.is_waiting
        self._polls += 1
        if n:
            try:
                has_changed = sensor.has_changed()
            except OSError as error:
                stream.skip(n + sensor.lost)  # they are out of the FIFO
                raise error  # by name: native code has no other
            if has_changed:  # what came since the last block is of nobody knows which configuration
                self.restart(LOSS_UNKNOWN)
                self._tell_change(sensor.changed_register())
                return
            self._polls = 0
            self._take(n)
        if sensor.lost:
            stream.skip(sensor.lost)
        elif sensor.is_lost_unknown:
            stream.start_epoch(LOSS_UNKNOWN)
            self._expect_marks()
            self._measured_index = UNKNOWN
        elif self._polls >= _SILENT_POLLS:
            stream.flag(FAILED)
            self._give_up(NO_SAMPLES)
            self._polls = _RETRY_POLLS  # it answers, so there is nothing to wait for

    @micropython.native
    def _take(self, n):
        sensor, stream = self._sensor, self._stream
        if sensor.clipped:
            stream.flag(CLIPPED)
        if self._why:
            self._why = 0
            self._events.put(stream.number, SENSOR_GOOD, 0)
        if self._is_off_rate:
            stream.flag(FAILED)
        stream.send(sensor.samples, n, sensor.ticks, TIMED if sensor.is_timed else 0)
        self._measure()

    def _measure(self):
        """Measure the sensor's rate by the board's clock."""
        sensor, index = self._sensor, self._stream.next_index()
        first = self._measured_index
        elapsed_us = ticks_diff(sensor.ticks, self._measured_from)
        if first < 0 or not 0 <= elapsed_us < _MEASURE_MAX_US or index < first:
            if sensor.is_timed or first < 0:
                self._measured_index, self._measured_from = index, sensor.ticks
            return
        if elapsed_us < (_MEASURE_US if sensor.is_timed else _MEASURE_ANY_US):
            return
        ppm = measured_ppm(index - first, sensor.period_us, elapsed_us)
        self.rate_chz = sensor.rate_hz * ppm // 10_000
        self._measured_index, self._measured_from = index, sensor.ticks
        is_off = abs(ppm - _PPM) > _RATE_TOLERANCE_PPM
        if is_off and not self._is_off_rate:
            self._events.put(self._stream.number, SENSOR_ERROR, WRONG_RATE)
        elif self._is_off_rate and not is_off:
            self._events.put(self._stream.number, SENSOR_GOOD, 0)
        self._is_off_rate = is_off


class PressureSource:
    """Collects pressure samples into frames."""

    def __init__(self, sensor, stream, watchdog):
        self._sensor = sensor
        self._stream = stream
        self._watchdog = watchdog
        self._payload = bytearray(_MOST * _U24)
        self.block = _MOST  # samples in a frame
        self._n = 0
        self._ticks = ticks_us()

    @micropython.native
    def take(self, missed):
        """Take one sample now, before anything that may be slow; ``missed`` ones before it are lost."""
        ticks = ticks_us()
        sensor = self._sensor
        raw = sensor.read()
        if missed:
            self.flush()
            self._stream.skip(missed)
        if raw == sensor.FULL:
            self._stream.flag(CLIPPED)
        payload, n = self._payload, self._n
        at = n * _U24
        payload[at] = raw >> 16
        payload[at + 1] = (raw >> 8) & 255
        payload[at + 2] = raw & 255
        self._ticks = ticks
        n += 1
        self._n = n
        if n >= self.block:
            self.flush()

    @micropython.native
    def flush(self):
        """Hand the samples over; this is the progress that keeps the watchdog quiet."""
        if self._n:
            self._stream.send(self._payload, self._n, self._ticks, TIMED)
            self._n = 0
            self._watchdog.feed()

    def restart(self, flags):
        """Count anew: the next sample belongs to another rate, or nobody knows how many are missing."""
        self.flush()
        self._stream.start_epoch(flags)

    def forget(self):
        """Throw away what may be half done, and count anew."""
        self._n = 0
        self._stream.start_epoch(LOSS_UNKNOWN)
