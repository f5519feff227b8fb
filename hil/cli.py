"""The rig's commands: hil chair, hil board, hil scenarios, hil agree, hil alarms, hil doctor."""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from types import FrameType
from typing import IO, TYPE_CHECKING, NoReturn

from gateway.chunklog import Chunk, Origin, OriginKind, write_chunk, write_header
from gateway.errors import UserError
from hil.board.cycles import nobody
from hil.board.unix import RigError, find_micropython

if TYPE_CHECKING:
    from hil.patient import Patient
    from hil.stimulus import Stimulus

_FROM_HOST = 4096


def main(argv: list[str] | None = None) -> int:
    """Run one command; return its exit code."""
    args = _parser().parse_args(argv)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        code: int = args.command(args)
    except UserError as error:
        print(f"hil: {error}", file=sys.stderr)
        return 2
    except RigError as error:
        print(f"hil: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0
    except ConnectionError:
        sys.stdout = None  # nobody reads: nothing must be flushed at exit
        return 0
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="hil", description="Plays signals into the firmware.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    chair = commands.add_parser(
        "chair",
        help="write what a virtual chair sends, as a chunk log, to stdout; one that is a socket is read for the board",
        epilog="example: hil chair --scenario iv --truth truth.jsonl --speed max | chairside run --log -",
    )
    _add_played(chair)
    chair.add_argument("--speed", type=_speed, default=1.0, metavar="X|max", help="default 1")
    chair.add_argument("--truth", metavar="FILE", help="write what the simulated patient really had, as JSON lines")
    chair.set_defaults(command=_chair)
    board = commands.add_parser(
        "board",
        help="run the firmware in real time behind a serial port",
        epilog="example: hil board, then chairside run --port with the path it prints",
    )
    _add_played(board)
    board.set_defaults(command=_board)
    scenarios = commands.add_parser(
        "scenarios", help="list what the simulated patient can go through", epilog="example: hil scenarios"
    )
    scenarios.set_defaults(command=_scenarios)
    alarms = commands.add_parser(
        "alarms",
        help="play the alarm cases and print which alarms were due and when each came; exit 1 if one is late or false",
        epilog="example: hil alarms vasovagal arrest",
    )
    alarms.add_argument("scenario", nargs="*", metavar="SCENARIO", help="default: every case")
    alarms.set_defaults(command=_alarms)
    agree = commands.add_parser(
        "agree",
        help="play a scenario through firmware and gateway; print how far the published values are from the truth",
        epilog="example: hil agree --scenario iv --seed 1",
    )
    agree.add_argument("--scenario", required=True, metavar="NAME", help="one that ends")
    agree.add_argument("--seed", type=int, default=0, metavar="N", help="default 0")
    agree.set_defaults(command=_agree)
    doctor = commands.add_parser("doctor", help="check what the rig needs", epilog="example: hil doctor")
    doctor.set_defaults(command=_doctor)
    return parser


def _add_played(command: argparse.ArgumentParser) -> None:
    command.add_argument("--record", metavar="PATH", help="a WFDB record or CSV file")
    command.add_argument("--scenario", metavar="NAME", help="of the simulated patient; default baseline")
    command.add_argument("--seed", type=int, default=0, metavar="N", help="default 0")


def _speed(text: str) -> float | None:
    if text == "max":
        return None
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 0 < speed < float("inf"):
        raise argparse.ArgumentTypeError(f"expected a number above 0 or max, got {text}")
    return speed


def _chair(args: argparse.Namespace) -> int:
    from hil import chair

    find_micropython()  # fails before anything is written
    if args.speed is None:
        chair.stay_on_one_core()
    stimulus, origin = _load(args)
    out = sys.stdout.buffer
    truth = _open_truth(args.truth) if args.truth else contextlib.nullcontext()
    write_header(out, origin, time.time_ns() // 1_000_000)
    out.flush()
    chunks = chair.play(stimulus, speed=args.speed, seed=args.seed, host=_host(out.fileno()))
    with truth as file, contextlib.closing(chunks):
        for chunk in chunks if file is None else _with_truth(chunks, file, _patient(args)):
            write_chunk(out, chunk)
            out.flush()
    return 0


def _host(out: int) -> Callable[[], bytes]:
    """Whoever is at the other end of stdout: over a socket it may answer the board."""
    if not stat.S_ISSOCK(os.fstat(out).st_mode):
        return nobody
    far = socket.socket(fileno=os.dup(out))

    def heard() -> bytes:
        try:
            return far.recv(_FROM_HOST, socket.MSG_DONTWAIT)
        except OSError:  # nothing there, or nobody: writing tells
            return b""

    return heard


def _board(args: argparse.Namespace) -> int:
    from hil import chair, terminal

    stimulus, _ = _load(args)
    terminal.serve(chair.wire(stimulus, seed=None), lambda path: print(path, flush=True))
    return 0


def _load(args: argparse.Namespace) -> tuple[Stimulus, Origin]:
    from hil.stimulus import Stimulus

    if args.record and (args.scenario or getattr(args, "truth", None)):
        raise UserError("--scenario and --truth: expected without --record, a recording has neither")
    if args.record:
        from gateway.recordings import load
        from hil.recorded import INVENTED, RecordedSource

        recording = load(args.record)
        origin = Origin(kind=OriginKind.RECORDED, label=recording.name, invented=INVENTED)
        return Stimulus(RecordedSource(recording)), origin
    patient = _patient(args)
    return Stimulus(patient, noise_seed=args.seed), Origin(kind=OriginKind.SIMULATED, label=patient.label)


def _patient(args: argparse.Namespace) -> Patient:
    from hil.patient import Patient
    from hil.scenarios import DEFAULT

    return Patient(args.seed, args.scenario or DEFAULT)


def _open_truth(path: str) -> IO[str]:
    try:
        return open(path, "w", buffering=1)  # line by line: complete up to an interruption
    except OSError as error:
        raise UserError(f"--truth: {error}") from error


def _with_truth(chunks: Iterable[Chunk], file: IO[str], patient: Patient) -> Iterator[Chunk]:
    """Pass the chunks on, and write what was true until each."""
    from hil.truth import TruthLines

    truth = TruthLines(patient)
    print(truth.header(), file=file)
    for chunk in chunks:
        for line in truth.until(chunk.t_us):
            print(line, file=file)
        yield chunk
    for line in truth.until(round((patient.duration_s or 0) * 1e6)):
        print(line, file=file)


def _scenarios(_: argparse.Namespace) -> int:
    from hil.scenarios import described

    print(*described(), sep="\n")
    return 0


_LINK = "link"  # the cases that go through the firmware and its link


def _alarms(args: argparse.Namespace) -> int:
    from hil import alarm_chain, alarm_table
    from hil.alarm_cases import CASES, LINK_CASES

    names = {*(case.scenario for case in CASES), _LINK}
    for name in args.scenario:
        if name not in names:
            raise UserError(f"scenario: expected one of {', '.join(sorted(names))}, got {name}")
    find_micropython()
    wanted = args.scenario or names
    found = [row for case in CASES if case.scenario in wanted for row in alarm_table.rows(case)]
    found += [row for case in LINK_CASES if _LINK in wanted for row in alarm_chain.rows(case)]
    found.sort(key=lambda row: row.case.letter)
    print("\n".join(alarm_table.lines(found)))
    return 0 if all(row.is_good for row in found) else 1


def _agree(args: argparse.Namespace) -> int:
    from hil.agreement import measure
    from hil.scenarios import named

    find_micropython()
    if named(args.scenario).duration_s is None:
        raise UserError(f"--scenario: expected one that ends, got {args.scenario}")
    print(f"{'quantity':<18}{'mean':>8}{'95 %':>8}{'largest':>9}{'at s':>7}{'answered':>10}")
    for name, found in measure(_patient(args)).items():
        errors = (
            "no good value"
            if found.mae is None
            else (f"{found.mae:8.2f}{found.p95:8.2f}{found.largest:9.2f}{found.worst_s:7}")
        )
        print(f"{name:<18}{errors:>32}{100 * found.coverage:9.1f}%")
    return 0


def _doctor(_: argparse.Namespace) -> int:
    try:
        path = find_micropython()
        program = "import sys; print(sys.implementation.name, sys.version)"
        found = subprocess.run([path, "-c", program], check=False, capture_output=True, text=True, timeout=10)
    except (UserError, OSError, subprocess.TimeoutExpired) as error:
        print(f"micropython  missing: {error}")
        return 1
    print(f"micropython  {path}: {found.stdout.strip() or found.stderr.strip()}")
    return 0 if found.stdout.startswith("micropython") else 1


def _interrupt(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
