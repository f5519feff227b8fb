"""What people ask of a chair's board, from the request to its light and sound and back to the reply."""

import contextlib
import json

from gateway.alarm_profiles import load_profile
from gateway.announcer import Announcer
from gateway.chunklog import Origin, OriginKind
from gateway.desk import Desk
from gateway.kept import resume
from gateway.link.downlink import ToBoard
from gateway.messages import Composer, Message
from gateway.pipeline import Pipeline
from gateway.requests import Incoming
from hil.board.bus import Span
from hil.chair import play, wire
from hil.patient import Patient
from hil.stimulus import Stimulus
from tests.hil.link import S, rig

ROOT = "chairside/v1/clinic/chair-7"
ADULT = load_profile("adult")
LIGHTS, SOUNDER = (16, 17, 18), 15


def ask(action, *, at_s, bus=None, seconds=25):
    """Let a nurse ask once; return the replies, each with its time, and the outputs of the board."""
    origin = Origin(kind=OriginKind.SIMULATED, label="a test")
    composer = Composer("clinic", "chair-7", boot="b1", version="1", origin=origin, started_utc_ms=0)
    resumed = resume(None, profile=ADULT, profiles={}, series="b1", started_utc_ms=0)
    announcer = Announcer(composer, resumed.engine)
    desk = Desk(composer, announcer, resumed.treatment, profile=ADULT)
    pipeline = Pipeline(composer, announcer=announcer, desk=desk)
    stimulus = Stimulus(Patient(1), noise_seed=1)
    bus = bus or wire(stimulus)
    replies, waiting, asked = [], bytearray(), False

    def take(t_us, outputs):
        for one in outputs:
            if isinstance(one, ToBoard):
                waiting.extend(one.data)
            elif isinstance(one, Message) and "/reply/" in one.topic:
                replies.append((t_us, json.loads(one.payload)))

    def host():
        said = bytes(waiting)
        waiting.clear()
        return said

    with contextlib.closing(play(stimulus, bus=bus, host=host)) as chunks:
        for chunk in chunks:
            if chunk.t_us >= seconds * S:
                break
            take(chunk.t_us, pipeline.feed(chunk))
            if not asked and chunk.t_us >= at_s * S:
                asked = True
                request = {"id": "request-0001", "boot": "b1", "t_us": chunk.t_us, "action": action}
                topic = f"{ROOT}/cmd/nurse-1/board"
                incoming = Incoming(topic=topic, payload=json.dumps(request).encode(), is_retained=False)
                take(chunk.t_us, pipeline.commands(chunk.t_us, [incoming]))
    return replies, bus.outputs


@rig
def test_a_board_that_is_asked_which_it_is_shows_its_colours_and_that_is_the_reply():
    replies, outputs = ask("identify", at_s=10)
    [(t_us, reply)] = replies
    assert (reply["accepted"], reply["verb"], reply["client"]) == (True, "board", "nurse-1")
    assert t_us - 10 * S < 0.2 * S
    lit = {
        pin: [e.now_ns / 1e9 for e in outputs if e.pin == pin and e.level and e.now_ns > 9e9] for pin in (16, 17, 18)
    }
    assert all(len(times) >= 3 for times in lit.values()), lit
    assert max(max(times) for times in lit.values()) < 20.2
    assert not [e for e in outputs if e.pin == SOUNDER and e.hz and 9e9 < e.now_ns < 13.5e9]


@rig
def test_a_board_that_is_asked_to_test_itself_is_seen_and_heard():
    [(_, reply)], outputs = ask("self-test", at_s=10, seconds=15)
    assert reply["accepted"]
    assert [round(e.hz) for e in outputs if e.pin == SOUNDER and e.hz and 9e9 < e.now_ns < 13.5e9] == [880, 659, 523]


@rig
def test_a_board_that_cannot_answer_is_told_in_the_reply():
    stimulus = Stimulus(Patient(1), noise_seed=1)
    bus = wire(stimulus)
    bus.deaf.append(Span(from_us=10_050_000, to_us=14 * S))
    [(t_us, reply)], _ = ask("identify", at_s=10.1, bus=bus, seconds=16)
    assert (reply["accepted"], reply["reason"]) == (False, "board: does not answer")
    assert t_us < 13.5 * S
    [(t_us, reply)], _ = ask("identify", at_s=13, bus=bus, seconds=14)
    assert (reply["accepted"], reply["reason"]) == (False, "board: none that is known as this chair's is heard")
