"""``chairside session``: drives a treatment session of a chair over MQTT, one order a command."""

from __future__ import annotations

import argparse
from typing import Any

import msgspec

from gateway.cli.ask import add_ask_options, ask_once, open_chair
from gateway.decoding import decoded
from gateway.errors import UserError
from gateway.mqtt.subscriber import printable
from gateway.payloads import SessionMessage
from gateway.requests import Verb
from gateway.sources import clock_text, monotonic_us
from gateway.treatment import Route
from gateway.treatment.records import NurseItem

_SHOW_US = 3_000_000


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "session",
        help="start, drive and end a treatment session",
        epilog="example: chairside session start --route iv --chair chair-1, then baseline, dose 35, finish, end",
    )
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    start = _action(actions, "start", "a patient is in the chair")
    start.add_argument("--route", required=True, choices=[route.value for route in Route])
    start.add_argument("--series", help="the clinic's own opaque name of this patient's course of sessions")
    start.add_argument("--over-65", action="store_true", dest="is_over_65", help="the hold rule allows 150 mmHg then")
    _action(actions, "baseline", "the patient rests: collect good seconds for the baseline")
    for name, words in (("dose", "the dose begins"), ("supplement", "more of the drug is given")):
        _action(actions, name, words).add_argument("amount_mg", nargs="?", type=float, metavar="MG")
    _action(actions, "finish", "the dose is given completely")
    for name, words in (("stop", "the dose was stopped before"), ("end", "the patient has left the chair")):
        _action(actions, name, words).add_argument("--text", help="why, for the record")
    check = _action(actions, "check", "what a person judges for the discharge scores")
    names = ", ".join(f"{item.value} 0..{item.most}" for item in NurseItem)
    check.add_argument("items", nargs="+", type=_item, metavar="ITEM=N", help=names)
    mark = _action(actions, "mark", "a sentence for the record")
    mark.add_argument("text")
    cuff = _action(actions, "cuff", "a pressure read from a cuff")
    cuff.add_argument("pressure", type=_cuff, metavar="SYSTOLIC/DIASTOLIC")
    show = _action(actions, "show", "the session as it stands, and its record")
    show.set_defaults(run=_show)


def _action(
    actions: argparse._SubParsersAction[argparse.ArgumentParser], name: str, words: str
) -> argparse.ArgumentParser:
    parser = actions.add_parser(name, help=words, description=words)
    add_ask_options(parser)
    parser.set_defaults(run=run, action=name)
    return parser


def run(args: argparse.Namespace) -> int:
    if args.action == "mark":
        return ask_once(args, Verb.MARK, mark={"kind": "note", "text": args.text})
    if args.action == "cuff":
        systolic, diastolic = args.pressure
        mark = {"kind": "cuff", "systolic_mmhg": systolic, "diastolic_mmhg": diastolic}
        return ask_once(args, Verb.MARK, mark=mark)
    return ask_once(args, Verb.SESSION, order=_order(args))


def _order(args: argparse.Namespace) -> dict[str, Any]:
    names = ("route", "series", "is_over_65", "amount_mg", "text")
    given = {name: value for name in names if (value := getattr(args, name, None)) is not None}
    if args.action == "check":
        given["items"] = dict(args.items)
    return {"action": args.action, **given}


def _show(args: argparse.Namespace) -> int:
    with open_chair(args) as chair:
        until_us = monotonic_us() + _SHOW_US
        while chair.topics.session not in chair.newest and chair.wait(until_us):
            pass
        heard = chair.newest.get(chair.topics.session)
        if heard is None:
            raise UserError(f"{chair.topics.session}: expected a session document, got none; unknown, not idle")
        try:
            session = decoded(heard.payload, SessionMessage)
        except msgspec.DecodeError as error:
            raise UserError(f"{chair.topics.session}: {printable(str(error))}") from None
    for line in described(session):
        print(printable(line))
    return 0


def described(session: SessionMessage) -> list[str]:
    """A session in lines: where it is, what there is to know, what stands between it and discharge, who did what."""
    route = "" if session.route is None else f", route {session.route.value}"
    lines = [f"phase {session.phase.value}{route}, alarm profile {session.profile}"]
    if session.baseline:
        values = [f"{name} {one.value:g}" for name, one in session.baseline.items()]
        lines.append(f"baseline: {', '.join(values)}")
    lines += [f"advisory {advisory.name}: {advisory.text}" for advisory in session.advisories]
    if session.discharge is not None:
        lines += [f"discharge {gate.state.value:<8} {gate.name}: {gate.text}" for gate in session.discharge.gates]
    for event in session.events:
        lines.append(
            f"{clock_text(event.utc_ms)} {event.who or '-'} [{event.phase.value}] {event.kind.value}: {event.text}"
        )
    return lines


def _item(text: str) -> tuple[str, int]:
    name, _, value = text.partition("=")
    if name not in [item.value for item in NurseItem] or not value.isdecimal():
        raise argparse.ArgumentTypeError(f"expected ITEM=N with a known item, got {text}")
    return name, int(value)


def _cuff(text: str) -> tuple[int, int]:
    systolic, _, diastolic = text.partition("/")
    if not (systolic.isdecimal() and diastolic.isdecimal()):
        raise argparse.ArgumentTypeError(f"expected SYSTOLIC/DIASTOLIC as 132/85, got {text}")
    return int(systolic), int(diastolic)
