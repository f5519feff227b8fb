"""Runs on the board: tells whether it has more memory than a Pico."""

import sys
import time

try:
    bytearray(200_000)
    sys.stdout.buffer.write(b"too much")
except MemoryError:
    sys.stdout.buffer.write(b"as a Pico")
time.sleep_ms(1)  # for the host to take it
