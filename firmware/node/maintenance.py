"""A start without the program, so that a new one can be installed: asked for by a file on the flash, and only once."""

import os

from micropython import const

from node.watchdog import restart, restart_in

_FILE = "update"
_HELD_MS = const(300_000)


def ask():
    """Let the next start be without the program."""
    with open(_FILE, "wb"):
        pass


def is_due():
    """Return whether this start is to be without the program; the next one will not be."""
    try:
        os.remove(_FILE)
    except OSError:
        return False
    return True


def hold():
    """Leave the port to the REPL, for five minutes at most."""
    restart_in(_HELD_MS)


__all__ = ["ask", "hold", "is_due", "restart"]
