"""The terminal's picture: what is live is large, what is not is never a number."""

import io
from types import MappingProxyType

import msgspec
import pytest
from rich.console import Console

from gateway.alarms import Priority
from gateway.chunklog import Origin, OriginKind
from gateway.cli.bedside import _readiness
from gateway.cli.digits import big
from gateway.cli.screen import Screen, line, page
from gateway.messages import Composer, Message
from gateway.mqtt.subscriber import STALE_US, ChairView, Heard
from gateway.payloads import VitalValue
from gateway.sources import clock_text
from gateway.treatment.records import Discharge, Gate, GateState, Score
from tests.gateway.test_desk import STARTED_MS, Chair, acknowledge

COMPOSER = Composer(
    "s", "c", boot="b", version="1", origin=Origin(kind=OriginKind.SIMULATED, label="a patient"), started_utc_ms=0
)


def measured(value, unit, **fields):
    common = {"validity": "measured", "reasons": [], "sqi": 0.9, "age_ms": 400}
    return VitalValue(value=value, unit=unit, **{**common, **fields})


def missing(unit, reason):
    return VitalValue(value=None, unit=unit, validity="unavailable", reasons=[reason], sqi=0.0, age_ms=None)


VALUES = {
    "pulse_rate": measured(72.0, "/min"),
    "systolic": measured(121.4, "mm[Hg]"),
    "diastolic": measured(79.6, "mm[Hg]"),
    "mean_pressure": measured(94.0, "mm[Hg]"),
    "spo2": measured(97.2, "%", validity="uncalibrated", reasons=["uncalibrated"]),
    "perfusion_index": measured(2.15, "%"),
    "respiration_rate": missing("/min", "breathing unclear"),
    "motion": missing("g", "no such sensor"),
}


def live_view(values=VALUES):
    view = ChairView()
    for message in (
        COMPOSER.status(0, "online", []),
        COMPOSER.vitals(0, 1, values),
        COMPOSER.heartbeat(0, 1, {}, {}),
    ):
        view.feed(Heard(topic=message.topic, payload=message.payload, retained=False), 0)
    return view


def drawn(view, now_us=0, numbers=MappingProxyType({})):
    console = Console(file=io.StringIO(), width=104, color_system=None)
    console.print(page(("s", "c"), view, now_us, numbers))
    return console.file.getvalue()


def test_a_live_chair_shows_big_numbers_quality_age_and_reasons():
    text = drawn(live_view())
    for row in big("72").splitlines() + big("121/80").splitlines() + big("97").splitlines():
        assert row in text
    for words in (
        "SIMULATED",
        "pressure, mean 94",
        "0.4 s",
        "uncalibrated",
        "perfusion index",
        "2.1 ",
        "no such sensor",
        "breathing unclear",
    ):
        assert words in text


def test_what_is_not_live_is_never_a_number():
    text = drawn(live_view(), STALE_US + 1)
    assert "NO DATA for 3 s" in text
    for row in big("72").splitlines()[:1] + big("121/80").splitlines()[:1]:
        assert row not in text
    assert "2.1 " not in text


def test_a_missing_value_is_two_dashes_and_its_reason():
    text = drawn(live_view({**VALUES, "pulse_rate": missing("/min", "no pulse")}))
    assert "no pulse" in text
    assert big("72").splitlines()[0] not in text


def test_the_line_for_no_terminal_says_the_same():
    assert line(("s", "c"), live_view(), 0) == (
        "s/c online | SIMULATED: a patient | pulse_rate 72, systolic 121, diastolic 80, mean_pressure 94, "
        "spo2 97 (uncalibrated), perfusion_index 2.1 | respiration_rate: breathing unclear | motion: no such sensor"
    )
    assert line(("s", "c"), live_view(), STALE_US + 1) == "s/c NO DATA for 3 s | SIMULATED: a patient | no value"


def test_without_a_terminal_every_chair_is_a_line(capsys):
    screen = Screen()
    with screen:
        for message in (COMPOSER.status(0, "online", []), COMPOSER.heartbeat(0, 1, {}, {})):
            screen.feed(Heard(topic=message.topic, payload=message.payload, retained=False), 0)
        screen.note("a note\x1b[2J")
        screen.draw(0)
    assert capsys.readouterr().out.splitlines()[0] == "a note?[2J"


@pytest.mark.parametrize("text", ["0123456789", "--/--", "12.5 "])
def test_big_digits_are_three_rows_of_one_width(text):
    rows = big(text).splitlines()
    assert len(rows) == 3
    assert len({len(row) for row in rows}) == 1


def desk():
    """A virtual chair whose board was never heard, with a session."""
    chair = Chair()
    chair.seconds(14).order("start", route="iv").order("baseline").order("dose", amount_mg=35)
    return chair


def fed(chair):
    view = ChairView()
    for message in chair.outputs:
        if isinstance(message, Message):
            view.feed(Heard(topic=message.topic, payload=message.payload, retained=message.retain), chair.t_us)
    return view


def test_alarms_stand_above_the_numbers_with_the_key_that_acknowledges_them():
    chair = desk()
    view = fed(chair)
    [alarm] = view.alarms()
    text = drawn(view, chair.t_us, {alarm.id: 4})
    assert "4 !!! Board does not answer" in text
    assert text.index("!!!") < text.index("pulse rate")
    acknowledge(chair)
    chair.seconds(1)
    assert "acknowledged by nurse-1" in drawn(fed(chair), chair.t_us)


def test_the_pause_counts_down_and_names_who_asked_for_it():
    chair = desk()
    chair.send("audio-pause", seconds=90)
    chair.seconds(1)
    assert "SOUND PAUSED 1:29 by nurse-1" in drawn(fed(chair), chair.t_us)


def test_the_session_shows_phase_time_advisories_and_who_did_what_last():
    chair = desk()
    chair.seconds(65)
    text = drawn(fed(chair), chair.t_us)
    assert "session iv: DOSE for 1:05" in text
    assert "no baseline of systolic pressure and pulse rate" in " ".join(text.split())
    assert "nurse-1 dose: 35 mg" in text
    assert "session iv: DOSE" in line(("s", "c"), fed(chair), chair.t_us)


def test_an_alarm_system_that_is_not_heard_is_unknown_not_quiet():
    chair = desk()
    view = fed(chair)
    assert "not heard" not in drawn(view, chair.t_us)
    assert "whether there are alarms is unknown" in drawn(view, chair.t_us + STALE_US + 1)


def test_an_alarm_system_of_another_version_is_not_called_silent():
    view = live_view()
    view.feed(Heard(topic="chairside/v1/s/c/alarm-system", payload=b"{}", retained=False), 0)
    assert "alarm system not understood: whether there are alarms is unknown" in drawn(view)


def test_what_a_dead_chair_said_last_is_called_so_with_its_time_and_without_values():
    chair = desk()
    chair.seconds(65)
    view = fed(chair)
    assert "LAST KNOWN" not in drawn(view, chair.t_us)
    later_us = chair.t_us + STALE_US + 1
    known_ms = STARTED_MS + chair.t_us // 1000
    for text in (" ".join(drawn(view, later_us).split()), line(("s", "c"), view, later_us)):
        assert f"!!! LAST KNOWN {clock_text(known_ms)}: Board does not answer [high, on" in text
        assert f"LAST KNOWN {clock_text(view.session.utc_ms)}: session iv: DOSE" in text
        for gone in ("35 mg", "no baseline", "DOSE for"):
            assert gone not in text


def test_criteria_of_discharge_are_met_only_on_a_live_chair():
    chair = desk()
    chair.seconds(3)
    view = fed(chair)
    known = {"is_fit": True, "fit_since_utc_ms": 0, "first_fit_utc_ms": 0, "gates": []}
    fit = Discharge(**known, padss=view.session.discharge.padss, aldrete=view.session.discharge.aldrete)
    view.session = msgspec.structs.replace(view.session, discharge=fit)
    assert "criteria of discharge met" in drawn(view, chair.t_us)
    assert "criteria" not in drawn(view, chair.t_us + STALE_US + 1)


def test_what_was_drawn_last_says_which_number_is_which_alarm_and_which_chair_sounds(monkeypatch):
    chair = desk()
    screen = Screen()
    monkeypatch.setattr(screen, "_live", Undrawn())
    name = ("clinic", "chair-7")

    def second():
        chair.outputs.clear()
        chair.seconds(1)
        for message in (m for m in chair.outputs if isinstance(m, Message)):
            screen.feed(Heard(topic=message.topic, payload=message.payload, retained=False), chair.t_us)
        screen.draw(chair.t_us)
        return screen.drawn

    seen = second()
    [(number, (where, alarm))] = seen.numbered.items()
    assert (number, where, alarm.condition) == (1, name, "link-lost")
    assert seen.sounding == {name: Priority.HIGH}
    acknowledge(chair)
    seen = second()
    assert seen.numbered[1][1].id == alarm.id
    assert seen.sounding == {}


class Undrawn:
    """A terminal that nobody looks at."""

    def update(self, *_, **__):
        pass


@pytest.mark.parametrize(
    ("is_fit", "gates", "expected"),
    [
        (True, {"SpO2": "met", "PADSS": "met", "Aldrete": "met"}, "criteria of discharge met"),
        (True, {"SpO2": "met", "PADSS": "unknown", "Aldrete": "met"}, "measured criteria met, PADSS not entered"),
        (
            True,
            {"SpO2": "met", "PADSS": "unknown", "Aldrete": "unknown"},
            "measured criteria met, PADSS and Aldrete not entered",
        ),
        (False, {"SpO2": "not met", "PADSS": "unknown"}, "discharge waits: SpO2"),
        (False, {"SpO2": "unknown"}, "discharge waits: something is not known"),
    ],
)
def test_readiness_claims_no_score_that_nobody_has_entered(is_fit, gates, expected):
    score = Score(total=None, parts={})
    made = [Gate(name=name, state=GateState(state), text="") for name, state in gates.items()]
    discharge = Discharge(
        is_fit=is_fit, fit_since_utc_ms=None, first_fit_utc_ms=None, gates=made, padss=score, aldrete=score
    )
    assert _readiness(discharge) == expected
