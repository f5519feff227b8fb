"""What is kept on the board's flash with its CRC; anything else there means the defaults.

It is what the gateway has configured, and whether there was a motion sensor and a voltage reference.
"""

import os
from struct import pack_into, unpack_from

from micropython import const

from node.frame import CRC_TABLE, put_crc

PLETH_RATES_HZ = (100, 200, 400)
PRESSURE_RATES_HZ = (200, 250)
CURRENT_MAX = const(127)  # 25.4 mA, half of what the part can

_FILE = "settings.bin"
_NEW = "settings.new"
_MARK = const(0xC1)  # and more, of a board that has had
_MOTION, _REFERENCE = const(1), const(2)  # a motion sensor, a voltage reference
_LAYOUT = "<BHHBB"
_BODY = const(7)
_CRC = const(4)
_DEFAULTS = (100, 200, 0, 0)


class Settings:
    """Rates, and LED currents (0: controlled by the board)."""

    def __init__(self):
        self.pleth_rate_hz, self.pressure_rate_hz, self.red, self.infrared = _DEFAULTS
        self.expects_motion = False
        self.expects_reference = False
        self.is_bad = False
        self._load()

    def accept(self, pleth_rate_hz, pressure_rate_hz, red, infrared):
        """Take these and keep them, if each is allowed; return whether it is."""
        if pleth_rate_hz not in PLETH_RATES_HZ or pressure_rate_hz not in PRESSURE_RATES_HZ:
            return False
        if max(red, infrared) > CURRENT_MAX:
            return False
        if self.is_bad or (pleth_rate_hz, pressure_rate_hz, red, infrared) != self._all():
            self.pleth_rate_hz, self.pressure_rate_hz = pleth_rate_hz, pressure_rate_hz
            self.red, self.infrared = red, infrared
            self._save()
        return True

    def expect_motion(self):
        """Remember that there is a motion sensor; what is bad stays so until it is configured."""
        if not self.expects_motion:
            self.expects_motion = True
            if not self.is_bad:
                self._save()

    def expect_reference(self):
        """Likewise, that there is a voltage reference."""
        if not self.expects_reference:
            self.expects_reference = True
            if not self.is_bad:
                self._save()

    def _all(self):
        return self.pleth_rate_hz, self.pressure_rate_hz, self.red, self.infrared

    def _load(self):
        try:
            with open(_FILE, "rb") as file:
                found = file.read(_BODY + _CRC + 1)
        except OSError:
            return  # never configured
        self.is_bad = not self._take(found)

    def _take(self, found):
        if len(found) != _BODY + _CRC:
            return False
        body = bytearray(found)
        put_crc(body, _BODY, CRC_TABLE)
        mark, pleth, pressure, red, infrared = unpack_from(_LAYOUT, found)
        had = mark - _MARK
        if body != found or not 0 <= had <= _MOTION + _REFERENCE:
            return False
        if pleth not in PLETH_RATES_HZ or pressure not in PRESSURE_RATES_HZ:
            return False
        if max(red, infrared) > CURRENT_MAX:
            return False
        self.pleth_rate_hz, self.pressure_rate_hz, self.red, self.infrared = pleth, pressure, red, infrared
        self.expects_motion = had & _MOTION != 0
        self.expects_reference = had & _REFERENCE != 0
        return True

    def _save(self):
        """Write a new file, then put it in place of the old: a power cut leaves one of them whole."""
        body = bytearray(_BODY + _CRC)
        had = (_MOTION if self.expects_motion else 0) + (_REFERENCE if self.expects_reference else 0)
        pack_into(_LAYOUT, body, 0, _MARK + had, *self._all())
        put_crc(body, _BODY, CRC_TABLE)
        try:
            with open(_NEW, "wb") as file:
                file.write(body)
            os.rename(_NEW, _FILE)
            self.is_bad = False
        except OSError:
            self.is_bad = True
