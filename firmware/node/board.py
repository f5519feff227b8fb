"""The wiring of the board: what is soldered to which pin."""

import os
import sys

import machine
import micropython

from node.drivers.lis3dh import Lis3dh
from node.drivers.max30102 import Max30102
from node.drivers.pressure_adc import PressureAdc

# Raspberry Pi Pico and Pico 2 (Pico data sheet, section 2.1, pinout)
_SDA = 4  # I2C0, pin 6
_SCL = 5  # I2C0, pin 7
_PRESSURE = 26  # ADC0, pin 31: analog output of the finger-cuff monitor, 0..3.3 V
_I2C_HZ = 400_000
# A burst of a full FIFO takes 4.4 ms; the default of 50 ms would cost ten pressure samples when the bus hangs.
_I2C_TIMEOUT_US = 6_000


class Board:
    """Sensors, link and identity of this board."""

    def __init__(self):
        micropython.kbd_intr(-1)  # a byte 0x03 from the host is data, not Ctrl-C
        i2c = machine.I2C(
            0,
            scl=machine.Pin(_SCL),
            sda=machine.Pin(_SDA),
            freq=_I2C_HZ,
            timeout=_I2C_TIMEOUT_US,
        )
        self.optical = Max30102(i2c)
        motion = Lis3dh(i2c)
        self.motion = motion if motion.is_there() else None  # a board may come without
        self.pressure = PressureAdc(machine.ADC(machine.Pin(_PRESSURE)))
        self.out = sys.stdout.buffer
        self.uid = machine.unique_id()
        self.reset_cause = machine.reset_cause()
        self.entropy = os.urandom(7)  # boot id (4), first epoch of each stream (1 each)
