"""Write docs/figures.md: the current figures, each with the command that made it; `make figures`.

    python bench/figures.py                 every section, into docs/figures.md
    python bench/figures.py accuracy bits   some sections, printed only

A section whose inputs are not here says so, instead of an old number. Recordings: $CHAIRSIDE_RECORDINGS, or
../shared/waveforms beside the clone.
"""

import json
import os
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bench.results import MissingError, kept, parts  # noqa: E402  # of the clone, wherever this is started

RECORDINGS = Path(os.environ.get("CHAIRSIDE_RECORDINGS", ROOT.parent / "shared" / "waveforms"))
BIN = Path(sys.executable).parent
ACCURACY = {
    "f1": "F1 %",
    "f1_min": "least F1 %",
    "ppv": "PPV %",
    "jitter_ms": "jitter ms",
    "rate_mae": "rate MAE /min",
    "rate_p95": "95 %",
    "rate_share": "windows answered %",
    "systolic_mae": "systolic MAE",
    "diastolic_mae": "diastolic MAE mmHg",
    "resp_mae": "respiration MAE",
    "resp_share": "windows answered %",
    "false_beats_per_min": "false beats/min without pulse",
}


def say(line):
    print(line, file=sys.stderr, flush=True)


def recordings():
    if not (RECORDINGS / "references").is_dir():
        raise MissingError("no recordings: set CHAIRSIDE_RECORDINGS to their folder")
    return RECORDINGS


def accuracy():
    recordings()
    from bench.accuracy import figures

    found = figures()
    shown = [key for key in ACCURACY if any(key in row for row in found.values())]
    yield "| set, channel | records | " + " | ".join(ACCURACY[key] for key in shown) + " |"
    yield "|---" * (len(shown) + 2) + "|"
    for name, row in found.items():
        cells = [f"{row[key]:.2f}" if key in row else "" for key in shown]
        yield f"| {name} | {row['records']:.0f} | " + " | ".join(cells) + " |"


def misses():
    recordings()
    from bench.misses import table

    yield "Of the sets whose F1 is below its target (bidmc 99.2 %, cves 97.5 %), and jitter (bidmc: 14 ms)."
    yield ""
    yield from table()


def peers():
    from bench import peers

    recordings()
    reason = peers.missing()
    if reason:
        raise MissingError(reason)
    groups = peers.compare(peers.references(peers.SETS))
    peers.draw(groups)
    yield "The picture is docs/risk_coverage.png. The peers have whole records at once; ours has what a monitor has."
    yield ""
    yield from peers.rows(groups)


def demo(*options):
    """What a demo printed, and the vitals its subscriber heard."""
    from gateway.mqtt.connection import BrokerUrl
    from gateway.mqtt.subscriber import Subscriber

    command = [BIN / "chairside", "demo", *options]
    vitals, printed = [], ""
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        while not (found := re.search(r"broker +(mqtt://\S+)", printed)):
            line = process.stdout.readline()
            if not line:
                raise SystemExit(f"figures: the demo did not start: {printed}")
            printed += line
        with Subscriber(BrokerUrl.parse(found[1]), "chairside/v1/+/+/vitals", report=say) as subscriber:
            if not options:  # endless: wait for the milestones
                while "first measured value" not in printed:
                    printed += process.stdout.readline()
                process.terminate()
            heard = None
            while heard is not None or process.poll() is None:
                heard = subscriber.wait_message(0.5)
                if heard is not None:
                    vitals.append(json.loads(heard.payload))
        printed += process.stdout.read()
    return printed, vitals


def monitor():
    from hil.compare import against_monitor

    record = recordings() / "anaesthesia_enevoldsen" / "or_s26"
    _, vitals = demo("--record", str(record), "--speed", "max")
    delay_s, agreement = against_monitor(vitals, record.with_name("or_s26_numerics.csv"))
    yield f"One constant delay of {-delay_s:.1f} s for all: the monitor shows its averages later than we do."
    yield ""
    yield "| quantity | MAE | bias | SD | seconds answered % |"
    yield "|---|---|---|---|---|"
    for name, one in agreement.items():
        yield f"| {name} | {one.mae:.2f} | {one.bias:+.2f} | {one.sd:.2f} | {100 * one.answered:.1f} |"


def marks():
    from bench import marks

    if not marks.RECORDINGS.is_dir():
        raise MissingError("the recordings beside the clone are not there")
    yield from marks.lines()


def session():
    agree = [BIN / "hil", "agree", "--scenario", "iv", "--seed", "1"]
    printed = subprocess.run(agree, check=True, capture_output=True, text=True).stdout
    yield "Absolute errors over the seconds of good quality; early beats included."
    yield ""
    yield from (f"    {line}" for line in printed.splitlines() if not line.startswith("firmware"))


def alarms():
    recordings()
    from bench import alarms

    lines = list(alarms.page())
    yield from lines[2:] if lines[0].startswith("## ") else lines


def scenarios():
    yield "Each alarm that the truth of a simulated patient owes, and when it came; with faults of link and broker."
    yield ""
    yield from kept("alarms", "make campaign-alarms")


def artifacts():
    yield from kept("artifacts", "make campaign-artifacts")


def mutation():
    yield from kept("mutation", "make campaign-mutation")


def latency():
    from bench.latency import rows

    yield from rows()


def start():
    printed, _ = demo()
    yield "As it prints on a warm machine; shared and noisy machines, so a guide only."
    yield ""
    for line in re.findall(r"first .* at a subscriber after .*", printed):
        yield f"- {line}"


def speed():
    from bench.speed import measure, rows

    yield from rows(measure())
    yield ""
    yield "The board with sensors that tell their time and a gateway that talks to it (`make campaign-board`):"
    yield ""
    for line in kept_or_not("board", "make campaign-board"):
        found = re.search(r"(\d+ Hz pleth, .*?, [\d.]+ h): .*?(\d+ x real time by processor time)", line)
        if found:
            yield f"- {found[1]}: {found[2]}"
        elif line.startswith("Not"):
            yield line


def bits():
    def line(**environment):
        command = [sys.executable, ROOT / "bench" / "bits.py"]
        environment = {**os.environ, **environment}
        return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout.strip()

    native = line()
    yield f"The fixed input gives {native}."
    yield ""
    yield "| mode | bits |"
    yield "|---|---|"
    for mode, environment in (
        ("interpreted, NUMBA_DISABLE_JIT=1", {"NUMBA_DISABLE_JIT": "1"}),
        ("for any x86-64 processor, NUMBA_CPU_NAME=generic", {"NUMBA_CPU_NAME": "generic"}),
    ):
        yield f"| {mode} | {'equal' if line(**environment) == native else 'DIFFERENT'} |"
    yield ""
    yield "On an emulated aarch64 processor (qemu-user):"
    yield ""
    yield from kept_or_not("aarch64", "make campaign-aarch64")


def faults():
    campaigns = re.findall(r"^(campaign-([a-z0-9-]+)):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE)
    shown_elsewhere = ("aarch64", "alarms", "artifacts", "mutation")
    for target, name in campaigns:
        if name in shown_elsewhere:
            continue
        yield f"`make {target}`"
        yield ""
        yield from kept_or_not(name, f"make {target}")
        yield ""


def kept_or_not(name, command):
    try:
        return kept(name, command)
    except MissingError as missing:
        return [*unfinished(name), f"{'Not finished' if parts(name) else 'Not measured'}: {missing}."]


def unfinished(name):
    """What is there of a campaign that keeps its parts: the lines of each, and the sums of what was counted."""
    found = parts(name)
    for part in found:
        if isinstance(part, list):
            yield from (f"    {line}" for line in part)
    total = sum((Counter(part) for part in found if isinstance(part, dict)), Counter())
    if total:
        yield "    " + ", ".join(f"{value:g} {key}" for key, value in total.items())
    if found:
        yield ""


@dataclass(frozen=True)
class Section:
    """One heading of the page; ``lines`` raises ``MissingError`` where its inputs are not here."""

    title: str
    command: str
    lines: Callable[[], Iterator[str]]


SECTIONS = [
    Section("Beats, pressures and respiration on recordings", "make accuracy", accuracy),
    Section("Missed beats, record by record", "python bench/misses.py", misses),
    Section("Beside other programs", "make peers", peers),
    Section(
        "A patient in the operating theatre, over MQTT, against the bedside monitor",
        "make demo RECORD=../shared/waveforms/anaesthesia_enevoldsen/or_s26 SPEED=max",
        monitor,
    ),
    Section("Beat points and pulse pressure variation", "python bench/marks.py", marks),
    Section("A simulated session against its truth", "hil agree --scenario iv --seed 1", session),
    Section("Alarms on simulated patients", "make campaign-alarms", scenarios),
    Section("Alarms on recordings", "python bench/alarms.py", alarms),
    Section("Small changes of the alarm code that a test notices", "make campaign-mutation", mutation),
    Section("Artifacts in signals", "make campaign-artifacts", artifacts),
    Section("Latency", "python bench/latency.py", latency),
    Section("Start", "make demo", start),
    Section("Speed", "make bench", speed),
    Section("Equal bits", "python bench/bits.py; make campaign-aarch64", bits),
    Section("Faults survived", "the campaigns of the Makefile", faults),
]


def section(one):
    """Heading, command and lines of a section; why there are none, where there are none."""
    began = time.monotonic()
    say(f"{one.title} ...")
    yield f"## {one.title}"
    yield ""
    yield f"`{one.command}`"
    yield ""
    try:
        yield from list(one.lines())
    except MissingError as missing:
        yield f"Not measured: {missing}."
    yield ""
    say(f"    {time.monotonic() - began:.0f} s")


def main():
    wanted = sys.argv[1:]
    unknown = set(wanted) - {one.lines.__name__ for one in SECTIONS}
    if unknown:
        say(f"figures: expected some of {[one.lines.__name__ for one in SECTIONS]}, got {sorted(unknown)}")
        return 2
    lines = [line for one in SECTIONS if not wanted or one.lines.__name__ in wanted for line in section(one)]
    if wanted:
        print("\n".join(lines))
        return 0
    head = (
        "Made by `make figures`; do not edit. Recordings are of people; nothing here is a claim of clinical accuracy."
    )
    text = "\n".join(["# Figures", "", head, "", *lines]).rstrip() + "\n"
    (ROOT / "docs" / "figures.md").write_text(text)
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
