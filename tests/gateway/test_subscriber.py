"""ChairView: a subscriber is never shown what is not live."""

import json

import msgspec
import pytest

from gateway.chunklog import Origin, OriginKind
from gateway.messages import Composer, Message
from gateway.mqtt.subscriber import STALE_US, ChairView, Heard
from gateway.payloads import VitalValue
from tests.gateway.test_desk import Chair

S = 1_000_000
COMPOSER = Composer(
    "s", "c", boot="b", version="1", origin=Origin(kind=OriginKind.SIMULATED, label="a patient"), started_utc_ms=0
)
RATE = VitalValue(value=72.0, unit="/min", validity="measured", reasons=[], sqi=1.0, age_ms=100)


def heard(message, retained=False):
    return Heard(topic=message.topic, payload=message.payload, retained=retained)


def live_view(now_us=0):
    view = ChairView()
    view.feed(heard(COMPOSER.status(0, "online", []), retained=True), now_us)
    view.feed(heard(COMPOSER.vitals(0, 1, {"pulse_rate": RATE})), now_us)
    view.feed(heard(COMPOSER.heartbeat(0, 1, {}, {})), now_us)
    return view


def test_nothing_heard_is_unknown_not_normal():
    assert ChairView().headline(0) == "no status yet: unknown, not normal"
    assert ChairView().quantities(0) == {}


def test_a_live_chair_shows_its_values_and_that_they_are_simulated():
    view = live_view()
    assert view.quantities(0)["pulse_rate"].value == 72.0
    assert view.headline(0) == "online | SIMULATED: a patient"


def test_values_vanish_after_three_seconds_without_any_message():
    view = live_view()
    assert view.quantities(STALE_US)
    assert view.quantities(STALE_US + 1) == {}
    assert view.headline(STALE_US + 1).startswith("NO DATA for 3 s")


@pytest.mark.parametrize("alone", ["vitals", "heartbeat"])
def test_one_of_heartbeat_and_vitals_alone_is_not_live(alone):
    view = live_view()
    message = COMPOSER.vitals(0, 2, {"pulse_rate": RATE}) if alone == "vitals" else COMPOSER.heartbeat(0, 2, {}, {})
    view.feed(heard(message), 4 * S)
    assert not view.is_live(4 * S)


def test_the_same_messages_again_are_not_life():
    view = live_view()
    for k in range(1, 10):
        view.feed(heard(COMPOSER.vitals(0, 1, {"pulse_rate": RATE})), k * S)
        view.feed(heard(COMPOSER.heartbeat(0, 1, {}, {})), k * S)
    assert not view.is_live(9 * S)


def live_chair(late_s):
    """A live chair heard for ten seconds, the last five of them later than it was."""
    composer = Composer(
        "s", "c", boot="b", version="1", origin=Origin(kind=OriginKind.LIVE, label=""), started_utc_ms=0
    )
    view = ChairView()
    view.feed(heard(composer.status(0, "online", []), retained=True), 0)
    for k in range(10):
        at = k * S + (late_s * S if k >= 5 else 0)
        view.feed(heard(composer.vitals(k * S, k + 1, {"pulse_rate": RATE})), at)
        view.feed(heard(composer.heartbeat(k * S, k + 1, {}, {})), at)
    return view.is_live(9 * S + late_s * S)


def test_messages_that_were_held_back_on_their_way_are_not_live():
    assert live_chair(0)
    assert live_chair(2)
    assert not live_chair(4)


def test_clocks_that_drift_apart_for_two_days_do_not_end_in_no_data():
    composer = Composer(
        "s", "c", boot="b", version="1", origin=Origin(kind=OriginKind.LIVE, label=""), started_utc_ms=0
    )
    view = ChairView()
    view.feed(heard(composer.status(0, "online", []), retained=True), 0)
    for k in range(0, 2 * 86_400, 60):
        at = round(k * S * (1 + 80e-6))
        view.feed(heard(composer.vitals(k * S, k + 1, {"pulse_rate": RATE})), at)
        view.feed(heard(composer.heartbeat(k * S, k + 1, {}, {})), at)
        assert view.is_live(at), k


def test_a_restarted_gateway_counts_anew():
    view = live_view()
    again = Composer(
        "s", "c", boot="b2", version="1", origin=Origin(kind=OriginKind.SIMULATED, label=""), started_utc_ms=0
    )
    view.feed(heard(again.vitals(0, 1, {"pulse_rate": RATE})), 5 * S)
    view.feed(heard(again.heartbeat(0, 1, {}, {})), 5 * S)
    assert view.is_live(5 * S)


def test_text_from_the_network_cannot_command_the_terminal():
    view = ChairView()
    evil = Composer(
        "s", "c", boot="b", version="1", origin=Origin(kind=OriginKind.LIVE, label="x\x1b]0;y\x07"), started_utc_ms=0
    )
    view.feed(heard(evil.status(0, "online", ["\x1b[2J"])), 0)
    assert view.headline(0).isprintable()


def test_the_last_will_takes_the_values_away_at_once():
    view = live_view()
    view.feed(heard(COMPOSER.status(0, "offline", ["connection lost"])), 1)
    assert view.quantities(1) == {}
    assert view.headline(1).startswith("OFFLINE (connection lost)")


def test_a_retained_value_is_never_live():
    view = ChairView()
    view.feed(heard(COMPOSER.status(0, "online", []), retained=True), 0)
    view.feed(heard(COMPOSER.vitals(0, 1, {"pulse_rate": RATE}), retained=True), 0)
    view.feed(heard(COMPOSER.heartbeat(0, 1, {}, {}), retained=True), 0)
    assert not view.is_live(0)


@pytest.mark.parametrize("payload", [b"", b"{}", b"null", b"\xff", b'{"state": 5}', msgspec.json.encode([1])])
def test_a_message_that_cannot_be_read_changes_nothing(payload):
    view = live_view()
    for leaf in ("status", "vitals", "heartbeat"):
        view.feed(Heard(topic=f"chairside/v1/s/c/{leaf}", payload=payload, retained=False), 0)
    assert view.quantities(0)["pulse_rate"].value == 72.0


@pytest.mark.parametrize("leaf", ["status", "session", "vitals", "heartbeat", "alarm-system", "alarms/spo2-low"])
def test_what_cannot_be_read_is_told_until_it_can_be(leaf):
    view = live_view()
    view.feed(Heard(topic=f"chairside/v1/s/c/{leaf}", payload=b"{}", retained=leaf == "session"), 0)
    assert view.unread == [leaf]
    assert view.headline(0).endswith(f"CANNOT BE READ, maybe old: {leaf}")


def test_what_can_be_read_again_is_not_old_any_more():
    view = live_view()
    view.feed(Heard(topic="chairside/v1/s/c/status", payload=b"{}", retained=False), 0)
    view.feed(heard(COMPOSER.status(0, "online", [])), 0)
    assert view.unread == []


@pytest.mark.parametrize("tail", ["cmd/tablet/{}", "receipt/{}", "reply/{}"])
def test_what_a_client_says_is_not_what_the_chair_says(tail):
    view = live_view()
    for message in (
        COMPOSER.status(9, "offline", ["connection lost"]),
        COMPOSER.vitals(9, 2, {"pulse_rate": msgspec.structs.replace(RATE, value=20.0)}),
    ):
        topic = f"chairside/v1/s/c/{tail.format(message.topic.rsplit('/', 1)[1])}"
        view.feed(Heard(topic=topic, payload=message.payload, retained=False), 0)
    assert view.quantities(0)["pulse_rate"].value == 72.0
    assert view.unread == []


def test_a_view_that_never_could_read_the_status_says_so():
    view = ChairView()
    view.feed(Heard(topic="chairside/v1/s/c/status", payload=b"{}", retained=True), 0)
    assert view.headline(0) == "status cannot be read: unknown, not normal"


def live_composer():
    return Composer("s", "c", boot="b", version="1", origin=Origin(kind=OriginKind.LIVE, label=""), started_utc_ms=0)


def at_ten_seconds(age_ms, *, late_us=0):
    """A live chair's view whose newest value was so old when it was sent, and so long on its way."""
    composer, view = live_composer(), ChairView()
    view.feed(heard(composer.status(0, "online", []), retained=True), 0)
    for k in range(11):
        at = k * S + (late_us if k == 10 else 0)
        value = msgspec.structs.replace(RATE, age_ms=age_ms)
        view.feed(heard(composer.vitals(k * S, k + 1, {"pulse_rate": value})), at)
        view.feed(heard(composer.heartbeat(k * S, k + 1, {}, {})), at)
    return view


@pytest.mark.parametrize(
    ("age_ms", "late_us", "left_us"), [(400, 0, 2_600_000), (400, S, 1_600_000), (2900, 0, 100_000)]
)
def test_a_value_is_shown_until_it_is_three_seconds_old_altogether(age_ms, late_us, left_us):
    view = at_ten_seconds(age_ms, late_us=late_us)
    now_us = 10 * S + late_us
    # The clocks' drift that is allowed for is a hundredth of a millisecond here.
    assert view.quantities(now_us + left_us - 5000)["pulse_rate"].value == 72.0
    late = view.quantities(now_us + left_us + 5000)["pulse_rate"]
    assert (late.value, late.validity, late.reasons, late.unit) == (None, "stale", ["stale"], "/min")


def test_the_state_of_an_alarm_system_that_was_held_back_is_not_heard():
    chair = Chair().seconds(12)
    view, now_us = ChairView(), 0
    for message in (m for m in chair.outputs if isinstance(m, Message) and m.topic.endswith("alarm-system")):
        live = message.payload.replace(b'"origin":"simulated"', b'"origin":"live"')
        t_us = json.loads(live)["t_us"]
        now_us = t_us + (20 * S if t_us > 5 * S else 0)
        view.feed(Heard(topic=message.topic, payload=live, retained=False), now_us)
        assert (view.system(now_us) is None) == (t_us > 5 * S)
    assert now_us > 30 * S


def test_the_older_document_of_an_alarm_changes_nothing_but_that_of_another_start_does():
    chair = Chair().seconds(14)
    documents = [m for m in chair.outputs if isinstance(m, Message) and m.topic.endswith("alarms/link-lost")]
    older, newer = documents[0], documents[-1]
    revs = [json.loads(m.payload)["alarm"]["rev"] for m in (older, newer)]
    assert revs[0] < revs[1]
    view = ChairView()
    view.feed(heard(newer, retained=True), 0)
    view.feed(heard(older, retained=True), 0)
    assert [alarm.condition for alarm in view.alarms()] == ["link-lost"]
    view.feed(Heard(topic=older.topic, payload=older.payload.replace(b'"boot":"b1"', b'"boot":"b2"'), retained=True), 0)
    assert view.alarms() == []
