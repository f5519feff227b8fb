"""The light and the sounder at their pins: for the annunciator, and for a program that does not start."""

from time import sleep_ms

import machine
from micropython import const

# Raspberry Pi Pico and Pico 2 (Pico data sheet, section 2.1, pinout)
_SOUNDER = const(15)  # pin 20: piezo sounder through a transistor
_RED = const(16)  # pin 21
_GREEN = const(17)  # pin 22
_BLUE = const(18)  # pin 24
_HZ = const(880)
_DUTY = const(32768)
_FLASHES = const(8)


def light():
    """Return the pins of red, green and blue, all dark."""
    return [machine.Pin(pin, machine.Pin.OUT, value=0) for pin in (_RED, _GREEN, _BLUE)]


def sounder():
    """Return the sounder, silent."""
    return machine.PWM(machine.Pin(_SOUNDER), freq=_HZ, duty_u16=0)


def cry():
    """Flash red, with a tone each time, for 4 s: all that a board can say that has no program. It stays lit."""
    red = light()[0]
    tone = sounder()
    for _ in range(_FLASHES):
        red.value(0)
        sleep_ms(250)
        red.value(1)
        tone.duty_u16(_DUTY)
        sleep_ms(140)
        tone.duty_u16(0)
        sleep_ms(110)
