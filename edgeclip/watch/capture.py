"""The child process that reads a camera: ``python -m edgeclip.watch.capture``.

A read may hang for ever when a cable is pulled, and a decoder may crash; killing this process ends
both.  It is told on stdin what to open (a line of JSON), and answers on stdout with messages of a
`HEADER` and its payload.  A recording is sent as fast as it is taken.  A live source is read all
the time, so that nothing old waits in a queue; each byte on stdin asks for its newest frame.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, Any

from edgeclip.errors import CameraError, ExtraMissing
from edgeclip.watch.camera import Capture, Picture, Size
from edgeclip.watch.source import Source

HEADER = struct.Struct("<cQdIII")
"""Kind, bytes of the payload, time, dropped, height, width."""
OPENED, FRAME, END, LOST, UNREADABLE, MISSING = b"O", b"F", b"E", b"L", b"X", b"M"
"""Kinds of messages.  The payload of a frame is its picture, of the others a text."""

_AHEAD = 8
"""So many frames are decoded before they are asked for, at the most."""
_MOST_STORED, _AT_ONCE_S = 250, 0.01
_TICK_S = 1.0
_RELEASE_S = 0.5


@dataclass(frozen=True, slots=True)
class Message:
    """One thing to send."""

    kind: bytes
    text: str = ""
    time: float = 0.0
    picture: Picture | None = None
    dropped: int = 0


class Desk:
    """Where the thread that grabs leaves the newest frame for whoever asks.

    Decoding each frame would cost more than all the rest, and decoding when asked would let the
    asker wait for the next frame.  So it begins shortly before the next question is expected.
    """

    def __init__(self) -> None:
        self.stopped = False
        """Whether nobody will ask any more."""
        self._change = threading.Condition()
        self._told: Message | None = None
        self._ended: Message | None = None
        self._newest: tuple[int, Message] | None = None
        self._count = self._taken = self._ahead = 0
        self._asking = False
        self._asked = self._grabbed = -1e9
        self._between_questions = self._between_frames = 0.0

    def tell(self, message: Message) -> None:
        """Leave word that goes out before any frame."""
        with self._change:
            self._told = message
            self._change.notify()

    def grabbed(self, now: float) -> bool:
        """Count a frame; return whether it is worth decoding."""
        with self._change:
            self._count += 1
            self._between_frames, self._grabbed = now - self._grabbed, now
            soon = self._asked + self._between_questions - 2 * self._between_frames
            return self._asking or (now >= soon and self._ahead < _AHEAD)

    def put(self, now: float, picture: Picture) -> None:
        """Leave the newest frame."""
        with self._change:
            self._ahead += 1
            self._newest = self._count, Message(FRAME, time=now, picture=picture)
            self._change.notify()

    def end(self, message: Message) -> None:
        """Leave word that there will be no more."""
        with self._change:
            self._ended = message
            self._change.notify()

    def take(self, alive: Callable[[], bool]) -> Message | None:
        """Wait for something to send; None: the one who asked has gone."""
        with self._change:
            now = time.monotonic()
            self._between_questions, self._asked = now - self._asked, now
            if self._newest and self._newest[0] < self._count - 1:
                self._newest = None  # newer ones have come and gone since
            self._asking = True
            while not self._change.wait_for(self._ready, _TICK_S):
                if not alive():
                    return None
            self._asking = False
            return self._next()

    def _ready(self) -> bool:
        return bool(self._told or self._newest or self._ended)

    def _next(self) -> Message | None:
        if self._told:
            told, self._told = self._told, None
            return told
        if self._newest is None:
            return self._ended
        (number, frame), self._newest = self._newest, None
        dropped, self._taken = number - self._taken - 1, number
        self._ahead = 0
        return Message(FRAME, time=frame.time, picture=frame.picture, dropped=dropped)


def grab_all(desk: Desk, open_it: Callable[[], Capture]) -> None:
    """Read a live source until it ends, fails, or nobody asks any more."""
    try:
        capture = open_it()
        desk.tell(Message(OPENED))
        try:
            caught_up(capture)
            while not desk.stopped and capture.grab():
                now = time.monotonic()
                if desk.grabbed(now):
                    desk.put(now, capture.picture())
        finally:
            capture.release()
        desk.end(Message(LOST, "it gives no more pictures"))
    except Exception as error:  # whatever a driver or a decoder throws
        desk.end(_failure(error, LOST))


def caught_up(capture: Capture) -> None:
    """Pass over what a stream had in store: it looks at a second or more while it is opened."""
    for _ in range(_MOST_STORED):
        began = time.monotonic()
        if not capture.grab() or time.monotonic() - began > _AT_ONCE_S:
            return


def send_all(send: Callable[[Message], None], capture: Capture, fps: float | None) -> None:
    """Send a recording: every frame, or the first at or after each multiple of ``1 / fps``."""
    last = -1
    while capture.grab():
        position = capture.position()
        if fps is not None:
            # Timestamps are rounded: 0.2999… is the frame of 0.3.
            step = int((position + 1e-3) * fps)
            if step <= last:
                continue
            last = step
        send(Message(FRAME, time=position, picture=capture.picture()))
    send(Message(END))


def main() -> None:
    """Serve until whoever started this closes the pipe, or has gone."""
    for number in (signal.SIGINT, signal.SIGTERM):  # they are for the one who reads the frames
        signal.signal(number, signal.SIG_IGN)
    parent = os.getppid()
    requests = os.fdopen(os.dup(0), "rb", buffering=0)
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    with open(os.devnull, "r+b") as nothing:  # noqa: PTH123
        for stream in (0, 1, 2):  # decoders write there, and some would read there
            os.dup2(nothing.fileno(), stream)
    question = json.loads(requests.readline())
    source, size = Source(**question["source"]), question["size"]
    module, _, name = question["opener"].partition(":")

    def open_it() -> Capture:
        opener: Callable[[Source, Size | None], Capture] = getattr(
            importlib.import_module(module), name
        )
        return opener(source, tuple(size) if size else None)

    def send(message: Message) -> None:
        _write(answers, message)

    try:
        if source.live:
            _serve(requests, send, open_it, lambda: os.getppid() == parent)
        else:
            _record(send, open_it, question["fps"])
    except BrokenPipeError:  # nobody reads any more
        pass
    # A thread may hang in the driver: no orderly end would come.
    signal.raise_signal(signal.SIGKILL)


def _serve(
    requests: IO[bytes],
    send: Callable[[Message], None],
    open_it: Callable[[], Capture],
    alive: Callable[[], bool],
) -> None:
    desk = Desk()
    thread = threading.Thread(target=grab_all, args=[desk, open_it], daemon=True)
    thread.start()
    try:
        while requests.read(1):
            message = desk.take(alive)
            if message is None:
                return
            send(message)
    finally:
        desk.stopped = True
        # A camera on the network keeps a session open that nobody has ended.
        thread.join(_RELEASE_S)


def _record(
    send: Callable[[Message], None], open_it: Callable[[], Capture], fps: float | None
) -> None:
    try:
        capture = open_it()
        send(Message(OPENED))
        send_all(send, capture, fps)
    except BrokenPipeError:
        raise
    except Exception as error:
        send(_failure(error, UNREADABLE))


def _failure(error: Exception, kind: bytes) -> Message:
    if isinstance(error, CameraError):
        kind = UNREADABLE
    elif isinstance(error, ExtraMissing):
        kind = MISSING
    return Message(kind, " ".join(str(error).split()) or type(error).__name__)


def _write(answers: IO[bytes], message: Message) -> None:
    payload: Any = message.text.encode("utf-8", "replace")
    height = width = 0
    if message.picture is not None:
        height, width = message.picture.shape[:2]
        payload = message.picture.data.cast("B")
    head = (message.kind, len(payload), message.time, message.dropped, height, width)
    for part in (memoryview(HEADER.pack(*head)), memoryview(payload)):
        while part:
            part = part[answers.write(part) :]


if __name__ == "__main__":
    main()
