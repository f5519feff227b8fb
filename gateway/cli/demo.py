"""``chairside demo``: a whole virtual chair in one command.

The rig (real MicroPython with the unmodified firmware, emulated sensors) and ``chairside run`` are joined by a socket,
which carries the board's link one way and commands for it the other; a private broker serves it; this process starts
the three, shows what a subscriber sees, and ends them.
"""

from __future__ import annotations

import argparse
import array
import fcntl
import importlib.util
import select
import socket
import subprocess
import sys
import tempfile
import termios
import threading
from collections.abc import Callable
from pathlib import Path
from typing import IO, Self

from gateway.cli.hand import Hand
from gateway.cli.nurse import SCRIPTS, Nurse
from gateway.cli.run import add_mqtt_options
from gateway.cli.screen import Screen
from gateway.cli.watch import KEYS, show
from gateway.errors import UserError
from gateway.messages import Topics
from gateway.mqtt.broker import die_with_parent, open_broker
from gateway.mqtt.connection import BrokerUrl
from gateway.mqtt.subscriber import ChairView, Heard, Subscriber
from gateway.sources import monotonic_us

_START_S = 20.0
_LOOK_S = 0.1
_END_S = 2.0
_RESTART_US = 2_000_000


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "demo",
        help="a whole virtual chair: real firmware, emulated sensors, broker",
        epilog="example: chairside demo --record bidmc/bidmc01 --speed max",
    )
    played = parser.add_mutually_exclusive_group()
    played.add_argument("--record", help="recording to play; default: a simulated patient")
    played.add_argument("--scenario", default="baseline", help="what happens to the patient; hil scenarios lists them")
    parser.add_argument("--truth", metavar="FILE", help="what the simulated patient really had, as JSON lines")
    parser.add_argument("--speed", default="1", help="times real time, or max; default: 1")
    parser.add_argument("--seed", type=int, default=1, help="of the simulated patient; default: 1")
    add_mqtt_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    started_us = monotonic_us()
    topics = Topics(args.site, args.chair)  # refuse a bad id before anything is started
    screen = Screen(KEYS)
    with (
        screen,
        tempfile.TemporaryDirectory(prefix="chairside-state-") as state,
        open_broker(args.broker, port=args.mqtt_port, report=screen.note) as broker,
    ):
        if broker.url is None:
            return _run_alone(args, screen)
        with _Chair(args, ["--broker", str(broker.url), "--state", state], screen.note) as chair:
            for line in _how_to_subscribe(broker.url, broker.limits, topics.everything):
                screen.note(line)
            milestones = _Milestones(started_us, screen.note)
            with Subscriber(broker.url, topics.everything, report=screen.note) as subscriber:
                hand = Hand(subscriber, "demo", screen.note)
                script = () if args.record else SCRIPTS.get(args.scenario, ())
                nurse = Nurse(subscriber, topics, script, screen.note)

                def also(heard: Heard, now_us: int) -> None:
                    milestones.feed(heard, now_us)
                    nurse.feed(heard)

                show(subscriber, screen, hand, until=chair.has_ended, also=also)
        return chair.exit_code


def _run_alone(args: argparse.Namespace, screen: Screen) -> int:
    """Without any broker: what is measured goes into a file."""
    messages = args.messages or f"chairside-{args.site}-{args.chair}.jsonl"
    screen.note(
        "no broker: expected mosquitto (apt install mosquitto) or nats (pip install 'chairside[embedded]'); "
        f"nobody can subscribe, messages are kept in {messages}"
    )
    with _Chair(args, ["--broker", "none", "--messages", messages], screen.note) as chair:
        pause = threading.Event()
        while not chair.has_ended():
            pause.wait(_LOOK_S)
    return chair.exit_code


def _how_to_subscribe(broker: BrokerUrl, limits: str, topic: str) -> list[str]:
    python = (
        "import paho.mqtt.subscribe as s; "
        f"s.callback(lambda c, u, m: print(m.topic, m.payload.decode()), '{topic}', "
        f"hostname='{broker.host}', port={broker.port})"
    )
    return [
        f"broker     {broker} ({limits})",
        f"subscribe  mosquitto_sub -h {broker.host} -p {broker.port} -t '{topic}' -v",
        f'or         {sys.executable} -c "{python}"',
        f"or         chairside watch --broker {broker}",
        "Ctrl-C ends the demo",
    ]


class _Milestones:
    """Says once when the first message and the first measured value reached a subscriber."""

    def __init__(self, started_us: int, note: Callable[[str], None]) -> None:
        self._started_us = started_us
        self._note = note
        self._view = ChairView()
        self._pending = ["first message", "first measured value"]

    def feed(self, heard: Heard, now_us: int) -> None:
        if not self._pending:
            return
        self._view.feed(heard, now_us)
        measured = any(v.value is not None for v in self._view.quantities(now_us).values())
        if measured or self._pending[0] == "first message":
            elapsed_s = (now_us - self._started_us) / 1e6
            self._note(f"{self._pending.pop(0)} at a subscriber after {elapsed_s:.1f} s")


class _Chair:
    """The rig and the gateway behind it, as processes; a gateway that is killed is started again, as systemd would."""

    def __init__(self, args: argparse.Namespace, sink: list[str], note: Callable[[str], None]) -> None:
        played = ["--record", args.record] if args.record else ["--scenario", args.scenario, "--seed", str(args.seed)]
        self._rig_command = ["hil.cli", "chair", "--speed", args.speed, *played]
        if args.truth:
            self._rig_command += ["--truth", args.truth]
        self._gateway_command = ["gateway.cli.main", "run", "--log", "-", *sink]
        self._gateway_command += ["--oximeter", str(_emulated_oximeter())]
        self._gateway_command += ["--site", args.site, "--chair", args.chair]
        self._note = note
        self._rig: subprocess.Popen[bytes] | None = None
        self._gateway: subprocess.Popen[bytes] | None = None
        self._readers: list[threading.Thread] = []
        self._restart_us: int | None = None
        self.exit_code = 0

    def __enter__(self) -> Self:
        self._start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def has_ended(self) -> bool:
        """Whether the recording is over or the rig has failed; starts a gateway that ended alone again on the way."""
        if self._restart_us is not None:
            if monotonic_us() >= self._restart_us:
                self._restart_us = None
                self._start()
            return False
        gateway = self._gateway.poll() if self._gateway else None
        if gateway is None:
            return False
        rig = self._rig_code()
        if gateway == 0 and rig is not None:  # the rig's output has ended, and the gateway with it
            self.exit_code = 0 if rig == 0 else 1
            self._note("the recording has ended" if rig == 0 else f"the rig has failed ({_how(rig)})")
            return True
        if gateway > 0:
            self.exit_code = gateway
            self._note(f"the gateway has failed ({_how(gateway)})")
            return True
        self._note(f"the gateway has ended alone ({_how(gateway)}); it is started again in 2 s")
        self._stop()
        self._restart_us = monotonic_us() + _RESTART_US
        return False

    def _rig_code(self) -> int | None:
        """The rig's exit code, None if it runs on."""
        if self._rig is None:
            return None
        try:
            return self._rig.wait(_LOOK_S)
        except subprocess.TimeoutExpired:
            return None

    def _start(self) -> None:
        link, board = socket.socketpair()
        with link:  # the gateway's at the end: the rig notices when it dies
            with board:
                self._rig = _spawn(self._rig_command, stdin=subprocess.DEVNULL, stdout=board.fileno())
            _wait_link(self._rig, link)
            self._gateway = _spawn(self._gateway_command, stdin=link.fileno(), stdout=subprocess.DEVNULL)
        self._note(f"gateway pid {self._gateway.pid}")
        for process in (self._rig, self._gateway):
            reader = threading.Thread(target=self._read_notes, args=(process.stderr,), daemon=True)
            reader.start()
            self._readers.append(reader)

    def _read_notes(self, stderr: IO[bytes]) -> None:
        with stderr:
            for line in stderr:
                self._note(line.decode(errors="replace").rstrip())

    def _stop(self) -> None:
        """The gateway first, so that its last status goes out; then the rig."""
        for process in (self._gateway, self._rig):
            if process is None:
                continue
            process.terminate()
            try:
                process.wait(_END_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for reader in self._readers:
            reader.join(_END_S)
        self._readers.clear()
        self._rig = self._gateway = None


def _emulated_oximeter() -> Path:
    """The definition of the rig's sensor lies in the rig, which the gateway may start but not import."""
    spec = importlib.util.find_spec("hil")
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError("the rig is not installed")
    return Path(spec.submodule_search_locations[0]) / "calibration" / "emulated_max30102.toml"


def _how(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"


def _spawn(command: list[str], *, stdin: int, stdout: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", *command],
        stdin=stdin,
        stdout=stdout,
        stderr=subprocess.PIPE,
        process_group=0,  # Ctrl-C is for this process, which ends the others in order
        preexec_fn=die_with_parent,  # noqa: PLW1509 - one system call, looked up before the fork
    )


def _wait_link(rig: subprocess.Popen[bytes], link: socket.socket) -> None:
    """Wait until the rig's output has begun; a rig that ends before says why in its last line."""
    if rig.stderr is None:
        raise RuntimeError("the rig has no pipe")
    select.select([link], [], [], _START_S)
    waiting = array.array("i", [0])
    fcntl.ioctl(link, termios.FIONREAD, waiting)
    if waiting[0]:
        return
    rig.terminate()
    with rig.stderr:
        lines = rig.stderr.read().decode(errors="replace").splitlines()
    rig.wait()
    last = lines[-1] if lines else f"it said nothing for {_START_S:g} s"
    raise UserError(f"the rig did not start: {last.removeprefix('hil: ')}")
