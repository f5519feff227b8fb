"""The compiled kernels against the same kernels in C, on the calls that the signal processing really makes.

A monitor is fed blocks of 25 samples while its calls of the kernels are written down; then the calls are played again,
by numba and by C through ctypes, from the same beginning. What is written into the arrays must be equal to the bit.
The times contain the call from Python on either side, which is most of it.
"""

import importlib
import pkgutil
import shutil
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import dsp
import dsp.kernels
import dsp.monitor
from bench import to_c

BLOCK = 25
LARGE = 250  # the call from Python is then a small part
SECONDS = 60
REPEATS = 9


def modules():
    return [importlib.import_module(f"dsp.kernels.{m.name}") for m in pkgutil.iter_modules(dsp.kernels.__path__)]


class Tape:
    """Calls of kernels in order, and every array as it was when it was first seen."""

    def __init__(self):
        self.calls = []  # (module, kernel, arguments)
        self._arrays = {}  # address of the memory: (owner, its bytes then)

    def recorded(self, key, kernel):
        def call(*arguments):
            self.calls.append((key, [self._noted(value) for value in arguments]))
            return kernel(*arguments)

        return call

    def _noted(self, value):
        if not isinstance(value, np.ndarray | np.void):
            return value
        owner = value
        while isinstance(owner.base, np.ndarray):
            owner = owner.base
        address = owner.__array_interface__["data"][0]
        self._arrays.setdefault(address, (owner, owner.copy()))
        return Piece(address, value)

    def arguments(self):
        """The arguments of each call, in fresh memory; and that memory."""
        fresh = {address: before.copy() for address, (_, before) in self._arrays.items()}
        calls = [
            (key, [value.within(fresh) if isinstance(value, Piece) else value for value in arguments])
            for key, arguments in self.calls
        ]
        return calls, fresh


class Piece:
    """Where an argument lies in the memory that it is a part of."""

    def __init__(self, address, value):
        self._address = address
        self._offset = value.__array_interface__["data"][0] - address
        self._is_record = isinstance(value, np.void)
        self._shape, self._dtype = value.shape, value.dtype
        self._strides = value.strides if isinstance(value, np.ndarray) else ()

    def within(self, fresh):
        """The same piece of the fresh copy."""
        owner = fresh[self._address]
        flat = owner.reshape(-1).view(np.uint8)
        shape = (1,) if self._is_record else self._shape
        strides = (self._dtype.itemsize,) if self._is_record else self._strides
        view = np.ndarray(shape, self._dtype, flat, self._offset, strides)
        return view[0] if self._is_record else view


def record(rate_hz, size=BLOCK, seconds=SECONDS):
    """A tape of a monitor with one pleth of clean pulses, fed in blocks of a size."""
    tape, replaced = Tape(), []
    for module in modules():
        for name, kernel in to_c.kernels_of(module).items():
            wrapper = tape.recorded((module.__name__.rsplit(".", 1)[-1], name), kernel)
            for user in [m for n, m in sys.modules.items() if n.startswith("dsp.") and m is not None]:
                for attribute, value in list(vars(user).items()):
                    if value is kernel:
                        replaced.append((user, attribute, kernel))
                        setattr(user, attribute, wrapper)
    try:
        feed(rate_hz, size, seconds)
    finally:
        for user, attribute, kernel in replaced:
            setattr(user, attribute, kernel)
    return tape


def feed(rate_hz, size, seconds):
    """Play clean pulses into a monitor, in blocks, with a tick a second."""
    monitor = dsp.VitalsMonitor(dsp.MonitorConfig(pleth_rate_hz=rate_hz))
    t_us = np.round(np.arange(seconds * rate_hz) * 1e6 / rate_hz).astype(np.int64)
    samples = pulses(t_us)
    done_s = 0
    for k in range(0, len(t_us), size):
        block = slice(k, k + size)
        monitor.feed(dsp.SampleBlock(channel=dsp.Channel.PLETH, t_us=t_us[block], samples=samples[block]))
        now_s = int(t_us[block][-1]) // 1_000_000
        if now_s > done_s:
            monitor.feed(dsp.Tick(t_us=now_s * 1_000_000))
            done_s = now_s


def pulses(t_us):
    phase = t_us / 1e6 * 1.2 % 1.0
    return np.exp(-(((phase - 0.18) / 0.08) ** 2)) + 0.35 * np.exp(-(((phase - 0.5) / 0.12) ** 2))


def played(tape, functions, arguments_of):
    """CPU seconds of all calls, and what was in the memory afterwards."""
    calls, fresh = tape.arguments()
    calls = [(functions[key], arguments_of(arguments)) for key, arguments in calls]
    start = time.process_time()
    for function, arguments in calls:
        function(*arguments)
    return time.process_time() - start, [memory.tobytes() for memory in fresh.values()]


def compare(tape, ours, c):
    """CPU milliseconds a minute of all calls, numba's and C's, the best of some rounds each."""
    times = {"ours": [], "c": []}
    for _ in range(REPEATS):
        seconds, memory = played(tape, ours, list)
        times["ours"].append(seconds)
        seconds, memory_c = played(tape, c, to_c.flattened)
        times["c"].append(seconds)
        if memory != memory_c:
            raise SystemExit("kernels: numba and C have written different numbers")
    return tuple(1000 * min(times[name]) * 60 / SECONDS for name in ("ours", "c"))


def measure(rates=(125.0, 250.0)):
    """Figures by name, or a line that says what is missing."""
    if shutil.which("gcc") is None:
        return "not measured: gcc is not installed: apt install gcc"
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        c = to_c.build(modules(), folder)
        ours = {(m.__name__.rsplit(".", 1)[-1], n): k for m in modules() for n, k in to_c.kernels_of(m).items()}
        for rate_hz in rates:
            ours_ms, c_ms = compare(record(rate_hz), ours, c)
            found[f"kernels at {rate_hz:.0f} Hz, CPU ms a channel-minute"] = ours_ms
            found[f"the same kernels in C at {rate_hz:.0f} Hz, CPU ms a channel-minute"] = c_ms
            found[f"kernels at {rate_hz:.0f} Hz, x C"] = ours_ms / c_ms
            ours_ms, c_ms = compare(record(rate_hz, size=LARGE), ours, c)
            found[f"kernels in pieces of {LARGE} at {rate_hz:.0f} Hz, x C"] = ours_ms / c_ms
    return found


if __name__ == "__main__":
    found = measure()
    if isinstance(found, str):
        print(f"kernels: {found}")
    else:
        for name, value in found.items():
            print(f"{name:<60} {value:8.2f}")
