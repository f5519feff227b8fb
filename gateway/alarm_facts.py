"""What is wrong with the board and its link in, the facts that its technical alarm conditions are judged by out."""

from __future__ import annotations

from collections.abc import Iterable

from gateway.alarms import Condition, Fact
from gateway.link.faults import Fault, Finding

_STARTING_US = 10_000_000  # a board that has not been heard, or has not described itself, by then is a lost link too

# None is no condition of its own: a stream that stops shows in what is measured.
CONDITIONS: dict[Fault, Condition | None] = {
    Fault.NOTHING_HEARD: Condition.LINK_LOST,
    Fault.LINK_LOST: Condition.LINK_LOST,
    Fault.NOT_DESCRIBED: Condition.LINK_LOST,
    Fault.UNHEARD: Condition.LINK_LOST,
    Fault.LINK_NOISE: Condition.LINK_NOISE,
    Fault.VERSION: Condition.UNKNOWN_FIRMWARE,
    Fault.UNKNOWN_FIRMWARE: Condition.UNKNOWN_FIRMWARE,
    Fault.OTHER_BOARD: Condition.BOARD_FAULT,
    Fault.RESTARTED: Condition.BOARD_RECOVERED,
    Fault.UNSTABLE: Condition.BOARD_FAULT,
    Fault.SELF_TEST: Condition.BOARD_FAULT,
    Fault.EXCEPTION: Condition.BOARD_DOUBTFUL,
    Fault.NO_STATUS: Condition.BOARD_DOUBTFUL,
    Fault.SETTINGS: Condition.BOARD_DOUBTFUL,
    Fault.REFERENCE: Condition.BOARD_DOUBTFUL,
    Fault.CLOCK_STEP: Condition.CLOCK_FAULT,
    Fault.CLOCK_DRIFT: Condition.CLOCK_FAULT,
    Fault.AHEAD: Condition.CLOCK_FAULT,
    Fault.BUS: Condition.BOARD_FAULT,
    Fault.WRONG_SENSOR: Condition.BOARD_FAULT,
    Fault.SENSOR_SILENT: Condition.BOARD_FAULT,
    Fault.SENSOR_CONFIGURATION: Condition.BOARD_FAULT,
    Fault.RATE_MISMATCH: Condition.BOARD_FAULT,
    Fault.REPAIRED: Condition.BOARD_RECOVERED,
    Fault.STUCK_BIT: Condition.BOARD_FAULT,
    Fault.OUT_OF_RANGE: Condition.BOARD_FAULT,
    Fault.UNREADABLE_STREAM: Condition.BOARD_FAULT,
    Fault.NO_SAMPLES: None,
    Fault.SET_UP: Condition.SET_UP,
}
_PATIENT = (Fault.NOTHING_HEARD, Fault.NOT_DESCRIBED)
_NO_VITAL = "motion"  # the sensor without which every number is still measured


class AlarmFacts:
    """Remembers how long a board has been starting."""

    def __init__(self) -> None:
        self._starting_us: int | None = None

    def at(self, t_us: int, findings: Iterable[Finding]) -> list[Fact]:
        """One fact for each condition there is, present with all that is found of it, or absent."""
        found = list(findings)
        kinds = {finding.fault for finding in found}
        is_noise_only = {Fault.NOTHING_HEARD, Fault.LINK_NOISE} <= kinds  # as at a wrong baud rate: nothing is starting
        if kinds.isdisjoint(_PATIENT):
            self._starting_us = None
        elif self._starting_us is None:
            self._starting_us = t_us
        is_starting = self._starting_us is not None and t_us - self._starting_us < _STARTING_US and not is_noise_only
        words: dict[Condition, list[str]] = {condition: [] for condition in CONDITIONS.values() if condition}
        for finding in found:
            condition = _condition(finding)
            if condition is not None and not (finding.fault in _PATIENT and is_starting):
                words[condition].append(str(finding))
        return [
            Fact(t_us=t_us, condition=condition, is_present=bool(texts), detail="; ".join(texts))
            for condition, texts in words.items()
        ]


def _condition(finding: Finding) -> Condition | None:
    condition = CONDITIONS[finding.fault]
    is_harmless = condition is Condition.BOARD_FAULT and finding.subject == _NO_VITAL
    return Condition.BOARD_DOUBTFUL if is_harmless else condition
