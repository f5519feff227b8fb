"""What people ask of a chair's board: a request in, the command for the board out, and its answer as the reply."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.link.device import Device
from gateway.link.downlink import AckResult, ToBoard, Verb, identify
from gateway.link.events import Acknowledged
from gateway.requests import BoardAction

_IDENTIFY_MS = 10_000  # long enough to walk along a row of chairs
_PATIENCE_US = 2_000_000  # a board answers within a frame or two; who asked waits for 5 s
_COMMANDS = {
    BoardAction.IDENTIFY: (Verb.IDENTIFY, identify(_IDENTIFY_MS)),
    BoardAction.SELF_TEST: (Verb.SELF_TEST, b""),
}
_REFUSALS = {
    AckResult.DONE: "",
    AckResult.UNKNOWN_VERB: "board: does not know this command",
    AckResult.BAD_ARGUMENT: "board: does not take this command",
    AckResult.BUSY: "board: busy, an alarm is due",
    AckResult.FAILED: "board: its self test has failed",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """One request: its id, who asks, and what."""

    id: str
    who: str
    action: BoardAction


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of an errand; ``refusal`` is empty if the board has done it."""

    errand: Errand
    refusal: str


class Errands:
    """Those that are on their way: an answer is known by the number of its command."""

    def __init__(self) -> None:
        self._waiting: dict[int, tuple[Errand, int]] = {}  # by number: since when

    def send(self, t_us: int, errand: Errand, device: Device) -> ToBoard:
        verb, arguments = _COMMANDS[errand.action]
        self._waiting[device.next_command] = (errand, t_us)
        return device.command(verb, arguments)

    def answered(self, event: Acknowledged) -> list[Outcome]:
        """The board has answered a command, maybe one of these."""
        errand, _ = self._waiting.get(event.index, (None, 0))
        if errand is None or _COMMANDS[errand.action][0] is not event.verb:
            return []
        del self._waiting[event.index]
        return [Outcome(errand=errand, refusal=_REFUSALS[event.result])]

    def late(self, t_us: int) -> list[Outcome]:
        """Those that nobody waits for any more: the board may have done them."""
        gone = [index for index, (_, sent_us) in self._waiting.items() if t_us - sent_us > _PATIENCE_US]
        return [Outcome(errand=self._waiting.pop(index)[0], refusal="board: does not answer") for index in gone]
