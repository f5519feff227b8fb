"""A recording on disk (WFDB or CSV) in, its pleth and pressure signals out."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dsp.types import Channel
from gateway import manifest
from gateway.errors import UserError

PLETH_NAMES = ("PLETH", "PPG", "INFRARED", "IR")
PRESSURE_NAMES = ("ABP", "ART", "FBP", "BP", "NIBP")  # never CVP or PAP: other vessels
_NAMES = {Channel.PLETH: PLETH_NAMES, Channel.PRESSURE: PRESSURE_NAMES}
# Raw counts of a reflectance sensor are light intensity, which falls in systole; a monitor's pleth rises. Names do not
# always tell (a watch calls its counts ppg), so that a manifest beside the recording decides where it was measured.
INVERTED_NAMES = ("INFRARED", "IR")
_TIME_COLUMNS = {"time_s": 1e6, "time": 1e3}  # microseconds in one unit


class RecordingError(UserError):
    """The recording cannot be used; the message says why in one line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """One waveform without its missing samples.

    Attributes
    ----------
    rate_hz : nominal sampling rate
    t_us : ndarray of int64, shape (n,), since the recording's first sample; a gap is a step
    samples : ndarray, shape (n,), in ``unit``; rises in systole
    """

    channel: Channel
    name: str
    unit: str
    rate_hz: float
    t_us: NDArray[np.int64]
    samples: NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    name: str
    duration_s: float
    signals: dict[Channel, Signal]


@dataclass(frozen=True, slots=True)
class _Column:
    """A waveform as read: every column of the file, missing samples as NaN; ``title`` is its whole name there."""

    title: str
    name: str
    unit: str
    rate_hz: float
    t_us: NDArray[np.int64]
    samples: NDArray[np.float64]


def load(path: str | Path) -> Recording:
    """Read a WFDB record (path without extension) or a CSV file, plain or gzipped.

    A relative path that does not exist as given is looked for below ``$CHAIRSIDE_RECORDINGS``, else the user cache.
    """
    found = _locate(Path(path))
    entry = manifest.entry_of(found)
    columns = _read_csv(found) if _is_csv(found) else _read_wfdb(found)
    signals: dict[Channel, Signal] = {}
    for channel, names in _NAMES.items():
        column = _choose(columns, names)
        if column is not None:
            signals[channel] = _signal(channel, column, entry)
    if not signals:
        raise RecordingError(
            f"{path}: no usable channel; found {', '.join(c.name for c in columns) or 'none'}; "
            f"expected one of {', '.join(PLETH_NAMES + PRESSURE_NAMES)} with samples"
        )
    ends = [(c.t_us[-1] + 1e6 / c.rate_hz) / 1e6 for c in columns if len(c.t_us)]
    return Recording(name=Path(path).name, duration_s=float(max(ends)), signals=signals)


def _is_csv(path: Path) -> bool:
    return path.name.endswith((".csv", ".csv.gz"))


def _exists(path: Path) -> bool:
    return path.is_file() if _is_csv(path) else path.with_name(path.name + ".hea").is_file()


def _locate(path: Path) -> Path:
    places = [path]
    home, who = manifest.home()
    if not path.is_absolute():
        places.append(home / path)
    for place in places:
        for candidate in (
            place,
            place.with_suffix("") if place.suffix in (".hea", ".dat", ".mat") else place,
        ):
            if _exists(candidate):
                return candidate
    raise RecordingError(
        f"{path}: no such recording; expected a WFDB record (path without extension) or a .csv or .csv.gz file, "
        f"here or below {home} ({who})"
    )


def _choose(columns: list[_Column], names: tuple[str, ...]) -> _Column | None:
    """The column whose name comes first in ``names`` and that has any sample."""
    for name in names:
        for column in columns:
            if column.name.upper() == name and np.isfinite(column.samples).any():
                return column
    return None


def _signal(channel: Channel, column: _Column, entry: manifest.Entry | None) -> Signal:
    known = np.isfinite(column.samples)
    measured = entry.is_inverted(column.title, column.name) if entry else None
    is_inverted = column.name.upper() in INVERTED_NAMES if measured is None else measured
    sign = -1.0 if is_inverted and channel is Channel.PLETH else 1.0
    return Signal(
        channel=channel,
        name=column.name,
        unit=column.unit,
        rate_hz=column.rate_hz,
        t_us=column.t_us[known],
        samples=np.ascontiguousarray(sign * column.samples[known], dtype=np.float64),
    )


def _read_wfdb(path: Path) -> list[_Column]:
    try:
        import wfdb
    except ImportError:
        raise RecordingError(f"{path}: reading WFDB needs the extra: pip install 'chairside[recordings]'") from None
    try:
        record = wfdb.rdrecord(str(path), smooth_frames=False, return_res=64)
        if isinstance(record, wfdb.MultiRecord):
            record = record.multi_to_single(physical=True, expanded=True)
        columns = [
            _wfdb_column(record.sig_name[k], record.units[k], record.fs * record.samps_per_frame[k], samples)
            for k, samples in enumerate(record.e_p_signal or [])
        ]
    except (OSError, ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        # The library raises all of these on damaged or missing signal files.
        reason = " ".join(str(error).split())[:160]
        raise RecordingError(f"{path}: not a readable WFDB record ({type(error).__name__}: {reason})") from None
    return columns


def _wfdb_column(name: str, unit: str, rate_hz: float, samples: NDArray[np.float64]) -> _Column:
    t_us = np.rint(np.arange(len(samples)) * (1e6 / rate_hz)).astype(np.int64)
    return _Column(name, name, unit, float(rate_hz), t_us, np.asarray(samples, dtype=np.float64))


def _rows(path: Path) -> Iterator[list[str]]:
    opener = gzip.open if path.name.endswith(".gz") else open
    with opener(path, "rt", newline="", encoding="utf-8") as file:
        yield from csv.reader(file)


def _number(text: str) -> float:
    return float(text) if text.strip() else float("nan")


def _read_csv(path: Path) -> list[_Column]:
    """Columns of a file: first ``time_s`` (seconds) or ``time`` (milliseconds), then ``name`` or ``name_unit``."""
    try:
        rows = _rows(path)
        header = next(rows, [])
        if not header or header[0] not in _TIME_COLUMNS:
            found = ",".join(header[:4]) or "nothing"
            raise RecordingError(f"{path}: expected a first column named time_s (s) or time (ms), found {found}")
        table = np.array([[_number(cell) for cell in row] for row in rows], dtype=np.float64)
    except (OSError, EOFError, ValueError, csv.Error) as error:
        raise RecordingError(f"{path}: not a readable CSV file ({' '.join(str(error).split())[:160]})") from None
    if table.ndim != 2 or len(table) < 2 or table.shape[1] != len(header):
        raise RecordingError(f"{path}: expected at least two rows of {len(header)} numbers, found shape {table.shape}")
    table = table[np.isfinite(table[:, 0])]
    t_us = np.rint((table[:, 0] - table[0, 0]) * _TIME_COLUMNS[header[0]]).astype(np.int64)
    steps = np.diff(t_us)
    steps = steps[steps > 0]
    if not len(steps):
        raise RecordingError(f"{path}: expected rising times in column {header[0]}")
    # The mean of the usual steps, not their median: times are often rounded to a coarse unit.
    rate_hz = 1e6 / float(np.mean(steps[steps < 1.5 * np.median(steps)]))
    columns = []
    for k, title in enumerate(header[1:], 1):
        columns.append(_Column(title, *_name_and_unit(title), rate_hz, t_us, table[:, k]))
    return columns


def _name_and_unit(title: str) -> tuple[str, str]:
    """``ABP_mmHg`` has a unit, ``channel_2`` has a number."""
    name, _, unit = title.partition("_")
    return (title, "") if unit.isdigit() else (name, unit)


def channels_of(names: Iterable[str]) -> dict[Channel, str]:
    """Which of these columns would be taken for which channel, by name alone."""
    names = list(names)
    ranked = {c: [n for want in wanted for n in names if n.upper() == want] for c, wanted in _NAMES.items()}
    return {channel: titles[0] for channel, titles in ranked.items() if titles}


def names_of(path: Path) -> list[str] | None:
    """Names of a recording's columns, from its header alone; None if there is no recording."""
    if not _exists(path):
        return None
    try:
        return _csv_names(path) if _is_csv(path) else _wfdb_names(path)
    except (OSError, EOFError, ValueError, csv.Error):
        return None


def _csv_names(path: Path) -> list[str] | None:
    header = next(_rows(path), [])
    if not header or header[0] not in _TIME_COLUMNS:
        return None
    return [_name_and_unit(title)[0] for title in header[1:]]


def _wfdb_names(path: Path) -> list[str]:
    """Last field of each signal line (header(5) of the WFDB manual); a segmented record has them in its segments."""
    text = path.with_name(path.name + ".hea").read_text(encoding="utf-8", errors="replace")
    first, *others = [line for line in text.splitlines() if line.strip() and not line.startswith("#")] or [""]
    if "/" in first.split(maxsplit=1)[0]:
        segments = [line.split()[0] for line in others if not line.startswith("~")]
        return _wfdb_names(path.with_name(segments[0])) if segments else []
    fields = [line.split(maxsplit=8) for line in others]
    return [f[8].strip() for f in fields if len(f) == 9]
