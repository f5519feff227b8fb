"""The ``chairside`` program: one subcommand a module, exit code 0 done, 1 negative result, 2 wrong use."""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from typing import NoReturn

from gateway.errors import UserError

_ENDINGS = (signal.SIGTERM, signal.SIGHUP)


def main(argv: list[str] | None = None) -> int:
    for ending in _ENDINGS:  # before anything slow: from now on every end is orderly
        signal.signal(ending, _interrupt)
    try:
        return _run(argv)
    except UserError as error:
        print(f"chairside: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 0
    except BrokenPipeError:  # the reader of our output has gone, as `| head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _run(argv: list[str] | None) -> int:
    with _interrupts_held():
        from gateway.cli import (
            alarm,
            analyze,
            board,
            calibrate,
            check,
            cuff,
            demo,
            flash,
            recordings,
            run,
            session,
            watch,
        )

    parser = _Parser(
        prog="chairside",
        description="Open vitals monitor for a ketamine treatment chair. Not a medical device.",
    )
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in (demo, run, watch, session, alarm, calibrate, cuff, board, check, flash, analyze, recordings):
        command.add_parser(subparsers)
    args = parser.parse_args(argv)
    return int(args.run(args))


class _Parser(argparse.ArgumentParser):
    """Says wrong use in one line; those of the commands are of its class."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}; {self.prog} --help says more\n")


@contextlib.contextmanager
def _interrupts_held() -> Iterator[None]:
    """Keep requests to end until the imports are done: the compiler's callbacks print and forget an exception."""
    held = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, *_ENDINGS})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, held)


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
