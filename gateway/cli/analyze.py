"""`chairside analyze`: a recording straight into the signal processing, results as JSON lines, summary or sheet."""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from gateway.errors import UserError

if TYPE_CHECKING:
    from dsp import Beat, Vital
    from gateway.recordings import Recording
    from gateway.sheet import Sheet

_EXAMPLE = """\
example:
  chairside analyze bidmc/bidmc01          a summary to read
  chairside analyze session.csv.gz --json  one object a line: beat, vital, summary
  chairside analyze bidmc/bidmc41 --explain  also why beats are rejected, values missing or doubtful
  chairside analyze bidmc/bidmc41 --plot sheet.png --window 200:230

A WFDB record is named without extension. A relative path is also looked for below $CHAIRSIDE_RECORDINGS.
"""
_LONG_S = 120.0  # recordings shorter than this need no progress note


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "analyze",
        help="beats and vitals of a recording",
        description="Send a recording straight into the signal processing (no firmware).",
        epilog=_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("recording", help="WFDB record (path without extension) or .csv/.csv.gz")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.add_argument("--explain", action="store_true", help="also which rule withheld or doubts what, and why")
    parser.add_argument("--plot", metavar="OUT.png", help="also draw signals, beats and vitals on one sheet")
    parser.add_argument("--window", metavar="START:END", help="with --plot: the seconds to show close up")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Analyze and print; the exit code is 0 even if nothing could be measured."""
    from dsp import Beat
    from gateway.explain import Ledger, explain_lines
    from gateway.recordings import load

    _check(args)
    recording = load(args.recording)
    sheet, save = _sheet(args, recording) if args.plot else (None, None)
    tally = Tally(recording)
    ledger = Ledger()
    for event in _events(recording):
        line = beat_line(event) if isinstance(event, Beat) else vital_line(event)
        tally.count(line)
        if sheet is not None:
            sheet.add(event)
        if args.json:
            print(_encode(line))
        for why in explain_lines(event) if args.explain else ():
            ledger.add(why)
            if args.json:
                print(_encode(why))
    if save is not None:
        save()
    if args.explain and not args.json:
        print(ledger.text())
    print(_encode(tally.summary()) if args.json else tally.text())
    return 0


def _check(args: argparse.Namespace) -> None:
    """Refuse what cannot be drawn before the analysis, which may be long."""
    if args.window and not args.plot:
        raise UserError("--window: expected together with --plot OUT.png")
    if not args.plot:
        return
    path = Path(args.plot)
    if path.suffix.lower() != ".png":
        raise UserError(f"--plot: expected a file name that ends in .png, got {path}")
    if not path.parent.is_dir():
        raise UserError(f"--plot: no such folder: {path.parent}")


def _sheet(args: argparse.Namespace, recording: Recording) -> tuple[Sheet, Callable[[], None]]:
    """The sheet to fill, and what writes it when it is full."""
    from gateway import plot, sheet

    plot.require()
    window = sheet.chosen(args.window, recording.duration_s) if args.window else None
    filled = sheet.Sheet(recording)
    return filled, lambda: plot.save(filled, Path(args.plot), window)


def _encode(line: dict[str, Any]) -> str:
    return json.dumps(line, allow_nan=False, separators=(", ", ": "))


def _events(recording: Recording) -> Iterator[Beat | Vital]:
    """The analysis, with a progress note for a person who waits."""
    from gateway.analysis import analyze

    note = sys.stderr.isatty() and recording.duration_s > _LONG_S
    shown_us = 0
    for event in analyze(recording):
        yield event
        if note and event.t_us - shown_us >= 10_000_000:
            shown_us = event.t_us
            print(f"\r{shown_us // 1_000_000} of {recording.duration_s:.0f} s", end="", file=sys.stderr)
    if note:
        print("\r" + " " * 40 + "\r", end="", file=sys.stderr)


def beat_line(beat: Beat) -> dict[str, Any]:
    """One beat; times in s since the first sample, pressures in mmHg."""
    return {
        "type": "beat",
        "t_s": beat.t_us / 1e6,
        "channel": beat.channel.value,
        "onset_s": beat.onset_us / 1e6,
        "peak_s": beat.peak_us / 1e6,
        "systolic_mmhg": _rounded(beat.systolic_mmhg),
        "diastolic_mmhg": _rounded(beat.diastolic_mmhg),
        "mean_mmhg": _rounded(beat.mean_mmhg),
        "sqi": _rounded(beat.sqi),
        "accepted": beat.accepted,
        "reasons": [reason.value for reason in beat.reasons],
    }


def vital_line(vital: Vital) -> dict[str, Any]:
    """One quantity at one second; no value is null, and says why."""
    from dsp import Measured

    reading = vital.reading
    measured = reading if isinstance(reading, Measured) else None
    return {
        "type": "vital",
        "t_s": vital.t_us / 1e6,
        "quantity": vital.quantity.value,
        "value": _rounded(measured.value) if measured else None,
        "unit": vital.unit,
        "sqi": _rounded(measured.sqi) if measured else None,
        "validity": reading.validity.value,
        "reasons": [reason.value for reason in reading.reasons],
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


class Tally:
    """Counts over a whole recording."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self._beats: Counter[tuple[str, bool]] = Counter()
        self._values: dict[str, list[float]] = {}
        self._reasons: dict[str, Counter[str]] = {}
        self._units: dict[str, str] = {}

    def count(self, line: dict[str, Any]) -> None:
        if line["type"] == "beat":
            self._beats[line["channel"], line["accepted"]] += 1
            return
        name = line["quantity"]
        self._units[name] = line["unit"]
        values = self._values.setdefault(name, [])
        reasons = self._reasons.setdefault(name, Counter())
        if line["value"] is not None:
            values.append(line["value"])
        else:
            reasons.update(line["reasons"])

    def summary(self) -> dict[str, Any]:
        """The last line of the JSON output."""
        recording = self._recording
        return {
            "type": "summary",
            "recording": recording.name,
            "duration_s": round(recording.duration_s, 3),
            "channels": {
                c.value: {"name": s.name, "unit": s.unit, "rate_hz": round(s.rate_hz, 4)}
                for c, s in recording.signals.items()
            },
            "beats": {
                c.value: {"accepted": self._beats[c.value, True], "rejected": self._beats[c.value, False]}
                for c in recording.signals
            },
            "quantities": {
                name: {
                    "median": round(median(values), 3) if values else None,
                    "unit": self._units[name],
                    "answered_s": len(values),
                    "unanswered_s": dict(self._reasons[name]),
                }
                for name, values in self._values.items()
            },
        }

    def text(self) -> str:
        """The same for a reader."""
        summary = self.summary()
        lines = [f"{summary['recording']}: {summary['duration_s']:.0f} s"]
        for name, channel in summary["channels"].items():
            beats = summary["beats"][name]
            lines.append(
                f"  {name:<9} {channel['name']} at {channel['rate_hz']:g} Hz: "
                f"{beats['accepted']} beats, {beats['rejected']} rejected"
            )
        for name, q in summary["quantities"].items():
            seconds = q["answered_s"] + sum(q["unanswered_s"].values())
            share = 100 * q["answered_s"] / max(1, seconds)
            value = "-" if q["median"] is None else f"{q['median']:.1f} {q['unit']}"
            why = ", ".join(f"{r} {n} s" for r, n in sorted(q["unanswered_s"].items()))
            lines.append(
                f"  {name:<27} median {value:<14} {share:5.1f} % of the seconds" + (f" ({why})" if why else "")
            )
        return "\n".join(lines)
