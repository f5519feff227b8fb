"""``chairside run``: the device itself, from a board on a serial port, or from a chunk log, to MQTT."""

from __future__ import annotations

import argparse
import contextlib
import sys
from importlib.metadata import version
from typing import TYPE_CHECKING

from gateway.errors import UserError
from gateway.sources import AtPath, BySerialNumber, Log, Serial, Source, SourceError

if TYPE_CHECKING:
    from dsp import OutputReference
    from gateway.messages import Composer
    from gateway.mqtt.broker import Opened
    from gateway.pipeline import Pipeline
    from gateway.routing import Calibration
    from gateway.store import Store


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "run",
        help="the device: a board's signals in, MQTT out",
        epilog="example: chairside run --config chair.toml, or chairside run --port /dev/ttyACM0 --chair chair-2",
    )
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument(
        "--config",
        metavar="FILE",
        help="everything from a file; a port or a broker that is not there is waited for; see chairside check --help",
    )
    source.add_argument("--port", help="serial port of the board")
    source.add_argument("--log", help="chunk log to play instead, - for standard input")
    add_mqtt_options(parser)
    parser.add_argument("--oximeter", metavar="FILE", help="calibration of the optical sensor")
    parser.add_argument("--output-reference", metavar="FILE", help="cardiac output measured shortly before the start")
    parser.add_argument(
        "--profile", default="adult", help="alarm profile: a shipped one or a file; default: %(default)s"
    )
    parser.add_argument(
        "--state", metavar="DIRECTORY", help="where alarms and session outlive a restart; default: nowhere"
    )
    parser.set_defaults(run=run, routes={}, board=None)


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

    source: Source
    if args.config is not None:
        source = _take_config(args)
    else:
        source = Log(args.log) if args.port is None else Serial(args.port)
    Topics(args.site, args.chair)  # refuse a bad id before anything is started
    with open_broker(args.broker, port=args.mqtt_port, report=_report) as broker, source:
        play(source, broker, args)
    return 0


def _take_config(args: argparse.Namespace) -> Serial:
    """The file says everything: an option beside it would be a second truth.

    It is of a device that nobody watches: what is not there now is waited for.
    """
    from gateway.config import load_config

    config = load_config(args.config, is_starting=True)
    args.site, args.chair, args.board = config.chair.site, config.chair.name, config.source.board
    args.broker, args.mqtt_port, args.messages = config.broker.url, config.broker.port, config.broker.messages
    args.oximeter = config.oximeter.calibration if config.oximeter else None
    args.output_reference = config.hemodynamics.reference if config.hemodynamics else None
    args.profile, args.routes = config.alarms.profile, config.alarms.routes
    args.state = config.state.directory if config.state else None
    number = config.source.serial_number
    return Serial(BySerialNumber(number) if number else AtPath(config.source.port or ""), report=_report)


def play(source: Source, broker: Opened, args: argparse.Namespace) -> None:
    """Run an entered source into a broker, or a file, until it ends or the process is asked to."""
    import uuid

    from gateway.calibration import load_calibration
    from gateway.chunklog import LogError
    from gateway.messages import Composer
    from gateway.mqtt.publisher import MqttSink
    from gateway.run import run as run_chair
    from gateway.sinks import JsonLines
    from gateway.store import Store

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
    store = None if args.state is None else Store(args.state)
    pipeline = _chair(composer, calibration, store, args)
    sink: JsonLines | MqttSink
    if broker.url is None:
        if args.messages is None:
            raise UserError("broker: there is none; expected --messages FILE, so that what is measured is kept")
        sink = JsonLines(args.messages)
    else:
        will = composer.status(0, "offline", ["connection lost"])
        client_id = f"chairside-{args.site}-{args.chair}-{boot}"
        sink = MqttSink(
            broker.url,
            client_id,
            will=will,
            report=_report,
            listen=composer.topics.heard,
            is_patient=args.config is not None,
        )
    with sink:
        where = args.messages if isinstance(sink, JsonLines) else f"{broker.url} over {sink.protocol or 'MQTT'}"
        _report(f"publishing {composer.topics.root} to {where} ({broker.limits})")
        try:
            run_chair(source, pipeline, sink, store)
        except LogError as error:
            raise SourceError(f"log: {error}") from None


def _chair(
    composer: Composer, calibration: Calibration | None, store: Store | None, args: argparse.Namespace
) -> Pipeline:
    """The chair as it goes on where it was; a profile or a state that cannot be used is told as an alarm itself."""
    from gateway.alarm_profiles import load_for_routes, load_or_last_good
    from gateway.alarms import Condition, Fact
    from gateway.announcer import Announcer
    from gateway.desk import Desk
    from gateway.kept import last_good, resume
    from gateway.pipeline import Pipeline
    from gateway.release import load as load_release

    earlier = store.sessions() if store else []
    payload = store.load() if store else None
    last, last_of_routes = last_good(payload)
    profile, fault = load_or_last_good(args.profile, last)
    profiles, route_fault = load_for_routes(args.profile, args.routes, last_of_routes)
    resumed = resume(
        payload,
        profile=profile,
        profiles=profiles,
        series=composer.boot,
        started_utc_ms=composer.utc_ms(0),
        earlier=earlier,
        lost=store.lost if store else "",
    )
    announcer = Announcer(composer, resumed.engine)
    faults = "; ".join(one for one in (fault, route_fault) if one)
    if faults:
        _report(f"alarm profile refused: {faults}")
    announcer.take(Fact(t_us=0, condition=Condition.PROFILE_REFUSED, is_present=bool(faults), detail=faults))
    if resumed.is_unusable and store:
        store.put_aside()
    if resumed.lost:
        _report(f"state of before the restart: {resumed.lost}")
    desk = Desk(
        composer,
        announcer,
        resumed.treatment,
        profile=profile,
        profiles=profiles,
        lost=resumed.lost,
        starts=resumed.starts,
    )
    known = load_release().known()
    reference = _reference(composer, args)
    return Pipeline(composer, calibration, announcer, desk, reference=reference, board=args.board, firmware=known)


def _reference(composer: Composer, args: argparse.Namespace) -> OutputReference | None:
    """The reference output of the chair's patient in the time of its stream; another chair's is another person's."""
    from gateway.calibration import load_output

    if args.output_reference is None:
        return None
    output = load_output(args.output_reference)
    if output.chair != args.chair:
        raise UserError(f"{args.output_reference}: expected one of chair {args.chair!r}, it is of {output.chair!r}")
    return output.reference(composer.utc_ms(0))


def _report(line: str) -> None:
    with contextlib.suppress(OSError):  # a terminal that has gone must not stop the monitoring
        print(f"chairside run: {line}", file=sys.stderr, flush=True)
