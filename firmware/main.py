"""Starts the chair's board: reads the sensors and sends frames, for ever."""

from node.board import Board
from node.sampler import Sampler

Sampler(Board()).run()
