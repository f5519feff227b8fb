"""Runs on the board: after a warm-up the loop is stepped with the heap locked, so that any allocation raises."""

import micropython
from node.board import Board
from node.sampler import Sampler

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


run(2500)
locked(2500)
board.out.write(b"\0steady\0")
run(10_000)
