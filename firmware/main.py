"""Starts the chair's board: reads the sensors and sends frames, for ever, unless an update was asked for."""

from node import maintenance
from node.board import Board
from node.sampler import Sampler

if maintenance.is_due():
    maintenance.hold()
else:
    try:
        Sampler(Board()).run()
        maintenance.ask()
    finally:  # an error nobody foresaw: the other way out is the REPL, and silence until someone pulls the plug
        maintenance.restart()
