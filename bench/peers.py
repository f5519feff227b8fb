"""Ours beside NeuroKit2, BioSPPy, HeartPy and a wabp-like detector, by the same scoring; `make peers`.

Writes docs/risk_coverage.png: the mean error of the pulse rate of 8-s windows against the share of windows answered,
if the windows of least quality are left out first. Ours has its `sqi`; NeuroKit2 its template matching; HeartPy and
the abnormality index beside wabp say yes or no, and BioSPPy says nothing, so those are single points. The peers run in
.venv-peers, on the same samples, whole records at once, which is more than a monitor can have.
"""

import argparse
import hashlib
import json
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench import wabp
from bench.accuracy import PROCESSES, RECORDINGS, references
from bench.scoring import (
    MOST_MASKED,
    RATE_STEP_S,
    RATE_WINDOW_S,
    Found,
    delay_of,
    mask_of,
    pooled,
    score,
)

ROOT = Path(__file__).resolve().parent.parent
PEER_FOLDER = ROOT / ".venv-peers"
PEER_PYTHON = PEER_FOLDER / "bin" / "python"
PICTURE = ROOT / "docs" / "risk_coverage.png"
SETS = ("bidmc", "challenge2015")
OURS = "Chairside"
COLOURS = {
    OURS: "tab:blue",
    "NeuroKit2": "tab:orange",
    "BioSPPy": "tab:green",
    "HeartPy": "tab:red",
    "wabp-like": "tab:purple",
}
GOOD_BEATS = 0.8  # of a window, where a peer only says yes or no


def say(line):
    print(line, file=sys.stderr, flush=True)


def even(signal):
    """The samples of a signal at equal steps, missing ones on a straight line, and the step as a rate."""
    count = round((signal.t_us[-1] - signal.t_us[0]) * signal.rate_hz / 1e6) + 1
    at = signal.t_us[0] / 1e6 + np.arange(count) / signal.rate_hz
    return float(at[0]), np.interp(at, signal.t_us / 1e6, signal.samples)


def ours(recording, documents):
    """What we publish on a recording, and its samples for the others."""
    from dsp import Channel, Measured, Quantity, Vital
    from gateway.analysis import analyze
    from gateway.recordings import load

    loaded = load(RECORDINGS / recording)
    start = time.process_time()
    events = list(analyze(loaded))
    cpu_ms = 1000 * (time.process_time() - start) / (loaded.duration_s / 60)
    rates = {
        event.t_us // 1_000_000: (event.reading.value, event.reading.sqi)
        for event in events
        if isinstance(event, Vital) and event.quantity is Quantity.PULSE_RATE and isinstance(event.reading, Measured)
    }
    samples = {}
    for document in documents:
        signal = loaded.signals[Channel(document["channel"])]
        samples[document["id"]] = (*even(signal), signal.rate_hz)
    return Found.of(events), rates, samples, cpu_ms / max(1, len(loaded.signals))


def wabp_like(samples, rate_hz):
    """Onsets, and whether the abnormality index lets each pass."""
    at = np.arange(0, len(samples) / rate_hz, 1 / wabp.RATE_HZ)
    mmhg = np.interp(at, np.arange(len(samples)) / rate_hz, samples)
    start = time.process_time()
    found = wabp.onsets(mmhg)
    cpu_ms = 1000 * (time.process_time() - start) / (len(at) / wabp.RATE_HZ / 60)
    kept = wabp.is_normal(mmhg, found) if len(found) else np.zeros(0, bool)
    times = found / wabp.RATE_HZ
    quality = [[float(t), float(k)] for t, k in zip(times, kept, strict=True)]
    return {"beats_s": times.tolist(), "quality": quality, "cpu_ms_per_min": cpu_ms, "error": None}


def rate_of(times, start_s):
    inside = times[(times >= start_s) & (times < start_s + RATE_WINDOW_S)]
    return 60 / float(np.mean(np.diff(inside))) if len(inside) >= 3 else None


def windows(document):
    """Start and true rate of each window that counts, as the scoring has them."""
    mask, true = mask_of(document, document["duration_s"]), np.array(document["beats_s"])
    for start_s in np.arange(0, document["duration_s"] - RATE_WINDOW_S, RATE_STEP_S):
        if mask[int(start_s * 10) : int((start_s + RATE_WINDOW_S) * 10)].mean() <= MOST_MASKED:
            want = rate_of(true, start_s)
            if want is not None:
                yield float(start_s), want


def answers_of_ours(document, rates):
    """(error or None, quality) of each window: what is published at its end."""
    for start_s, want in windows(document):
        value, quality = rates.get(round(start_s + RATE_WINDOW_S), (None, 0.0))
        yield (None if value is None else abs(value - want)), quality


def answers_of_peer(document, result):
    """The same of a peer's beats; quality is the mean over the window, None where the peer has none."""
    times, true = np.array(result["beats_s"]), np.array(document["beats_s"])
    times = times - (delay_of(true, times) if len(times) else 0.0)
    series = np.array(result["quality"] or np.zeros((0, 2))).reshape(-1, 2)
    for start_s, want in windows(document):
        value = rate_of(times, start_s)
        inside = series[(series[:, 0] >= start_s) & (series[:, 0] < start_s + RATE_WINDOW_S), 1]
        quality = None if result["quality"] is None else float(np.nanmean(inside)) if len(inside) else 0.0
        yield (None if value is None else abs(value - want)), quality


def found_of(document, result):
    """A peer's beats in the form that is scored."""
    from dsp import Channel

    found = Found()
    found.beats[Channel(document["channel"])] = [SimpleNamespace(t_us=t * 1e6) for t in result["beats_s"]]
    return found


def compare_recording(recording, documents, folder):
    """Scores and answers of everybody on one recording, by set and channel, and name."""
    out = []
    found, rates, samples, cpu_ms = ours(recording, documents)
    for document in documents:
        if document.get("no_pulse"):
            continue
        plain = {key: value for key, value in document.items() if key not in ("pressure", "breaths_s")}
        group = f"{document['set']}/{document['channel']}"
        out.append((group, OURS, score(plain, found), list(answers_of_ours(document, rates)), cpu_ms))
        start_s, values, rate_hz = samples[document["id"]]
        results = peer_results(folder, document["id"])
        if document["channel"] == "pressure":
            results = {"wabp-like": wabp_like(values, rate_hz)}
        for name, result in results.items():
            shifted = {**result, "beats_s": [t + start_s for t in result["beats_s"]]}
            if result["quality"]:
                shifted["quality"] = [[t + start_s, q] for t, q in result["quality"]]
            one = score(plain, found_of(document, shifted))
            out.append((group, name, one, list(answers_of_peer(document, shifted)), result["cpu_ms_per_min"]))
    return out


def peer_results(folder, name):
    return {path.name.split(".")[-2]: json.loads(path.read_text()) for path in sorted(folder.glob(f"{name}.*.json"))}


def peers_folder():
    """Where what the peers found is kept: it changes with their versions and adapters only, and takes minutes."""
    made_by = [ROOT / "bench" / name for name in ("peers-constraints.txt", "peers_runner.py")]
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in made_by)).hexdigest()
    folder = PEER_FOLDER / "results" / digest[:16]
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def run_peers(found, folder):
    """Let the peers find their beats in every pleth that they have not had yet."""
    from dsp import Channel
    from gateway.recordings import load

    for recording, documents in found.items():
        pleths = [d for d in documents if d["channel"] == "pleth" and not list(folder.glob(f"{d['id']}.*.json"))]
        signals = load(RECORDINGS / recording).signals if pleths else {}
        for document in pleths:
            signal = signals[Channel.PLETH]
            np.savez(folder / f"{document['id']}.npz", samples=even(signal)[1], rate_hz=signal.rate_hz)
    waiting = len(list(folder.glob("*.npz")))
    if waiting:
        say(f"the peers, {waiting} records, once ...")
        runner = [PEER_PYTHON, ROOT / "bench" / "peers_runner.py", folder]
        subprocess.run(runner, check=True, stdout=sys.stderr)


def compare(found):
    """Everybody's scores, answers and CPU milliseconds a minute, by group and name."""
    groups, folder = {}, peers_folder()
    run_peers(found, folder)
    say(f"ours, and the scoring of {len(found)} records ...")
    with ProcessPoolExecutor(PROCESSES) as pool:
        work = pool.map(compare_recording, found.keys(), found.values(), [folder] * len(found))
        for group, name, one, answers, cpu_ms in (row for rows in work for row in rows):
            of = groups.setdefault(group, {}).setdefault(name, SimpleNamespace(scores=[], answers=[], cpu_ms=[]))
            of.scores.append(one)
            of.answers += answers
            of.cpu_ms.append(cpu_ms)
    return groups


def curve(answers):
    """Share of windows answered and mean error of those, from the best quality on; and the points of a yes or no."""
    known = [(quality, error) for error, quality in answers if error is not None]
    if any(quality is None for quality, _ in known):
        return None
    known.sort(key=lambda row: -row[0])
    errors = np.array([error for _, error in known])
    return 100 * np.arange(1, len(errors) + 1) / len(answers), np.cumsum(errors) / np.arange(1, len(errors) + 1)


def point(answers, least=None):
    """Share answered and mean error, of all windows or of those of at least a quality."""
    errors = [error for error, quality in answers if error is not None and (least is None or quality >= least)]
    return 100 * len(errors) / max(1, len(answers)), float(np.mean(errors)) if errors else np.nan


def draw(groups):
    """docs/risk_coverage.png, one panel a set and channel."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.6 * len(groups), 4.6), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    axes = np.atleast_1d(figure.subplots(1, len(groups)))
    for axis, (group, everybody) in zip(axes, groups.items(), strict=True):
        for name, one in everybody.items():
            draw_one(axis, name, one.answers)
        axis.set(title=group, xlabel="windows answered, %", xlim=(0, 101), yscale="log")
        axis.grid(alpha=0.25, which="both")
        axis.legend(fontsize=8)
    axes[0].set_ylabel("mean error of the pulse rate over 8 s, 1/min")
    figure.suptitle("Risk against coverage: the error of what is answered, least quality left out first", size=11)
    figure.savefig(PICTURE, metadata={"Software": None})


def draw_one(axis, name, answers):
    style = {"color": COLOURS[name], "lw": 2.2 if name == OURS else 1.3}
    line = curve(answers)
    is_graded = (
        line is not None and len({quality for _, quality in answers}) > 20 and name not in ("HeartPy", "wabp-like")
    )
    if is_graded:
        shares, errors = line
        axis.plot(shares[20:], errors[20:], label=name, **style)
        axis.plot(shares[-1:], errors[-1:], "o", ms=5, color=COLOURS[name])
        return
    axis.plot(*point(answers), "o", ms=6, color=COLOURS[name], label=name)
    if line is not None:
        axis.plot(*point(answers, GOOD_BEATS), "s", ms=6, color=COLOURS[name], label=f"{name}, what it lets pass")


def rows(groups):
    """The table beside the picture, as Markdown."""
    columns = ["set, channel", "method", "F1 %", "least F1 %", "PPV %", "jitter ms", "windows answered %"]
    columns += ["rate MAE of all answered", "of the best 80 %", "CPU ms/min"]
    yield f"| {' | '.join(columns)} |"
    yield "|---" * len(columns) + "|"
    for group, everybody in groups.items():
        for name, one in everybody.items():
            figures = pooled(one.scores)
            share, error = point(one.answers)
            best = at_share(one.answers, 80.0)
            cells = [f"{figures.get(key, np.nan):.2f}" for key in ("f1", "f1_min", "ppv", "jitter_ms")]
            cells += [
                f"{share:.1f}",
                f"{error:.2f}",
                "" if best is None else f"{best:.2f}",
                f"{np.median(one.cpu_ms):.1f}",
            ]
            yield f"| {group} | {name} | " + " | ".join(cells) + " |"


def at_share(answers, share):
    """Mean error of the best windows, so many of a hundred; None where there is no grading or fewer are answered."""
    line = curve(answers)
    if line is None or len({quality for _, quality in answers}) <= 20 or line[0][-1] < share:
        return None
    return float(line[1][np.searchsorted(line[0], share)])


def missing():
    """Why there is nothing to compare, None if there is."""
    if not (RECORDINGS / "references").is_dir():
        return "no recordings: set CHAIRSIDE_RECORDINGS to their folder"
    if not PEER_PYTHON.exists():
        return "the peers are not installed: make .venv-peers/stamp"
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--record", action="append", default=[], help="only ids that contain this")
    parser.add_argument("--table", type=Path, help="write the table there too")
    args = parser.parse_args()
    reason = missing()
    if reason:
        print(f"peers: skipped: {reason}")
        return 0
    groups = compare(references(SETS, args.record))
    table = "\n".join(rows(groups))
    if args.table:
        args.table.write_text(table + "\n")
    if not args.record:
        draw(groups)
    print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
