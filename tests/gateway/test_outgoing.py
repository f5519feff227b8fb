"""Frames for the board: the ways they leave the gateway."""

import os
import socket
import tty

from gateway.chunklog import Chunk, Origin, OriginKind
from gateway.link.downlink import ToBoard
from gateway.messages import Composer, Message
from gateway.pipeline import Pipeline
from gateway.run import run
from gateway.sinks import Collected
from gateway.sources import Log, Serial, Waiting

HEADER = b'{"chairside_log":1,"origin":{"kind":"live","label":"x"},"started_utc_ms":7}\n'


def test_what_finds_no_room_waits_in_order_and_what_finds_no_place_is_dropped_whole_and_counted():
    room, taken = [0], bytearray()

    def write(data):
        if not room[0]:
            raise BlockingIOError
        n = min(room[0], len(data))
        room[0] -= n
        taken.extend(data[:n])
        return n

    waiting = Waiting(write)
    frames = [bytes([k]) * 100 for k in range(60)]
    for one in frames:
        waiting.send(one)
    assert waiting.dropped == 20
    for _ in range(60):
        room[0] = 77
        waiting.flush()
    assert bytes(taken) == b"".join(frames[:40])


def test_a_board_that_has_gone_costs_what_waited_and_no_wait():
    def write(_):
        raise OSError(5, "gone")

    waiting = Waiting(write)
    for _ in range(100):
        waiting.send(b"frame")
    assert waiting.dropped == 100


def test_a_serial_port_carries_frames_to_the_board_and_never_waits_for_it():
    board_end, port_end = os.openpty()
    tty.setraw(port_end)
    with Serial(os.ttyname(port_end)) as source:
        source.send(b"\0hello\0")
        assert os.read(board_end, 100) == b"\0hello\0"
        for _ in range(10_000):  # nobody reads
            source.send(b"\0" * 100)
        assert source.dropped > 9_000
    os.close(board_end)
    os.close(port_end)


def test_a_log_that_is_a_file_has_no_board(tmp_path):
    path = tmp_path / "session.log"
    path.write_bytes(HEADER)
    with Log(str(path)) as log:
        log.send(b"frame")
    assert path.read_bytes() == HEADER


def test_standard_input_that_is_a_socket_is_answered(monkeypatch):
    near, far = socket.socketpair()
    far.send(HEADER)
    with near, far, near.makefile("rb") as file:
        monkeypatch.setattr("sys.stdin", type("Stdin", (), {"buffer": file}))
        with Log("-") as log:
            log.send(b"\0frame\0")
            assert far.recv(100) == b"\0frame\0"
            for _ in range(100_000):  # nobody reads
                log.send(b"\0" * 100)


def test_messages_go_to_the_sink_and_frames_to_the_board():
    sent = []

    class Talking(Pipeline):
        def feed(self, chunk):
            message = Message(topic=f"t{chunk.t_us}", payload=b"", qos=0, retain=False)
            return [ToBoard(data=b"a"), message, ToBoard(data=b"b")]

    class Source:
        def __iter__(self):
            return iter([Chunk(t_us=0, data=b""), Chunk(t_us=1, data=b"")])

        def send(self, data):
            sent.append(data)

    sink = Collected()
    origin = Origin(kind=OriginKind.SIMULATED, label="")
    run(Source(), Talking(Composer("s", "c", boot="b", version="0", origin=origin, started_utc_ms=0)), sink)
    assert sent == [b"a", b"b"] * 2
    assert [message.topic for message in sink.messages] == ["t0", "t1", "chairside/v1/s/c/status"]
