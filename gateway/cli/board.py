"""``chairside board``: has a chair's board show which it is, or test itself."""

from __future__ import annotations

import argparse

from gateway.cli.ask import add_ask_options, ask_once
from gateway.requests import BoardAction, Verb


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "board",
        help="has a chair's board show which it is, or test itself",
        epilog="example: chairside board identify --chair chair-1",
    )
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    for action, words in (
        (BoardAction.IDENTIFY, "its light runs through the colours for 10 s, without a sound"),
        (BoardAction.SELF_TEST, "light, sound and known answers as at power-on; not while an alarm is due"),
    ):
        parser = actions.add_parser(action.value, help=words, description=words)
        add_ask_options(parser)
        parser.set_defaults(run=_run, action=action)


def _run(args: argparse.Namespace) -> int:
    return ask_once(args, Verb.BOARD, action=args.action)
