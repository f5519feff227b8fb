"""A MAX30102 at register level: light in, bus transfers answered; sections are the data sheet's (Maxim 19-7740)."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from hil.board.bus import NoAcknowledgeError, Promise

Light = Callable[[NDArray[np.int64]], NDArray[np.float64]]

_STATUS_1, _STATUS_2, _ENABLE_1, _FIFO_WR, _OVF, _FIFO_RD, _FIFO_DATA, _FIFO_CONFIG = 0, 1, 2, 4, 5, 6, 7, 8
_MODE, _SPO2, _LED_RED, _LED_INFRARED = 0x09, 0x0A, 0x0C, 0x0D
_TEMPERATURE, _TEMPERATURE_CONFIG = 0x1F, 0x21
_REV_ID, _PART_ID = 0xFE, 0xFF
_PART = 0x15
_POWER_READY = 0x01
_ALMOST_FULL, _SAMPLE_READY, _TEMPERATURE_READY = 0x80, 0x40, 0x02  # "Interrupt Status"
_CELSIUS = 27
_SHUTDOWN, _RESET, _MODE_SPO2 = 0x80, 0x40, 0x03
_ROLLOVER = 0x10
_DEPTH, _SAMPLE = 32, 6
_SPARE = 4  # samples come in a millisecond at most
_POINTER = 31  # mask; the overflow counter saturates there too
_RATES_HZ = (50, 100, 200, 400, 800, 1000, 1600, 3200)  # SpO2 configuration, bits 4:2
# The highest rate by pulse width in SpO2 mode ("SpO2 Configuration", table of allowed settings): 69, 118, 215, 411 us
_HIGHEST_HZ = (1600, 1000, 800, 400)
_AS_SEEN_HZ = {400: 100, 800: 50}  # at 411 us, by users of the part
_FULL_BITS = 18
_COUNTS = (1 << _FULL_BITS) - 1
_FULL_SCALE_NA = 16384.0
_LED_STEPS = 0x24  # 7 mA
_UNDEFINED = 0xFC  # of the first byte of three ("FIFO Data"): the model returns ones, so that nobody relies on zeros
_BLOCK, _BLOCK_NS = 64, 640_000_000  # samples computed at once: so many, or those of so much time


class RateRule(Enum):
    """What a rate does that its pulse width does not allow, or that users have not got."""

    DATA_SHEET = "the highest possible rate"
    AS_SEEN = "400 Hz and 411 us give 100 Hz, 800 Hz give 50 Hz"


class Max30102:
    """Sensor with FIFO; the times of its samples follow from the moment its mode was written.

    Parameters
    ----------
    light : gives red and infrared at each of some times (int64, us): shape (n, 2), counts of 18 bits at 4096 nA
        and 7 mA
    ambient : gives what of it is another's light, which does not change with the current of the LEDs: shape (n,)
    rate_error : relative error of the sensor's own clock
    rate_rule : the data sheet and its readers disagree
    rolls_read_pointer : whether a sample that rolls over the oldest moves the read pointer on; the data sheet is silent
    keeps_overflow : whether the overflow counter keeps its value when a sample is read; the same
    """

    def __init__(
        self,
        light: Light,
        *,
        ambient: Light | None = None,
        rate_error: float = 0.0,
        rate_rule: RateRule = RateRule.DATA_SHEET,
        rolls_read_pointer: bool = True,
        keeps_overflow: bool = False,
    ) -> None:
        self._light = light
        self._ambient = ambient
        self._rate_error = rate_error
        self._rate_rule = rate_rule
        self._rolls_read_pointer = rolls_read_pointer
        self._keeps_overflow = keeps_overflow
        self.is_present = True
        self.part_id = _PART
        self.dropped = 0  # samples lost since the start, the truth behind the overflow counter
        self.power_on()

    def power_on(self) -> None:
        """Lose everything, as after an interruption of the supply."""
        self._registers = bytearray(256)
        self._registers[_STATUS_1] = _POWER_READY
        self._registers[_REV_ID] = 0x03
        self._fifo = [bytes(6)] * _DEPTH
        self._unread = 0
        self._start_ns: int | None = None
        self._period_ns = 0.0
        self._made = 0  # samples since the start
        self._averaged: list[bytes] = []
        self._samples: list[bytes] = []
        self._samples_first = 0

    def transfer(self, now_ns: int, written: bytes, wanted: int) -> bytes:
        """Set the register address, write what follows it, read: as one transfer with a repeated start."""
        if not self.is_present:
            raise NoAcknowledgeError
        self._advance(now_ns)
        address = written[0]
        for value in written[1:]:
            self._write(address, value, now_ns)
            address = self._after(address)
        if address == _FIFO_DATA:
            return self._pop(wanted)
        return bytes(self._read((address + i) & 255) for i in range(wanted))

    def promise(self, written: bytes) -> Promise | None:
        """The pointers, the samples between them and the configuration stay until the next sample."""
        if written != bytes([_FIFO_WR]) or self._start_ns is None:
            return None
        until_ns = int(self._start_ns + (self._made + 1) * self._period_ns)
        first = self._registers[_FIFO_RD]
        is_safe = self._unread <= _DEPTH - _SPARE  # nothing is lost meanwhile
        unread = [self._fifo[(first + k) & _POINTER] for k in range(self._unread * is_safe)]
        settings = bytes(self._registers[_FIFO_CONFIG : _LED_INFRARED + 1])
        return Promise(until_ns, _FIFO_DATA, b"".join(unread), _FIFO_CONFIG, settings)

    @property
    def is_interrupting(self) -> bool:
        """Whether the INT pin is pulled low."""
        return bool(self._registers[_STATUS_1] & (self._registers[_ENABLE_1] | _POWER_READY))

    @staticmethod
    def _after(address: int) -> int:
        """FIFO_DATA is the only register that does not move on ("Reading from the FIFO")."""
        return address if address == _FIFO_DATA else (address + 1) & 255

    def _read(self, address: int) -> int:
        if address == _PART_ID:
            return self.part_id
        value = self._registers[address]
        if address in (_STATUS_1, _STATUS_2):
            self._registers[address] = 0  # cleared by reading
        return value

    def _write(self, address: int, value: int, now_ns: int) -> None:
        if address in (_REV_ID, _PART_ID, _STATUS_1, _STATUS_2, _TEMPERATURE, _TEMPERATURE + 1):
            return
        if address == _TEMPERATURE_CONFIG:  # one measurement; its 29 ms are not modelled
            self._registers[_TEMPERATURE : _TEMPERATURE + 2] = bytes([_CELSIUS, 0])
            self._registers[_STATUS_2] |= _TEMPERATURE_READY
            return
        if address == _MODE and value & _RESET:
            self.power_on()  # the bit clears itself
            return
        if address in (_FIFO_WR, _OVF, _FIFO_RD):
            value &= _POINTER
        self._registers[address] = value
        if address in (_FIFO_WR, _FIFO_RD):
            self._unread = (self._registers[_FIFO_WR] - self._registers[_FIFO_RD]) & _POINTER
        if address in (_MODE, _SPO2):
            self._restart(now_ns)
        elif address in (_LED_RED, _LED_INFRARED):
            self._samples, self._samples_first = [], 0  # measured anew from here on

    def _restart(self, now_ns: int) -> None:
        mode = self._registers[_MODE]
        runs = mode & 7 == _MODE_SPO2 and not mode & _SHUTDOWN
        self._start_ns = now_ns if runs else None
        self._period_ns = 1e9 / (self.effective_rate_hz * (1 + self._rate_error))
        self._made = 0
        self._averaged = []
        self._samples, self._samples_first = [], 0

    @property
    def effective_rate_hz(self) -> int:
        """The rate at which it really samples, before averaging, by a clock without error."""
        spo2 = self._registers[_SPO2]
        rate_hz = _RATES_HZ[spo2 >> 2 & 7]
        if self._rate_rule is RateRule.AS_SEEN and spo2 & 3 == 3:
            return _AS_SEEN_HZ.get(rate_hz, rate_hz)
        return min(rate_hz, _HIGHEST_HZ[spo2 & 3])

    def _advance(self, now_ns: int) -> None:
        """Put into the FIFO what was measured until now."""
        if self._start_ns is None:
            return
        due = int((now_ns - self._start_ns) / self._period_ns)
        if due <= self._made:
            return
        samples = self._samples_until(due)
        averaging = self._averaging
        if averaging > 1:
            samples = self._average(samples, averaging)
        if self._unread + len(samples) <= _DEPTH:
            self._put(samples)
        else:
            for sample in samples:
                self._push(sample)

    def _average(self, samples: list[bytes], averaging: int) -> list[bytes]:
        """Return the samples that are complete; keep what is left over."""
        waiting = self._averaged + samples
        whole = len(waiting) - len(waiting) % averaging
        self._averaged = waiting[whole:]
        return [_mean(waiting[at : at + averaging]) for at in range(0, whole, averaging)]

    @property
    def _averaging(self) -> int:
        """Samples that become one: SMP_AVE ("FIFO Configuration", bits 7:5)."""
        return int(1 << min(self._registers[_FIFO_CONFIG] >> 5, 5))

    def _samples_until(self, due: int) -> list[bytes]:
        """Return the samples from the next one on; they are measured some at once."""
        out: list[bytes] = []
        while self._made < due:
            at = self._made - self._samples_first
            if at >= len(self._samples):
                self._samples, self._samples_first, at = self._measure(self._made), self._made, 0
            more = self._samples[at : at + due - self._made]
            self._made += len(more)
            out += more
        return out

    def _measure(self, first: int) -> list[bytes]:
        """Measure samples ``first`` and following; each ends one period after the one before."""
        assert self._start_ns is not None
        n = max(_BLOCK, round(_BLOCK_NS / self._period_ns))
        t_ns = self._start_ns + np.arange(first + 1, first + 1 + n) * self._period_ns
        t_us = np.asarray(t_ns // 1000, dtype=np.int64)
        counts = self._light(t_us)
        ambient = np.zeros((n, 1)) if self._ambient is None else self._ambient(t_us)[:, None]
        spo2 = self._registers[_SPO2]
        gain = 4096.0 / (_FULL_SCALE_NA / (1 << (3 - (spo2 >> 5 & 3))))
        unused = 3 - (spo2 & 3)  # a shorter pulse leaves low bits 0: data are left-justified
        leds = np.array([self._registers[_LED_RED], self._registers[_LED_INFRARED]]) / _LED_STEPS
        codes = (
            np.clip(np.rint(((counts - ambient) * leds + ambient) * gain), 0, (1 << _FULL_BITS) - 1).astype(">u4")
            >> unused
            << unused
        )
        raw = (codes | _UNDEFINED << 16).astype(">u4").view(np.uint8).reshape(-1, 4)[:, 1:].tobytes()
        return [raw[at : at + 6] for at in range(0, len(raw), 6)]

    def _put(self, samples: list[bytes]) -> None:
        """Take samples for which there is room."""
        registers, at = self._registers, self._registers[_FIFO_WR]
        for sample in samples:
            self._fifo[at] = sample
            at = (at + 1) & _POINTER
        registers[_FIFO_WR] = at
        before, self._unread = self._unread, self._unread + len(samples)
        if samples:
            registers[_STATUS_1] |= _SAMPLE_READY
        if before < _DEPTH - (registers[_FIFO_CONFIG] & 15) <= self._unread:
            registers[_STATUS_1] |= _ALMOST_FULL

    def _push(self, sample: bytes) -> None:
        registers = self._registers
        if self._unread == _DEPTH:
            self.dropped += 1
            registers[_OVF] = min(registers[_OVF] + 1, _POINTER)
            if not registers[_FIFO_CONFIG] & _ROLLOVER:
                return
            if self._rolls_read_pointer:
                registers[_FIFO_RD] = (registers[_FIFO_RD] + 1) & _POINTER
            self._unread -= 1
        self._put([sample])

    def _pop(self, wanted: int) -> bytes:
        """Read whole samples; the pointer moves with the first byte of each, an empty FIFO repeats its last."""
        registers, fifo = self._registers, self._fifo
        registers[_STATUS_1] &= ~(_SAMPLE_READY | _ALMOST_FULL)  # "cleared by reading FIFO_DATA"
        at, n = registers[_FIFO_RD], -(-wanted // _SAMPLE)
        taken = min(n, self._unread)
        out = [fifo[(at + k) & _POINTER] for k in range(taken)]
        if taken:
            at = (at + taken) & _POINTER
            registers[_FIFO_RD] = at
            self._unread -= taken
            if not self._keeps_overflow:
                registers[_OVF] = 0  # restarts when a sample is read
        if taken < n:
            out += [fifo[(at - 1) & _POINTER]] * (n - taken)
        return b"".join(out)[:wanted]


def _mean(samples: list[bytes]) -> bytes:
    """Average each LED over some samples, as whole counts."""
    if len(samples) == 1:
        return samples[0]
    means = []
    for at in (0, 3):
        counts = [int.from_bytes(sample[at : at + 3], "big") & _COUNTS for sample in samples]
        means.append((sum(counts) // len(counts) | _UNDEFINED << 16).to_bytes(3, "big"))
    return b"".join(means)
