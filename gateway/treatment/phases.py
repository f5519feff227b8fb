"""The phases of a treatment session and what leads from one to the next: one total table.

Phases. `idle`: no session since the gateway's first start. `screening`: a patient has been announced and is measured;
cuff readings are judged by the clinic's hold rule. `baseline`: good seconds are collected, from which the session's own
normal values come. `dose`: ketamine is being given, or has been, and no effect is expected yet. `climb`: pressure and
rate are expected to rise. `peak`: they are expected to be highest. `recovery`: they are expected to come back; the time
of observation runs. `discharge`: what can be computed and what a person has entered say that the patient is fit to
leave. `ended`: a person has ended the session; what it was stays readable until the next one starts.

Events of a person. `start`, `baseline`, `dose` (the first one begins), `finish` (it is given completely), `stop` (it
was stopped before), `supplement` (more of it is given), `end`. Events of time and of the patient. `onset due`, `peak
due`, `recovery due`: by the route, counted from the newest dose; the last one waits until a person has said that the
dose is finished. `fit`, `unfit`: the criteria of discharge have come to be met, or are not met any more.

What follows from the table. A person is never kept from recording what they do: a dose may come without a baseline, and
the document says what is missing. A session ends by a person only, never by time and never by a restart; a second
patient cannot be started before that, so one patient's baseline is never used for another. A supplement takes a session
that was recovering back to `climb`. `None` is a refusal: the order is answered with a reason and changes nothing.

Not covered here: when an event of time is due (routes, session), and who may give orders (the broker's access rules).
"""

from __future__ import annotations

from enum import Enum


class Phase(Enum):
    """Where a session is."""

    IDLE = "idle"
    SCREENING = "screening"
    BASELINE = "baseline"
    DOSE = "dose"
    CLIMB = "climb"
    PEAK = "peak"
    RECOVERY = "recovery"
    DISCHARGE = "discharge"
    ENDED = "ended"


class PhaseEvent(Enum):
    """What may lead to another phase."""

    START = "start"
    BASELINE = "baseline"
    DOSE = "dose"
    FINISH = "finish"
    STOP = "stop"
    SUPPLEMENT = "supplement"
    END = "end"
    ONSET_DUE = "onset due"
    PEAK_DUE = "peak due"
    RECOVERY_DUE = "recovery due"
    FIT = "fit"
    UNFIT = "unfit"


_IDLE, _SCR, _BAS, _DOS = Phase.IDLE, Phase.SCREENING, Phase.BASELINE, Phase.DOSE
_CLI, _PEA, _REC, _DIS, _END = Phase.CLIMB, Phase.PEAK, Phase.RECOVERY, Phase.DISCHARGE, Phase.ENDED

# A row for each phase, a column for each event in the order of PhaseEvent; None refuses an order.
# fmt: off
_ROWS: dict[Phase, tuple[Phase | None, ...]] = {
    #       start  basel. dose   finish stop   suppl. end    onset  peak   recov. fit    unfit
    _IDLE: (_SCR,  None,  None,  None,  None,  None,  None,  _IDLE, _IDLE, _IDLE, _IDLE, _IDLE),
    _SCR:  (None,  _BAS,  _DOS,  None,  None,  None,  _END,  _SCR,  _SCR,  _SCR,  _SCR,  _SCR),
    _BAS:  (None,  _BAS,  _DOS,  None,  None,  None,  _END,  _BAS,  _BAS,  _BAS,  _BAS,  _BAS),
    _DOS:  (None,  None,  None,  _DOS,  _REC,  _DOS,  _END,  _CLI,  _PEA,  _REC,  _DOS,  _DOS),
    _CLI:  (None,  None,  None,  _CLI,  _REC,  _CLI,  _END,  _CLI,  _PEA,  _REC,  _CLI,  _CLI),
    _PEA:  (None,  None,  None,  _PEA,  _REC,  _CLI,  _END,  _PEA,  _PEA,  _REC,  _PEA,  _PEA),
    _REC:  (None,  None,  None,  None,  None,  _CLI,  _END,  _REC,  _REC,  _REC,  _DIS,  _REC),
    _DIS:  (None,  None,  None,  None,  None,  _CLI,  _END,  _DIS,  _DIS,  _DIS,  _DIS,  _REC),
    _END:  (_SCR,  None,  None,  None,  None,  None,  None,  _END,  _END,  _END,  _END,  _END),
}
# fmt: on
TABLE: dict[tuple[Phase, PhaseEvent], Phase | None] = {
    (phase, event): after for phase, row in _ROWS.items() for event, after in zip(PhaseEvent, row, strict=True)
}

ACTIVE = frozenset(Phase) - {Phase.IDLE, Phase.ENDED}  # a patient is in the chair
DOSED = frozenset({Phase.DOSE, Phase.CLIMB, Phase.PEAK, Phase.RECOVERY, Phase.DISCHARGE})
GIVING = frozenset({Phase.DOSE, Phase.CLIMB, Phase.PEAK})  # a dose may still be running
