"""``chairside watch``: live vitals in a terminal, from MQTT alone, as any subscriber sees them."""

from __future__ import annotations

import argparse
import sys
from collections import deque
from collections.abc import Callable

from dsp import Reason
from gateway.messages import Topics, VitalValue, chair_of
from gateway.mqtt.connection import BrokerUrl
from gateway.mqtt.subscriber import ChairView, Heard, Subscriber, printable
from gateway.sources import monotonic_us

_REFRESH_US = 1_000_000
_NOTES = 16
_HOME_AND_CLEAR = "\x1b[H\x1b[J"


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "watch",
        help="live vitals in the terminal, from MQTT alone",
        epilog="example: chairside watch --broker mqtt://127.0.0.1:1883",
    )
    parser.add_argument("--broker", default="mqtt://127.0.0.1:1883", help="default: %(default)s")
    parser.add_argument("--site", default="+", help="only this site")
    parser.add_argument("--chair", default="+", help="only this chair")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    url = BrokerUrl.parse(args.broker)
    topic_filter = Topics(args.site, args.chair).everything
    screen = Screen(sys.stdout.isatty())
    with Subscriber(url, topic_filter, report=screen.note) as subscriber:
        show(subscriber, screen, until=lambda: False)
    return 0


def show(
    subscriber: Subscriber,
    screen: Screen,
    *,
    until: Callable[[], bool],
    also: Callable[[Heard, int], None] | None = None,
) -> None:
    """Draw what is heard, each second, until the caller's condition holds; and hand it to ``also``."""
    next_us = monotonic_us()
    while not until():
        heard = subscriber.wait_message(0.1)
        now_us = monotonic_us()
        while heard is not None:  # all that has come: at high speed the picture must not lag behind
            screen.feed(heard, now_us)
            if also is not None:
                also(heard, now_us)
            heard = subscriber.wait_message(0)
        if now_us >= next_us:
            screen.draw(now_us)
            next_us = now_us + _REFRESH_US


class Screen:
    """Notes, and all chairs heard: redrawn in place on a terminal, a line a chair each second elsewhere."""

    def __init__(self, is_terminal: bool) -> None:
        self._is_terminal = is_terminal
        self._notes: deque[str] = deque(maxlen=_NOTES)
        self._chairs: dict[tuple[str, str], ChairView] = {}

    def note(self, line: str) -> None:
        """A line that stays on the screen; may come from any thread."""
        self._notes.append(line)
        if not self._is_terminal:
            print(line, flush=True)

    def feed(self, heard: Heard, now_us: int) -> None:
        chair = chair_of(heard.topic)
        if chair is not None:
            self._chairs.setdefault(chair, ChairView()).feed(heard, now_us)

    def draw(self, now_us: int) -> None:
        chairs = sorted(self._chairs.items())
        if self._is_terminal:
            lines = [line for chair, view in chairs for line in _page(chair, view, now_us)]
            lines = [*self._notes, "", *(lines or ["waiting for a chair ..."])]
            print(_HOME_AND_CLEAR + "\n".join(lines), flush=True)
            return
        for chair, view in chairs:
            print(_line(chair, view, now_us), flush=True)


def _line(chair: tuple[str, str], view: ChairView, now_us: int) -> str:
    values = view.quantities(now_us)
    shown = [f"{name} {_number(value)}" for name, value in values.items() if value.value is not None]
    missing: dict[str, list[str]] = {}
    for name, value in values.items():
        if value.value is None:
            missing.setdefault(", ".join(value.reasons), []).append(name)
    todo = missing.pop(Reason.NOT_IMPLEMENTED.value, [])
    absent = [f"{', '.join(names)}: {reason}" for reason, names in missing.items()]
    parts = [f"{chair[0]}/{chair[1]} {view.headline(now_us)}", ", ".join(shown) or "no value", *absent]
    return printable(" | ".join([*parts, f"{len(todo)} {Reason.NOT_IMPLEMENTED.value}"] if todo else parts))


def _page(chair: tuple[str, str], view: ChairView, now_us: int) -> list[str]:
    lines = [f"{chair[0]}/{chair[1]}  {view.headline(now_us)}", ""]
    for name, value in view.quantities(now_us).items():
        label = name.replace("_", " ")
        if value.value is None:
            lines.append(f"  {label:<30} {'--':>6}  {'':<10} {', '.join(value.reasons)}")
        else:
            quality = f"quality {value.sqi:.2f}" + (f", {', '.join(value.reasons)}" if value.reasons else "")
            age = "" if value.age_ms is None else f", {value.age_ms / 1000:.1f} s old"
            lines.append(f"  {label:<30} {_number(value):>6}  {value.unit:<10} {quality}{age}")
    return [*map(printable, lines), ""]


def _number(value: VitalValue) -> str:
    return "--" if value.value is None else f"{value.value:.0f}"
