"""How fast things are, as ratios measured side by side in one run; `make bench`.

virtual chair     seconds of the chair's time a second of wall time: real MicroPython, bus, sensor models, link
gateway           seconds of signal a second of CPU: the link's bytes to messages, both channels
compiled kernels  CPU of the same blocks through the interpreted kernels, divided by the compiled ones
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

VIRTUAL_S = 120.0
_SELF = str(Path(__file__).resolve())


def play_chair():
    """Chunks of a simulated patient's chair, and the wall time they took."""
    from hil import chair
    from hil.patient import Patient
    from hil.stimulus import Stimulus

    chair.stay_on_one_core()  # as `hil chair --speed max` does
    chunks, start = [], time.perf_counter()
    player = chair.play(Stimulus(Patient(1)))
    for chunk in player:
        chunks.append(chunk)
        if chunk.t_us >= VIRTUAL_S * 1e6:
            break
    player.close()
    return chunks, time.perf_counter() - start


def run_gateway(chunks):
    """CPU seconds of the pipeline over the chunks."""
    from gateway.chunklog import Origin, OriginKind
    from gateway.messages import Composer
    from gateway.pipeline import Pipeline

    origin = Origin(kind=OriginKind.SIMULATED, label="bench")
    pipeline = Pipeline(Composer("s", "c", boot="b", version="0", origin=origin, started_utc_ms=0))
    start = time.process_time()
    messages = sum(len(pipeline.feed(chunk)) for chunk in chunks)
    assert messages > VIRTUAL_S
    return time.process_time() - start


def feed_monitor():
    """CPU milliseconds of the whole dsp chain a channel-minute, blocks of 25 at 250 Hz; run in a process of its own."""
    import numpy as np

    import dsp

    monitor = dsp.VitalsMonitor(dsp.MonitorConfig(pleth_rate_hz=250.0))
    t_us = np.arange(60 * 250, dtype=np.int64) * 4000
    phase = t_us / 1e6 * 1.2 % 1.0
    samples = np.exp(-(((phase - 0.18) / 0.08) ** 2)) + 0.35 * np.exp(-(((phase - 0.5) / 0.12) ** 2))
    start = time.process_time()
    for k in range(0, len(t_us), 25):
        block = slice(k, k + 25)
        monitor.feed(dsp.SampleBlock(channel=dsp.Channel.PLETH, t_us=t_us[block], samples=samples[block]))
    return 1000 * (time.process_time() - start)


def in_process(**environment):
    """``feed_monitor`` in a fresh interpreter: numba decides at import whether it compiles."""
    command = [sys.executable, _SELF, "monitor"]
    done = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, check=True)
    return float(done.stdout)


def measure():
    """Every figure of this file, by name."""
    chunks, wall_s = play_chair()
    compiled_ms, interpreted_ms = in_process(), in_process(NUMBA_DISABLE_JIT="1")
    return {
        "virtual chair, x real time": VIRTUAL_S / wall_s,
        "gateway pipeline, x real time": VIRTUAL_S / run_gateway(chunks),
        "dsp chain, CPU ms a channel-minute": compiled_ms,
        "compiled kernels, x interpreted": interpreted_ms / compiled_ms,
    }


if __name__ == "__main__":
    if sys.argv[1:] == ["monitor"]:
        print(feed_monitor())
    elif sys.argv[1:] == ["--json"]:
        print(json.dumps(measure()))
    else:
        for name, value in measure().items():
            print(f"{name:<40} {value:8.1f}")
