"""Alarms as they are shown in, the keys that acknowledge them out; and what a screen has drawn last, for those keys."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from gateway.alarms import Priority
from gateway.payloads import AlarmState

_KEYS = 9
ChairName = tuple[str, str]
Shown = tuple[ChairName, AlarmState]


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """What a person sees when they press a key: alarms by number, and by its own word what sounds at which chair."""

    numbered: Mapping[int, Shown] = field(default_factory=dict)
    sounding: Mapping[ChairName, Priority] = field(default_factory=dict)


class Numbers:
    """An occurrence keeps its number for as long as it is shown, however urgent what comes beside it.

    A number that has become free is given again as late as possible, so that a finger on its way to an alarm that has
    just ended meets nothing. What finds all numbers taken has none.
    """

    def __init__(self) -> None:
        self._held: dict[tuple[ChairName, str | None], int] = {}
        self._last = 0

    def of(self, shown: Iterable[Shown]) -> dict[int, Shown]:
        """The numbers of what is shown now, the most urgent first."""
        by_occurrence = {(chair, alarm.id): (chair, alarm) for chair, alarm in shown}
        self._held = {one: number for one, number in self._held.items() if one in by_occurrence}
        for occurrence in by_occurrence:
            if occurrence not in self._held and len(self._held) < _KEYS:
                self._held[occurrence] = self._next()
        return {number: by_occurrence[occurrence] for occurrence, number in self._held.items()}

    def _next(self) -> int:
        taken = set(self._held.values())
        while True:
            self._last = self._last % _KEYS + 1
            if self._last not in taken:
                return self._last
