"""Starts the chair's board: reads the sensors and sends frames, for ever, unless an update was asked for."""

# ruff: noqa: E402 - the order matters
import micropython

micropython.kbd_intr(-1)  # before all else: a byte 0x03 from the host is data, not Ctrl-C

from node.drivers import outputs
from node.watchdog import restart, restart_in

_HELD_MS = 300_000

sampler = None
is_held = False
try:
    from node import maintenance

    is_held = maintenance.is_due()
    if not is_held:
        from node.board import Board
        from node.sampler import Sampler

        sampler = Sampler(Board())
        sampler.run()
        maintenance.ask()
except ImportError:  # half a program: only whoever installs it anew can help, and needs the REPL
    outputs.cry()
    is_held = True
    raise
finally:  # an error nobody foresaw: the other way out is the REPL, and silence until someone pulls the plug
    if is_held:
        restart_in(_HELD_MS)
    else:
        if sampler is None or not sampler.has_run:
            outputs.cry()
        restart()
