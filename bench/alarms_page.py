"""Write docs/alarms.md from the signal table, the catalogue and the profiles; ``make docs``. A test holds it."""

import inspect
import re
import textwrap
from pathlib import Path

from gateway import self_checks
from gateway.alarm_profiles import load_profile, shipped
from gateway.alarms import engine, hold, signals, watch
from gateway.alarms.catalogue import CATALOGUE, rule_text, signal_delay_s
from gateway.alarms.evidence import ARMING_SECONDS, ATTENDED_US, LEAVING_SECONDS
from gateway.alarms.signals import PRESENCE, TABLE, Event, Signal
from gateway.alarms.types import Condition, Kind, Priority

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "alarms.md"
WIDTH = 120


def prose(text):
    """A docstring's paragraphs, without its first line."""
    paragraphs = inspect.cleandoc(text).split("\n\n")[1:]
    return [line for one in paragraphs for line in (*textwrap.wrap(" ".join(one.split()), WIDTH), "")]


def state_table():
    yield "| state, on the wire | " + " | ".join(event.value for event in Event) + " |"
    yield "|---" * (len(Event) + 1) + "|"
    for state in Signal:
        after = [TABLE[state, event] for event in Event]
        cells = ["" if one is state else one.value for one in after]
        yield f"| **{state.value}**, {PRESENCE[state].value} | " + " | ".join(cells) + " |"


def condition_table(profile, kind):
    yield "| condition | priority | alarms | delay of the condition + of the signal, s | from |"
    yield "|---|---|---|---|---|"
    for condition in Condition:
        definition = CATALOGUE[condition]
        if definition.kind is not kind:
            continue
        name = f"`{condition.value}`: {definition.title}" + (", latching" if definition.is_latching else "")
        tiers = sorted(profile.tiers(condition), key=lambda tier: tier.priority)
        if not tiers:
            yield f"| {name} | | not watched by this profile | | |"
        for tier in tiers:
            delays = f"{tier.delay_s:g} + {signal_delay_s(condition):g}"
            words = re.sub(r"( for [\d.]+ s|, at once)(?=$|, or sooner)", "", rule_text(condition, tier)).replace(
                "mm[Hg]", "mmHg"
            )
            yield f"| {name} | {tier.priority.value} | {words} | {delays} | {tier.source} |"
            name = ""


def differences(profile, default):
    return [condition for condition in Condition if profile.tiers(condition) != default.tiers(condition)]


def profile_lines():
    default = load_profile("adult")
    for name in shipped():
        profile = load_profile(name)
        changed = differences(profile, default)
        words = ", ".join(f"`{condition.value}`" for condition in changed) or "nothing"
        if name != "adult":
            yield f"- `{name}` differs from `adult` in: {words}."
        for condition in changed:
            yield from (f"  {rule_text(condition, tier)} ({tier.source})" for tier in profile.tiers(condition))


def sources():
    """What the letters mean: the comment at the head of the default profile."""
    head = (ROOT / "gateway" / "profiles" / "adult.toml").read_text().split("format = ")[0]
    words = " ".join(line.removeprefix("# ") for line in head.splitlines())
    return words.split("beside it. ", 1)[1].strip()


def page():
    default = load_profile("adult")
    answer = {priority.value: watch.ANSWER_US[priority] // 10**6 for priority in Priority}
    yield "# Alarms"
    yield ""
    made_by = "Made by `make docs` from the code; do not edit."
    yield f"{made_by} Modelled on IEC 60601-1-8; nothing here claims conformity, and"
    yield "no clinic has signed the profiles that come with the program."
    yield ""
    yield "## Signals"
    yield ""
    yield from prose(signals.__doc__)
    yield from state_table()
    yield ""
    yield "An empty cell: nothing happens."
    yield ""
    yield "## When a condition begins and ends"
    yield ""
    yield from prose(hold.__doc__)
    yield from textwrap.wrap(
        f"A value is back when it is inside its limit by the hysteresis for {hold.SETTLE_US // 10**6} s. "
        "A doubtful value "
        f"needs {hold.DOUBT_US // 10**6} s more to begin a condition, and ends one after "
        f"{hold.DOUBTFUL_SETTLE_US // 10**6} s. Data count as lost after "
        f"{hold.LOST_US // 10**6} s; a condition that held is then unknown, and its technical condition comes without "
        f"its delay. An acknowledged one is let go after {watch.FORGET_US // 10**6} s of unknown. A "
        "pulse that only one "
        "sensor could have shown, or that a disturbance may have hidden, counts as doubtful. A doubtful "
        "respiration rate "
        "begins nothing: it is seen in other numbers alone, and has to be clear for a whole window of the signal "
        "processing, so that two windows that share no pulse agree.",
        WIDTH,
    )
    yield ""
    yield from textwrap.wrap(
        f"A number alarms only after it has been good for {ARMING_SECONDS} s in a row, or there, doubtful or not, for "
        f"{ATTENDED_US // 10**6} s in a row; a sensor is missed only after its channel has had a pulse for "
        f"{ARMING_SECONDS} s, or any signal for {ATTENDED_US // 10**6} s; {ATTENDED_US // 10**6} s after somebody has "
        "said that a patient "
        "is in the chair everything that exists has to measure. What has measured and has no sensor any more is "
        "missed. Who says that nobody is in the chair stops the alarms "
        f"of the patient until there has been no pulse for {LEAVING_SECONDS} s and then one again: "
        "whoever comes next is "
        "monitored without being asked for, and what was switched off is on again. A pulse that goes on in standby is "
        f"`standby`, told again every {answer['low'] // 60} minutes. A channel that the source never had is no alarm.",
        WIDTH,
    )
    yield ""
    yield "## What persons can do"
    yield ""
    yield from textwrap.wrap(
        "Acknowledge one occurrence of one condition, by its id: an old id acknowledges nothing. Pause "
        "the sound for at "
        f"most {engine.LONGEST_PAUSE_S} s: what sounds now is silent, what comes or rises meanwhile sounds. Switch the "
        "signal of one condition off: it goes on being detected, its document says who switched it off, and it is "
        f"reminded of every {watch.REMIND_US // 60 // 10**6} minutes. Change an absolute limit within "
        "its bounds: who and "
        "when are told, and every limit in force stands in `alarm-system` each second.",
        WIDTH,
    )
    yield ""
    yield from textwrap.wrap(
        f"What nobody answers is told again, louder, after {answer['high']} s (high) or "
        f"{answer['medium']} s (medium), up "
        f"to {watch.LAST_ESCALATION} times, then again and again; of low priority every {answer['low']} s. Once a "
        f"clinician's client has sent a receipt, an alert that nobody has received after {engine.RECEIPT_US // 10**6} "
        "s is an alarm itself, until what it tells is over or acknowledged. A receipt answers for its own alert and "
        "for older ones of no higher priority.",
        WIDTH,
    )
    yield ""
    yield "## Self-check"
    yield ""
    yield from textwrap.wrap(
        f"At the start and every {self_checks.CHECK_US // 10**6} s a copy of the running alarm system, with its state, "
        "its profile and its "
        "changed limits, is shown a patient who is well, then one who is just beyond a limit (another condition each "
        "time), then well again. It has to alarm within the delay, sound, take an acknowledgement and end. The alert "
        "goes to the broker under `self-check`, and the gateway has to hear it before the next one. What fails is "
        "`self-check-failed`; the result stands in `alarm-system` with its time.",
        WIDTH,
    )
    yield ""
    yield "## Conditions of the patient"
    yield ""
    yield "Profile `adult`. The delay of the signal is the worst case of the number itself (docs/dsp.md)."
    yield ""
    yield from condition_table(default, Kind.PHYSIOLOGICAL)
    yield ""
    yield "## Conditions of the monitoring"
    yield ""
    yield from condition_table(default, Kind.TECHNICAL)
    yield ""
    yield from textwrap.wrap("Sources: " + sources(), WIDTH)
    yield ""
    yield "## Profiles by route"
    yield ""
    yield from profile_lines()
    yield ""
    yield from textwrap.wrap(
        "A clinic's own profile is a TOML file, `based_on` one of these, with `signed_off_by` and `signed_off_on`; "
        "`chairside check` names every fault of it at once. With a faulty one the last good profile stays in force, or "
        "`adult` where the chair has kept none (it keeps them where it has a directory for its state); "
        "`profile-refused` says which and why.",
        WIDTH,
    )


def main():
    PAGE.write_text("\n".join(page()) + "\n")


if __name__ == "__main__":
    main()
