"""Frames, damaged and lost ones, restarts, events and statuses in; what is wrong with the board and its link out."""

from __future__ import annotations

from collections import deque

from gateway.link.downlink import EventCode
from gateway.link.faults import Fault, Finding
from gateway.link.frame import LinkFault
from gateway.link.status import STREAMS, BoardStatus, Shown, StatusBit

_SECOND_US = 1_000_000
_NOISY_SHARE = 0.05
# Of frames that did not come or came damaged: then there is a gap in every pulse, 25 frames of each stream a second.
_LOSSY_SHARE = 0.10
_NOISY_SECONDS = 3
_VERSION_US = 3 * _SECOND_US
_RESETS_US = 60 * _SECOND_US
_RESETS = 3
_TOLD_US = 30 * _SECOND_US  # how long a thing of a moment is shown
_UNHEARD_US = 3 * _SECOND_US
_STATUS_US = 3_500_000  # three of its statuses are missing
_LOST_STATUS_US = 9_500_000  # where frames are lost those may be among them; of a fifth nine in a row hardly ever are
_OWN_ALARMS = 2  # the first may have left before the gateway's first order came
_CAUSES = {1: "power-on", 3: "by itself or its watchdog"}
_SENSOR_FAULTS = {
    1: Fault.BUS,
    2: Fault.WRONG_SENSOR,
    3: Fault.SENSOR_SILENT,
    4: Fault.SENSOR_CONFIGURATION,
    5: Fault.RATE_MISMATCH,
}


class LinkQuality:
    """How many of the frames of each second were damaged, or never came."""

    def __init__(self) -> None:
        self._seconds: deque[list[int]] = deque(maxlen=_NOISY_SECONDS + 1)  # second, good, bad, lost
        self._version: tuple[int, int] | None = None  # the other version, when it was heard last

    def note_good(self, t_us: int) -> None:
        self._second(t_us)[1] += 1

    def note_lost(self, t_us: int, frames: int) -> None:
        """So many are missing before the one that has just come; bytes that were no frame may be some of them."""
        self._second(t_us)[3] += frames

    def note_bad(self, t_us: int, fault: LinkFault) -> None:
        self._second(t_us)[2] += 1
        if fault.version is not None:
            self._version = (fault.version, t_us)

    def findings(self, t_us: int) -> list[Finding]:
        found = []
        if self._version is not None and t_us - self._version[1] <= _VERSION_US:
            found.append(Finding(fault=Fault.VERSION, detail=f"version {self._version[0]}"))
        elif (share := self._noise(t_us // _SECOND_US)) is not None:
            found.append(Finding(fault=Fault.LINK_NOISE, detail=f"{100 * share:.0f} % of the frames damaged or lost"))
        return found

    def _second(self, t_us: int) -> list[int]:
        number = t_us // _SECOND_US
        if not self._seconds or self._seconds[-1][0] != number:
            self._seconds.append([number, 0, 0, 0])
        return self._seconds[-1]

    def _noise(self, second: int) -> float | None:
        """The share of bad frames, if it was too large in each of the last whole seconds."""
        last = [counts for number, *counts in self._seconds if second - _NOISY_SECONDS <= number < second]
        if len(last) < _NOISY_SECONDS or not all(_is_noisy(*counts) for counts in last):
            return None
        wrong = sum(max(bad, lost) for _, bad, lost in last)
        return wrong / (wrong + sum(good for good, _, _ in last))


def _is_noisy(good: int, bad: int, lost: int) -> bool:
    wrong = max(bad, lost)  # a damaged frame is missing too
    return bad > _NOISY_SHARE * (good + bad) or wrong > _LOSSY_SHARE * (good + wrong)


class Hearing:
    """Whether the board hears the gateway: it answers, and does not alarm by itself.

    Any answer counts, of which there are ten a second: where a third of the frames is lost three acknowledgements in a
    row soon are.
    """

    def __init__(self) -> None:
        self._unanswered_us: int | None = None  # the first order since the last answer
        self._own_alarms = 0  # statuses in a row that tell of one

    def note_order(self, t_us: int) -> None:
        if self._unanswered_us is None:
            self._unanswered_us = t_us

    def note_answer(self) -> None:
        self._unanswered_us = None

    def note_status(self, status: BoardStatus) -> None:
        is_own = status.shown is Shown.OWN_ALARM and StatusBit.SELF_TEST_PASSED in status.bits
        self._own_alarms = self._own_alarms + 1 if is_own else 0

    def findings(self, t_us: int) -> list[Finding]:
        if self._own_alarms >= _OWN_ALARMS:
            return [Finding(fault=Fault.UNHEARD, detail="the chair alarms by itself")]
        if self._unanswered_us is not None and t_us - self._unanswered_us >= _UNHEARD_US:
            return [Finding(fault=Fault.UNHEARD)]
        return []


class Resets:
    """Restarts of the board within sight of this gateway."""

    def __init__(self) -> None:
        self._times: deque[int] = deque(maxlen=_RESETS)
        self._cause = 0

    def note(self, t_us: int, cause: int) -> None:
        self._times.append(t_us)
        self._cause = cause

    def findings(self, t_us: int) -> list[Finding]:
        if len(self._times) == _RESETS and t_us - self._times[0] <= _RESETS_US:
            return [Finding(fault=Fault.UNSTABLE, detail=f"{_RESETS} times within a minute")]
        if self._times and t_us - self._times[-1] <= _TOLD_US:
            return [Finding(fault=Fault.RESTARTED, detail=_CAUSES.get(self._cause, f"cause {self._cause}"))]
        return []


class Health:
    """What the board of one boot says of itself, and what of it is still true.

    An event tells at once that a sensor has failed or is right again; it may be lost, so each STATUS says it anew. A
    board that sends none hides whatever is wrong with it.

    Parameters
    ----------
    since_us : when this boot was first heard
    """

    def __init__(self, *, is_self_test_passed: bool, since_us: int) -> None:
        self.status: BoardStatus | None = None
        self._waits_since_us = since_us  # for a status
        self._may_be_lost = False  # a status since then
        self._is_self_test_passed = is_self_test_passed
        self._sensors: dict[int, Fault] = {}  # by stream
        self._repaired_us: dict[int, int] = {}  # by stream: when last
        self._exception_us: int | None = None
        self._settings_us: int | None = None  # when last they were bad

    def note_event(self, t_us: int, code: EventCode, stream: int, detail: int) -> None:
        match code:
            case EventCode.SENSOR_ERROR:
                self._sensors[stream] = _SENSOR_FAULTS.get(detail, Fault.BUS)
            case EventCode.SENSOR_GOOD:
                self._sensors.pop(stream, None)
            case EventCode.REPAIRED:
                self._repaired_us[stream] = t_us
            case EventCode.EXCEPTION:
                self._exception_us = t_us
            case EventCode.BAD_SETTINGS:
                self._settings_us = t_us
            case (
                EventCode.BUTTON
                | EventCode.OWN_ALARM
                | EventCode.OWN_ALARM_END
                | EventCode.LED_CHANGED
                | EventCode.REFERENCE_OFF
                | EventCode.REFERENCE_GOOD
            ):
                return  # the next status says what lasts of it

    def note_silence(self, t_us: int) -> None:
        """Nothing at all came until now: the next status has its time from here."""
        self._waits_since_us = t_us
        self._may_be_lost = False

    def note_lost(self) -> None:
        """Frames are missing: the next status may be one of them."""
        self._may_be_lost = True

    def note_status(self, t_us: int, status: BoardStatus) -> None:
        before = self.status
        self._waits_since_us = t_us
        self._may_be_lost = False
        if before is not None and status.exceptions > before.exceptions:
            self._exception_us = t_us
        if StatusBit.SETTINGS_BAD in status.bits:
            self._settings_us = t_us
        told = [(number, status.streams[name]) for number, name in enumerate(STREAMS, start=1)]
        self._sensors = {number: _SENSOR_FAULTS.get(of.error, Fault.BUS) for number, of in told if of.error}
        if before is not None:
            repaired = [number for number, of in told if of.repairs != before.streams[STREAMS[number - 1]].repairs]
            self._repaired_us |= dict.fromkeys(repaired, t_us)
        self.status = status

    def is_trusted(self, stream: int) -> bool:
        """Whether samples of the stream may be used: those of another sensor, or of a board that miscounts, may not."""
        is_right = self._sensors.get(stream) not in (Fault.WRONG_SENSOR, Fault.RATE_MISMATCH)
        return is_right and self._is_computing_right

    @property
    def _is_computing_right(self) -> bool:
        """Whether the board has given the known answers of its self test."""
        is_passed = self.status is None or StatusBit.SELF_TEST_PASSED in self.status.bits
        return self._is_self_test_passed and is_passed

    def findings(self, t_us: int, names: dict[int, str]) -> list[Finding]:
        bits = self.status.bits if self.status else StatusBit(0)
        found = []
        if not self._is_computing_right:
            found.append(Finding(fault=Fault.SELF_TEST))
        if t_us - self._waits_since_us > (_LOST_STATUS_US if self._may_be_lost else _STATUS_US):
            found.append(Finding(fault=Fault.NO_STATUS))
        if self._settings_us is not None and t_us - self._settings_us <= _TOLD_US:
            found.append(Finding(fault=Fault.SETTINGS))
        if StatusBit.REFERENCE_OFF in bits:
            found.append(Finding(fault=Fault.REFERENCE))
        if self._exception_us is not None and t_us - self._exception_us <= _TOLD_US:
            found.append(Finding(fault=Fault.EXCEPTION))
        repaired = [stream for stream, since_us in self._repaired_us.items() if t_us - since_us <= _TOLD_US]
        of_streams = [*sorted(self._sensors.items()), *((stream, Fault.REPAIRED) for stream in sorted(repaired))]
        found += [Finding(fault=fault, subject=names.get(stream, f"stream {stream}")) for stream, fault in of_streams]
        return found
