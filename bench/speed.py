"""How fast things are, as ratios measured side by side in one run; `make bench`.

virtual chair     seconds of the chair's time a second of wall time, the best of some rounds: real MicroPython, bus,
                  sensor models, link
gateway           seconds of signal a second of CPU: the link's bytes to messages, all channels
kernels           bench/kernels.py: against the same kernels in C
chain             bench/chain.py: the whole signal processing with its objects, single calls, start, a day of memory
"""

import argparse
import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

VIRTUAL_S = 120.0
ROUNDS = 5
MOST = {
    "kernels at 125 Hz, CPU ms a channel-minute": 0.5,
    "kernels at 125 Hz, x C": 1.5,
    "kernels in pieces of 250 at 125 Hz, x C": 1.5,
    "whole chain, CPU ms a channel-minute": 5.0,
    "import and first result, CPU s": 1.0,
    "memory then, MB": 160.0,
    "more after a simulated day, MB": 1.0,
}
LEAST = {"virtual chair, x real time": 100.0}


def say(line):
    print(line, file=sys.stderr, flush=True)


def play_chair():
    """Chunks of a simulated patient's chair, and the wall time they took."""
    from hil import chair
    from hil.patient import Patient
    from hil.stimulus import Stimulus

    chair.stay_on_one_core()  # as `hil chair --speed max` does
    chunks, start = [], time.perf_counter()
    player = chair.play(Stimulus(Patient(1)))
    for chunk in player:
        chunks.append(chunk)
        if chunk.t_us >= VIRTUAL_S * 1e6:
            break
    player.close()
    return chunks, time.perf_counter() - start


def run_gateway(chunks):
    """CPU seconds of the pipeline over the chunks."""
    from gateway.chunklog import Origin, OriginKind
    from gateway.messages import Composer
    from gateway.pipeline import Pipeline

    origin = Origin(kind=OriginKind.SIMULATED, label="bench")
    pipeline = Pipeline(Composer("s", "c", boot="b", version="0", origin=origin, started_utc_ms=0))
    start = time.process_time()
    messages = sum(len(pipeline.feed(chunk)) for chunk in chunks)
    assert messages > VIRTUAL_S
    return time.process_time() - start


def measure(parts=("chair", "kernels", "chain", "tail", "start", "memory")):
    """Every figure of this file and of the two that it names; a text where one could not be measured."""
    from bench import chain, kernels

    found = {}
    if "kernels" in parts:
        say("kernels ...")
        figures = kernels.measure()
        found |= {"kernels, x C": figures} if isinstance(figures, str) else figures
    found |= chain.measure(tuple(part for part in chain.PARTS if part in parts))
    if "chair" in parts:  # last: it keeps this process on one core
        say("virtual chair ...")
        rounds = [play_chair() for _ in range(ROUNDS)]
        chunks = rounds[0][0]
        found["virtual chair, x real time"] = VIRTUAL_S / min(wall_s for _, wall_s in rounds)
        found["gateway pipeline, x real time"] = VIRTUAL_S / run_gateway(chunks)
    return found


def rows(found):
    """The figures with their targets, as Markdown."""
    yield "| figure | value | target |"
    yield "|---|---|---|"
    for name, value in found.items():
        target = f"at most {MOST[name]:g}" if name in MOST else f"at least {LEAST[name]:g}" if name in LEAST else ""
        yield f"| {name} | {value if isinstance(value, str) else format(value, '.2f')} | {target} |"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", default=["chair", "kernels", "chain", "tail", "start", "memory"])
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    found = measure(args.parts)
    print(json.dumps(found) if args.json else "\n".join(rows(found)))


if __name__ == "__main__":
    main()
