"""Starts the chair's board: reads the sensors and sends frames, for ever."""

import machine
from node.board import Board
from node.sampler import Sampler

try:
    Sampler(Board()).run()
except Exception:  # a fault nobody foresaw: the other way out is the REPL, and silence until someone pulls the plug
    machine.reset()
