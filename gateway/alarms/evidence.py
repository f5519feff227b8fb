"""Readings, beats, facts and a baseline in; what each tier of each condition sees of them at a second out."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

import dsp
from gateway.alarms.catalogue import CATALOGUE, SITES, TRENDS, Definition, Rule, Site
from gateway.alarms.hold import SECOND_US, Missing, Observation
from gateway.alarms.profile import LONGEST_DELAY_S, MOST_BEATS
from gateway.alarms.tier import Tier
from gateway.alarms.types import Condition, Fact, Second

# Good ones in a row before a number can alarm (GE B20: after a successful search for the pulse, S67).
ARMING_SECONDS = 10
ATTENDED_US = 30 * SECOND_US  # after somebody was put into the chair every sensor has to be on (S67: 30 s)
LEAVING_SECONDS = 10  # without any pulse: whoever was in the chair has left it
_KEPT_SATURATIONS = int(LONGEST_DELAY_S) + 1  # seconds; no window is longer, and both its ends are in it
_LATE_US = 3 * SECOND_US  # a beat older than this says nothing of now
_QUESTIONABLE_SQI = 0.6  # as dsp.readings has it for a value

_Seen = Observation | Missing

# The finger's condition for each reason why there is no reading; every other reason is a disturbance. None is no alarm
# of this site: the link's, or what nobody measures. A sensor that never was there is not armed.
_FINGER: dict[dsp.Reason, Condition | None] = {
    dsp.Reason.LINK_LOST: None,
    dsp.Reason.NO_CHANNEL: Condition.NO_FINGER_SIGNAL,
    dsp.Reason.NO_DATA: Condition.NO_FINGER_SIGNAL,
    dsp.Reason.STALE: Condition.NO_FINGER_SIGNAL,
    dsp.Reason.FLAT: Condition.NO_FINGER_SIGNAL,
    dsp.Reason.PROBE_OFF: Condition.PROBE_OFF,
    dsp.Reason.CHANNEL_ORDER: Condition.SENSOR_FAULT,
    dsp.Reason.LED_FAULT: Condition.SENSOR_FAULT,
    dsp.Reason.LOW_PERFUSION: Condition.LOW_PERFUSION,
    dsp.Reason.NO_PULSE: Condition.LOW_PERFUSION,
    dsp.Reason.SIGNAL_LOST: Condition.LOW_PERFUSION,
}
_PRESSURE: dict[dsp.Reason, Condition | None] = {
    dsp.Reason.LINK_LOST: None,
    dsp.Reason.NO_CHANNEL: Condition.NO_PRESSURE_SIGNAL,
    dsp.Reason.NO_DATA: Condition.NO_PRESSURE_SIGNAL,
    dsp.Reason.STALE: Condition.NO_PRESSURE_SIGNAL,
    dsp.Reason.FLAT: Condition.NO_PRESSURE_SIGNAL,
}
_CHANNELS = {Site.FINGER: dsp.Channel.PLETH, Site.PRESSURE: dsp.Channel.PRESSURE}
_NUMBERS = {Site.FINGER: dsp.Quantity.SPO2, Site.PRESSURE: dsp.Quantity.SYSTOLIC}
_ABSENT = (dsp.Reason.NO_CHANNEL,)
# A channel with one of these is not in use: a sensor that lies beside the chair, a cable that is not plugged in.
_UNUSED = (
    *_ABSENT,
    dsp.Reason.NO_DATA,
    dsp.Reason.LINK_LOST,
    dsp.Reason.STALE,
    dsp.Reason.FLAT,
    dsp.Reason.PROBE_OFF,
    dsp.Reason.LED_FAULT,
)
# Only a channel with one of these would show a pulse if there were one; on any other its silence says nothing.
_SEEING = (
    None,
    dsp.Reason.NO_PULSE,
    dsp.Reason.LEARNING,
    dsp.Reason.IRREGULAR,
    dsp.Reason.IMPLAUSIBLE,
    dsp.Reason.SIGNAL_LOST,
)
_PULSELESS = (dsp.Reason.NO_PULSE, dsp.Reason.IRREGULAR, dsp.Reason.LEARNING)  # what a lost pulse looks like
_QUIET = (None, dsp.Reason.NO_PULSE, dsp.Reason.SIGNAL_LOST)  # those among them that show nothing but a signal
_DISTURBED_US = 8 * SECOND_US  # the window of dsp: a flush or a movement in it may have hidden a pulse
_LEAST_PULSE_MMHG = 20.0  # of a pressure pulse (jSQI, clinical.md 5.2)
# Of one that is a beat by its shape and rhythm: half of that, which a damped line still shows. A line whose patient has
# no pulse shows the noise of its stand and of hands, some of it as regular as beats.
_LEAST_BEAT_MMHG = 10.0
_ONLY_LEARNING = (dsp.Reason.LEARNING,)


class Evidence:
    """What is known at the newest second.

    Attributes
    ----------
    armed : quantities that have been measured long enough to alarm
    armed_sites : where there has been a pulse for long enough to miss the signal
    is_standby : a person has said that nobody is in the chair
    expected_us : from when on every sensor that there is has to measure, None if nobody said that somebody has come
    lost_sites : where a condition of the patient is unknown now, so that its technical one is urgent
    """

    baseline: dict[dsp.Quantity, float]
    lost_sites: set[Site]
    _second: Second  # the newest

    def __init__(
        self,
        armed: Iterable[dsp.Quantity],
        armed_sites: Iterable[Site],
        *,
        is_standby: bool,
        expected_us: int | None,
    ) -> None:
        self.armed = set(armed)
        self.armed_sites = set(armed_sites)
        self.is_standby = is_standby
        self.expected_us = expected_us
        self._facts: dict[Condition, str] = {}
        self._good: dict[dsp.Quantity | Site, int] = {}  # seconds in a row
        self._alive: dict[dsp.Quantity | Site, int] = {}  # seconds in a row with a number or signal, whatever its worth
        self._is_pulseless = False  # by the rule of the lost pulse
        self._pulseless = 0
        self._seeing = 0  # seconds in a row in which a pulse would have been seen
        self._beats: dict[dsp.Channel, deque[dsp.Beat]] = {}
        self._pulses_us: dict[dsp.Channel, int] = {}  # the newest of each; rejected beats cannot push them out
        self._new_pulses: deque[tuple[int, dsp.Channel]] = deque(maxlen=MOST_BEATS)  # since the newest second
        self._saturations: deque[tuple[int, float]] = deque(maxlen=_KEPT_SATURATIONS)

    def note_fact(self, fact: Fact) -> None:
        if fact.is_present:
            self._facts[fact.condition] = fact.detail
        else:
            self._facts.pop(fact.condition, None)

    def note_beat(self, beat: dsp.Beat) -> None:
        self._beats.setdefault(beat.channel, deque(maxlen=MOST_BEATS)).append(beat)
        if _is_pulse(beat):
            self._new_pulses.append((beat.t_us, beat.channel))

    def note_second(self, second: Second) -> None:
        self._second = second
        self._note_pulses(second.t_us)
        self._leave_standby()
        is_seeing = any(reason in _SEEING for reason in second.channels.values())
        self._seeing = self._seeing + 1 if is_seeing else 0
        if not self.is_standby:
            self._arm(second)
        self._note_expired()
        saturation = self._reading(dsp.Quantity.SPO2)
        if isinstance(saturation, dsp.Measured) and not _is_doubtful(saturation):
            self._saturations.append((second.t_us, saturation.value))

    def _note_expired(self) -> None:
        """Of the one calibration that ends by itself, each number says so."""
        measured = [one for one in self._second.readings.values() if isinstance(one, dsp.Measured)]
        is_here = any(dsp.Reason.REFERENCE_EXPIRED in one.reasons for one in measured)
        fact = Fact(t_us=self._second.t_us, condition=Condition.CALIBRATION_EXPIRED, is_present=is_here)
        self.note_fact(fact)

    def _note_pulses(self, t_us: int) -> None:
        """What is later than the second waits for its own; what is much later has a wrong time and says nothing."""
        waiting = list(self._new_pulses)
        self._new_pulses.clear()
        for at_us, channel in waiting:
            if at_us <= t_us:
                self._pulses_us[channel] = max(at_us, self._pulses_us.get(channel, at_us))
            elif at_us <= t_us + _LATE_US:
                self._new_pulses.append((at_us, channel))

    @property
    def _pulse_us(self) -> int | None:
        """Of the newest pulse of any channel."""
        return max(self._pulses_us.values(), default=None)

    def _arm(self, second: Second) -> None:
        """Numbers that are good, sites that have a pulse; both all at once where somebody is expected to have them."""
        readings = {quantity: second.readings.get(quantity) for quantity in SITES}
        reasons = {site: second.channels.get(channel, dsp.Reason.NO_CHANNEL) for site, channel in _CHANNELS.items()}
        is_expected = self.expected_us is not None and second.t_us >= self.expected_us
        if is_expected and any(reason not in _ABSENT for reason in reasons.values()):
            self.expected_us = None  # not before the board is there
        for quantity, reading in readings.items():
            is_good = isinstance(reading, dsp.Measured) and not _is_doubtful(reading)
            is_tried = self._is_tried(quantity, is_alive=isinstance(reading, dsp.Measured))
            is_wanted = is_expected and reading is not None and not _is_absent(reading)
            if self._is_long(quantity, is_good) or is_tried or is_wanted:
                self.armed.add(quantity)
        for site, reason in reasons.items():
            is_tried = self._is_tried(site, is_alive=reason not in _UNUSED)
            if self._is_long(site, reason is None) or is_tried or (is_expected and reason not in _ABSENT):
                self.armed_sites.add(site)
        if self._seeing * SECOND_US >= ATTENDED_US:
            self.armed.add(dsp.Quantity.PULSE_RATE)  # a signal for so long, and never a pulse

    def _is_long(self, what: dsp.Quantity | Site, is_good: bool) -> bool:
        self._good[what] = self._good.get(what, 0) + 1 if is_good else 0
        return self._good[what] >= ARMING_SECONDS

    def _is_tried(self, what: dsp.Quantity | Site, *, is_alive: bool) -> bool:
        """A number or a signal for so long, and never a good one: somebody is in the chair all the same."""
        self._alive[what] = self._alive.get(what, 0) + 1 if is_alive else 0
        return self._alive[what] * SECOND_US >= ATTENDED_US

    def set_attended(self, t_us: int, *, is_attended: bool) -> None:
        """Somebody is put into the chair, or nobody is there any more."""
        self.is_standby = not is_attended
        self.expected_us = t_us + ATTENDED_US if is_attended else None
        self._pulseless = 0
        self._good.clear()
        self._alive.clear()
        self._saturations.clear()  # what one patient had is no top from which the next one falls
        if not is_attended:
            self.armed.clear()
            self.armed_sites.clear()

    @property
    def has_pulse(self) -> bool:
        """Some channel shows one now."""
        return any(reason is None for reason in self._second.channels.values())

    def _leave_standby(self) -> None:
        """Whoever comes next is monitored without being asked for: once the sensors have been off, they arm again."""
        self._pulseless = 0 if self.has_pulse else self._pulseless + 1
        if self.is_standby and self._pulseless >= LEAVING_SECONDS:
            self.is_standby = False

    def observe(self, condition: Condition, tier: Tier, crossed: float | None) -> _Seen:
        """One tier of a condition now; ``crossed`` is the limit that it crossed, where it holds."""
        definition = CATALOGUE[condition]
        match definition.rule:
            case Rule.ABOVE | Rule.BELOW:
                return self._against_limit(definition, tier)
            case Rule.DROP:
                return self._drop(definition, tier, crossed)
            case Rule.SLOW_BEATS | Rule.FAST_BEATS:
                return self._beat_run(definition, tier)
            case Rule.NO_BEAT:
                return self._no_beat(tier)
            case Rule.READING:
                return self._reasons(condition)
            case Rule.FACT:
                return _told(self._facts.get(condition))

    def _reading(self, quantity: dsp.Quantity) -> dsp.Measured | Missing:
        """The armed reading of a quantity; one that was measured and now has no sensor at all is lost."""
        if quantity not in self.armed:
            return Missing.SETTING
        reading = self._second.readings.get(quantity)
        return reading if isinstance(reading, dsp.Measured) else Missing.DATA

    def _against_limit(self, definition: Definition, tier: Tier) -> _Seen:
        assert definition.quantity is not None
        limit = self._limit(definition, tier)
        reading = self._reading(definition.quantity)
        if isinstance(reading, Missing) or isinstance(limit, Missing):
            return reading if isinstance(reading, Missing) else Missing.SETTING
        value = round(reading.value, 2)
        inside = limit - value if definition.rule is Rule.ABOVE else value - limit
        is_beyond = inside <= 0 if definition.rule is Rule.ABOVE else inside < 0
        if definition.quantity in TRENDS and _is_doubtful(reading):
            is_beyond = False  # what runs begins anew, what holds goes on to hold: it is not back either
        return Observation(
            is_beyond=is_beyond,
            is_back=inside >= definition.hysteresis,
            value=value,
            limit=limit,
            is_doubtful=_is_doubtful(reading),
        )

    def _limit(self, definition: Definition, tier: Tier) -> float | Missing:
        """The limit in the quantity's unit: absolute, or away from the baseline but not nearer than its bound.

        Nor farther than an absolute one may be set: beyond that a person does not live, and it would never alarm.
        """
        if tier.limit is not None:
            return tier.limit
        assert definition.quantity is not None
        assert tier.bound is not None
        base = self.baseline.get(definition.quantity)
        if base is None:
            return Missing.SETTING
        away = tier.points
        if away is None:
            assert tier.percent is not None
            away = base * tier.percent / 100
        lowest, highest = definition.bounds
        limit = max(tier.bound, base + away) if definition.rule is Rule.ABOVE else min(tier.bound, base - away)
        return round(min(max(limit, lowest), highest), 2)

    def _drop(self, definition: Definition, tier: Tier, crossed: float | None) -> _Seen:
        assert definition.quantity is not None
        assert tier.drop is not None
        assert tier.window_s is not None
        reading = self._reading(definition.quantity)
        if isinstance(reading, Missing):
            return reading
        t_us, value = self._second.t_us, round(reading.value, 2)
        top = max((past for at, past in self._saturations if t_us - at <= tier.window_s * SECOND_US), default=value)
        limit = crossed if crossed is not None else round(top - tier.drop, 2)
        return Observation(
            is_beyond=value <= limit,
            is_back=value >= limit + definition.hysteresis,
            value=value,
            limit=limit,
            is_doubtful=_is_doubtful(reading),
        )

    def _beat_run(self, definition: Definition, tier: Tier) -> _Seen:
        """The mean rate of the newest beats in a row, of the channel whose beats are the better ones."""
        assert tier.beats is not None
        assert tier.limit is not None
        if dsp.Quantity.PULSE_RATE not in self.armed:
            return Missing.SETTING
        runs = [run for beats in self._beats.values() if (run := _run(beats, tier.beats, self._second.t_us))]
        if not runs:
            return Missing.DATA
        sqi, rate = max(runs)
        inside = tier.limit - rate if definition.rule is Rule.FAST_BEATS else rate - tier.limit
        return Observation(
            is_beyond=inside < 0,
            is_back=inside >= definition.hysteresis,
            value=round(rate, 1),
            limit=tier.limit,
            is_doubtful=sqi < _QUESTIONABLE_SQI,
        )

    def _no_beat(self, tier: Tier) -> _Seen:
        """Seconds since the last beat of any channel, where at least one channel could have shown one."""
        assert tier.limit is not None
        if dsp.Quantity.PULSE_RATE not in self.armed:
            return Missing.SETTING
        if not self._seeing:
            return Missing.DATA
        looked_us = self._second.t_us - self._seeing * SECOND_US
        newest_us = looked_us if self._pulse_us is None else self._pulse_us
        silent_s = round((self._second.t_us - newest_us) / SECOND_US, 1)
        self._is_pulseless = silent_s >= tier.limit
        return Observation(
            is_beyond=self._is_pulseless,
            is_back=not self._is_pulseless and self._pulse_us is not None,
            value=silent_s,
            limit=tier.limit,
            is_doubtful=self._is_pulseless and not self._is_quiet(),  # a pulse is proof of itself
        )

    def _is_quiet(self) -> bool:
        """Two sensors look, and one of them shows nothing at all: no pulse, and nothing that might hide one.

        One sensor alone loses the pulse more often than the patient does: a hand that moves, a cuff that calibrates.
        And one that has been blind to the pulses that the other saw is no witness that there are none.
        """
        if sum(reason in _SEEING for reason in self._second.channels.values()) < 2:
            return False
        since_us = self._second.t_us - _DISTURBED_US
        disturbed = {
            channel
            for channel, beats in self._beats.items()
            if any(
                since_us < b.t_us <= self._second.t_us and not b.accepted and b.reasons != _ONLY_LEARNING for b in beats
            )
        }
        return any(
            reason in _QUIET and name not in disturbed and self._has_seen(name)
            for name, reason in self._second.channels.items()
        )

    def _has_seen(self, channel: dsp.Channel) -> bool:
        """It saw the last pulses that anybody saw."""
        newest_us, own_us = self._pulse_us, self._pulses_us.get(channel)
        return newest_us is None or (own_us is not None and newest_us - own_us < _DISTURBED_US)

    def _reasons(self, condition: Condition) -> _Seen:
        if condition is Condition.UNCALIBRATED:
            return self._uncalibrated()
        if condition is Condition.NO_PULSE_RATE:
            return self._no_pulse_rate()
        site = _SITE_OF[condition]
        if site not in self.armed_sites:
            return Missing.SETTING
        reason = self._reason(site)
        if reason is dsp.Reason.LINK_LOST:
            return Missing.DATA
        is_here = reason is not None and _cause(site, reason) is condition and not self._is_pulse_lost(reason)
        return Observation(
            is_beyond=is_here,
            is_back=not is_here and not self._is_number_doubtful(site),
            is_urgent=bool(self.lost_sites & {site, Site.EITHER}),
            detail=reason.value if is_here and reason else "",
        )

    def _reason(self, site: Site) -> dsp.Reason | None:
        """Why nothing can be measured at a site, None if something can."""
        reason = self._second.channels.get(_CHANNELS[site], dsp.Reason.NO_CHANNEL)
        number = _NUMBERS[site]
        reading = self._second.readings.get(number)
        if reason is not None or not isinstance(reading, dsp.Unavailable):
            return reason
        return reading.reason if number in self.armed or not _is_absent(reading) else None

    def _is_number_doubtful(self, site: Site) -> bool:
        reading = self._second.readings.get(_NUMBERS[site])
        return isinstance(reading, dsp.Measured) and _is_doubtful(reading)

    def _is_pulse_lost(self, reason: dsp.Reason) -> bool:
        """No pulse anywhere is the patient's; no pulse at one site is the site's."""
        return reason in _PULSELESS and None not in self._second.channels.values() and self._is_pulseless

    def _no_pulse_rate(self) -> _Seen:
        """Where no site explains why there is no pulse rate."""
        reading = self._second.readings.get(dsp.Quantity.PULSE_RATE)
        if dsp.Quantity.PULSE_RATE not in self.armed:
            return Missing.SETTING
        if reading is None or (isinstance(reading, dsp.Unavailable) and reading.reason is dsp.Reason.LINK_LOST):
            return Missing.DATA
        is_here = isinstance(reading, dsp.Unavailable) and not any(map(self._is_explained, _CHANNELS))
        detail = reading.reasons[0].value if is_here else ""
        return Observation(
            is_beyond=is_here, is_back=not is_here, is_urgent=Site.EITHER in self.lost_sites, detail=detail
        )

    def _is_explained(self, site: Site) -> bool:
        """Its own condition tells why nothing is measured there; a sensor that never was there has none."""
        return site in self.armed_sites and self._reason(site) is not None

    def _uncalibrated(self) -> _Seen:
        readings = [self._second.readings.get(quantity) for quantity in self.armed]
        measured = [reading for reading in readings if isinstance(reading, dsp.Measured)]
        if not measured:
            return Missing.DATA
        is_here = any(dsp.Reason.UNCALIBRATED in reading.reasons for reading in measured)
        return Observation(is_beyond=is_here, is_back=not is_here)


_SITE_OF = {
    Condition.NO_FINGER_SIGNAL: Site.FINGER,
    Condition.PROBE_OFF: Site.FINGER,
    Condition.SENSOR_FAULT: Site.FINGER,
    Condition.LOW_PERFUSION: Site.FINGER,
    Condition.ARTIFACT_FINGER: Site.FINGER,
    Condition.NO_PRESSURE_SIGNAL: Site.PRESSURE,
    Condition.ARTIFACT_PRESSURE: Site.PRESSURE,
}


def _cause(site: Site, reason: dsp.Reason) -> Condition | None:
    """The technical condition that a reason is at a site."""
    if site is Site.PRESSURE:
        return _PRESSURE.get(reason, Condition.ARTIFACT_PRESSURE)
    return _FINGER.get(reason, Condition.ARTIFACT_FINGER)


def _is_absent(reading: dsp.Reading) -> bool:
    return isinstance(reading, dsp.Unavailable) and reading.reason in _ABSENT


def _is_doubtful(reading: dsp.Measured) -> bool:
    return reading.validity is dsp.Validity.QUESTIONABLE


def _told(detail: str | None) -> Observation:
    return Observation(is_beyond=detail is not None, is_back=detail is None, detail=detail or "")


def _is_pulse(beat: dsp.Beat) -> bool:
    """A beat, but for a pressure that hardly moves; or, without a rhythm yet (bigeminy), of a size that moves blood."""
    if beat.systolic_mmhg is None or beat.diastolic_mmhg is None:
        return beat.accepted
    height_mmhg = beat.systolic_mmhg - beat.diastolic_mmhg
    if beat.accepted:
        return height_mmhg >= _LEAST_BEAT_MMHG
    return beat.reasons == _ONLY_LEARNING and height_mmhg >= _LEAST_PULSE_MMHG


def _run(beats: deque[dsp.Beat], count: int, t_us: int) -> tuple[float, float] | None:
    """Quality and rate of the newest ``count`` beats, None where they are not in a row, or not of now."""
    run = [beat for beat in beats if beat.t_us <= t_us][-count:]
    intervals = [beat.interval_us for beat in run[1:] if beat.interval_us is not None]
    if (
        len(run) < count
        or len(intervals) < count - 1
        or not all(b.accepted for b in run)
        or t_us - run[-1].t_us > _LATE_US
    ):
        return None
    return sum(beat.sqi for beat in run) / count, 60e6 * len(intervals) / sum(intervals)
