"""``chairside cuff``: tells a running chair that a cuff disturbs its sensors, and when that is over."""

from __future__ import annotations

import argparse

import dsp
from gateway.cli.ask import add_ask_options, ask_once
from gateway.requests import Verb


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "cuff",
        help="says that a cuff is pumped up on the arm of the sensors, and when it is over",
        epilog="example: chairside cuff begin --chair chair-1; what it reads: chairside session cuff 132/85; "
        "then chairside cuff end --chair chair-1",
    )
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    for name, words in (
        ("begin", "it is pumped up: values are not available until the end, or for 3 min (calibration: 1 min)"),
        ("end", "it is let down: values come back, and alarms of a lost pulse"),
    ):
        action = actions.add_parser(name, help=words, description=words)
        action.add_argument(
            "--calibration",
            action="store_const",
            const=dsp.Cause.CALIBRATION,
            default=dsp.Cause.CUFF,
            dest="cause",
            help="no cuff on the arm: the finger cuff's monitor calibrates itself, and the pressure alone pauses",
        )
        add_ask_options(action)
        action.set_defaults(run=_run, is_on=name == "begin")


def _run(args: argparse.Namespace) -> int:
    return ask_once(args, Verb.INTERRUPTION, cause=args.cause, is_on=args.is_on)
