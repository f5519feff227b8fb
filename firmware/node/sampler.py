"""The one loop of the board: sensors and the host in, frames, light and sound out.

Every tick (5 or 4 ms) one pressure sample; every 40 ms the optical FIFO is drained and every 80 ms, between two of
these, that of the motion sensor, and what came is sent if the sensor's configuration is still as it was written; every
20 ms the light and the sounder are seen to; every second STATUS is sent; every 5 s the board describes itself. What is
left of a tick goes to the host's requests and to looking for the moment at which a sample is complete. Losses move a
stream's index or start a new epoch, so samples are never joined over a gap. What each tick or each block runs through
is compiled to machine code ("native"): it takes two thirds of the time that bytecode does.
"""

import gc
from time import sleep_ms, sleep_us, ticks_diff, ticks_us

import micropython
from micropython import const

from node import selftest
from node.annunciator import Annunciator
from node.clock import Pace
from node.commands import Commands
from node.events import BAD_SETTINGS, EXCEPTION, REFERENCE_GOOD, REFERENCE_OFF, Events
from node.frame import HELLO, LOG, LOSS_UNKNOWN, RECONFIGURED, Header
from node.inbox import Inbox
from node.link import Link
from node.program import describe
from node.sources import BLOCK_US, FifoSource, PressureSource
from node.status import Status
from node.streams import Stream

_PROGRAM = const(255)  # stream of the HELLO that tells what runs
_U24 = const(3)
_HELLO_S = const(5)
_SECOND_US = const(1_000_000)
_STEP_US = const(20_000)  # of light and sound
_DUTIES = const(4)  # at the end of a second
_PATIENCE = const(50)  # ticks that STATUS may wait for room: a host that does not read must not stop the seconds

# Looking for a sample's moment: how far apart, and how much of the tick is left for it at least
_LOOK_US = const(400)
_LOOK_ROOM_US = const(350)
_DOZE_US = const(1_500)  # a shorter rest is slept through: waiting for the host takes whole milliseconds

_IN_A_ROW_US = const(10_000_000)
_RESET_AFTER = const(3)  # exceptions, each within 10 s of the one before
_HEAP_FULL = b"MemoryError"  # ready-made: there may be no room for it then
_POWER_ON = const(1)


class Sampler:
    """Runs one board."""

    def __init__(self, board):
        link = Link(board.out)
        self._board = board
        self._link = link
        self._events = Events(link)
        self._inbox = Inbox(board.into)
        self._annunciator = Annunciator(
            board.lamp, board.sounder, board.button, self._events, board.reset_cause == _POWER_ON
        )
        self._status = Status(board, link, self._inbox, self._annunciator, self._events)
        self._commands = Commands(self._inbox, link, self._annunciator, self._status, self)
        optical = Stream(1, board.entropy[4], board.optical.SAMPLE_BYTES, link)
        pressure = Stream(2, board.entropy[5], _U24, link)
        self._streams = [optical, pressure, None]
        self._optical = FifoSource(board.optical, optical, board.bus, self._events)
        self._pressure = PressureSource(board.pressure, pressure, board.watchdog)
        self._motion = None
        self._sources = [self._optical, None, None]
        if board.motion:
            self._add_motion()
        self._hello = Header(HELLO, 0)
        self._log = Header(LOG, 0)
        self._descriptions = []
        self._to_describe = 0
        self._described = 0  # descriptions sent of the present HELLO
        self._pace = Pace(_SECOND_US, self._idle)
        self._second = 0  # ticks of the present one
        self._duty = 0  # of those that close it, the next
        self._ticks_a_second = 0
        self._hello_s = 0
        self._step_us = 0
        self._tick = 0  # of two blocks
        self._block_ticks = 0
        self._exceptions = 0  # in a row
        self._last_exception = ticks_us()
        self.is_update_due = False
        self.has_run = False  # for a second
        self._apply()
        if board.settings.is_bad:
            self._events.put(0, BAD_SETTINGS, 0)
        self.test()

    def run(self):
        """Sample until an update is due. An error that nobody foresaw is told and survived, unless it comes back."""
        while not self.is_update_due:
            try:
                while not self.is_update_due:
                    self.step(self._pace.wait())
            except Exception as error:
                if not self._survive(error):
                    raise
        self.has_run = True  # it ends because it was asked to
        self._say_last()

    @micropython.native
    def step(self, missed):
        """Do the work of one tick; ``missed`` ticks before it went by."""
        self._pressure.take(missed)
        passed = 1 + missed  # a FIFO fills in missed ticks too
        optical, motion = self._optical, self._motion
        block, before = self._block_ticks, self._tick
        tick = before + passed
        self._tick = tick % (2 * block)
        if tick // block != before // block or optical.is_waiting:
            optical.poll(missed)
        if motion is not None:
            middle = block * 3 // 2
            if before < middle <= tick or tick >= 2 * block + middle or motion.is_waiting:
                motion.poll(missed)
        self._step_us += passed * self._pace.period_us
        if self._step_us >= _STEP_US:
            self._annunciator.step(self._step_us // 1000)
            self._step_us = 0
        self._second += passed
        if self._second > self._ticks_a_second - _DUTIES:
            self._close_second()
        elif self._events.waiting:
            self._events.send()
        elif self._described < self._to_describe and self._link.flush():
            self._say_hello()

    def describe(self):
        """Say HELLO, now."""
        self._described = 0
        self._hello_s = 0

    def configure(self, pleth_rate_hz, pressure_rate_hz, red, infrared):
        """Take new settings, if they are good; return whether they are."""
        board, settings = self._board, self._board.settings
        before = (board.optical.rate_hz, board.pressure.rate_hz, settings.red, settings.infrared)
        if not settings.accept(pleth_rate_hz, pressure_rate_hz, red, infrared):
            return False
        if settings.is_bad:
            self._events.put(0, BAD_SETTINGS, 0)
        if before != (pleth_rate_hz, pressure_rate_hz, red, infrared):
            self._optical.restart(RECONFIGURED)
            self._pressure.restart(RECONFIGURED)
            self._apply()
        return True

    def test(self):
        """Ask for the known answers, show light and sound."""
        self._status.is_passed = selftest.is_passed()
        self._annunciator.test(self._status.is_passed)

    def _add_motion(self):
        board = self._board
        stream = Stream(3, board.entropy[6], board.motion.SAMPLE_BYTES, self._link)
        self._motion = FifoSource(board.motion, stream, board.bus, self._events)
        self._streams[2], self._sources[2] = stream, self._motion

    def _apply(self):
        """Set the sensors up as the settings say, and describe them anew."""
        board, settings = self._board, self._board.settings
        board.optical.set(settings.pleth_rate_hz, settings.red, settings.infrared)
        board.pressure.set(settings.pressure_rate_hz)
        self._describe_anew()
        self._second = self._duty = 0
        self._ticks_a_second = _SECOND_US // board.pressure.period_us
        self._block_ticks = self._pressure.block = BLOCK_US // board.pressure.period_us
        self._tick = 0
        self._pace.start(board.pressure.period_us)

    def _describe_anew(self):
        self._descriptions = describe(self._board)
        self._to_describe = len(self._descriptions)
        self.describe()
        gc.collect()

    def _see_to_motion(self):
        """Check the sensor; if none was there, look whether there is one now."""
        if self._motion:
            self._motion.check()
        elif self._board.find_motion():
            self._add_motion()
            self._describe_anew()

    def _close_second(self):
        """Do one of the second's duties in each of its last ticks: together they would take too long."""
        duty = self._duty
        self._duty = (duty + 1) % _DUTIES
        if duty == 0:
            self._optical.check()
        elif duty == 1:
            self._see_to_motion()
        elif duty == 2:
            if self._board.adc.read():
                self._events.put(2, REFERENCE_OFF if self._board.adc.is_off else REFERENCE_GOOD, 0)
        elif self._second < self._ticks_a_second + _PATIENCE and not self._link.flush():
            self._duty = duty  # a frame of samples has taken the room: with the next tick
        else:
            seconds = max(1, self._second // self._ticks_a_second)
            self._second = max(0, self._second - seconds * self._ticks_a_second)
            self.has_run = True
            self._status.send(self._sources, self._streams, seconds)
            self._hello_s += 1
            if self._hello_s >= _HELLO_S:
                self.describe()

    @micropython.native
    def _idle(self, us):
        """Pass at most this time: look for samples, listen to the host, or sleep."""
        if self._link.is_waiting:
            self._link.flush()  # the end of a reply must not wait for the next frame
        optical, motion = self._optical, self._motion
        if optical.is_watching or (motion is not None and motion.is_watching):
            if us > _LOOK_ROOM_US:
                if optical.is_watching:
                    optical.look()
                if motion is not None and motion.is_watching:
                    motion.look()
                sleep_us(min(_LOOK_US, us // 2))
            else:
                sleep_us(us)
        elif us < _DOZE_US:
            sleep_us(us)
        elif self._inbox.wait(us // 1000):
            self._commands.receive()

    def _say_hello(self):
        """Send the next description: one a tick, all at once would not fit the USB port."""
        hello = self._hello
        streams = 3 if self._motion else 2
        hello.stream = self._described if self._described <= streams else _PROGRAM
        hello.ticks = ticks_us()  # type: ignore[assignment]  # ticks are plain numbers outside of time
        payload = self._descriptions[self._described]
        if self._link.send(hello, payload, len(payload)):
            self._described += 1

    def _survive(self, error):
        """Tell, and begin anew with what nobody knows the state of; return False if this is to be a reset."""
        now = ticks_us()
        is_again = 0 <= ticks_diff(now, self._last_exception) < _IN_A_ROW_US
        self._exceptions = self._exceptions + 1 if is_again else 1
        self._last_exception = now
        self._status.exceptions += 1
        self._events.put(0, EXCEPTION, min(self._exceptions, 255))
        is_full = isinstance(error, MemoryError)  # a heap that is full stays so: only a reset empties it
        try:
            gc.collect()
            name = _HEAP_FULL if is_full else type(error).__name__.encode()
            self._link.send(self._log, name, len(name))
            self._begin_anew()
            is_good = not is_full and self._exceptions < _RESET_AFTER
        except Exception:  # whatever it is, of this nobody recovers
            is_good = False
        if not is_good:
            self._say_last()
        return is_good

    def _begin_anew(self):
        """Nobody knows what state the streams are in, nor how long that took."""
        self._optical.restart(LOSS_UNKNOWN)
        if self._motion:
            self._motion.restart(LOSS_UNKNOWN)
        self._pressure.forget()
        self._pace.start(self._pace.period_us)

    def _say_last(self):
        """Give the host a moment to take what is waiting."""
        for _ in range(40):
            self._events.send()
            self._link.flush()
            sleep_ms(1)
