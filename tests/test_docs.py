"""The documents say what the code does."""

import re
from dataclasses import replace
from pathlib import Path
from typing import get_args

from msgspec.structs import fields

import dsp
from dsp.hemodynamics import BASELINE_SECONDS, CENTRAL_VENOUS_MMHG, MATCH_SECONDS, MATCH_WITHIN_US
from dsp.pulse_log import UNUSUAL
from dsp.respiration import HIGHEST_SHARE, LEAST_US, WINDOW_US
from gateway.alarm_profiles import load_profile
from gateway.alarms import AlarmEngine, Change, Priority, Transition
from gateway.asyncapi import RECEIVED, SENT, document, yaml_text
from gateway.chunklog import Origin, OriginKind
from gateway.link import downlink, frame, status
from gateway.link.faults import Fault
from gateway.messages import Composer, Topics
from gateway.payloads import AlarmSystem, ForecastValue, SelfCheck, Stamp, TrendValue, VitalValue
from gateway.requests import MAX_BYTES, REQUESTS, ReceiptMessage, Request, Verb
from gateway.treatment import Phase, Route, Treatment
from gateway.treatment.records import Mark, Order

DOCS = Path(__file__).resolve().parent.parent / "docs"


def section(text, title):
    return re.split(r"^## ", text.split(f"## {title}", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]


def words(text):
    return " ".join(text.split())


def test_mqtt_md_lists_the_topics_with_their_delivery():
    composer = Composer(
        "s", "c", boot="b", version="1", origin=Origin(kind=OriginKind.LIVE, label=""), started_utc_ms=0
    )
    beat = dsp.Beat(
        channel=dsp.Channel.PLETH,
        t_us=0,
        onset_us=0,
        peak_us=0,
        interval_us=None,
        systolic_mmhg=None,
        diastolic_mmhg=None,
        mean_mmhg=None,
        sqi=1.0,
        accepted=True,
    )
    alarm = AlarmEngine(load_profile("adult"), series="b").alarms()[0]
    transition = Transition(t_us=0, id="", change=Change.ENDED, who=None, alarm=replace(alarm, priority=Priority.LOW))
    stamped = {field.name for field in fields(Stamp)}
    messages = [
        composer.status(0, "online", []),
        composer.heartbeat(0, 1, {}, {}),
        composer.vitals(0, 1, {}),
        composer.beat(beat),
        composer.alarm(0, transition.alarm),
        composer.alert(transition),
        composer.alarm_system(0, **dict.fromkeys(f.name for f in fields(AlarmSystem) if f.name not in stamped)),
        composer.self_check(0, SelfCheck(number=1, t_us=0, passed=True, detail="", returned=None), None),
        composer.session(0, Treatment(), profile=None, session=None),
        composer.reply(0, "{id}", client="c", verb="mark", refusal=""),
    ]
    rows = re.findall(
        r"^\| `([\w{}/-]+)` \|.*\| (\d) \| (yes|no) \| (\S+)", (DOCS / "mqtt.md").read_text(), re.MULTILINE
    )
    found = [
        (
            re.sub("/low$", "/{priority}", message.topic.removeprefix("chairside/v1/s/c/")).replace(
                "/pulse-lost", "/{condition}"
            ),
            str(message.qos),
            "yes" if message.retain else "no",
            str(message.expiry_s or "never"),
        )
        for message in messages
    ]
    assert rows == found
    delivery = [
        (one.leaf, str(one.qos), "yes" if one.is_retained else "no", str(one.expiry_s or "never")) for one in SENT
    ]
    assert delivery == found
    named = {row[0].replace("-", "_") for row in rows if "/" not in row[0]}
    assert set(vars(Topics("s", "c"))) == {"root", "everything", *named}


def test_asyncapi_yaml_is_what_the_code_makes_of_it():
    assert (DOCS / "asyncapi.yaml").read_text() == yaml_text(), "make docs/asyncapi.yaml"
    contract = document()
    addresses = {
        channel["address"].removeprefix("chairside/v1/{site}/{chair}/") for channel in contract["channels"].values()
    }
    assert addresses == {one.leaf for one in SENT} | set(RECEIVED)
    assert len(contract["operations"]) == len(contract["channels"]) == len(addresses)
    referred = set(re.findall(r'"\$ref": "#/components/schemas/(\w+)"', yaml_text()))
    assert referred <= set(contract["components"]["schemas"])


def test_mqtt_md_lists_what_a_client_may_send():
    text = (DOCS / "mqtt.md").read_text()
    part = section(text, "What a client may send")
    common = {field.name for field in fields(Request)}
    rows = dict(re.findall(r"^\| `(\S+)` \| (.*?) \| (?:yes|no) \|$", part, re.MULTILINE))
    expected = {f"cmd/{{client}}/{verb.value}": kind for verb, kind in REQUESTS.items()}
    expected["receipt/{client}"] = ReceiptMessage
    assert list(rows) == list(expected)
    for topic, kind in expected.items():
        assert all(f"`{field.name}`" in rows[topic] for field in fields(kind) if field.name not in common), topic
    assert all(f"`{name}`" in part for name in common)
    assert set(Verb) == set(REQUESTS)
    assert f"at most {MAX_BYTES} bytes" in part
    for kinds in (Order, Mark):
        assert all(kind.__struct_config__.tag in rows["cmd/{client}/session"] + part for kind in get_args(kinds))


def test_mqtt_md_lists_phases_and_routes():
    part = words(section((DOCS / "mqtt.md").read_text(), "Session"))
    assert ", ".join(phase.value for phase in Phase) in part
    assert ", ".join(route.value for route in Route) in part


def test_mqtt_md_lists_every_quantity_and_every_reason():
    vitals = words(section((DOCS / "mqtt.md").read_text(), "Vitals"))
    assert ", ".join(quantity.value for quantity in dsp.Quantity) in vitals
    assert ", ".join(reason.value for reason in dsp.Reason) in vitals


def test_alarms_md_is_what_the_code_makes_of_it():
    import sys

    sys.path.insert(0, str(DOCS.parent))
    from bench.alarms_page import page

    assert (DOCS / "alarms.md").read_text() == "\n".join(page()) + "\n", "run make docs"


def test_wire_md_lists_the_header_the_types_and_the_flags():
    text = words((DOCS / "wire.md").read_text())
    assert ", ".join(f"{kind.value} {kind.name}" for kind in frame.FrameType) in text
    assert f"payload, at most {frame.MAX_PAYLOAD} bytes" in text
    rows = re.findall(r"^\| (\d+) \| (\d) \|", section((DOCS / "wire.md").read_text(), "Header"), re.MULTILINE)
    assert [int(offset) for offset, _ in rows] == [0, 1, 2, 4, 5, 6, 8, 12]
    assert sum(int(size) for _, size in rows) == frame._HEADER.size
    flags = section((DOCS / "wire.md").read_text(), "Header")
    assert [int(n) for n in re.findall(r"(\d+) [a-z]", flags.split("Flags of DATA:")[1].split(".")[0])] == [
        f.value for f in frame.Flag
    ]


def test_wire_md_lists_the_verbs_their_results_and_the_events():
    text = (DOCS / "wire.md").read_text()
    rows = re.findall(r"^\| (\d) \| ([A-Z_]+) \|", section(text, "To the board"), re.MULTILINE)
    assert [(int(value), name) for value, name in rows] == [(verb.value, verb.name) for verb in downlink.Verb]
    assert "0 done, 1 unknown verb, 2 bad argument (also a bad length), 3 busy, 4 the self test has failed" in words(
        text
    )
    assert [result.value for result in downlink.AckResult] == [0, 1, 2, 3, 4]
    events = re.findall(r"^\| (\d+) \|", section(text, "EVENT"), re.MULTILINE)
    assert [int(code) for code in events] == [code.value for code in downlink.EventCode]


def test_wire_md_lays_out_the_status():
    sizes = {"u8": 1, "u16": 2, "i16": 2, "u32": 4, "16 bytes": 16}
    rows = re.findall(
        r"^\| (\d+) \| (\w+(?: bytes)?) \|", section((DOCS / "wire.md").read_text(), "STATUS"), re.MULTILINE
    )
    at = 0
    for offset, kind in rows:
        assert int(offset) == at
        at += sizes[kind]
    assert at == status._LAYOUT.size == 105


def test_mqtt_md_names_every_fault_of_the_board():
    told = words(section((DOCS / "mqtt.md").read_text(), "What is wrong with the board"))
    assert [fault.value for fault in Fault if fault is not Fault.SET_UP and fault.value not in told] == []


def test_mqtt_md_lists_what_an_entry_of_vitals_may_hold():
    vitals = words(section((DOCS / "mqtt.md").read_text(), "Vitals"))
    names = [*VitalValue.__struct_fields__, *TrendValue.__struct_fields__, *(detail.value for detail in dsp.Detail)]
    assert [name for name in names if f"`{name}`" not in vitals] == []
    forecast = vitals.split("A forecast is advisory")[1]
    assert [n for n in ForecastValue.__struct_fields__ if n != "advisory" and f"`{n}`" not in forecast] == []


def test_dsp_md_states_window_latency_and_silence_of_every_quantity():
    text = (DOCS / "dsp.md").read_text()
    rows = re.findall(r"^\| (\w+) \| ([\d.]+) \| ([\d.]+) \| ([\d.]+) \|$", text, re.MULTILINE)
    stated = {name: tuple(float(n) for n in numbers) for name, *numbers in rows}
    assert stated == {
        quantity.value: (timing.window_us / 1e6, timing.latency_us / 1e6, timing.silence_us / 1e6)
        for quantity, timing in dsp.TIMINGS.items()
    }
    assert set(dsp.TIMINGS) == set(dsp.Quantity)
    titles = re.findall(r"^## (\w+)$", text, re.MULTILINE)
    assert {quantity.value for quantity in dsp.Quantity} <= set(titles)


def test_dsp_md_gives_the_numbers_of_the_code():
    text = words((DOCS / "dsp.md").read_text())
    respiration, variability, circulation = (
        words(section((DOCS / "dsp.md").read_text(), name))
        for name in ("respiration_rate", "pulse_rate_variability", "stroke_volume")
    )
    assert f"last {WINDOW_US // 1_000_000} s ({LEAST_US // 1_000_000} s are the least)" in respiration
    assert f"less than {HIGHEST_SHARE} of the pulse rate" in respiration
    assert f"within {UNUSUAL:.0%} of".replace("%", " %") in variability
    assert f"the first {BASELINE_SECONDS} good seconds" in circulation
    assert (
        f"the {MATCH_SECONDS} good seconds nearest to its time, at most {MATCH_WITHIN_US // 60_000_000} min"
        in circulation
    )
    assert f"taken to be {CENTRAL_VENOUS_MMHG:.0f} mmHg" in text


def test_install_board_md_and_its_picture_have_the_pins_of_the_firmware():
    node = DOCS.parent / "firmware" / "node"
    source = (node / "board.py").read_text() + (node / "drivers" / "outputs.py").read_text()
    wired = {
        name.lower(): int(pin) for name, pin in re.findall(r"^_([A-Z]+) = const\((\d+)\)  # ", source, re.MULTILINE)
    }
    rows = re.findall(r"^\| ([^|]+) \| (\d+) \| (\d+) \|$", (DOCS / "install-board.md").read_text(), re.MULTILINE)
    assert sorted(int(gpio) for _, gpio, _ in rows) == sorted(wired.values())
    for signal, gpio, _ in rows:
        assert next(name for name, pin in wired.items() if pin == int(gpio)) in signal.lower()
    picture = (DOCS / "wiring.svg").read_text()
    for _, gpio, pin in rows:
        assert re.search(rf">GP{gpio}\b[^<]* {pin}<|>{pin} +GP{gpio}\b", picture), (gpio, pin)
