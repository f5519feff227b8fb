"""``chairside run``: the device itself, from a board on a serial port, or from a chunk log, to MQTT."""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Iterator
from importlib.metadata import version

from gateway.sources import Log, Serial, Source, SourceError


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "run",
        help="the device: a board's signals in, MQTT out",
        epilog="example: chairside run --port /dev/ttyACM0 --broker mqtt://10.0.0.5:1883 --chair chair-2",
    )
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--port", help="serial port of the board")
    source.add_argument("--log", help="chunk log to play instead, - for standard input")
    add_mqtt_options(parser)
    parser.set_defaults(run=run)


def add_mqtt_options(parser: argparse.ArgumentParser) -> None:
    """Options of every command that publishes a chair."""
    parser.add_argument("--broker", help="mqtt://host[:port]; default: a private embedded one")
    parser.add_argument("--mqtt-port", type=int, help="port of the embedded broker; default: a free one")
    parser.add_argument("--site", default="demo", help="default: %(default)s")
    parser.add_argument("--chair", default="chair-1", help="default: %(default)s")


def run(args: argparse.Namespace) -> int:
    from gateway.messages import Topics

    Topics(args.site, args.chair)  # refuse a bad id before anything is started
    source: Source = Serial(args.port) if args.port else Log(args.log)
    with open_broker(args.broker, args.mqtt_port) as (url, limits), source:
        play(source, url, limits, args.site, args.chair)
    return 0


@contextlib.contextmanager
def open_broker(url: str | None, port: int | None) -> Iterator[tuple[str, str]]:
    """A configured broker as it is, else the embedded one; gives its address and what it cannot do."""
    from gateway.mqtt.broker import EmbeddedBroker
    from gateway.mqtt.connection import BrokerUrl

    if url is not None:
        yield str(BrokerUrl.parse(url)), "configured"
        return
    with EmbeddedBroker(port) as broker:
        yield str(broker.url), broker.limits


def play(source: Source, broker: str, limits: str, site: str, chair: str) -> None:
    """Run an entered source into a broker until it ends or the process is asked to."""
    import uuid

    from gateway.chunklog import LogError
    from gateway.messages import Composer
    from gateway.mqtt.connection import BrokerUrl
    from gateway.mqtt.publisher import MqttSink
    from gateway.pipeline import Pipeline
    from gateway.run import run as run_chair

    composer = Composer(
        site,
        chair,
        boot=uuid.uuid4().hex[:12],
        version=version("chairside"),
        origin=source.header.origin,
        started_utc_ms=source.header.started_utc_ms,
    )
    pipeline = Pipeline(composer)
    will = composer.status(0, "offline", ["connection lost"])
    client_id = f"chairside-{site}-{chair}"
    with MqttSink(BrokerUrl.parse(broker), client_id, will=will, report=_report) as sink:
        _report(f"publishing {composer.topics.root} to {broker} over {sink.protocol} ({limits})")
        try:
            run_chair(source, pipeline, sink)
        except LogError as error:
            raise SourceError(f"log: {error}") from None


def _report(line: str) -> None:
    print(f"chairside run: {line}", file=sys.stderr, flush=True)
