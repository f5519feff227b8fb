"""What every command shares that asks something of a chair: who asks, which chair, and the reply as an exit code."""

from __future__ import annotations

import argparse
import getpass
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec

from gateway.decoding import decoded
from gateway.errors import UserError
from gateway.messages import ID_PATTERN, Topics, chair_of, tail_of
from gateway.mqtt.connection import BrokerUrl
from gateway.mqtt.requester import NotSentError, Requester
from gateway.mqtt.subscriber import Heard, Subscriber, printable
from gateway.payloads import Reply, Status
from gateway.requests import Verb
from gateway.sources import monotonic_us

_FIND_US = 6_000_000  # a heartbeat comes each second
_REPLY_US = 5_000_000


def add_ask_options(parser: argparse.ArgumentParser) -> None:
    """Options of every command that speaks to a chair."""
    parser.add_argument("--broker", default="mqtt://127.0.0.1:1883", help="default: %(default)s")
    parser.add_argument("--site", default="+", help="only this site")
    parser.add_argument("--chair", default="+", help="which chair; may be left out where there is one only")
    parser.add_argument("--client", help="in whose name; default: the broker's user, else the login name")


def client_name(args: argparse.Namespace, url: BrokerUrl) -> str:
    """Who asks: it becomes a level of the topic, which the broker lets nobody else use."""
    name = args.client or url.user or re.sub("[^a-z0-9-]", "-", getpass.getuser().lower())[:32]
    if not re.fullmatch(ID_PATTERN, name):
        raise UserError(f"client: expected 1..32 of a-z, 0-9 and -, got {name!r}")
    return str(name)


class Chair:
    """One chair that has been heard, and what it has published so far, the newest of each topic."""

    def __init__(self, subscriber: Subscriber, topics: Topics, client: str) -> None:
        self._subscriber = subscriber
        self.topics = topics
        self.requester = Requester(subscriber, topics, client)
        self.newest: dict[str, Heard] = {}

    def feed(self, heard: Heard) -> None:
        if heard.topic.startswith(f"{self.topics.root}/"):
            self.newest[heard.topic] = heard
            self.requester.feed(heard)

    def wait(self, until_us: int) -> bool:
        """Listen a little; False when the time is up."""
        heard = self._subscriber.wait_message(0.1)
        if heard is not None:
            self.feed(heard)
        return monotonic_us() < until_us

    def ask(self, verb: Verb, **fields: Any) -> Reply:
        """Ask, and wait for the reply; raise NoReplyError where none comes: the chair may have done it or not."""
        request = self.requester.ask(verb, **fields)
        until_us = monotonic_us() + _REPLY_US
        while True:
            reply = self.requester.reply(request)
            if reply is not None:
                return reply
            if not self.wait(until_us):
                raise NoReplyError(
                    f"{self.topics.root}: expected a reply within {_REPLY_US // 1_000_000} s, got none; "
                    "look at the chair: it may have been done"
                )


class NoReplyError(Exception):
    """The chair has not answered."""


@contextmanager
def open_chair(args: argparse.Namespace) -> Iterator[Chair]:
    """The chair that a person means: the one they name, or the only one that is online."""
    url = BrokerUrl.parse(args.broker)
    client = client_name(args, url)
    wanted = Topics(args.site, args.chair)
    with Subscriber(url, wanted.everything, report=_report) as subscriber:
        heard, until_us = [], monotonic_us() + _FIND_US
        online: dict[tuple[str, str], bool] = {}
        while True:
            one = subscriber.wait_message(0.1)
            if one is not None:
                heard.append(one)
                _note_online(online, one)
                if tail_of(one.topic) == "heartbeat" and not one.retained:
                    break
            if monotonic_us() >= until_us:
                raise UserError(
                    f"chair: expected one at {url} under {wanted.root}, heard none for {_FIND_US // 1_000_000} s"
                )
        names = sorted(name for name, is_online in online.items() if is_online)
        if len(names) != 1:
            shown = ", ".join("/".join(name) for name in names) or "none online"
            raise UserError(f"chair: expected --site and --chair of one, heard {shown}")
        chair = Chair(subscriber, Topics(*names[0]), client)
        for one in heard:
            chair.feed(one)
        while not chair.requester.is_ready and chair.wait(until_us):
            pass
        if not chair.requester.is_ready:
            raise UserError(f"chair: {chair.topics.root} is not heard")
        yield chair


def _note_online(online: dict[tuple[str, str], bool], heard: Heard) -> None:
    name = chair_of(heard.topic)
    if name is None:
        return
    tail = tail_of(heard.topic)
    if tail == "heartbeat" and not heard.retained:
        online[name] = True
    elif tail == "status":
        try:
            online[name] = decoded(heard.payload, Status).state != "offline"
        except msgspec.DecodeError:
            return


def ask_once(args: argparse.Namespace, verb: Verb, **fields: Any) -> int:
    """One request of a command: exit code 0 if the chair has done it, 1 if it refuses or does not answer."""
    with open_chair(args) as chair:
        return told(chair, verb, **fields)


def told(chair: Chair, verb: Verb, **fields: Any) -> int:
    """Ask, and say what became of it."""
    try:
        reply = chair.ask(verb, **fields)
    except NotSentError as error:
        print(f"chairside: not sent: {error}", file=sys.stderr)
        return 1
    except NoReplyError as error:
        print(f"chairside: {error}", file=sys.stderr)
        return 1
    if not reply.accepted:
        print(f"chairside: refused: {printable(reply.reason)}", file=sys.stderr)
        return 1
    print(f"{reply.site}/{reply.chair}: done, in the name of {reply.client}")
    return 0


def _report(line: str) -> None:
    print(f"chairside: {printable(line)}", file=sys.stderr)
