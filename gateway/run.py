"""The whole program, in every mode: chunks from a source through the pipeline into a sink, and back to the board."""

from __future__ import annotations

from gateway.link.downlink import ToBoard
from gateway.messages import Message
from gateway.pipeline import Pipeline
from gateway.sinks import Sink
from gateway.sources import Source


def run(source: Source, pipeline: Pipeline, sink: Sink) -> None:
    """Play an entered source to its end; the last status goes out however it ends."""
    t_us = 0
    try:
        for chunk in source:
            t_us = chunk.t_us
            for output in pipeline.feed(chunk):
                match output:
                    case Message():
                        sink.publish(output)
                    case ToBoard():
                        source.send(output.data)
    finally:
        for message in pipeline.close(t_us):
            sink.publish(message)
