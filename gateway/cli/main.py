"""The ``chairside`` program: one subcommand a module, exit code 0 done, 1 negative result, 2 wrong use."""

from __future__ import annotations

import argparse
import os
import signal
import sys

from gateway.cli import analyze, demo, run, watch
from gateway.errors import UserError


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="chairside",
        description="Open vitals monitor for a ketamine treatment chair. Not a medical device.",
    )
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in (demo, run, watch, analyze):
        command.add_parser(subparsers)
    args = parser.parse_args(argv)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        return int(args.run(args))
    except UserError as error:
        print(f"chairside: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 0
    except BrokenPipeError:  # the reader of our output has gone, as `| head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
