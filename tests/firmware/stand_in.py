"""The firmware's modules under CPython: stand-ins for what MicroPython adds, with a time that tests set."""

import builtins
import contextlib
import errno
import importlib
import os
import sys
import types
from pathlib import Path

import pytest

from hil.board.bus import NoAcknowledgeError

FIRMWARE = Path(__file__).parents[2] / "firmware"
_MASK = (1 << 30) - 1


class Time(types.ModuleType):
    """MicroPython's time; it passes in sleeps, in calls and when a test says so."""

    def __init__(self):
        super().__init__("time")
        self.now_ns = 0
        self.slept_us = []

    def ticks_us(self):
        self.now_ns += 5_000
        return self.now_ns // 1000 & _MASK

    def ticks_add(self, ticks, delta):
        return (ticks + delta) & _MASK

    def ticks_diff(self, end, start):
        return ((end - start + (1 << 29)) & _MASK) - (1 << 29)

    def sleep_us(self, us):
        self.slept_us.append(us)
        self.now_ns += us * 1000

    def sleep_ms(self, ms):
        self.sleep_us(ms * 1000)


class I2C:
    """The machine's I2C with one model on it, and the bus time of 400 kHz."""

    def __init__(self, time, model, address):
        self._time, self._model, self._address = time, model, address

    def readfrom_mem_into(self, address, register, buffer):
        buffer[:] = self._transfer(address, bytes([register]), len(buffer))

    def writeto_mem(self, address, register, data):
        self._transfer(address, bytes([register, *data]), 0)

    def _transfer(self, address, written, wanted):
        assert address == self._address
        try:
            data = self._model.transfer(self._time.now_ns, written, wanted)
        except NoAcknowledgeError:
            raise OSError(errno.EIO) from None
        self._time.now_ns += (3 + len(written) + wanted) * 22_500
        return data


@contextlib.contextmanager
def imported(*names):
    """Import firmware modules; yield them and the time they see, and forget them afterwards."""
    clock = Time()
    micropython = types.ModuleType("micropython")
    micropython.const = micropython.viper = micropython.native = lambda value: value
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(FIRMWARE))
        patch.setitem(sys.modules, "micropython", micropython)
        patch.setattr(os, "ilistdir", lambda _: iter(()), raising=False)  # an empty flash
        for pointer in ("ptr8", "ptr32"):
            patch.setattr(builtins, pointer, lambda buffer: buffer, raising=False)
        for name in [n for n in sys.modules if n.partition(".")[0] == "node"]:
            patch.delitem(sys.modules, name)
        real = sys.modules["time"]
        modules = []
        for name in names:
            sys.modules["time"] = clock
            try:
                modules.append(importlib.import_module(name))
            finally:
                sys.modules["time"] = real
        yield (clock, *modules)
        for name in [n for n in sys.modules if n.partition(".")[0] == "node"]:
            del sys.modules[name]
