"""The state table of an alarm signal: what a person perceives of one condition.

A *condition* is a fact about the patient or the monitoring: it is present, absent, or unknown. A *signal* is what we
do about it, and it is what people acknowledge. They are kept apart: a condition may end while its signal stays
(latched), and a person may switch a signal off while its condition goes on being detected.

States. `off`: nothing to tell. `on`: the condition holds and nobody has answered: light and sound. `latched`: it
held, nobody has answered, and it is over; the signal stays until somebody has seen it. `acknowledged`: it holds, and
somebody has seen it: light without sound. `on, unknown` and `acknowledged, unknown`: it held when its data were lost,
and nobody knows whether it holds. `inactive`: a person has switched this signal off; it is published so, and reminded
of.

Events. `onset`: the condition has held for its delay, or holds again after its data came back. `risen`, `fallen`: its
priority changed while it held. `ended`: measured, and over, with its hysteresis. `ended, latching`: the same of a
condition that latches. `lost`: its data became invalid while it held. `forgotten`: they have been invalid for a
minute. `acknowledge`, `inactivate`, `reactivate`: a person's commands, each for this condition only.

What follows from the table. Losing the data never ends a signal: what was on stays on, as unknown, and its value is
not shown any more. Losing them never starts one either: only `onset` and `risen` lead to `on`, and both need a value
measured now. A rise of priority wants a new acknowledgement, because what was acknowledged was less. An acknowledged
condition whose data stay lost for a minute is let go: its technical condition is there, and if it is measured again
it is a new occurrence. Data that come back sooner are the same occurrence, so a moving patient does not ring again
and again. An acknowledgement ends a latched signal.

Not covered here: delays and hysteresis (conditions), the audio pause, which silences what sounds without touching any
state (annunciation), and who may send a command (the broker's access rules).
"""

from __future__ import annotations

from enum import Enum

from gateway.alarms.types import Presence


class Signal(Enum):
    """A state of the signal; its name in the page."""

    OFF = "off"
    ON = "on"
    LATCHED = "latched"
    ACKNOWLEDGED = "acknowledged"
    ON_UNKNOWN = "on, unknown"
    ACKNOWLEDGED_UNKNOWN = "acknowledged, unknown"
    INACTIVE = "inactive"


class Event(Enum):
    """What happens to a signal; its name in the page."""

    ONSET = "onset"
    RISEN = "risen"
    FALLEN = "fallen"
    ENDED = "ended"
    ENDED_LATCHING = "ended, latching"
    LOST = "lost"
    FORGOTTEN = "forgotten"
    ACKNOWLEDGE = "acknowledge"
    INACTIVATE = "inactivate"
    REACTIVATE = "reactivate"


_OFF, _ON, _LAT, _ACK = Signal.OFF, Signal.ON, Signal.LATCHED, Signal.ACKNOWLEDGED
_ON_, _ACK_, _INA = Signal.ON_UNKNOWN, Signal.ACKNOWLEDGED_UNKNOWN, Signal.INACTIVE

# A row for each state, a column for each event in the order of Event.
# fmt: off
_ROWS: dict[Signal, tuple[Signal, ...]] = {
    #      onset risen fallen ended latch. lost forgotten ackn. inactiv. reactiv.
    _OFF: (_ON,  _ON,  _OFF,  _OFF, _OFF,  _OFF,  _OFF,   _OFF,  _INA,   _OFF),
    _ON:  (_ON,  _ON,  _ON,   _OFF, _LAT,  _ON_,  _ON,    _ACK,  _INA,   _ON),
    _LAT: (_ON,  _ON,  _LAT,  _LAT, _LAT,  _LAT,  _LAT,   _OFF,  _INA,   _LAT),
    _ACK: (_ACK, _ON,  _ACK,  _OFF, _OFF,  _ACK_, _ACK,   _ACK,  _INA,   _ACK),
    _ON_: (_ON,  _ON,  _ON,   _OFF, _LAT,  _ON_,  _ON_,   _ACK_, _INA,   _ON_),
    _ACK_: (_ACK, _ON, _ACK,  _OFF, _OFF,  _ACK_, _OFF,   _ACK_, _INA,   _ACK_),
    _INA: (_INA, _INA, _INA,  _INA, _INA,  _INA,  _INA,   _INA,  _INA,   _OFF),
}
# fmt: on
TABLE: dict[tuple[Signal, Event], Signal] = {
    (state, event): after for state, row in _ROWS.items() for event, after in zip(Event, row, strict=True)
}

PRESENCE: dict[Signal, Presence] = {
    _OFF: Presence.OFF,
    _ON: Presence.ON,
    _LAT: Presence.LATCHED,
    _ACK: Presence.ACK,
    _ON_: Presence.ON,
    _ACK_: Presence.ACK,
    _INA: Presence.OFF,
}

SOUNDING = (_ON, _LAT, _ON_)  # nobody has answered
SHOWN = (*SOUNDING, _ACK, _ACK_)
