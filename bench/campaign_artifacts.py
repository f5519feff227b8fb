"""Every kind of artifact at random places of many signals; `make campaign-artifacts`. Exit code 1 if a value is wrong.

Into real recordings where $CHAIRSIDE_RECORDINGS is set, else into simulated patients.
"""

import argparse
import json
import os
import sys
import time
from functools import lru_cache
from multiprocessing import Pool
from pathlib import Path

import numpy as np

from dsp import Channel
from gateway.recordings import load
from hil.artifact_kinds import KINDS, Sensors
from hil.campaign import USUAL, Campaign, Excerpt, Row, table
from hil.recorded import RecordedSource

NEEDED = {
    Sensors.LIGHT: {Channel.PLETH},
    Sensors.LIGHT_AND_MOTION: {Channel.PLETH},
    Sensors.PRESSURE: {Channel.PRESSURE},
    Sensors.ALL: {Channel.PLETH, Channel.PRESSURE},
}
FOLDER = os.environ.get("CHAIRSIDE_RECORDINGS")
LIGHT_NAMES, PRESSURE_NAMES = {"PLETH", "PPG"}, {"ABP", "ART", "FBP", "BP", "NIBP"}


@lru_cache(maxsize=1)
def records():
    """Recordings by the sensors they serve: long enough and mostly regular."""
    manifest = json.loads((Path(FOLDER) / "manifest.json").read_text())
    out = {sensors: [] for sensors in Sensors}
    for entry in manifest["records"]:
        if entry["duration_s"] < USUAL.duration_s + 1 or "wfdb" not in entry["format"]:
            continue
        names = {signal["name"].upper() for signal in entry["signals"]}
        have = {Channel.PLETH} if names & LIGHT_NAMES else set()
        have |= {Channel.PRESSURE} if names & PRESSURE_NAMES else set()
        for sensors, needed in NEEDED.items():
            if needed <= have:
                out[sensors].append((str(Path(FOLDER) / entry["path"]), entry["duration_s"]))
    return out


@lru_cache(maxsize=8)
def loaded(path):
    return RecordedSource(load(path))


def recorded(seed, sensors):
    """A stretch of a recording that has these sensors."""
    random = np.random.default_rng([seed, 11])
    choices = records()[sensors]
    path, duration_s = choices[seed % len(choices)]
    start_s = float(random.uniform(0, duration_s - USUAL.duration_s))
    return Excerpt(loaded(path), start_s, USUAL.duration_s)


CAMPAIGN = Campaign(recorded if FOLDER else None)


def job(index_and_seed):
    index, seed = index_and_seed
    return index, seed, CAMPAIGN.run(KINDS[index], seed)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=500)
    parser.add_argument("--kind", action="append", help="only kinds whose name contains this")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--minutes", type=float, default=np.inf, help="show what there is after so long")
    parser.add_argument("--processes", type=int, default=min(2, os.cpu_count() or 1))
    args = parser.parse_args()
    chosen = [k for k, kind in enumerate(KINDS) if not args.kind or any(part in kind.name for part in args.kind)]
    rows = {k: Row(kind=KINDS[k]) for k in chosen}
    # Seeds in runs of equal records, so that a record is read once.
    jobs = [
        (k, seed)
        for seed in range(args.first, args.first + args.seeds)
        for k in sorted(chosen, key=lambda k: KINDS[k].sensors.value)
    ]
    until = time.monotonic() + 60 * args.minutes
    with Pool(args.processes) as pool:
        for done, (index, seed, outcome) in enumerate(pool.imap_unordered(job, jobs, chunksize=max(1, len(chosen))), 1):
            rows[index].add(seed, outcome)
            if time.monotonic() > until:
                break
            if sys.stderr.isatty():
                print(f"\r{done} of {len(jobs)} runs", end="", file=sys.stderr, flush=True)
    print(f"Into {'recordings' if FOLDER else 'simulated patients'}:\n", file=sys.stderr)
    print("\n".join(table(list(rows.values()))))
    for row in rows.values():
        for example in row.examples:
            print(f"{row.kind.name}: {example}", file=sys.stderr)
        if not row.changed:
            print(f"{row.kind.name}: never changed anything", file=sys.stderr)
    return 1 if any(row.wrong or row.late_seeds or not row.changed for row in rows.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
