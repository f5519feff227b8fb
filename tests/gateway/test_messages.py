"""Messages: topics that brokers and people can rely on, payloads that cannot mislead."""

import json

import pytest

import dsp
from gateway.chunklog import Origin, OriginKind
from gateway.errors import UserError
from gateway.messages import Composer, Topics, chair_of
from gateway.payloads import value_of

ORIGIN = Origin(kind=OriginKind.RECORDED, label="or_s26")


@pytest.mark.parametrize("name", ["", "Chair", "a/b", "a+", "#", "x" * 33, "ü"])
def test_an_id_that_could_reach_another_topic_is_refused(name):
    with pytest.raises(UserError, match=r"chair: expected 1\.\.32"):
        Topics("clinic", name)


@pytest.mark.parametrize("topic", ["", "a/b", "chairside/v1/s", "other/v1/s/c/status", "chairside/v1/S/c/status"])
def test_a_foreign_topic_is_no_chair(topic):
    assert chair_of(topic) is None


def test_the_chair_of_a_topic():
    assert chair_of("chairside/v1/s/c/waveform/pleth") == ("s", "c")


def wire(reading):
    return value_of(dsp.Vital(t_us=5_000_000, quantity=dsp.Quantity.SYSTOLIC, reading=reading))


def test_a_measured_value_and_a_missing_one_as_they_stand_on_the_wire():
    good = wire(dsp.Measured(value=121.234567, sqi=0.98765, newest_us=4_600_000))
    assert (good.value, good.sqi, good.validity, good.reasons, good.age_ms) == (121.23, 0.988, "measured", [], 400)
    doubtful = wire(dsp.Measured(value=1.0, sqi=0.3, newest_us=0, reasons=(dsp.Reason.IRREGULAR,)))
    assert (doubtful.validity, doubtful.reasons) == ("questionable", ["irregular"])
    for reason in dsp.Reason:
        missing = wire(dsp.Unavailable(reason=reason))
        assert missing.value is None
        assert missing.sqi == 0.0
        assert missing.reasons == [reason.value]
        special = {dsp.Reason.STALE: "stale", dsp.Reason.CALIBRATION: "calibrating", dsp.Reason.BASELINE: "calibrating"}
        assert missing.validity == special.get(reason, "unavailable")


def test_only_the_status_is_retained_and_live_values_expire():
    composer = Composer("s", "c", boot="b", version="1", origin=ORIGIN, started_utc_ms=5)
    status = composer.status(2_000_000, "online", [])
    vitals = composer.vitals(2_000_000, 1, {})
    heartbeat = composer.heartbeat(2_000_000, 1, {}, {})
    assert (status.qos, status.retain, status.expiry_s) == (1, True, None)
    assert (vitals.qos, vitals.retain, vitals.expiry_s) == (0, False, 5)
    assert (heartbeat.qos, heartbeat.retain, heartbeat.expiry_s) == (0, False, 3)
    payload = json.loads(status.payload)
    assert payload["utc_ms"] == 2005
    assert (payload["origin"], payload["origin_label"]) == ("recorded", "or_s26")
