"""``chairside calibrate``: tells a running chair what another method has measured of its patient."""

from __future__ import annotations

import argparse

from gateway.cli.ask import add_ask_options, ask_once
from gateway.requests import Verb


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "calibrate",
        help="a reference value for a running chair: cardiac output",
        epilog="example: chairside calibrate output 5.2 --method thermodilution --seconds-ago 60 --valid-min 120",
    )
    kinds = parser.add_subparsers(required=True, metavar="WHAT")
    words = "cardiac output in L/min as another method measured it; stroke volume and its kin are absolute by it"
    output = kinds.add_parser("output", help=words, description=words)
    output.add_argument("value", type=float, metavar="L/MIN")
    output.add_argument("--method", required=True, help="such as thermodilution or echo, for the record")
    output.add_argument("--seconds-ago", type=int, default=0, help="when it was measured; default: now, at most 300")
    output.add_argument("--valid-min", type=int, required=True, help="how long it is to be believed, 5 to 240 min")
    add_ask_options(output)
    output.set_defaults(run=_output)


def _output(args: argparse.Namespace) -> int:
    return ask_once(
        args,
        Verb.CALIBRATE,
        cardiac_output_l_min=args.value,
        seconds_ago=args.seconds_ago,
        method=args.method,
        valid_min=args.valid_min,
    )
