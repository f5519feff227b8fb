"""Recorded alarms and clean recordings through the alarm engine; ``python bench/alarms.py`` prints the tables.

Recordings of the CinC Challenge 2015, from pleth and pressure alone: what is raised in the 10 s before the monitor's
alarm at 300 s, by the Challenge's own definitions. Clean recordings: every alarm there is, with limits at the
recording's own medians +-30 %. An alarm there is true where the recording's reference is beyond the limit too.
"""

import json
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # of the clone, wherever this is started

# ruff: noqa: E402
import dsp
from bench import breathing
from gateway.alarm_profiles import load_profile
from gateway.alarms import AlarmEngine, Change, Condition, Kind, Priority, Profile, Second, Tier, Transition
from gateway.alarms.catalogue import CATALOGUE, Rule
from gateway.analysis import SECOND_US, analyze, config_of
from gateway.recordings import load

RECORDINGS = Path(os.environ.get("CHAIRSIDE_RECORDINGS", ROOT.parent / "shared" / "waveforms"))
ALARM_S, BEFORE_S = 300, 10
# The Challenge's definitions, and what we call them.
DEFINITIONS = {
    "Asystole": (Condition.PULSE_LOST, {"limit": 4.0}, "no beat for 4 s"),
    "Bradycardia": (Condition.EXTREME_BRADYCARDIA, {"limit": 40.0, "beats": 5}, "under 40/min for 5 beats"),
    "Tachycardia": (Condition.EXTREME_TACHYCARDIA, {"limit": 140.0, "beats": 17}, "over 140/min for 17 beats"),
}
SPREAD = 0.3  # of a clean recording's own medians
CLEAN_SETS = ("anaesthesia_enevoldsen", "bidmc", "cves_fingerbp")


@dataclass
class Course:
    """A recording as the alarm engine is fed with it."""

    inputs: list[dsp.Beat | Second] = field(default_factory=list)

    @property
    def seconds(self):
        return [one for one in self.inputs if isinstance(one, Second)]


def course(path: Path) -> Course:
    """Beats and seconds of a recording, in the order in which they come."""
    recording = load(path)
    monitor = dsp.VitalsMonitor(config_of(recording))
    found, readings = Course(), {}
    for event in analyze(recording, monitor):
        if isinstance(event, dsp.Beat):
            found.inputs.append(event)
            continue
        readings[event.quantity] = event.reading
        if len(readings) == len(dsp.Quantity):
            found.inputs.append(Second(t_us=event.t_us, readings=readings, channels=dict(monitor.channels)))
            readings = {}
    return found


def run(profile: Profile, played: Course) -> list[Transition]:
    """Every transition."""
    engine = AlarmEngine(profile, series="bench")
    return [out for one in played.inputs for out in engine.feed(one) if isinstance(out, Transition)]


def profile_of(conditions: dict[Condition, tuple[Tier, ...]]) -> Profile:
    """These conditions of the patient, and the default's technical ones."""
    default = load_profile("adult")
    technical = {c: tiers for c, tiers in default.conditions.items() if CATALOGUE[c].kind is Kind.TECHNICAL}
    return Profile(format=1, name="bench", version="1", conditions={**technical, **conditions})


def challenge_profile() -> Profile:
    return profile_of(
        {
            condition: (Tier(priority=Priority.HIGH, source=words, **numbers),)
            for condition, numbers, words in DEFINITIONS.values()
        }
    )


def median_profile(played: Course) -> Profile:
    """Limits at the recording's own medians +-30 %, with the default's delays and its rules of beats."""
    default, conditions = load_profile("adult"), {}
    for condition, definition in CATALOGUE.items():
        tiers = default.tiers(condition)
        if definition.rule in (Rule.SLOW_BEATS, Rule.FAST_BEATS, Rule.NO_BEAT, Rule.DROP):
            conditions[condition] = tiers
        if definition.rule not in (Rule.ABOVE, Rule.BELOW) or not [t for t in tiers if t.limit is not None]:
            continue
        values = _values(played, definition.quantity)
        if values:
            sign = 1 if definition.rule is Rule.ABOVE else -1
            limit = median(values) * (1 + sign * SPREAD)
            tier = next(t for t in tiers if t.limit is not None)
            conditions[condition] = (
                Tier(priority=Priority.MEDIUM, limit=limit, delay_s=tier.delay_s, source="the recording's median"),
            )
    return profile_of(conditions)


def _values(played, quantity):
    readings = [second.readings[quantity] for second in played.seconds]
    return [reading.value for reading in readings if isinstance(reading, dsp.Measured)]


def is_signalled(transitions: list[Transition], start_s: float, end_s: float) -> dict[Condition, int]:
    """Conditions with a signal in a span of time, and when each began or began again."""
    found: dict[Condition, int] = {}
    on: dict[Condition, int] = {}
    for one in transitions:
        condition = one.alarm.condition
        if one.t_us > end_s * SECOND_US:
            break
        if one.alarm.presence.value in ("on", "ack") and one.alarm.truth.value == "present":
            on.setdefault(condition, one.t_us)
        elif condition in on:
            since_us = on.pop(condition)
            if one.t_us >= start_s * SECOND_US:
                found[condition] = since_us
    return {**found, **on}


def manifest():
    return json.loads((RECORDINGS / "manifest.json").read_text())["records"]


def challenge_rows():
    """Of each record of the Challenge: name, type, truth, the conditions with a signal in those 10 s and since when."""
    for entry in manifest():
        alarm = (entry.get("references") or {}).get("alarm_type")
        if alarm is None:
            continue
        transitions = run(challenge_profile(), course(RECORDINGS / entry["path"]))
        now = is_signalled(transitions, ALARM_S - BEFORE_S, ALARM_S)
        yield Path(entry["path"]).name, alarm, entry["references"]["alarm_truth"] == "True alarm", now


def challenge_table(rows):
    """The records whose type we claim to know first, then the others."""
    yield "| record | the monitor's alarm | judged by experts | raised by us | other alarms of ours |"
    yield "|---|---|---|---|---|"
    for name, alarm, is_true, now in sorted(rows, key=lambda row: (row[1] not in DEFINITIONS, row[1], not row[2])):
        ours = DEFINITIONS[alarm][0] if alarm in DEFINITIONS else None
        raised = "no target" if ours is None else f"yes, at {now[ours] / 1e6:.0f} s" if ours in now else "no"
        others = ", ".join(f"{c.value} ({CATALOGUE[c].kind.value})" for c in sorted(now, key=str) if c is not ours)
        yield f"| {name} | {alarm.replace('_', ' ').lower()} | {'true' if is_true else 'false'} | {raised} | {others} |"


def clean_entries():
    """The recordings of quiet monitoring."""
    for entry in manifest():
        folder = entry["path"].split("/", 1)[0]
        notes = str(entry.get("artifact_notes", ""))
        if folder in CLEAN_SETS or (folder == "challenge2015" and notes.startswith("clean")):
            yield entry


def clean_rows():
    """Each alarm on a clean recording: name, condition, kind, when, value, limit, whether the reference agrees."""
    for entry in clean_entries():
        played = course(RECORDINGS / entry["path"])
        hours = len(played.seconds) / 3600
        raised = [t for t in run(median_profile(played), played) if t.change in (Change.RAISED, Change.RISEN)]
        yield entry["path"], hours, [(t, is_confirmed(entry["path"], t)) for t in raised]


def is_confirmed(recording: str, transition: Transition) -> bool:
    """Whether the reference is beyond an alarm's limit as well.

    Pressures: their median over the alarm's delay. Respiration: by another signal, over a window of what was judged.
    """
    quantity = CATALOGUE[transition.alarm.condition].quantity
    is_above = CATALOGUE[transition.alarm.condition].rule is Rule.ABOVE
    if quantity is dsp.Quantity.RESPIRATION_RATE:
        end_s = transition.t_us / SECOND_US
        start_s = end_s - transition.alarm.delay_s - breathing.WINDOW_S
        rates = breathing_of(recording).rates(start_s, end_s)
        return any((rate >= transition.alarm.limit) == is_above for rate in rates)
    column = {dsp.Quantity.SYSTOLIC: "systolic_mmhg", dsp.Quantity.DIASTOLIC: "diastolic_mmhg"}.get(quantity)
    pressure = next((r["pressure"] for r in references() if r["recording"] == recording and r.get("pressure")), None)
    if column is None or pressure is None:
        return False
    end_s = transition.t_us / SECOND_US
    start_s = end_s - transition.alarm.delay_s
    pairs = zip(pressure["peak_s"], pressure[column], strict=True)
    values = [value for t_s, value in pairs if start_s <= t_s <= end_s]
    return bool(values) and (median(values) >= transition.alarm.limit) == is_above


def breathing_of(recording: str) -> breathing.Breathing:
    marked = [r["breaths_s"] for r in references() if r["recording"] == recording and r.get("breaths_s")]
    return breathing.Breathing(RECORDINGS / recording, marked[0][0] if marked else None)


def references():
    return [json.loads(path.read_text()) for path in sorted((RECORDINGS / "references").glob("*.json"))]


def clean_table(rows):
    """Hours and counts, then each alarm."""
    rows = list(rows)
    alarms = [(name, t, is_true) for name, _, raised in rows for t, is_true in raised]
    physiological = [one for one in alarms if one[1].alarm.kind is Kind.PHYSIOLOGICAL]
    false = sum(not is_true for _, _, is_true in physiological)
    yield f"{len(rows)} recordings, {sum(hours for _, hours, _ in rows):.2f} h: {false} false alarms of the patient,"
    yield f"{len(physiological) - false} true ones, {len(alarms) - len(physiological)} technical ones."
    yield ""
    yield "| recording | alarm | at s | value | limit | the reference |"
    yield "|---|---|---|---|---|---|"
    for name, t, is_true in alarms:
        alarm = t.alarm
        value, limit = (f"{x:.1f}" if x is not None else "" for x in (alarm.value, alarm.limit))
        said = "agrees" if is_true else "" if alarm.kind is Kind.TECHNICAL else "does not"
        yield f"| {name} | {alarm.condition.value} | {t.t_us / 1e6:.0f} | {value} | {limit} | {said} |"


def page():
    """The section of docs/figures.md."""
    yield "## Alarms on recordings"
    yield ""
    yield "Recordings of the CinC Challenge 2015, from pleth and pressure alone, in the 10 s"
    yield "before the monitor's alarm at 300 s, by the Challenge's own definitions:"
    yield "; ".join(f"{name.lower()}: {words}" for name, (_, _, words) in DEFINITIONS.items()) + "."
    yield ""
    yield from challenge_table(challenge_rows())
    yield ""
    yield "Quiet recordings, with limits at each one's own medians +-30 % and the default's delays."
    yield ""
    yield from clean_table(clean_rows())


if __name__ == "__main__":
    if not RECORDINGS.is_dir():
        sys.exit(f"alarms: expected recordings at {RECORDINGS.name}, set CHAIRSIDE_RECORDINGS")
    for line in page():
        print(line, flush=True)
