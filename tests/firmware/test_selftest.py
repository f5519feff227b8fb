"""The board's self-test tells a wrong order of bytes in each of its streams."""

import pytest

from tests.firmware.stand_in import imported


@pytest.fixture
def selftest():
    with imported("node.selftest") as (_, module):
        yield module


def test_the_firmware_as_it_is_passes(selftest):
    assert selftest.is_passed()


def swapped(function, size):
    """The same, with the bytes of each sample the other way round."""

    def run(buffer, *arguments):
        found = function(buffer, *arguments)
        for at in range(0, len(buffer), size):
            buffer[at : at + size] = buffer[at : at + size][::-1]
        return found

    return run


@pytest.mark.parametrize(("name", "size"), [("clean", 3), ("widen", 3), ("put_crc", 4), ("put_cobs", 2)])
def test_bytes_in_another_order_are_told(selftest, monkeypatch, name, size):
    monkeypatch.setattr(selftest, name, swapped(getattr(selftest, name), size))
    assert not selftest.is_passed()


def test_pressure_with_its_bytes_in_another_order_is_told(selftest, monkeypatch):
    class Swapped(selftest.PressureSource):
        def flush(self):
            self._payload[:3] = self._payload[2::-1]
            super().flush()

    monkeypatch.setattr(selftest, "PressureSource", Swapped)
    assert not selftest.is_passed()
