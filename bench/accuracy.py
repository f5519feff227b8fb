"""How far beats and vitals are from the references, by set and record; `make accuracy`.

Needs the recordings: $CHAIRSIDE_RECORDINGS, or ../shared/waveforms beside the clone, with their folder `references`.

    python bench/accuracy.py                   every set
    python bench/accuracy.py --set bidmc       one set; may be repeated
    python bench/accuracy.py --record v102s    ids that contain this; may be repeated
    python bench/accuracy.py --worst 10        so many records of each set, 5 without
    python bench/accuracy.py --check           also run the scoring program and compare every figure
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
SHARED = ROOT.parent / "shared"
RECORDINGS = Path(os.environ.get("CHAIRSIDE_RECORDINGS", SHARED / "waveforms"))
PROCESSES = 2
SHOWN = {
    "f1": "F1",
    "f1_min": "min F1",
    "se": "Se",
    "ppv": "PPV",
    "jitter_ms": "jitter",
    "rate_mae": "rate MAE",
    "rate_p95": "p95",
    "rate_share": "share",
    "systolic_mae": "systolic",
    "diastolic_mae": "diastolic",
    "resp_mae": "resp MAE",
    "resp_share": "share",
    "false_beats_per_min": "false/min",
}
AGREEMENT = 0.1  # with the scoring program, of every figure


def references(sets=(), names=()):
    """Reference documents, those of one recording together."""
    found = {}
    for path in sorted((RECORDINGS / "references").glob("*.json")):
        reference = json.loads(path.read_text())
        is_wanted = not names or any(name in reference["id"] for name in names)
        if is_wanted and (not sets or reference["set"] in sets):
            found.setdefault(reference["recording"], []).append(reference)
    return found


def score_recording(recording, documents):
    """Scores of one recording, by set and channel."""
    from bench.scoring import Found, score
    from gateway.analysis import analyze
    from gateway.recordings import load

    found = Found.of(analyze(load(RECORDINGS / recording)))
    return [(f"{r['set']}/{r['channel']}", score(r, found)) for r in documents]


def score_all(found):
    """Scores by set and channel, in the order of the references."""
    groups = {}
    with ProcessPoolExecutor(PROCESSES) as pool:
        for scores in pool.map(score_recording, found.keys(), found.values()):
            for name, one in scores:
                groups.setdefault(name, []).append(one)
    return groups


def figures():
    """Figures of every set and channel."""
    from bench.scoring import pooled

    return {name: pooled(scores) for name, scores in score_all(references()).items()}


def table(groups):
    """One line a set and channel."""
    from bench.scoring import pooled

    yield f"{'set / channel':<24}" + "".join(f"{title:>10}" for title in SHOWN.values())
    for name, scores in groups.items():
        row = pooled(scores)
        yield f"{name:<24}" + "".join(f"{row[k]:10.2f}" if k in row else " " * 10 for k in SHOWN)


def records(scores, count):
    """The records that cost most beats or most error of the rate, one line each."""
    counted = sorted((s for s in scores if s.beats is not None), key=_cost, reverse=True)
    yield f"    {'record':<32}{'F1':>8}{'false':>7}{'missed':>7}{'jitter':>8}{'rate MAE':>9}{'share':>7}  worst windows"
    for s in counted[:count]:
        answered = [(start, abs(e)) for start, e in s.rate_errors if e is not None]
        mae = np.mean([e for _, e in answered]) if answered else np.nan
        share = 100 * len(answered) / max(1, len(s.rate_errors))
        worst = " ".join(f"{t:.0f}s:{e:.0f}" for t, e in sorted(answered, key=lambda w: -w[1])[:3])
        jitter = 1000 * s.residuals_s.std() if len(s.residuals_s) else np.nan
        yield (f"    {s.name:<32}{s.f1:8.2f}{s.beats[1]:7d}{s.beats[2]:7d}{jitter:8.1f}{mae:9.2f}{share:7.1f}  {worst}")


def _cost(one):
    """Wrong beats, and the error of the rate as if it were beats."""
    return one.beats[1] + one.beats[2] + sum(abs(e) for _, e in one.rate_errors if e is not None) / 2


def check(groups):
    """Largest difference from the scoring program, with its place; None if it says nothing."""
    from bench.scoring import pooled

    with tempfile.TemporaryDirectory() as directory:
        output = Path(directory) / "figures.json"
        command = [sys.executable, RECORDINGS.parent / "score" / "score.py", "--waveforms", RECORDINGS]
        command += ["--analyze", f"{Path(sys.executable).parent / 'chairside'} analyze {{recording}} --json"]
        command += ["--json", output]
        for name in {name.split("/")[0] for name in groups}:
            command += ["--set", name]
        subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.DEVNULL)
        official = json.loads(output.read_text())["figures"]
    ours = {name: pooled(scores) for name, scores in groups.items()}
    worst = (0.0, "")
    for name, row in official.items():
        for key, value in row.items():
            if value is not None and np.isfinite(value):
                worst = max(worst, (abs(ours[name].get(key, np.inf) - value), f"{name} {key}"))
    return worst


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--set", action="append", default=[])
    parser.add_argument("--record", action="append", default=[])
    parser.add_argument("--worst", type=int, default=5)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    found = references(args.set, args.record)
    if not found:
        print(f"accuracy: expected references below {RECORDINGS.name}, set CHAIRSIDE_RECORDINGS", file=sys.stderr)
        return 2
    groups = score_all(found)
    for name, scores in groups.items():
        if args.worst and any(s.beats is not None for s in scores):
            print(f"\n{name}, the records that cost most")
            print("\n".join(records(scores, args.worst)))
    print()
    print("\n".join(table(groups)))
    if args.json:
        from bench.scoring import pooled

        args.json.write_text(json.dumps({name: pooled(scores) for name, scores in groups.items()}, indent=1))
    if args.check:
        difference, where = check(groups)
        print(f"\nlargest difference from the scoring program: {difference:.4f} ({where or 'none'})")
        return 0 if difference <= AGREEMENT else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
