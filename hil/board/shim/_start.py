"""What the rig starts: puts the board's modules in place, then runs the firmware as it is."""

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
    _rig.flush()
    machine.stay_at_repl()
except Exception as error:
    _rig.flush()
    sys.print_exception(error, sys.stderr)  # for the rig; the board shows it on the link
    machine.stay_at_repl()
    raise
