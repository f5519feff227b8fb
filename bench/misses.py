"""Where beats of the references are missed, record by record, and what we say of each; `python bench/misses.py`.

A missed beat either was seen and rejected, which has a reason, or no pulse was seen where the reference has one. How
far the signal rises there tells whether there was one: the largest rise around the expected upslope, in the median rise
of the beats that were found. An ECG also counts beats that the heart made without ejecting anything.

Of the spread of the delays (jitter) one part is slower than fifteen beats: the transit time of the pulse itself drifts.
"""

import sys
from collections import Counter
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.accuracy import RECORDINGS, references
from bench.scoring import TOLERANCE_S, Found, delay_of, mask_of, matched, outside
from dsp import Beat, Channel
from gateway.analysis import analyze
from gateway.recordings import load

SETS = ("bidmc", "cves_fingerbp")  # those of the target table with a row that is not met
LEAST_LOST = 5  # beats of a record that is shown
_BEFORE_S, _AFTER_S = 0.15, 0.25  # of the expected mid-upslope
_DRIFT_BEATS = 15


def rise(signal, at_s):
    """Largest rise around a time; NaN where there is no signal."""
    inside = signal.samples[slice(*np.searchsorted(signal.t_us / 1e6, (at_s - _BEFORE_S, at_s + _AFTER_S)))]
    if not len(inside) or np.isnan(inside).any():
        return np.nan
    return float(np.max(inside - np.minimum.accumulate(inside)))


def row(recording, reference):
    """Cells of one record; None if it has hardly a miss."""
    events = list(analyze(recording))
    channel = Channel(reference["channel"])
    beats = Found.of(events).beats[channel]
    rejected = [e for e in events if isinstance(e, Beat) and e.channel is channel and not e.accepted]
    mask = mask_of(reference, reference["duration_s"])
    true = outside(np.array(reference["beats_s"]), mask)
    times = np.array([beat.t_us / 1e6 for beat in beats])
    delay_s = delay_of(true, times)
    found = outside(times[times > delay_s] - delay_s, mask)
    pairs = matched(true, found)
    hit = {i for i, _ in pairs}
    missed = [t + delay_s for i, t in enumerate(true) if i not in hit]
    false = len(found) - len(pairs)
    if len(missed) + false < LEAST_LOST:
        return None
    signal = recording.signals[channel]
    usual = np.nanmedian([rise(signal, found[j] + delay_s) for _, j in pairs])
    said, heights = Counter(), []
    for at_s in missed:
        near = min(rejected, key=lambda beat: abs(beat.t_us / 1e6 - at_s), default=None)
        if near is not None and abs(near.t_us / 1e6 - at_s) <= TOLERANCE_S:
            said[near.reasons[0].value if near.reasons else "learning"] += 1
        else:
            said["no pulse seen"] += 1
            heights.append(100 * rise(signal, at_s) / usual)
    late = np.array([found[j] - true[i] for i, j in pairs])
    drift = np.convolve(late, np.ones(_DRIFT_BEATS) / _DRIFT_BEATS, "same")
    words = ", ".join(f"{n} {what.replace('_', ' ')}" for what, n in said.most_common())
    height = f"{np.nanmedian(heights):.0f}" if heights else ""
    return [
        reference["id"],
        f"{len(true)}",
        f"{len(missed)}",
        f"{false}",
        words,
        height,
        f"{1000 * late.std():.1f}",
        f"{1000 * drift.std():.1f}",
    ]


def table():
    titles = ["record", "beats", "missed", "false", "what is said of the missed", "rise where no pulse is seen, %"]
    titles += ["jitter ms", "drift ms"]
    yield "| " + " | ".join(titles) + " |"
    yield "|---" * len(titles) + "|"
    for path, documents in references(SETS).items():
        recording = load(RECORDINGS / path)
        for reference in documents:
            cells = row(recording, reference)
            if cells:
                yield "| " + " | ".join(cells) + " |"


if __name__ == "__main__":
    for line in table():
        print(line, flush=True)
