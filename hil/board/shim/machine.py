"""The rp2 port's machine, as far as the firmware uses it; every transfer goes to the rig's models."""

import sys
from errno import ETIMEDOUT

import _rig
from umachine import *  # noqa: F403 - what this does not replace

_ADC_NS = 8_000  # read_u16 on an RP2040
_SLOT_NS = 1_000_000
_SLOTS = 32 if _rig.IS_VIRTUAL else 1  # milliseconds fetched at once: a request for each would be far slower
_SLOT_BYTES = 32  # 16 conversions
_RESET_STATUS = 77  # hil/board/unix.py


class Pin:
    def __init__(self, id, *args, **kwargs):
        self.id = id


class I2C:
    def __init__(self, id, *, scl, sda, freq=400_000, timeout=50_000):
        # RP2040 data sheet, table 2 of section 1.4.3: each bus has SDA and SCL on every fourth pair of pins.
        if sda.id % 4 != 2 * id or scl.id % 4 != 2 * id + 1:
            raise ValueError("bad SCL or SDA pin")
        self._id = id
        self._timeout_us = timeout
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
        if status == ETIMEDOUT:
            _rig.stretch(self._timeout_us)
        if status:
            raise OSError(status)


class ADC:
    """Each millisecond has 16 conversions, which differ by noise; those of 32 ms are fetched at once."""

    def __init__(self, pin):
        if not 26 <= pin.id <= 29:
            raise ValueError("Pin doesn't have ADC capabilities")
        self._channel = pin.id - 26  # GPIO 26 is ADC0
        self._block = bytearray(_SLOT_BYTES * _SLOTS)
        self._first = -_SLOTS  # slot of the first conversion held
        self._slot = -1
        self._at = 0

    def read_u16(self):
        _rig._ns += _ADC_NS
        slot = (_rig._ns if _rig.IS_VIRTUAL else _rig.now_ns()) // _SLOT_NS
        if slot != self._slot:
            self._enter(slot)
        at = self._at
        self._at = at + 2 if (at + 2) % _SLOT_BYTES else at + 2 - _SLOT_BYTES
        return self._block[at] | self._block[at + 1] << 8

    def _enter(self, slot):
        if slot - self._first >= _SLOTS:
            self._first = slot
            _rig.call(_rig.ADC, 0, self._channel, None, 0, self._block, len(self._block))
        self._slot = slot
        self._at = (slot - self._first) * _SLOT_BYTES


def unique_id():
    return b"\xe6\x60\x00\x00\x00\x00\x00\x01"  # as a Pico's flash chip: 8 bytes


def reset_cause():
    return _rig.RESET_CAUSE


def reset():
    sys.exit(_RESET_STATUS)
