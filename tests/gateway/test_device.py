"""Device: timed samples, every loss counted, nothing believed that was not described."""

import numpy as np

from gateway.link.device import Connected, Device, Samples
from gateway.link.frame import FrameParser
from tests.link_bytes import OPTICAL, PRESSURE, Board, descriptor, frame


def feed(device, data, t_us=0):
    return [event for one in FrameParser().feed(data) for event in device.feed(t_us, one)]


def connected(board, t_us=0):
    device = Device()
    assert isinstance(feed(device, board.hello(t_us), t_us)[-1], Connected)
    return device


def samples_of(events):
    return [event for event in events if isinstance(event, Samples)]


def test_samples_come_in_their_unit_with_their_times():
    board = Board()
    device = connected(board)
    [got] = samples_of(feed(device, board.data(2, 15_000, [[12_000], [8_000], [0], [33_000]]), 15_000))
    np.testing.assert_array_equal(got.values[:, 0], [120.0, 80.0, 0.0, 330.0])
    np.testing.assert_array_equal(got.t_us, [0, 5_000, 10_000, 15_000])
    [got] = samples_of(feed(device, board.data(1, 20_000, [[200_000, 100_000]]), 20_000))
    np.testing.assert_array_equal(got.values, [[200_000.0, 100_000.0]])


def test_data_before_the_description_is_refused_and_counted():
    board, device = Board(), Device()
    board_hello = board.hello(0)
    assert feed(device, board.data(2, 0, [[1]])) == []
    assert device.statistics.refused == 1
    feed(device, board_hello.split(b"\0")[0] + b"\0")  # the board, but none of its streams
    assert feed(device, board.data(2, 0, [[1]])) == []
    assert not device.is_connected


def test_lost_frames_and_samples_are_counted_exactly_and_leave_a_gap():
    board = Board()
    device = connected(board)
    feed(device, board.data(2, 5_000, [[1], [2]]), 5_000)
    for k in range(3):
        board.data(2, 15_000 + k * 10_000, [[3], [4]])  # lost on the way
    [got] = samples_of(feed(device, board.data(2, 45_000, [[5], [6]]), 45_000))
    assert (device.statistics.frames_lost, device.statistics.samples_lost) == (3, 6)
    np.testing.assert_array_equal(got.t_us, [40_000, 45_000])


def test_a_loss_inside_the_board_shows_in_the_index_alone():
    board = Board()
    device = connected(board)
    feed(device, board.data(2, 5_000, [[1], [2]]), 5_000)
    board.index[2] += 10
    feed(device, board.data(2, 65_000, [[1], [2]]), 65_000)
    assert (device.statistics.frames_lost, device.statistics.samples_lost) == (0, 10)


def test_a_new_epoch_is_a_loss_that_nobody_counted():
    board = Board()
    device = connected(board)
    feed(device, board.data(1, 0, [[1, 1]]))
    board.epoch += 1
    board.index[1] = 0
    [got] = samples_of(feed(device, board.data(1, 900_000, [[1, 1]]), 900_000))
    assert device.statistics.losses_unknown == 1
    assert got.t_us[0] == 900_000


def test_a_frame_from_the_past_is_refused():
    board = Board()
    device = connected(board)
    first, second = board.data(2, 0, [[1]]), board.data(2, 5_000, [[2]])
    assert len(feed(device, second)) == 1
    assert feed(device, first) == []
    assert feed(device, second) == []  # a duplicate
    assert device.statistics.refused == 2


def test_a_restarted_board_is_a_new_start_whatever_its_sequence_number():
    old, new = Board(), Board(boot=42)
    device = connected(old)
    for _ in range(100):
        feed(device, old.data(2, 0, [[1]]))
    events = feed(device, new.hello(0))
    assert isinstance(events[-1], Connected)
    assert device.board is not None
    assert (device.board.boot, device.statistics.boots) == (42, 2)
    assert len(samples_of(feed(device, new.data(2, 0, [[1]])))) == 1


def test_a_stream_that_cannot_be_read_is_refused_not_guessed():
    unusable = [
        {**OPTICAL, "format": "i16le"},
        {**OPTICAL, "den": 0},
        {**OPTICAL, "channels": []},
        descriptor("fast", ["pressure"], rate=5000, full=1),
        {"name": "half"},
    ]
    for bad in unusable:
        board, device = Board(streams=(bad, PRESSURE)), Device()
        assert feed(device, board.hello(0)) == []
        assert not device.is_connected
        assert device.statistics.refused == 1


def test_a_payload_that_does_not_fit_its_count_is_refused():
    board = Board()
    device = connected(board)
    bad = frame(2, stream=2, seq=board.seq, n=3, payload=b"\0" * 8, epoch=board.epoch)
    assert feed(device, bad) == []
    assert device.statistics.refused == 1


def test_the_sequence_number_wraps_without_an_event():
    board = Board()
    device = connected(board)
    for k in range(70_000):
        feed(device, board.data(2, k * 5_000, [[1]]), k * 5_000)
    statistics = device.statistics
    assert (statistics.frames_lost, statistics.refused, statistics.samples_lost) == (0, 0, 0)
