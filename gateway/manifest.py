"""The folder of recordings: where it is, and what its manifest.json says about each of them."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.errors import UserError

MANIFEST = "manifest.json"
_DEPTH = 4  # a recording lies at most so many folders below its manifest


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One recording as described; paths are relative to the manifest's folder.

    ``polarity`` maps an optical column to what was measured: "pulse upward", or "inverted: ..." for light intensity.
    """

    id: str
    path: str
    duration_s: float | None
    names: tuple[str, ...]
    licence: str
    note: str
    files: tuple[str, ...]
    polarity: dict[str, str]

    def is_inverted(self, *columns: str) -> bool | None:
        """Whether one of these column names falls in systole; None if the manifest does not know."""
        for column in columns:
            word = self.polarity.get(column, "")
            if word.startswith(("inverted", "pulse upward")):
                return word.startswith("inverted")
        return None


def home() -> tuple[Path, str]:
    """Where recordings are looked for, and who says so."""
    named = os.environ.get("CHAIRSIDE_RECORDINGS")
    if named:
        return Path(named), "$CHAIRSIDE_RECORDINGS"
    cache = os.environ.get("XDG_CACHE_HOME")
    root = Path(cache) if cache else Path.home() / ".cache"
    return root / "chairside" / "recordings", "user cache; $CHAIRSIDE_RECORDINGS is not set"


def read(folder: Path) -> list[Entry]:
    """Every recording the folder's manifest describes, in its order."""
    path = folder / MANIFEST
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: not a readable manifest ({' '.join(str(error).split())[:120]})") from None
    records = document.get("records") if isinstance(document, dict) else None
    if not isinstance(records, list):
        raise UserError(f"{path}: expected an object with a list named records")
    return [_entry(path, k, record) for k, record in enumerate(records)]


def entry_of(recording: Path) -> Entry | None:
    """What the nearest manifest above a recording says about it; None where there is none that knows it."""
    recording = recording.absolute()
    for folder in recording.parents[:_DEPTH]:
        if (folder / MANIFEST).is_file():
            try:
                entries = read(folder)
            except UserError:
                return None  # many things are called manifest.json
            name = recording.relative_to(folder).as_posix()
            return next((e for e in entries if name == e.path or name in e.files), None)
    return None


def _entry(path: Path, number: int, record: Any) -> Entry:
    if not isinstance(record, dict) or not all(isinstance(record.get(key), str) for key in ("id", "path")):
        raise UserError(f"{path}: record {number}: expected an object with an id and a path")
    duration = record.get("duration_s")
    polarity = _table(record.get("ppg_polarity_measured"))
    return Entry(
        id=record["id"],
        path=record["path"],
        duration_s=float(duration) if isinstance(duration, int | float) else None,
        names=_texts(record.get("signals"), "name"),
        licence=str(record.get("licence") or ""),
        note=" ".join(str(record.get("artifact_notes") or "").split()),
        files=_texts(record.get("files_all"), "path"),
        polarity={key.rpartition(":")[2]: str(word) for key, word in polarity.items()},
    )


def _table(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _texts(values: Any, key: str) -> tuple[str, ...]:
    return tuple(str(_table(v).get(key, "")) for v in values) if isinstance(values, list) else ()
