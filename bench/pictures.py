"""Draw the pictures of README and docs from the simulated patient; `make pictures`.

docs/watch.svg     what `chairside watch` shows in the middle of a session
docs/session.png   a whole `iv` session through the virtual chair: what was published beside what was true
docs/analyze.png   the sheet of `chairside analyze --plot`, of the scenario with artifacts
"""

import io
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from rich.console import Console

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
WATCHED_S = 26 * 60  # in the desaturation
# Published vital, its unit on the axis, its colour.
ROWS = [
    (("systolic", "mean_pressure", "diastolic"), "pressure, mmHg", "tab:red"),
    (("pulse_rate",), "pulse rate, 1/min", "tab:green"),
    (("spo2",), "SpO2, %", "tab:cyan"),
    (("motion",), "motion, g", "tab:gray"),
]


def play(scenario, truth):
    """Every message of a scenario, through firmware, link and pipeline, as fast as it goes."""
    with tempfile.TemporaryDirectory() as directory:
        kept = Path(directory) / "messages.jsonl"
        command = [sys.executable, "-m", "gateway.cli.main", "demo", "--scenario", scenario, "--speed", "max"]
        command += ["--broker", "none", "--messages", kept, "--truth", truth]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        return [json.loads(line) for line in kept.read_text().splitlines()]


def draw_watch(messages):
    """The terminal's picture at one second, as SVG without any address in it."""
    from gateway.cli.screen import page
    from gateway.mqtt.subscriber import ChairView, Heard

    view, chair = ChairView(), ("demo", "chair-1")
    for message in messages:
        payload = json.dumps(message["payload"]).encode()
        view.feed(Heard(topic=message["topic"], payload=payload, retained=False), 0)
        if message["payload"]["t_us"] == WATCHED_S * 1_000_000 and message["topic"].endswith("heartbeat"):
            break
    console = Console(record=True, width=102, file=io.StringIO())
    console.print(page(chair, view, 0))
    svg = console.export_svg(title="chairside watch")
    svg = re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL)
    (DOCS / "watch.svg").write_text(re.sub(r"[ \t]+$", "", svg, flags=re.MULTILINE))


def draw_session(messages, truth):
    """Published values as dots over the truth as lines, with the events and the seconds without a value."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    vitals = [message["payload"] for message in messages if message["topic"].endswith("/vitals")]
    figure = Figure(figsize=(13, 9), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(ROWS), 1, sharex=True, height_ratios=[3, 2, 2, 1])
    for axis, (names, label, colour) in zip(axes, ROWS, strict=True):
        for name in names:
            draw_quantity(axis, name, vitals, truth, colour)
        axis.set_ylabel(label)
        axis.grid(alpha=0.25)
        for event in events(truth):
            axis.axvspan(*event[1:], color="tab:orange" if "ketamine" not in event[0] else "tab:blue", alpha=0.06)
    for row, (name, start, _) in enumerate(events(truth)):
        axes[0].annotate(name, (start, 1.02 + 0.055 * (row % 3)), xycoords=("data", "axes fraction"), size=9)
    axes[0].plot([], [], color="black", lw=1, label="true")
    axes[0].plot([], [], ".", color="tab:red", label="published")
    axes[0].plot([], [], "|", color="tab:orange", label="nothing published, with a reason")
    axes[0].legend(loc="upper left", fontsize=8)
    axes[-1].set_xlabel("minutes")
    figure.suptitle("SIMULATED: 45 minutes of intravenous ketamine, through the unmodified firmware", size=12)
    figure.savefig(DOCS / "session.png", metadata={"Software": None})


def draw_quantity(axis, name, vitals, truth, colour):
    axis.plot([s["t_s"] / 60 for s in truth], [s[name] for s in truth], color="black", lw=0.7, alpha=0.7)
    values = [(v["t_us"] / 60e6, v["quantities"][name]["value"]) for v in vitals]
    measured = np.array([(t, value) for t, value in values if value is not None]).reshape(-1, 2)
    axis.plot(measured[:, 0], measured[:, 1], ".", color=colour, ms=2)
    missing = [t for t, value in values if value is None]
    axis.plot(missing, np.full(len(missing), 0.03), "|", color="tab:orange", ms=8, transform=axis.get_xaxis_transform())


def events(truth):
    """(name, start, end) in minutes, from the seconds in which they were active."""
    spans = {}
    for second in truth:
        for name in second["events"]:
            start, _ = spans.get(name, (second["t_s"] - 1, None))
            spans[name] = (start, second["t_s"])
    return [(name, start / 60, end / 60) for name, (start, end) in spans.items()]


def draw_analyze():
    """A recording of what the simulated patient's sensors see."""
    from hil.patient import Patient
    from hil.stimulus import Stimulus

    t_us = np.arange(0, 300_000_000, 10_000)
    pressure = Patient(1, "artifacts").pressure(t_us)
    infrared = Stimulus(Patient(1, "artifacts")).light(t_us)[:, 1]
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "simulated-artifacts.csv"
        rows = (f"{t / 1e6:.3f},{p:.3f},{x:.6f}" for t, p, x in zip(t_us, pressure, infrared, strict=True))
        path.write_text("time_s,ABP_mmHg,infrared_counts\n" + "\n".join(rows) + "\n")
        command = [sys.executable, "-m", "gateway.cli.main", "analyze", path, "--plot", DOCS / "analyze.png"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def main():
    from hil.truth import read

    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "truth.jsonl"
        messages = play("iv", path)
        truth = read(path.read_text().splitlines())
    draw_watch(messages)
    draw_session(messages, truth)
    draw_analyze()
    print("drawn: docs/watch.svg, docs/session.png, docs/analyze.png")


if __name__ == "__main__":
    main()
