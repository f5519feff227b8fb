"""The whole program, in every mode: chunks from a source through the pipeline into a sink."""

from __future__ import annotations

from gateway.pipeline import Pipeline
from gateway.sinks import Sink
from gateway.sources import Source


def run(source: Source, pipeline: Pipeline, sink: Sink) -> None:
    """Play an entered source to its end; the last status goes out however it ends."""
    t_us = 0
    try:
        for chunk in source:
            t_us = chunk.t_us
            for message in pipeline.feed(chunk):
                sink.publish(message)
    finally:
        for message in pipeline.close(t_us):
            sink.publish(message)
