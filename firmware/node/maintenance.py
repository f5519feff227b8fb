"""A start without the program, so that a new one can be installed: asked for by a file on the flash, and only once."""

import os

_FILE = "update"


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
