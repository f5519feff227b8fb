"""`chairside recordings`: the known public recordings, which of them are here, and what we can use of each."""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gateway.errors import UserError

if TYPE_CHECKING:
    from gateway.manifest import Entry

_EXAMPLE = """\
example:
  chairside recordings list           what is there, and what of it is usable
  chairside recordings list --json    one object a line

They are looked for in $CHAIRSIDE_RECORDINGS, else in the user cache (~/.cache/chairside/recordings).
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    look = {"epilog": _EXAMPLE, "formatter_class": argparse.RawDescriptionHelpFormatter}
    parser = subparsers.add_parser("recordings", help="known public recordings", **look)  # type: ignore[arg-type]  # mixed values
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    list_parser = verbs.add_parser("list", help="what is described, present and usable", **look)  # type: ignore[arg-type]  # mixed values
    list_parser.add_argument("--json", action="store_true", help="one JSON object a line")
    list_parser.set_defaults(run=run)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One recording: what is said about it, and what was found."""

    id: str
    path: str  # what `chairside analyze` takes
    duration_s: float | None
    names: list[str]
    channels: dict[str, str]  # ours to theirs
    is_present: bool
    is_described: bool
    licence: str = ""
    note: str = ""

    @property
    def is_usable(self) -> bool:
        return self.is_present and bool(self.channels)


def run(args: argparse.Namespace) -> int:
    """Print a row for each recording."""
    from gateway import manifest

    folder, who = manifest.home()
    if not (folder / manifest.MANIFEST).is_file():
        what = "no manifest.json" if folder.is_dir() else "no such folder"
        raise UserError(f"recordings: {what}: looked in {folder} ({who}); set CHAIRSIDE_RECORDINGS to their folder")
    entries = manifest.read(folder)
    rows = [*described(folder, entries), *others(folder, entries)]
    if args.json:
        for row in rows:
            print(json.dumps(as_object(row), allow_nan=False))
        return 0
    present, usable = (sum(values) for values in ((r.is_present for r in rows), (r.is_usable for r in rows)))
    print(f"{folder} ({who})\n{len(rows)} recordings, {present} present, {usable} usable\n")
    width = shutil.get_terminal_size().columns
    column = max((len(row.path) for row in rows), default=0)
    for row in rows:
        print("\n".join(_fit(line, width) for line in text(row, column)))
    return 0


def described(folder: Path, entries: list[Entry]) -> Iterator[Row]:
    """The recordings of the manifest; what a present one contains is read from its own header."""
    from gateway.recordings import channels_of, names_of

    for entry in entries:
        path, names = entry.path, names_of(folder / entry.path)
        for file in entry.files if names is None else ():
            path, names = file.removesuffix(".hea"), names_of(folder / file.removesuffix(".hea"))
            if names is not None:
                break
        is_present = names is not None
        # A manifest adds words to a name: "ABP (invasive arterial)".
        told = names if names is not None else [name.split(" ")[0] for name in entry.names]
        yield Row(
            id=entry.id,
            path=path if is_present else entry.path,
            duration_s=entry.duration_s,
            names=told,
            channels={channel.value: name for channel, name in channels_of(told).items()},
            is_present=is_present,
            is_described=True,
            licence=entry.licence,
            note=entry.note,
        )


def others(folder: Path, entries: list[Entry]) -> Iterator[Row]:
    """Usable recordings that lie in the folder and that the manifest does not mention."""
    from gateway.recordings import channels_of, names_of

    known = {file.removesuffix(".hea") for entry in entries for file in (entry.path, *entry.files)}
    for file in sorted(folder.rglob("*")):
        path = file.relative_to(folder).as_posix().removesuffix(".hea")
        if path in known or not file.name.endswith((".hea", ".csv", ".csv.gz")):
            continue
        names = names_of(folder / path) or []
        channels = {channel.value: name for channel, name in channels_of(names).items()}
        if channels:
            name = file.name.removesuffix(".gz").removesuffix(".csv").removesuffix(".hea")
            yield Row(
                id=name,
                path=path,
                duration_s=None,
                names=names,
                channels=channels,
                is_present=True,
                is_described=False,
                note="not in the manifest",
            )


def as_object(row: Row) -> dict[str, Any]:
    return {
        "id": row.id,
        "path": row.path,
        "duration_s": row.duration_s,
        "signals": row.names,
        "channels": row.channels,
        "present": row.is_present,
        "usable": row.is_usable,
        "described": row.is_described,
        "licence": row.licence,
        "note": row.note,
    }


def text(row: Row, column: int) -> tuple[str, str]:
    """Two lines: what to type and what is in it, then what is known about it."""
    seconds = "-" if row.duration_s is None else f"{round(row.duration_s) // 60}:{round(row.duration_s) % 60:02d}"
    channels = ", ".join(f"{ours} {theirs}" for ours, theirs in row.channels.items())
    state = channels or f"not usable: {', '.join(row.names) or 'no signals'}"
    if not row.is_present:
        state = f"missing ({state})"
    about = "  ".join(part for part in (row.id, row.licence, row.note) if part)
    return f"{row.path:<{column}} {seconds:>6}  {state}", f"    {about}"


def _fit(line: str, width: int) -> str:
    return line if len(line) <= width else line[: max(0, width - 3)] + "..."
