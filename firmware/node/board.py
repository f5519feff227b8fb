"""The wiring of the board: what is soldered to which pin (docs/install-board.md)."""

import os
import sys

import machine
from micropython import const

from node.annunciator import Button, Lamp, Sounder
from node.drivers import outputs
from node.drivers.board_adc import BoardAdc
from node.drivers.i2c_bus import I2cBus
from node.drivers.lis3dh import Lis3dh
from node.drivers.max30102 import Max30102
from node.drivers.pressure_adc import PressureAdc
from node.settings import Settings
from node.watchdog import Watchdog

# Raspberry Pi Pico and Pico 2 (Pico data sheet, section 2.1, pinout); light and sounder: node/drivers/outputs.py
_SDA = const(4)  # I2C0, pin 6
_SCL = const(5)  # I2C0, pin 7
_BUTTON = const(19)  # pin 25: to ground
_PRESSURE = const(26)  # ADC0, pin 31: analog output of the finger-cuff monitor, 0..3.3 V
_REFERENCE = const(27)  # ADC1, pin 32: 2.5 V reference, or to ground
_I2C_HZ = const(400_000)
# A burst of a full FIFO takes 4.4 ms; the default of 50 ms would cost ten pressure samples when the bus hangs.
_I2C_TIMEOUT_US = const(6_000)


class Board:
    """Sensors, link, light, sound and identity of this board."""

    def __init__(self):
        self.reset_cause = machine.reset_cause()
        self.settings = Settings()
        self.bus = I2cBus(0, _SDA, _SCL, _I2C_HZ, _I2C_TIMEOUT_US)
        self.bus.recover()  # a reset amid a transfer leaves a sensor that holds the line
        self.optical = Max30102(self.bus.i2c)
        self.motion = None
        self._motion = Lis3dh(self.bus.i2c)
        self.find_motion()
        self.pressure = PressureAdc(machine.ADC(machine.Pin(_PRESSURE)))
        core, reference = machine.ADC(machine.ADC.CORE_TEMP), machine.ADC(machine.Pin(_REFERENCE))
        self.adc = BoardAdc(core, reference, self.settings.expects_reference)
        self.adc.read()
        if self.adc.is_fitted:  # kept now: in the loop the flash would take too long
            self.settings.expect_reference()
        self.lamp = Lamp(*outputs.light())
        self.sounder = Sounder(outputs.sounder())
        self.button = Button(machine.Pin(_BUTTON, machine.Pin.IN, machine.Pin.PULL_UP))
        self.out = sys.stdout.buffer
        self.into = sys.stdin.buffer
        self.uid = machine.unique_id()
        self.entropy = os.urandom(7)  # boot id (4), first epoch of each stream (1 each)
        self.watchdog = Watchdog()  # last: from here on there must be progress

    def find_motion(self):
        """Look for the motion sensor: a board may come without, but not lose one that it has had."""
        is_there = self._motion.is_there()
        if is_there:
            self.settings.expect_motion()
        if is_there or self.settings.expects_motion:
            self.motion = self._motion
        return self.motion is not None
