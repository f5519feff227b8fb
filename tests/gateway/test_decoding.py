"""Bytes of others: whatever they are, there is one error to catch."""

import msgspec
import pytest

from gateway.decoding import decoded
from gateway.link.description import OfBoot
from gateway.link.description import decoded as described
from gateway.mqtt.subscriber import ChairView, Heard
from gateway.payloads import Status

BAD = [b"", b"{}", b"\xff", b'{"boot": "\xff"}', b'{"other": ' + b"[" * 100_000, b"[" * 100_000]


@pytest.mark.parametrize("payload", BAD, ids=range(len(BAD)))
def test_what_cannot_be_read_raises_one_error(payload):
    with pytest.raises(msgspec.DecodeError):
        decoded(payload, Status)
    assert described(payload, OfBoot) is None


@pytest.mark.parametrize("payload", BAD, ids=range(len(BAD)))
@pytest.mark.parametrize("leaf", ["status", "session", "heartbeat", "vitals", "alarm-system", "alarms/link-lost"])
def test_a_message_that_cannot_be_read_is_as_good_as_none(leaf, payload):
    view = ChairView()
    view.feed(Heard(topic=f"chairside/v1/s/c/{leaf}", payload=payload, retained=False), 0)
    assert view.status is None
