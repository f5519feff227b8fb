"""The rp2 port's USB serial port, between the firmware and the link (after shared/tinyusb/mp_usbd_cdc.c).

Its FIFO has 256 bytes. poll says "writable" while a single byte fits; write waits up to 500 ms for the room of each 64
bytes, then drops the rest. The host takes what is there whenever the firmware sleeps or waits, unless the rig says
that it does not read. While nobody has the port open it is always writable, and the newest bytes push the oldest out
of the FIFO; whoever opens it gets those first. A character that equals the interrupt character raises
KeyboardInterrupt. What comes from the host waits in 512 bytes (MICROPY_HW_STDIN_BUFFER_LEN), then with the host.
"""

import _rig
import micropython
import uselect

_FIFO = 256
_RECEIVED = 512
_PACKET = 64  # CFG_TUD_CDC_EP_BUFSIZE
_ABSENT = 8  # hil/board/bus.py
_TIMEOUT_MS = 500  # MICROPY_HW_USB_CDC_TX_TIMEOUT

interrupt_character = 3  # Ctrl-C


class Cdc:
    def __init__(self, out, into):
        self._out = out
        self._in = into
        self._poll = uselect.poll()
        self._poll.register(into, uselect.POLLIN)
        self._fifo = bytearray(_FIFO)
        self._byte = bytearray(1)
        self._came = bytearray(_RECEIVED)
        self._came_at = 0
        self._came_n = 0
        self.used = 0

    @micropython.native
    def write(self, data, start=None, n=None):
        """MicroPython's write(data), write(data, n) and write(data, start, n)."""
        if start is None:
            start, n = 0, len(data)
        elif n is None:
            start, n = 0, start
        used = self.used
        if used + n <= _FIFO:
            _rig.copy(self._fifo, used, data, start, n)
            self.used = used + n
            return n
        if _rig.is_host_deaf & _ABSENT:
            return self._push(data, start, n)
        done = 0
        while done < n:
            taken = self._transmit(data, start + done, n - done)
            if not taken:
                break
            done += taken
        return done

    def _push(self, data, start, n):
        k = min(n, _FIFO)
        kept = _FIFO - k
        _rig.copy(self._fifo, 0, self._fifo, self.used - kept, kept)
        _rig.copy(self._fifo, kept, data, start + n - k, k)
        self.used = _FIFO
        return n

    @micropython.native
    def _transmit(self, data, start, n):
        i = 0
        while i < n:
            k = min(_PACKET, n - i)
            waited_ms = 0
            while k > _FIFO - self.used and waited_ms < _TIMEOUT_MS:
                _rig.sleep_ns(1_000_000)
                waited_ms += 1
            k = min(k, _FIFO - self.used)
            if not k:
                break
            _rig.copy(self._fifo, self.used, data, start + i, k)
            self.used += k
            i += k
        return i

    @micropython.native
    def drain(self):
        """The host takes what is there."""
        if _rig.is_host_deaf:
            return
        if _rig.IS_VIRTUAL:
            _rig.take(self._fifo, self.used)
            _rig.is_used = 1
            self.used = 0
            return
        try:
            taken = self._out.write(self._fifo, self.used)
        except OSError:
            return  # nobody has the port open
        if taken:
            _rig.is_used = 1
            self.used -= taken
            _rig.copy(self._fifo, 0, self._fifo, taken, self.used)

    @micropython.native
    def has_input(self):
        """Whether a byte of the host waits."""
        if self._came_at < self._came_n:
            return True
        if not _rig.is_host_heard:
            return False
        self._listen()
        return self._came_at < self._came_n

    def wait(self, ms):
        """Wait until the host has written, in real time."""
        for _ in self._poll.ipoll(ms):
            pass

    def readinto(self, buffer, n=None):
        """As the rp2 port's, which waits until all has come; asked for one byte at a time here."""
        if len(buffer) != 1:
            raise OSError("the rig's stdin gives one byte at a time")
        while self._came_at == self._came_n and not self.has_input():
            _rig.sleep_ns(1_000_000)
        buffer[0] = self._came[self._came_at]
        self._came_at += 1
        return 1

    def _listen(self):
        """Take what has come, once all before is gone; byte by byte, for readinto waits until it has all it wants."""
        self._came_at = 0
        self._came_n = 0
        while self._came_n < _RECEIVED and self._is_waiting() and self._in.readinto(self._byte):
            if self._byte[0] == interrupt_character:
                raise KeyboardInterrupt
            self._came[self._came_n] = self._byte[0]
            self._came_n += 1
        if not self._came_n and _rig.IS_VIRTUAL:
            _rig.is_host_heard = 0

    def _is_waiting(self):
        for _, event in self._poll.ipoll(0):
            return event & uselect.POLLIN
        return False
