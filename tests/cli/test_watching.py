"""The loop of ``edgeclip watch``: frames and word of the camera, each in its turn."""

from __future__ import annotations

import contextlib
import threading

from edgeclip.cli import watching
from edgeclip.cli.stopping import Stop
from edgeclip.cli.wanted import Wanted
from edgeclip.watch.ahead import Ahead
from edgeclip.watch.clock import RecordedClock
from edgeclip.watch.frame import CameraState, Frame
from edgeclip.watch.watcher import Watcher
from tests.patience import PATIENCE_S
from tests.watch.test_watcher import GREY, RED, made, picture


def test_a_frame_from_before_the_camera_was_lost_comes_before_that(here, model, monkeypatch):
    """Or else it would begin a spell that goes on when the camera is back."""
    told = threading.Event()

    class LateAhead(Ahead):
        """The source is quicker than whoever takes its frames, as a camera that dies is."""

        def take(self, timeout_s):
            found = super().take(timeout_s)
            if found is not None and found.frame.time == 3:
                assert told.wait(PATIENCE_S)
            return found

    def source():
        for second in (0, 1, 2, 3):
            yield watcher.prepare(Frame(float(second), picture(RED, second)))
        loop._states.append(CameraState("lost", "its cable is out", 3.5))
        loop._states.append(CameraState("open", "", 6.5))
        told.set()
        for second in (6, 7, 8):
            yield watcher.prepare(
                Frame(float(second), picture(RED if second == 6 else GREY, second))
            )

    watcher = Watcher(
        model, made(model, threshold=0.5, cooldown=0), clock=RecordedClock(0.0), camera="door"
    )
    events, notes = [], []
    monkeypatch.setattr(watching.output, "note", notes.append)
    monkeypatch.setattr(watching.output, "say", lambda text: None)
    wanted = Wanted(*[None] * len(Wanted.__dataclass_fields__))
    loop = watching._Loop(watcher, [events.append], [], wanted)
    with contextlib.closing(LateAhead(source())) as ahead:
        loop._follow(ahead, Stop())
    assert [event.state for event in events] == ["started", "ended"]
    assert events[1].duration_s == 3
    assert [note.partition(";")[0] for note in notes[:2]] == ["red: watching", "blue: watching"]
    assert notes[2:] == [
        "door is lost: its cable is out. It is tried again until it is there.",
        "door is open.",
    ]
