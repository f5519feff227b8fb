"""How late beats and first values are, in the data's own time, and what each quantity states."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

import dsp
from bench import bits

STEP_US = 20_000  # of the blocks: finer than any link's


def beat_delays_ms():
    """From the peak of each accepted beat to the newest sample of the block that gave it, ms, by channel."""
    monitor, found = dsp.VitalsMonitor(bits.CONFIG), {}
    for event in bits.cut(bits.waves(), range(STEP_US, bits.SECONDS * 1_000_000 + 1, STEP_US)):
        for given in monitor.feed(event):
            if isinstance(given, dsp.Beat) and given.accepted:
                now_us = event.t_us if isinstance(event, dsp.Tick) else int(event.t_us[-1])
                found.setdefault(given.channel.value, []).append((now_us - given.peak_us) / 1000)
    return found


def first_values_s():
    """From the beginning of the signal to the first measured value, s, by quantity."""
    monitor, found = dsp.VitalsMonitor(bits.CONFIG), {}
    for event in bits.blocks():
        for given in monitor.feed(event):
            if isinstance(given, dsp.Vital) and isinstance(given.reading, dsp.Measured):
                found.setdefault(given.quantity, given.t_us / 1e6)
    return found


def rows():
    """Both tables, as Markdown."""
    yield f"From the peak of a beat to the block of {STEP_US // 1000} ms that brings it, on the input of bench/bits.py:"
    yield ""
    yield "| channel | beats | median ms | 99 % ms | largest ms |"
    yield "|---|---|---|---|---|"
    for channel, delays in beat_delays_ms().items():
        worst = np.percentile(delays, 99)
        yield f"| {channel} | {len(delays)} | {np.median(delays):.0f} | {worst:.0f} | {max(delays):.0f} |"
    yield ""
    yield "What each quantity looks back on, how late it follows a change or goes unavailable at the most, and when the"
    yield "first value came:"
    yield ""
    yield "| quantity | window s | worst latency s | silent within s | first value s |"
    yield "|---|---|---|---|---|"
    first = first_values_s()
    for quantity, timing in dsp.TIMINGS.items():
        numbers = (timing.window_us, timing.latency_us, timing.silence_us)
        cells = ["" if number is None else f"{number / 1e6:g}" for number in numbers]
        cells.append(f"{first[quantity]:g}" if quantity in first else "none on this input")
        yield f"| {quantity.value} | " + " | ".join(cells) + " |"


if __name__ == "__main__":
    print("\n".join(rows()))
