"""``chairside run``: the device itself, from a board on a serial port, or from a chunk log, to MQTT."""

from __future__ import annotations

import argparse
import contextlib
import sys
from importlib.metadata import version
from typing import TYPE_CHECKING

from gateway.errors import UserError
from gateway.sources import Log, Serial, Source, SourceError

if TYPE_CHECKING:
    from gateway.announcer import Announcer
    from gateway.messages import Composer
    from gateway.mqtt.broker import Opened


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "run",
        help="the device: a board's signals in, MQTT out",
        epilog="example: chairside run --config chair.toml, or chairside run --port /dev/ttyACM0 --chair chair-2",
    )
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--config", metavar="FILE", help="everything from a file; see chairside check --help")
    source.add_argument("--port", help="serial port of the board")
    source.add_argument("--log", help="chunk log to play instead, - for standard input")
    add_mqtt_options(parser)
    parser.add_argument("--oximeter", metavar="FILE", help="calibration of the optical sensor")
    parser.add_argument(
        "--profile", default="adult", help="alarm profile: a shipped one or a file; default: %(default)s"
    )
    parser.set_defaults(run=run)


def add_mqtt_options(parser: argparse.ArgumentParser) -> None:
    """Options of every command that publishes a chair."""
    parser.add_argument(
        "--broker", default="auto", help="auto (mosquitto, else nats, else none), one of these, or mqtt://host[:port]"
    )
    parser.add_argument("--mqtt-port", type=port_number, help="port of the private broker; default: a free one")
    parser.add_argument("--messages", metavar="FILE", help="where messages go, a line each, if there is no broker")
    parser.add_argument("--site", default="demo", help="default: %(default)s")
    parser.add_argument("--chair", default="chair-1", help="default: %(default)s")


def port_number(text: str) -> int:
    """A TCP port as an option's value."""
    if not text.isdecimal() or not 0 < int(text) < 1 << 16:
        raise argparse.ArgumentTypeError(f"expected 1..65535, got {text}")
    return int(text)


def run(args: argparse.Namespace) -> int:
    from gateway.messages import Topics
    from gateway.mqtt.broker import open_broker

    if args.config is not None:
        _take_config(args)
    Topics(args.site, args.chair)  # refuse a bad id before anything is started
    source: Source = Log(args.log) if args.port is None else Serial(args.port)
    with open_broker(args.broker, port=args.mqtt_port, report=_report) as broker, source:
        play(source, broker, args)
    return 0


def _take_config(args: argparse.Namespace) -> None:
    """The file says everything: an option beside it would be a second truth."""
    from gateway.config import load_config

    config = load_config(args.config, is_starting=True)
    args.site, args.chair, args.port = config.chair.site, config.chair.name, config.source.port
    args.broker, args.mqtt_port, args.messages = config.broker.url, config.broker.port, config.broker.messages
    args.oximeter = config.oximeter.calibration if config.oximeter else None
    args.profile = config.alarms.profile


def play(source: Source, broker: Opened, args: argparse.Namespace) -> None:
    """Run an entered source into a broker, or a file, until it ends or the process is asked to."""
    import uuid

    from gateway.calibration import load_calibration
    from gateway.chunklog import LogError
    from gateway.messages import Composer
    from gateway.mqtt.publisher import MqttSink
    from gateway.pipeline import Pipeline
    from gateway.run import run as run_chair
    from gateway.sinks import JsonLines

    calibration = None if args.oximeter is None else load_calibration(args.oximeter)
    boot = uuid.uuid4().hex[:12]
    composer = Composer(
        args.site,
        args.chair,
        boot=boot,
        version=version("chairside"),
        origin=source.header.origin,
        started_utc_ms=source.header.started_utc_ms,
    )
    announcer = _announcer(composer, args.profile, boot)
    sink: JsonLines | MqttSink
    if broker.url is None:
        if args.messages is None:
            raise UserError("broker: there is none; expected --messages FILE, so that what is measured is kept")
        sink = JsonLines(args.messages)
    else:
        will = composer.status(0, "offline", ["connection lost"])
        client_id = f"chairside-{args.site}-{args.chair}-{boot}"
        sink = MqttSink(broker.url, client_id, will=will, report=_report)
    with sink:
        where = args.messages if isinstance(sink, JsonLines) else f"{broker.url} over {sink.protocol}"
        _report(f"publishing {composer.topics.root} to {where} ({broker.limits})")
        try:
            run_chair(source, Pipeline(composer, calibration, announcer), sink)
        except LogError as error:
            raise SourceError(f"log: {error}") from None


def _announcer(composer: Composer, name: str, boot: str) -> Announcer:
    """The chair's alarms; a profile that cannot be used is told as an alarm itself."""
    from gateway.alarm_profiles import load_or_default
    from gateway.alarms import AlarmEngine, Condition, Fact
    from gateway.announcer import Announcer

    profile, fault = load_or_default(name)
    announcer = Announcer(composer, AlarmEngine(profile, series=boot))
    if fault:
        _report(f"alarm profile {profile.name} is in force: {fault}")
        announcer.take(Fact(t_us=0, condition=Condition.PROFILE_REFUSED, is_present=True, detail=fault))
    return announcer


def _report(line: str) -> None:
    with contextlib.suppress(OSError):  # a terminal that has gone must not stop the monitoring
        print(f"chairside run: {line}", file=sys.stderr, flush=True)
