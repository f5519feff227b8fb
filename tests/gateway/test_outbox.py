"""What waits for a broker: the newest state, the alerts that nobody has accepted, and what is refused."""

import paho.mqtt.client as paho

from gateway.chunklog import Origin, OriginKind
from gateway.messages import Composer, Message
from gateway.mqtt.connection import _MAX_QUEUED, BrokerUrl, Callbacks, Connection
from gateway.mqtt.outbox import _MAX_ALERTS, Outbox
from gateway.mqtt.publisher import MqttSink

ROOT = "chairside/v1/s/c"


def document(text):
    return Message(topic=f"{ROOT}/alarms/spo2-low", payload=text.encode(), qos=1, retain=True)


def alert(number):
    return Message(topic=f"{ROOT}/alerts/high", payload=b"%d" % number, qos=1, retain=False)


def kept(*messages):
    outbox = Outbox()
    for message in messages:
        outbox.keep(message)
    return outbox


def test_of_a_retained_topic_the_newest_is_kept_and_of_what_would_be_old_nothing():
    vitals = Message(topic=f"{ROOT}/vitals", payload=b"", qos=0, retain=False, expiry_s=5)
    reply = Message(topic=f"{ROOT}/reply/x", payload=b"", qos=1, retain=False, expiry_s=60)
    beat = Message(topic=f"{ROOT}/beats", payload=b"", qos=0, retain=False)
    outbox = kept(document("on"), vitals, document("off"), reply, beat)
    assert outbox.retained() == [document("off")]
    assert outbox.alerts() == []


def test_alerts_wait_in_order_until_they_are_accepted_also_over_connections():
    outbox = kept(alert(1), alert(2), alert(3))
    for number, message in enumerate(outbox.alerts(), 10):
        outbox.sent(number, message)
    outbox.acknowledged(11, "")
    assert outbox.alerts() == [alert(1), alert(3)]
    outbox.begin()
    outbox.acknowledged(10, "")  # of the connection before: it may be another message's number by now
    assert outbox.alerts() == [alert(1), alert(3)]


def test_of_too_many_alerts_the_oldest_go_and_are_counted():
    outbox = kept(*(alert(k) for k in range(_MAX_ALERTS + 3)))
    assert outbox.alerts() == [alert(k) for k in range(3, _MAX_ALERTS + 3)]
    assert outbox.dropped == 3


def test_dropped_alerts_are_told_with_the_outage():
    origin = Origin(kind=OriginKind.SIMULATED, label="a test")
    will = Composer("s", "c", boot="b", version="1", origin=origin, started_utc_ms=0).status(0, "offline", [])
    url = BrokerUrl(host="127.0.0.1", port=1)
    with MqttSink(url, "x", will=will, report=print, is_patient=True) as sink:
        assert sink.fault == "not connected"
        for k in range(_MAX_ALERTS + 3):
            sink.publish(alert(k))
        assert sink.fault == "not connected, 3 alerts found no room to wait"


def test_what_is_refused_is_told_until_its_topic_is_accepted_or_the_connection_is_another():
    outbox = kept(alert(1))
    outbox.sent(1, alert(1))
    outbox.sent(2, document("on"))
    outbox.acknowledged(1, "Not authorized")
    outbox.acknowledged(2, "Quota exceeded")
    assert outbox.alerts() == [alert(1)]  # nobody has accepted it
    assert outbox.refusal == "alerts/high refused (Not authorized)"
    outbox.sent(3, alert(1))
    outbox.acknowledged(3, "")
    assert outbox.refusal == "alarms/spo2-low refused (Quota exceeded)"
    outbox.begin()
    assert outbox.refusal == ""


def test_the_librarys_own_queue_is_bounded():
    """faults.md D6: by default it takes everything."""
    calls = Callbacks(connected=print, message=print, report=print, acknowledged=print)
    client = Connection(BrokerUrl(host="127.0.0.1", port=1), "x", paho.MQTTv5, calls).client
    answers = [client.publish("t", b"", qos=1).rc for _ in range(_MAX_QUEUED + 1)]
    assert answers[-2:] == [paho.MQTT_ERR_NO_CONN, paho.MQTT_ERR_QUEUE_SIZE]
