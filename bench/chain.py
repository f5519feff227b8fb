"""The whole signal processing with its objects: CPU, single calls, start, memory. Each in a process of its own.

python bench/chain.py                 every figure
python bench/chain.py chain|tail|start|memory      one of them, as JSON

The input is that of bench/bits.py, over and over: four channels as the chair has them (pleth and red 100 Hz, pressure
250 Hz, acceleration 50 Hz), with early beats, gaps, movement and saturation, in pieces of up to a quarter second.
"""

import gc
import json
import os
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

HOURS = 24
CHAIN_ROUNDS = 12
TAIL_S = 600
TAIL_HZ = 250
BLOCK = 25
START_S = 15
CHANNELS = 4


def looped(rounds):
    """The fixed input so many times, without a seam in time."""
    import dsp
    from bench import bits

    once = list(bits.blocks())
    for k in range(rounds):
        shift_us = k * bits.SECONDS * 1_000_000
        for event in once:
            if isinstance(event, dsp.Tick):
                yield dsp.Tick(t_us=event.t_us + shift_us)
            else:
                yield dsp.SampleBlock(channel=event.channel, t_us=event.t_us + shift_us, samples=event.samples)


def chain():
    """CPU milliseconds a minute and channel, the best of some rounds: others use this machine too."""
    import dsp
    from bench import bits

    monitor = dsp.VitalsMonitor(bits.CONFIG)
    events, best = list(looped(CHAIN_ROUNDS)), float("inf")
    size = len(events) // CHAIN_ROUNDS
    for k in range(0, len(events), size):
        start = time.process_time()
        for event in events[k : k + size]:
            monitor.feed(event)
        best = min(best, time.process_time() - start)
    return {"whole chain, CPU ms a channel-minute": 1000 * best / (bits.SECONDS / 60) / CHANNELS}


def tail():
    """CPU microseconds of single calls with 25 samples, and of a tick; garbage collection included."""

    import numpy as np

    import dsp
    from bench.kernels import pulses

    monitor = dsp.VitalsMonitor(dsp.MonitorConfig(pleth_rate_hz=float(TAIL_HZ)))
    t_us = np.arange(TAIL_S * TAIL_HZ, dtype=np.int64) * (1_000_000 // TAIL_HZ)
    samples = pulses(t_us)
    calls, ticks = [], []
    for k in range(0, len(t_us), BLOCK):
        piece = slice(k, k + BLOCK)
        block = dsp.SampleBlock(channel=dsp.Channel.PLETH, t_us=t_us[piece], samples=samples[piece])
        start = time.thread_time_ns()
        monitor.feed(block)
        calls.append(time.thread_time_ns() - start)
        if (k + BLOCK) % TAIL_HZ == 0:
            tick = dsp.Tick(t_us=(k + BLOCK) // TAIL_HZ * 1_000_000)
            start = time.thread_time_ns()
            monitor.feed(tick)
            ticks.append(time.thread_time_ns() - start)
    warm = np.array(calls[len(calls) // 10 :]) / 1000
    warm_ticks = np.array(ticks[len(ticks) // 10 :]) / 1000
    return {
        "feed of 25 samples, median CPU us": float(np.median(warm)),
        "feed of 25 samples, 99 % CPU us": float(np.percentile(warm, 99)),
        "feed of 25 samples, largest CPU us": float(warm.max()),
        "tick, median CPU us": float(np.median(warm_ticks)),
        "tick, largest CPU us": float(warm_ticks.max()),
    }


def start():
    """CPU seconds from the start of the interpreter to the first measured pulse rate, and the memory then."""
    import numpy as np

    import dsp
    from bench.kernels import pulses

    monitor = dsp.VitalsMonitor(dsp.MonitorConfig(pleth_rate_hz=100.0))
    t_us = np.arange(START_S * 100, dtype=np.int64) * 10_000
    samples = pulses(t_us)
    for k in range(0, len(t_us), BLOCK):
        piece = slice(k, k + BLOCK)
        monitor.feed(dsp.SampleBlock(channel=dsp.Channel.PLETH, t_us=t_us[piece], samples=samples[piece]))
        if (k + BLOCK) % 100 == 0:
            vitals = monitor.feed(dsp.Tick(t_us=int(t_us[k]) // 1_000_000 * 1_000_000 + 1_000_000))
            if any(isinstance(v.reading, dsp.Measured) and v.quantity is dsp.Quantity.PULSE_RATE for v in vitals):
                break
    else:
        raise SystemExit("chain: no pulse rate within the first seconds")
    cpu_s = time.process_time()
    return {
        "import and first result, CPU s": cpu_s,
        "memory then, MB": most_memory(),
        "first result after so much signal, s": (k + BLOCK) / 100,
    }


def most_memory():
    """Most resident memory of this program so far in MB; getrusage counts what started it, too."""
    [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1]) / 1024


def memory():
    """What is allocated after an hour of signal, and what a day adds."""
    import dsp
    from bench import bits

    monitor = dsp.VitalsMonitor(bits.CONFIG)
    rounds = HOURS * 3600 // bits.SECONDS
    first, at_first, hour = rounds // HOURS, None, 0
    per_round = None
    for k, event in enumerate(looped(rounds)):
        monitor.feed(event)
        if per_round is None and isinstance(event, dsp.Tick) and event.t_us == bits.SECONDS * 1_000_000:
            per_round = k + 1
        if per_round and (k + 1) % (per_round * first) == 0:
            hour += 1
            now = allocated()
            print(f"hour {hour}: {now[0]} blocks, {now[1]:.1f} MB", file=sys.stderr, flush=True)
            at_first = at_first or now
    return {
        "allocated blocks after an hour": at_first[0],
        "more after a simulated day": now[0] - at_first[0],
        "memory after an hour, MB": at_first[1],
        "more after a simulated day, MB": now[1] - at_first[1],
    }


def allocated():
    """Blocks of the interpreter's allocator, and resident memory in MB."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return sys.getallocatedblocks(), pages * os.sysconf("SC_PAGE_SIZE") / 2**20


PARTS = {"chain": chain, "tail": tail, "start": start, "memory": memory}


def measure(parts=tuple(PARTS)):
    """Figures by name."""
    found = {}
    for name in parts:
        print(f"{name} ...", file=sys.stderr, flush=True)
        command = [sys.executable, str(Path(__file__).resolve()), name]
        repeats = 5 if name == "start" else 1  # the first may have to compile; others use this machine too
        runs = [json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout) for _ in range(repeats)]
        found |= min(runs, key=lambda run: next(iter(run.values())))
    return found


if __name__ == "__main__":
    if sys.argv[1:2] and sys.argv[1] in PARTS:
        print(json.dumps(PARTS[sys.argv[1]]()))
    else:
        for name, value in measure().items():
            print(f"{name:<50} {value:10.2f}")
