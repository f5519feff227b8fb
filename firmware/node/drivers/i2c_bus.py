"""The sensors' I2C bus: made, and made free again when a sensor holds the data line down."""

from time import sleep_us

import machine
from micropython import const

_CLOCKS = const(9)  # I2C specification UM10204, section 3.1.16 "Bus clear"
_HALF_US = const(5)


class I2cBus:
    """One bus of the processor; ``i2c`` stays the same object when it is made anew (ports/rp2/machine_i2c.c)."""

    def __init__(self, number, sda, scl, hz, timeout_us):
        self._number = number
        self._sda = sda
        self._scl = scl
        self._hz = hz
        self._timeout_us = timeout_us
        self._line = machine.Pin(sda)  # without a mode: its level can be read while the bus has it
        self._make()

    def _make(self):
        self.i2c = machine.I2C(
            self._number,
            scl=machine.Pin(self._scl),
            sda=machine.Pin(self._sda),
            freq=self._hz,
            timeout=self._timeout_us,
        )

    def recover(self):
        """Clock out what a sensor still wants to say, if it holds the line (as after a reset amid a transfer)."""
        if self._line.value():
            return
        sda = machine.Pin(self._sda, machine.Pin.IN, machine.Pin.PULL_UP)
        scl = machine.Pin(self._scl, machine.Pin.OPEN_DRAIN, value=1)
        for _ in range(_CLOCKS):
            if sda.value():
                break
            scl.value(0)
            sleep_us(_HALF_US)
            scl.value(1)
            sleep_us(_HALF_US)
        self._make()
