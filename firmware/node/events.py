"""What happened in, EVENT frames out, in order, as soon as the link has room (docs/wire.md)."""

from array import array
from time import ticks_us

from micropython import const

from node.frame import EVENT, Header

BUTTON = const(1)
SENSOR_ERROR = const(2)
SENSOR_GOOD = const(3)
REPAIRED = const(4)
OWN_ALARM = const(5)
OWN_ALARM_END = const(6)
EXCEPTION = const(7)
BAD_SETTINGS = const(8)
LED_CHANGED = const(9)
REFERENCE_OFF = const(10)
REFERENCE_GOOD = const(11)

# Details of SENSOR_ERROR
BUS = const(1)
WRONG_PART = const(2)
NO_SAMPLES = const(3)
CONFIGURATION = const(4)
WRONG_RATE = const(5)

# Details of OWN_ALARM
GATEWAY_SILENT = const(1)
SELF_TEST_FAILED = const(2)

_ROOM = const(16)
_FIELDS = const(3)  # stream, code, detail
_LOST_MAX = const(0xFFFF)
_INDEX_MAX = const(0x3FFFFFFF)


class Events:
    """A queue; what finds it full is counted as lost."""

    def __init__(self, link):
        self._link = link
        self._header = Header(EVENT, 0)
        self._payload = bytearray(2)
        self._what = bytearray(_ROOM * _FIELDS)
        self._when = array("I", bytes(4 * _ROOM))
        self._first = 0
        self.waiting = 0
        self.lost = 0

    def put(self, stream, code, detail):
        """Note that this has happened now."""
        if self.waiting == _ROOM:
            self.lost = min(self.lost + 1, _LOST_MAX)
            return
        slot = (self._first + self.waiting) % _ROOM
        at = slot * _FIELDS
        self._what[at] = stream
        self._what[at + 1] = code
        self._what[at + 2] = detail
        self._when[slot] = ticks_us()  # type: ignore[call-overload]  # ticks are plain numbers outside of time
        self.waiting += 1

    def send(self):
        """Send the oldest one, if there is any and the link has room."""
        if not self.waiting or not self._link.flush():
            return
        slot = self._first
        at = slot * _FIELDS
        header = self._header
        header.stream = self._what[at]
        header.ticks = self._when[slot]
        self._payload[0] = self._what[at + 1]
        self._payload[1] = self._what[at + 2]
        self._link.send(header, self._payload, 2)
        header.index = (header.index + 1) & _INDEX_MAX
        self._first = (slot + 1) % _ROOM
        self.waiting -= 1
