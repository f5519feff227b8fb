"""``chairside flash``: puts this release's firmware on a board, starts it, and checks what runs."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gateway.boards import Board


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "flash",
        help="put the firmware on a board and check what runs",
        epilog="example: chairside flash --port /dev/ttyACM0 (stop chairside run before)",
    )
    parser.add_argument("--port", required=True, help="serial port of the board")
    parser.add_argument("--firmware", metavar="FOLDER", type=Path, help="other sources than those of this clone")
    parser.add_argument("--check", action="store_true", help="install nothing, only say what runs")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from gateway.boards import Mpremote, ask_for_update

    if args.check:
        return check(args.port)
    board = Mpremote(args.port)
    print(f"asking the program on {args.port} to give way ...", flush=True)
    ask_for_update(args.port)
    return flash(board, args.port, args.firmware)


def flash(board: Board, port: str, folder: Path | None = None) -> int:
    """Install, restart, compare; 0 if exactly what was installed runs, 1 if not."""
    from gateway import release
    from gateway.boards import what_runs

    folder = folder or release.SOURCES
    architecture = board.architecture()
    files = release.files_for(folder, architecture)
    form = architecture if architecture in release.ARCHITECTURES else "source"
    print(f"installing firmware {release.version_of(folder)}, {len(files)} files, {form} ...", flush=True)
    try:
        board.install(files)
    finally:  # half a program tells so itself; a board that waits for the rest tells nothing
        board.restart()
    print("checking what runs ...", flush=True)
    info, modules = what_runs(port, lambda line: print(line, flush=True))
    expected = release.told(files)
    wrong = sorted({name for name, _ in expected.items() ^ modules.items()})
    for name in wrong:
        print(f"{name}: expected {expected.get(name, 'no such module')}, the board runs {modules.get(name, 'none')}")
    if wrong:
        return 1
    print(f"board {info.uid} runs firmware {info.fw}: {len(modules)} modules, all as installed")
    return check_release(info.fw, modules)


def check(port: str) -> int:
    """Say what runs and whether it is this release; 0 if it is."""
    from gateway.boards import what_runs

    info, modules = what_runs(port, lambda line: print(line, flush=True))
    print(f"board {info.uid} runs firmware {info.fw}, {len(modules)} modules")
    return check_release(info.fw, modules)


def check_release(version: str, modules: dict[str, str]) -> int:
    from gateway import release

    known = release.load().known()
    strange = known.strange(modules)
    if known.is_release(version) and not strange:
        print("it is this release")
        return 0
    print(f"it is no release that this gateway knows ({', '.join(strange) or version}): unknown firmware is told")
    return 1
