"""``chairside alarm``: what a person does about a chair's alarms: acknowledge one, pause the sound, change limits."""

from __future__ import annotations

import argparse
import sys

import msgspec

from gateway.alarms import Condition, Presence, Priority
from gateway.cli.ask import Chair, add_ask_options, ask_once, open_chair, told
from gateway.decoding import decoded
from gateway.mqtt.subscriber import printable
from gateway.payloads import AlarmDocument, AlarmState
from gateway.requests import Verb
from gateway.sources import monotonic_us

_LISTEN_US = 1_500_000  # what is active is said again each second


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "alarm",
        help="list or acknowledge alarms, pause their sound, change limits",
        epilog="example: chairside alarm acknowledge systolic-high, chairside alarm pause 120",
    )
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    conditions = [condition.value for condition in Condition]
    listed = _action(actions, "list", "the alarms that are there now")
    listed.set_defaults(run=_list)
    acknowledge = _action(actions, "acknowledge", "you have seen this one: it sounds no more")
    acknowledge.add_argument("condition", choices=conditions, metavar="CONDITION")
    acknowledge.add_argument(
        "--id", help="only this occurrence, as list shows it; default: what is there now, it is said"
    )
    acknowledge.set_defaults(run=_acknowledge)
    pause = _action(actions, "pause", "no sound of what sounds now, for at most 120 s; 0 ends it")
    pause.add_argument("seconds", type=int, nargs="?", default=120)
    pause.set_defaults(run=lambda args: ask_once(args, Verb.AUDIO_PAUSE, seconds=args.seconds))
    limits = _action(actions, "limits", "other limits of one condition, until the next session starts")
    limits.add_argument("condition", choices=conditions, metavar="CONDITION")
    limits.add_argument("limits", nargs="+", type=_limit, metavar="PRIORITY=LIMIT")
    limits.set_defaults(
        run=lambda args: ask_once(args, Verb.LIMITS, condition=args.condition, limits=dict(args.limits))
    )
    for name, words in (("off", "no signal of one condition; it is reminded of"), ("on", "its signal is back")):
        switch = _action(actions, name, words)
        switch.add_argument("condition", choices=conditions, metavar="CONDITION")
        switch.set_defaults(run=_switch, is_off=name == "off")


def _action(
    actions: argparse._SubParsersAction[argparse.ArgumentParser], name: str, words: str
) -> argparse.ArgumentParser:
    parser = actions.add_parser(name, help=words, description=words)
    add_ask_options(parser)
    return parser


def _list(args: argparse.Namespace) -> int:
    with open_chair(args) as chair:
        alarms = _alarms(chair)
    for alarm in alarms:
        print(printable(f"{alarm.priority.value:<6} {alarm.presence.value:<7} {_words(alarm)}"))
    return 0


def _acknowledge(args: argparse.Namespace) -> int:
    with open_chair(args) as chair:
        named = [alarm for alarm in _alarms(chair) if alarm.condition == args.condition]
        if not named or args.id not in {None, named[0].id}:
            wanted = args.condition if args.id is None else f"{args.condition} {args.id}"
            there = f"; there is {_words(named[0])}" if named else ""
            print(printable(f"chairside: {wanted}: there is no such alarm now{there}"), file=sys.stderr)
            return 1
        print(printable(f"acknowledging {_words(named[0])}"))
        return told(chair, Verb.ACKNOWLEDGE, condition=args.condition, alarm=named[0].id)


def _words(alarm: AlarmState) -> str:
    """Which occurrence of which condition."""
    return f"{alarm.condition} {alarm.id}: {alarm.text}"


def _switch(args: argparse.Namespace) -> int:
    return ask_once(args, Verb.LIMITS, condition=args.condition, is_off=args.is_off)


def _alarms(chair: Chair) -> list[AlarmState]:
    """The alarms with a signal, the most urgent first."""
    until_us = monotonic_us() + _LISTEN_US
    while chair.wait(until_us):
        pass
    found = []
    for topic, heard in chair.newest.items():
        if topic.startswith(chair.topics.alarm("")):
            try:
                found.append(decoded(heard.payload, AlarmDocument).alarm)
            except msgspec.DecodeError:
                continue
    shown = [alarm for alarm in found if alarm.presence is not Presence.OFF]
    return sorted(shown, key=lambda alarm: alarm.priority, reverse=True)


def _limit(text: str) -> tuple[str, float]:
    name, _, value = text.partition("=")
    try:
        return Priority(name).value, float(value)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected high=, medium= or low= and a number, got {text}") from None
