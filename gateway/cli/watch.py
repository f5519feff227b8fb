"""``chairside watch``: vitals, alarms and the session in a terminal, from MQTT alone, as any subscriber sees them."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from gateway.cli.ask import client_name
from gateway.cli.hand import Hand
from gateway.cli.keys import Keys
from gateway.cli.screen import Screen
from gateway.messages import Topics
from gateway.mqtt.connection import BrokerUrl
from gateway.mqtt.subscriber import Heard, Subscriber
from gateway.sources import monotonic_us

_REFRESH_US = 1_000_000
KEYS = "keys: 1-9 acknowledge that alarm, p pause the sound 2 min, o end the pause, q quit"


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "watch",
        help="live vitals, alarms and the session in the terminal, from MQTT alone",
        epilog="example: chairside watch --broker mqtt://127.0.0.1:1883",
    )
    parser.add_argument("--broker", default="mqtt://127.0.0.1:1883", help="default: %(default)s")
    parser.add_argument("--site", default="+", help="only this site")
    parser.add_argument("--chair", default="+", help="only this chair")
    parser.add_argument("--client", help="in whose name; default: the broker's user, else the login name")
    parser.add_argument(
        "--no-receipts",
        action="store_true",
        help="look only: without it the chair relies on this watch and alarms when no receipt of an alert comes",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    url = BrokerUrl.parse(args.broker)
    topic_filter = Topics(args.site, args.chair).everything
    screen = Screen(KEYS)
    with Subscriber(url, topic_filter, report=screen.note) as subscriber, screen:
        hand = Hand(subscriber, client_name(args, url), screen.note, sends_receipts=not args.no_receipts)
        show(subscriber, screen, hand, until=lambda: False)
    return 0


def show(
    subscriber: Subscriber,
    screen: Screen,
    hand: Hand,
    *,
    until: Callable[[], bool],
    also: Callable[[Heard, int], None] | None = None,
) -> None:
    """Draw what is heard, each second, until the caller's condition holds or a person quits; hand it to ``also``."""
    next_us = monotonic_us()
    with Keys() as keys:
        while not until():
            heard = subscriber.wait_message(0.1)
            now_us = monotonic_us()
            while heard is not None:  # all that has come: at high speed the picture must not lag behind
                screen.feed(heard, now_us)
                hand.feed(heard)
                if also is not None:
                    also(heard, now_us)
                heard = subscriber.wait_message(0)
            if not hand.press(keys.pressed(), screen.drawn, now_us):
                return
            if now_us >= next_us:
                screen.draw(now_us)
                hand.note_drawn()
                next_us = now_us + _REFRESH_US
