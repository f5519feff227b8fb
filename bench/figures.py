"""Write docs/figures.md: the current figures, each with the command that made it; `make figures`.

Needs the recordings: $CHAIRSIDE_RECORDINGS, or ../shared/waveforms beside the clone, with ../shared/score/score.py.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared"
RECORDINGS = Path(os.environ.get("CHAIRSIDE_RECORDINGS", SHARED / "waveforms"))
BIN = Path(sys.executable).parent
COLUMNS = {
    "f1": "F1 %",
    "f1_min": "least F1 %",
    "ppv": "PPV %",
    "jitter_ms": "jitter ms",
    "rate_mae": "rate MAE /min",
    "rate_share": "windows answered %",
    "systolic_mae": "systolic MAE",
    "diastolic_mae": "diastolic MAE mmHg",
    "false_beats_per_min": "false beats/min without pulse",
}


def say(line):
    print(line, file=sys.stderr, flush=True)


def scores():
    """Figures of the scoring program, by set and channel."""
    with tempfile.TemporaryDirectory() as directory:
        output = Path(directory) / "figures.json"
        command = [sys.executable, RECORDINGS.parent / "score" / "score.py", "--waveforms", RECORDINGS]
        command += ["--analyze", f"{BIN / 'chairside'} analyze {{recording}} --json", "--json", output]
        subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.DEVNULL)
        return json.loads(output.read_text())["figures"]


def demo(*options):
    """What a demo printed, and the vitals its subscriber heard."""
    sys.path.insert(0, str(ROOT))
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


def accuracy_table(figures):
    shown = [key for key in COLUMNS if any(key in row for row in figures.values())]
    yield "| set, channel | records | " + " | ".join(COLUMNS[key] for key in shown) + " |"
    yield "|---" * (len(shown) + 2) + "|"
    for name, row in figures.items():
        cells = [f"{row[key]:.2f}" if row.get(key) is not None else "" for key in shown]
        yield f"| {name} | {row['records']} | " + " | ".join(cells) + " |"


def monitor_table(vitals):
    from hil.compare import against_monitor

    delay_s, agreement = against_monitor(vitals, RECORDINGS / "anaesthesia_enevoldsen" / "or_s26_numerics.csv")
    yield f"One constant delay of {-delay_s:.1f} s for all four: the monitor shows its averages later than we do."
    yield ""
    yield "| quantity | MAE | bias | SD | seconds answered % |"
    yield "|---|---|---|---|---|"
    for name, one in agreement.items():
        yield f"| {name} | {one.mae:.2f} | {one.bias:+.2f} | {one.sd:.2f} | {100 * one.answered:.1f} |"


def page():
    from bench.speed import measure

    say("scoring the recordings ...")
    accuracy = scores()
    say("playing or_s26 through the virtual chair ...")
    record = RECORDINGS / "anaesthesia_enevoldsen" / "or_s26"
    _, vitals = demo("--record", str(record), "--speed", "max")
    say("playing a simulated session ...")
    agree = [BIN / "hil", "agree", "--scenario", "iv", "--seed", "1"]
    session = subprocess.run(agree, check=True, capture_output=True, text=True).stdout
    say("starting the demo ...")
    printed, _ = demo()
    say("measuring speed ...")
    speed = measure()
    yield "# Figures"
    yield ""
    yield "Made by `make figures`; do not edit. Recordings are of people; nothing here is a claim of clinical accuracy."
    yield ""
    yield "## Beats and pressures on recordings"
    yield ""
    yield "`python3 ../shared/score/score.py`, which defines the figures: `chairside analyze` against references."
    yield ""
    yield from accuracy_table(accuracy)
    yield ""
    yield "## A patient in the operating theatre, over MQTT, against the bedside monitor"
    yield ""
    yield "`make demo RECORD=../shared/waveforms/anaesthesia_enevoldsen/or_s26 SPEED=max` (the whole chain)."
    yield ""
    yield from monitor_table(vitals)
    yield ""
    yield "## A simulated session against its truth"
    yield ""
    yield "`hil agree --scenario iv --seed 1`: absolute errors over the seconds of good quality; early beats included."
    yield ""
    yield from (f"    {line}" for line in session.splitlines() if not line.startswith("firmware"))
    yield ""
    yield "## Start"
    yield ""
    yield "`make demo` on a warm machine, as it prints; shared and noisy machines, so a guide only."
    yield ""
    for line in re.findall(r"first .* at a subscriber after .*", printed):
        yield f"- {line}"
    yield ""
    yield "## Speed"
    yield ""
    yield "`make bench`, all in one run on this machine."
    yield ""
    yield "| figure | value |"
    yield "|---|---|"
    for name, value in speed.items():
        yield f"| {name} | {value:.1f} |"


def main():
    if not RECORDINGS.is_dir():
        say(f"figures: expected recordings at {RECORDINGS.name}, set CHAIRSIDE_RECORDINGS")
        return 2
    sys.path.insert(0, str(ROOT))
    text = "\n".join(page()) + "\n"
    (ROOT / "docs" / "figures.md").write_text(text)
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
