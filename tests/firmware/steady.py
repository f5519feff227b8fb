"""Runs on the board: after a warm-up the loop is stepped with the heap locked, so that any allocation raises."""

import micropython
from node.board import Board
from node.sampler import Sampler

_WARM_UP = 2_500
_LOCKED = 32_000  # ticks: 10,000 frames of samples

micropython.kbd_intr(-1)  # as main.py does
board = Board()
sampler = Sampler(board)


def run(ticks):
    while ticks:
        ticks -= 1
        sampler.step(sampler._pace.wait())


def locked(ticks):
    micropython.heap_lock()
    try:
        run(ticks)
    finally:
        micropython.heap_unlock()


run(_WARM_UP)
locked(_LOCKED)
board.out.write(b"\0steady %d %d\0" % (sampler._status.refused, sampler._inbox.damaged))
run(10_000)
