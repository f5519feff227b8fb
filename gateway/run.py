"""The whole program, in every mode: chunks from a source through the pipeline into a sink, and back to the board."""

from __future__ import annotations

from gateway.alarms import Condition
from gateway.kept import Ended, Snapshot
from gateway.link.downlink import ToBoard
from gateway.messages import Message
from gateway.pipeline import Output, Pipeline
from gateway.sinks import Sink
from gateway.sources import Source
from gateway.store import Store


def run(source: Source, pipeline: Pipeline, sink: Sink, store: Store | None = None) -> None:
    """Play an entered source to its end; the last status goes out however it ends.

    What clients have sent is taken between two chunks, at the time of the first: so it has its place among the inputs.
    """
    t_us = 0
    deliver = Delivery(source, pipeline, sink, store)
    try:
        for chunk in source:
            t_us = chunk.t_us
            deliver.all(t_us, pipeline.feed(chunk))
            deliver.look(t_us)
            deliver.all(t_us, pipeline.commands(t_us, sink.incoming()))
    finally:
        for message in pipeline.close(t_us):
            sink.publish(message)


class Delivery:
    """Gives every output to where it belongs; what cannot be stored is an alarm, and monitoring goes on."""

    def __init__(self, source: Source, pipeline: Pipeline, sink: Sink, store: Store | None) -> None:
        self._source, self._pipeline, self._sink, self._store = source, pipeline, sink, store
        self._fault = ""
        self._unsaved: list[bytes] = []
        self._sink_fault, self._dropped = "", 0
        if sink.is_heard:
            pipeline.expect_return()

    def look(self, t_us: int) -> None:
        """Tell the chair when what it says does not arrive, and when it does again; and what was dropped."""
        if self._sink.dropped != self._dropped:
            self._dropped = self._sink.dropped
            self._pipeline.note_dropped(self._dropped)
        fault = self._sink.fault
        if fault != self._sink_fault:
            self._sink_fault = fault
            self.all(t_us, self._pipeline.fact(t_us, Condition.BROKER_LOST, is_present=bool(fault), detail=fault))

    def all(self, t_us: int, outputs: list[Output]) -> None:
        for output in outputs:
            match output:
                case Message():
                    self._sink.publish(output)
                case ToBoard():
                    self._source.send(output.data)
                case Snapshot() | Ended():
                    self._keep(t_us, output)

    def _keep(self, t_us: int, output: Snapshot | Ended) -> None:
        """Store it; a session that could not be added waits for the next time, a newer state replaces an older."""
        if self._store is None:
            return
        fault = ""
        try:
            if isinstance(output, Snapshot):
                self._store.save(output.payload)
            else:
                self._unsaved.append(output.payload)
            while self._unsaved:
                self._store.append_session(self._unsaved[0])
                del self._unsaved[0]
        except OSError as error:
            fault = f"state: {error.strerror}"
        if fault == self._fault:
            return
        self._fault = fault
        self.all(t_us, self._pipeline.fact(t_us, Condition.RECORDING_FAILING, is_present=bool(fault), detail=fault))
