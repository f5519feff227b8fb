"""Runs on the board: how the USB port of the rig answers a write while the host does not read."""

import select
import sys
import time

out = sys.stdout.buffer
poll = select.poll()
poll.register(out, select.POLLOUT)


def writable():
    return len(list(poll.ipoll(0)))


def timed(data):
    start = time.ticks_ms()
    return out.write(data), (time.ticks_diff(time.ticks_ms(), start) + 50) // 100 * 100


time.sleep_ms(50)  # to hear of the host
answers = [timed(bytes(250)), writable(), timed(bytes(16)), writable(), timed(bytes(1))]
time.sleep_ms(8_000)  # it reads again
time.sleep_ms(1)
out.write(repr(answers).encode())
time.sleep_ms(1)
