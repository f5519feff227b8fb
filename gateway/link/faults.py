"""What can be wrong with a board and its link, by stable names; what is done about it is decided elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Fault(Enum):
    """A kind of fault; the value is how a status names it."""

    NOTHING_HEARD = "nothing heard from the board"
    LINK_LOST = "link lost"
    UNHEARD = "the board does not hear the gateway"
    LINK_NOISE = "link noise"  # more than 5 % of the frames damaged
    VERSION = "the board speaks another version"
    NOT_DESCRIBED = "the board has not described its streams yet"
    OTHER_BOARD = "another board than this chair's: its data are refused"
    UNKNOWN_FIRMWARE = "unknown firmware"
    RESTARTED = "the board has restarted"
    UNSTABLE = "the board restarts again and again"
    SELF_TEST = "the board's self test failed"
    EXCEPTION = "the firmware has caught an exception"
    NO_STATUS = "the board does not say how it is"
    SETTINGS = "the board's settings were unreadable: it runs on defaults"
    REFERENCE = "the reference of the board's ADC is off"
    CLOCK_STEP = "the board's clock has stepped"
    CLOCK_DRIFT = "the board's clock runs wrong"
    AHEAD = "samples from the future: they are refused"
    BUS = "bus error"
    WRONG_SENSOR = "wrong sensor"
    SENSOR_SILENT = "sensor gives no samples"
    SENSOR_CONFIGURATION = "sensor does not keep its configuration"
    RATE_MISMATCH = "rate mismatch"
    REPAIRED = "lost its configuration, which was written anew"
    STUCK_BIT = "a bit of the converter is stuck"
    OUT_OF_RANGE = "numbers beyond full scale"
    UNREADABLE_STREAM = "cannot be read"
    NO_SAMPLES = "no fresh samples"
    SET_UP = "set-up"  # what routing found, such as a calibration of another sensor


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A fault that is there now: of what, if not of the board as a whole, and more words on it."""

    fault: Fault
    subject: str = ""
    detail: str = ""

    def __str__(self) -> str:
        if self.fault is Fault.SET_UP:
            return self.detail
        words = f"{self.subject}: {self.fault.value}" if self.subject else self.fault.value
        return f"{words} ({self.detail})" if self.detail else words
