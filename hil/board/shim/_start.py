"""What the rig starts: puts the board's modules in place, then runs the firmware as it is."""

import io
import sys

import _rig
import _usb
import machine
import micropython
import uos


class _Instead:
    """A module or object with some attributes replaced."""

    def __init__(self, real, **replaced):
        self._real = real
        for name, value in replaced.items():
            setattr(self, name, value)

    def __getattr__(self, name):
        return getattr(self._real, name)


_BANNER = (
    'MicroPython v1.28.0 on 2026-05-01; Raspberry Pi Pico with RP2040\r\nType "help()" for more information.\r\n>>> '
)


def _stay_at_repl(error=None):
    """The board's own words on the link: why its program has ended, and the prompt."""
    words = io.StringIO()
    if error is not None:
        sys.print_exception(error, words)
    was_used = _rig.is_used
    _rig.usb.write(words.getvalue().replace("\n", "\r\n") + _BANNER)
    _rig.usb.drain()
    _rig.is_used = was_used  # these were not the program's
    _rig.flush()
    machine.stay_at_repl()


def _kbd_intr(character):
    _usb.interrupt_character = character


_rig.usb = _usb.Cdc(sys.stdout.buffer, sys.stdin.buffer)
_directory, _name = uos.getenv("RIG_PROGRAM").rsplit("/", 1)
sys.path.insert(0, _directory)
sys.modules["micropython"] = _Instead(micropython, kbd_intr=_kbd_intr)
sys.modules["sys"] = _Instead(
    sys, stdout=_Instead(sys.stdout, buffer=_rig.usb), stdin=_Instead(sys.stdin, buffer=_rig.usb)
)
try:
    __import__(_name.rsplit(".", 1)[0])
    _stay_at_repl()
except Exception as error:
    sys.print_exception(error, sys.stderr)  # for the rig
    _stay_at_repl(error)
    raise
