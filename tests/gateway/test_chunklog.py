"""The chunk log: what was written comes back, and damage is said."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.chunklog import Chunk, LogError, Origin, OriginKind, read_chunks, read_header, write_chunk, write_header

ORIGIN = Origin(kind=OriginKind.RECORDED, label="a recording")


def written(chunks):
    file = io.BytesIO()
    write_header(file, ORIGIN, 12345)
    for chunk in chunks:
        write_chunk(file, chunk)
    return file.getvalue()


@given(st.lists(st.tuples(st.integers(0, 10**7), st.binary(max_size=50))))
def test_header_and_chunks_come_back(items):
    t_us, chunks = 0, []
    for step, data in items:
        t_us += step
        chunks.append(Chunk(t_us=t_us, data=data))
    file = io.BytesIO(written(chunks))
    header = read_header(file)
    assert (header.origin, header.started_utc_ms) == (ORIGIN, 12345)
    assert list(read_chunks(file)) == chunks


def test_a_torn_last_record_ends_the_stream_after_the_whole_ones():
    chunks = [Chunk(t_us=1, data=b"abc"), Chunk(t_us=2, data=b"defg")]
    data = written(chunks)
    for cut in range(1, 16):
        file = io.BytesIO(data[:-cut])
        read_header(file)
        assert list(read_chunks(file)) == chunks[:1]


@pytest.mark.parametrize(
    ("first", "reason"),
    [
        (b"", "expected a chunk log header"),
        (b"\x00\x01\x02\n", "expected a chunk log header"),
        (b'{"chairside_log":2,"origin":{"kind":"live","label":""},"started_utc_ms":0}\n', "version: expected 1, got 2"),
    ],
)
def test_a_file_that_is_no_log_is_refused(first, reason):
    with pytest.raises(LogError, match=reason):
        read_header(io.BytesIO(first))


@pytest.mark.parametrize("times", [(5, 4), (0, 3_600_000_001)])
def test_time_that_runs_back_or_leaps_is_refused(times):
    file = io.BytesIO(written([Chunk(t_us=t, data=b"") for t in times]))
    read_header(file)
    with pytest.raises(LogError, match="time"):
        list(read_chunks(file))


def test_a_length_that_lies_is_refused_without_allocating_it():
    data = written([]) + (0).to_bytes(8, "little") + (2**32 - 1).to_bytes(4, "little")
    file = io.BytesIO(data)
    read_header(file)
    with pytest.raises(LogError, match="length 4294967295"):
        list(read_chunks(file))
