"""Requests of the host in, what they do and their answers out (docs/wire.md, "To the board")."""

from struct import pack_into
from time import ticks_us

from micropython import const

from node.annunciator import HIGH
from node.frame import ACK, CMD, TIME_REP, Header

START = const(1)  # then CONFIGURE, ANNUNCIATE, IDENTIFY, SELF_TEST
UPDATE = const(6)

_DONE = const(0)
_UNKNOWN_VERB = const(1)
_BAD_ARGUMENT = const(2)
_BUSY = const(3)
_FAILED = const(4)

_LENGTHS = (0, 0, 6, 4, 2, 0, 6)  # of the arguments, by verb
_ARGUMENTS = const(16)  # where they begin in the body
_WORD = b"update"
_MOST_MS = const(10_000)
_IDENTIFY_MS = const(30_000)
_COUNT_MAX = const(0x3FFFFFFF)


class Commands:
    """Answers one request at a time; an answer that finds no room is kept, and nothing new is read until it is gone."""

    def __init__(self, inbox, link, annunciator, status, sampler):
        self._inbox = inbox
        self._link = link
        self._annunciator = annunciator
        self._status = status
        self._sampler = sampler
        self._ack = Header(ACK, 0)
        self._time = Header(TIME_REP, 0)
        self._result = bytearray(1)
        self._times = bytearray(8)
        self._is_owed = False
        self._verbs = (
            self._start,
            self._configure,
            self._annunciate,
            self._identify,
            self._test,
            self._update,
        )

    def receive(self):
        """Take what has come, a little at a time."""
        if self._is_owed and not self._answer():
            return
        if not self._inbox.receive():
            return
        if self._inbox.kind == CMD:
            self._result[0] = result = self._obey()
            if result:
                self._status.refused = min(self._status.refused + 1, _COUNT_MAX)
            self._ack.stream = self._inbox.verb
            self._ack.index = self._inbox.index
            self._is_owed = True
            self._answer()
        else:
            self._tell_time()

    def _answer(self):
        if not self._link.flush():
            return False
        self._ack.ticks = ticks_us()  # type: ignore[assignment]  # ticks are plain numbers outside of time
        self._link.send(self._ack, self._result, 1)
        self._is_owed = False
        return True

    def _tell_time(self):
        """An answer that would have to wait is of no use."""
        if not self._link.flush():
            return
        header = self._time
        header.index = self._inbox.index
        header.ticks = ticks_us()  # type: ignore[assignment]
        pack_into("<II", self._times, 0, self._inbox.ticks, header.ticks)
        self._link.send(header, self._times, 8)

    def _obey(self):
        verb = self._inbox.verb
        if not START <= verb <= UPDATE:
            return _UNKNOWN_VERB
        if self._inbox.length != _LENGTHS[verb]:
            return _BAD_ARGUMENT
        return self._verbs[verb - START]()

    def _start(self):
        self._sampler.describe()
        return _DONE

    def _configure(self):
        body = self._inbox.body
        is_good = self._sampler.configure(self._u16(0), self._u16(2), body[_ARGUMENTS + 4], body[_ARGUMENTS + 5])
        return _DONE if is_good else _BAD_ARGUMENT

    def _annunciate(self):
        body = self._inbox.body
        priority, sound, ms = body[_ARGUMENTS], body[_ARGUMENTS + 1], self._u16(2)
        if priority > HIGH or sound > (HIGH if priority else 0) or not 1 <= ms <= _MOST_MS:
            return _BAD_ARGUMENT
        self._annunciator.command(priority, sound, ms)
        return _DONE

    def _identify(self):
        if self._u16(0) > _IDENTIFY_MS:
            return _BAD_ARGUMENT
        if self._annunciator.is_alarming():
            return _BUSY
        self._annunciator.identify(self._u16(0))
        return _DONE

    def _test(self):
        if self._annunciator.is_alarming():
            return _BUSY
        self._sampler.test()
        return _DONE if self._status.is_passed else _FAILED

    def _update(self):
        for k in range(len(_WORD)):
            if self._inbox.body[_ARGUMENTS + k] != _WORD[k]:
                return _BAD_ARGUMENT
        if self._annunciator.is_of_patient():  # its own alarm may be what a new program is to end
            return _BUSY
        self._sampler.is_update_due = True
        return _DONE

    def _u16(self, at):
        body = self._inbox.body
        return body[_ARGUMENTS + at] | body[_ARGUMENTS + at + 1] << 8
