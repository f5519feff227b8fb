"""Runs on the board: the loop with sensors and a port that cost nothing, for ever; tells its free memory."""

import gc
import select
import time

import _rig
from node.board import Board
from node.sampler import Sampler

_ROUND = 50_000


class Sensor:
    """A FIFO sensor that has samples whenever it is read."""

    NAME, CHANNELS, UNIT, PART = "optical", ("red", "infrared"), "count", "NONE"
    FULL, OFFSET, NUM, DEN, SAMPLE_BYTES = 0x3FFFF, 0, 1, 1, 6
    rate_hz, period_us = 100, 10_000
    red_steps = infrared_steps = 36
    red_level = infrared_level = 100_000
    clipped = lost = is_lost_unknown = is_waiting = is_watching = False
    is_timed = True

    def __init__(self):
        self.samples = bytearray(32 * 6)
        self.ticks = time.ticks_us()

    def set(self, *_):
        pass

    reset = configure = set

    def settings(self):
        return ()

    def watch(self):
        return False

    control = has_changed = watch

    def changed_register(self):
        return -1

    def read(self):
        self.ticks = time.ticks_us()
        return 4


class Pressure(Sensor):
    rate_hz, period_us = 200, 5_000

    def read(self):
        return 500_000


class Port:
    def write(self, _data, _start, n):
        return n


class Always:
    _ready = ((None, select.POLLOUT),)

    def ipoll(self, _timeout):
        return self._ready


board = Board()
out = board.out
board.optical, board.pressure, board.motion, board.find_motion = Sensor(), Pressure(), None, lambda: False
chair = Sampler(board)
chair._link._out = Port()
chair._link._poll = Always()
for _ in range(2_500):
    _rig.spend(5_000_000)
    chair.step(0)
gc.collect()
while True:
    for _ in range(_ROUND):
        _rig.spend(5_000_000)
        chair.step(0)
    out.write(b"%d\n" % gc.mem_free())
    time.sleep_ms(40)
    gc.collect()  # of this report; had the loop left anything, less would be free
