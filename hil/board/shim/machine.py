"""The rp2 port's machine, as far as the firmware uses it; every transfer goes to the rig's models."""

import _rig
from umachine import *  # noqa: F403 - what this does not replace

_ADC_NS = 8_000  # read_u16 on an RP2040
_ADC_BLOCK = 32  # conversions fetched at once in virtual time, one a millisecond
_SLOT_NS = 1_000_000


class Pin:
    def __init__(self, id, *args, **kwargs):
        self.id = id


class I2C:
    def __init__(self, id, *, scl, sda, freq=400_000, timeout=50_000):
        self._id = id
        self._byte = bytearray(256)

    def readfrom_mem_into(self, addr, memaddr, buf, *, addrsize=8):
        self._byte[0] = memaddr
        self._transfer(addr, 1, buf, len(buf))

    def writeto_mem(self, addr, memaddr, buf, *, addrsize=8):
        self._byte[0] = memaddr
        for i in range(len(buf)):
            self._byte[1 + i] = buf[i]
        self._transfer(addr, 1 + len(buf), None, 0)

    def _transfer(self, addr, n_written, buf, n_read):
        status = _rig.call(_rig.I2C, self._id, addr, self._byte, n_written, buf, n_read)
        if status:
            raise OSError(status)


class ADC:
    """Fetches the conversions of 32 ms at once in virtual time: a request for each would be ten times slower."""

    def __init__(self, pin):
        self._channel = pin.id - 26  # GPIO 26 is ADC0
        self._block = bytearray(2 * (_ADC_BLOCK if _rig.IS_VIRTUAL else 1))
        self._n = len(self._block) // 2
        self._first = -self._n  # slot of the first conversion held

    def read_u16(self):
        _rig._ns += _ADC_NS
        if not _rig.IS_VIRTUAL:
            return self._fetch()
        at = _rig._ns // _SLOT_NS - self._first
        if at < self._n:
            at += at
            return self._block[at] | self._block[at + 1] << 8
        self._first = _rig._ns // _SLOT_NS
        return self._fetch()

    def _fetch(self):
        _rig.call(_rig.ADC, 0, self._channel, None, 0, self._block, len(self._block))
        return self._block[0] | self._block[1] << 8


def unique_id():
    return b"\xe6\x60\x00\x00\x00\x00\x00\x01"  # as a Pico's flash chip: 8 bytes


def reset_cause():
    return _rig.RESET_CAUSE
