"""Beat points against marks of people, and pulse pressure variation against a monitor; ``python bench/marks.py``."""

import csv
import gzip
import os
from pathlib import Path

import numpy as np

import dsp
from dsp.channel import ChannelMonitor
from gateway.analysis import analyze
from gateway.recordings import load

ROOT = Path(__file__).resolve().parent.parent
RECORDINGS = Path(os.environ.get("CHAIRSIDE_RECORDINGS", ROOT.parent / "shared" / "waveforms"))
LAPS = 4  # the clip has 12 beats, too few to learn from and to count
POINTS = {"onset": "onset_sample", "systolic peak": "sys_peak_sample", "dicrotic notch": "dicr_notch_sample"}


def found_points(x):
    """Times (s) of onsets, peaks and notches of a pressure at 1000 Hz."""
    monitor = ChannelMonitor(dsp.Channel.PRESSURE, 1000.0, None)
    t_us = np.arange(len(x), dtype=np.int64) * 1000
    beats, ejections = [], []
    for second in range(len(x) // 1000):
        cut = slice(second * 1000, (second + 1) * 1000)
        block = dsp.SampleBlock(channel=dsp.Channel.PRESSURE, t_us=t_us[cut], samples=x[cut])
        beats += [beat for beat in monitor.feed(block) if beat.accepted]
        ejections += monitor.summary((second + 1) * 1_000_000).ejections
    before = dict(zip([b.t_us for b in beats[1:]], [b.onset_us for b in beats[:-1]], strict=True))
    return {
        "onset": [b.onset_us / 1e6 for b in beats],
        "systolic peak": [b.peak_us / 1e6 for b in beats],
        "dicrotic notch": [(before[e.t_us] + e.length_us) / 1e6 for e in ejections if e.length_us is not None],
    }


def marks():
    """Yield point, median of the absolute distance in ms, and how many marks have one within 150 ms."""
    folder = RECORDINGS / "autonomic_aging_nibp"
    with gzip.open(folder / "aac0027_raw10s.csv.gz", "rt") as file:
        x = np.tile([float(row["NIBP_mmHg"]) for row in csv.DictReader(file)], LAPS)
    with (folder / "aac0027_raw10s_points.csv").open() as file:
        rows = list(csv.DictReader(file))
    found = found_points(x)
    for point, column in POINTS.items():
        truths = [int(row[column]) / 1e3 + 10 * lap for lap in range(LAPS) for row in rows if row[column]]
        errors = [min(abs(np.array(found[point]) - truth)) for truth in truths]
        near = [error for error in errors if error < 0.15]
        yield point, 1000 * float(np.median(near)), len(near), len(truths)


def variation():
    """Bias and standard deviation of the pulse pressure variation against or_s26's monitor, and share answered."""
    path = "anaesthesia_enevoldsen/or_s26"
    with (RECORDINGS / f"{path}_numerics.csv").open() as file:
        rows = [(float(row["time_s"]), float(row["PPV"])) for row in csv.DictReader(file) if row["PPV"]]
    times, shown = np.array(rows).T
    ours = [e for e in analyze(load(RECORDINGS / path)) if isinstance(e, dsp.Vital)]
    ours = [e for e in ours if e.quantity is dsp.Quantity.PULSE_PRESSURE_VARIATION and e.t_us > 80_000_000]
    errors = [
        e.reading.value - shown[np.argmin(abs(times - e.t_us / 1e6))]
        for e in ours
        if isinstance(e.reading, dsp.Measured)
    ]
    return float(np.mean(errors)), float(np.std(errors)), len(errors) / len(ours)


def lines():
    """Yield the section as Markdown."""
    yield "Beat points against the authors' marks on aac0027_raw10s, four times in a row:"
    yield ""
    yield "| point | median of the absolute distance, ms | marks found |"
    yield "|---|---|---|"
    for point, ms, near, count in marks():
        yield f"| {point} | {ms:.1f} | {near} of {count} |"
    yield ""
    bias, spread, share = variation()
    yield (
        f"Pulse pressure variation on or_s26 (ventilated) against its monitor, percentage points: bias {bias:+.1f}, "
        f"SD {spread:.1f}, {100 * share:.0f} % of the seconds answered."
    )


if __name__ == "__main__":
    for line in lines():
        print(line)
