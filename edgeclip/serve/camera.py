"""Camera: one that is watched while the service serves, and those who look on."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import math
import threading
from collections import deque
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from edgeclip.errors import EdgeclipError
from edgeclip.model.images import jpeg
from edgeclip.serve.until import left
from edgeclip.watch.ahead import Ahead
from edgeclip.watch.events import Event, Sink
from edgeclip.watch.frame import CameraState, Frame
from edgeclip.watch.frames import frames
from edgeclip.watch.watched import Watched
from edgeclip.watch.watcher import Reading, Watcher

_TICK_S = 0.5
_KEPT, _WAITING = 1000, 100
"""Events that are remembered, and messages that wait for one who looks on."""
_KEEP_ALIVE_S = 15.0
_NUMBERS = ("duration_s", "score", "threshold")
_log = logging.getLogger("edgeclip.serve")


@dataclass(frozen=True, slots=True)
class Message:
    """Something that is told to those who look on."""

    kind: str
    """``reading``, ``event`` or ``state``."""
    told: Mapping[str, Any]

    def text(self) -> str:
        """Return it as a server-sent event (WHATWG HTML, section 9.2)."""
        return f"event: {self.kind}\ndata: {json.dumps(self.told)}\n\n"


@dataclass(eq=False, slots=True)
class _Onlooker:
    """Somebody who looks on, in an event loop."""

    loop: asyncio.AbstractEventLoop
    messages: asyncio.Queue[Message | None] = field(default_factory=lambda: asyncio.Queue(_WAITING))

    def tell(self, message: Message | None) -> None:
        """Hand a message over, from any thread; who is too slow misses the oldest."""

        def put() -> None:
            if self.messages.full():
                self.messages.get_nowait()
            self.messages.put_nowait(message)

        with contextlib.suppress(RuntimeError):  # its loop has ended
            self.loop.call_soon_threadsafe(put)


class Camera:
    """Watch a camera in a thread, and tell of it.

    Args:
        watcher: what looks at the frames; it is closed with this.
        source: see `edgeclip.watch.frames.frames`.
        fps: frames to look at in a second, at most.
        sinks: take the events, too.
        before: records of events of earlier runs, oldest first.
    """

    def __init__(
        self,
        watcher: Watcher,
        source: Any,
        *,
        fps: float = 1.0,
        sinks: Iterable[Sink] = (),
        before: Iterable[dict[str, Any]] = (),
    ) -> None:
        self._watcher, self._source, self._fps = watcher, source, fps
        self._sinks = list(sinks)
        self._events: deque[dict[str, Any]] = deque(before, _KEPT)
        self._frame: Frame | None = None
        self._state: dict[str, Any] = {"camera": watcher.camera, "state": "opening", "reason": ""}
        # A camera that cannot be reached for days has its rules all the same.
        self._rules = [_unseen(each) for each in watcher.watched]
        self._onlookers: set[_Onlooker] = set()
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="edgeclip-camera", daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def close(self, until: float | None = None) -> None:
        """Stop watching, and keep what was learnt.

        Args:
            until: how long to wait for the last frame, by `time.monotonic`; None: until it is done.
        """
        self._stop.set()
        self.dismiss()
        if self._thread.is_alive():
            self._thread.join(left(until))
        self._watcher.close()

    def dismiss(self) -> None:
        """Send all away who look on; the service ends."""
        self._stop.set()
        self._tell(None)

    @property
    def is_open(self) -> bool:
        """Whether frames come."""
        return bool(self._state["state"] == "open")

    def look(self) -> dict[str, Any]:
        """Return what it shows now: its state, and what the rules make of it."""
        with self._lock:
            return {**self._state, "rules": self._rules}

    def picture(self) -> bytes | None:
        """Return the newest frame as JPEG; None: there is none yet."""
        frame = self._frame
        return None if frame is None else jpeg(frame.picture)

    def events(self, count: int) -> list[dict[str, Any]]:
        """Return the newest events, the newest first."""
        with self._lock:
            return list(self._events)[: -count - 1 : -1]

    async def messages(self) -> AsyncIterator[str]:
        """Yield what happens from now on, as server-sent events, until the service ends."""
        onlooker = _Onlooker(asyncio.get_running_loop())
        with self._lock:
            self._onlookers.add(onlooker)
        try:
            yield Message("state", self._state).text()
            while not self._stop.is_set():
                try:
                    message = await asyncio.wait_for(onlooker.messages.get(), _KEEP_ALIVE_S)
                except TimeoutError:
                    yield ": still here\n\n"
                    continue
                if message is None:
                    return
                yield message.text()
        finally:
            with self._lock:
                self._onlookers.discard(onlooker)

    def _run(self) -> None:
        try:
            self._watch()
        except Exception as error:
            told = error if isinstance(error, EdgeclipError) else repr(error)
            _log.error("%s is not watched any more: %s", self._watcher.camera, told)
            self._put_state("ended", str(told))
        finally:
            with contextlib.suppress(EdgeclipError):
                self._take(self._watcher.lost())
                self._watcher.save()

    def _watch(self) -> None:
        # Told by the thread that fetches the frames; the watcher is for this one.
        states: deque[CameraState] = deque()
        live = frames(self._source, fps=self._fps, on_state=states.append)
        with contextlib.closing(Ahead(live)) as ahead:
            while not ahead.ended and not self._stop.is_set():
                frame = ahead.take(_TICK_S)
                while states and (frame is None or states[0].time <= frame.time):
                    self._take_state(states.popleft())
                if frame is not None:
                    if frame.recorded and self._frame is None:
                        self._put_state("open", "")
                    self._take(self._watcher(frame))
                    self._see(frame)
        if not self._stop.is_set():
            self._put_state("ended", "the recording is over")

    def _see(self, frame: Frame) -> None:
        read = {reading.rule: _told(reading) for reading in self._watcher.readings}
        rules = [read.get(each["rule"], each) for each in self._rules]
        time = self._watcher.local(frame.time).isoformat(timespec="milliseconds")
        with self._lock:
            self._frame, self._rules = frame, rules
        self._tell(Message("reading", {"time": time, "rules": rules}))

    def _take(self, events: Iterable[Event]) -> None:
        for event in events:
            for sink in self._sinks:
                sink(event)
            record = event.record()
            with self._lock:
                self._events.append(record)
            self._tell(Message("event", record))

    def _take_state(self, state: CameraState) -> None:
        self._put_state(state.name, state.reason)
        if state.name == "lost":
            name = self._watcher.camera
            _log.warning("%s is lost: %s. It is tried again until it is there.", name, state.reason)
            self._take(self._watcher.lost())
            self._watcher.told()

    def _put_state(self, name: str, reason: str) -> None:
        with self._lock:
            self._state = {"camera": self._watcher.camera, "state": name, "reason": reason}
        self._tell(Message("state", self._state))

    def _tell(self, message: Message | None) -> None:
        with self._lock:
            onlookers = list(self._onlookers)
        for each in onlookers:
            each.tell(message)


def _told(reading: Reading) -> dict[str, Any]:
    known = reading.threshold is not None and math.isfinite(reading.threshold)
    return {
        "rule": reading.rule,
        "score": round(float(reading.score), 4),
        "threshold": round(float(reading.threshold), 4) if known else None,  # type: ignore[arg-type]
        "learnt": round(float(reading.learnt), 4),
        "box": [round(float(edge), 4) for edge in reading.box],
    }


def _unseen(watched: Watched) -> dict[str, Any]:
    """Return what is told of a rule before the first frame: it has no score yet."""
    reading = Reading(
        watched.rule.name,
        score=0.0,
        threshold=watched.threshold,
        learnt=watched.learnt,
        warm_up_s=watched.calibration.warm_up_s,
        box=watched.box,
    )
    return _told(reading) | {"score": None}


def events_in(log: Path) -> list[dict[str, Any]]:
    """Return the newest events of a file of JSON lines; none, where it cannot be read.

    An event whose end is missing has the state ``unknown``: who wrote it was ended meanwhile.
    """
    try:
        with log.open(encoding="utf-8", errors="replace") as lines:
            newest = deque(lines, _KEPT)
    except OSError:
        return []
    found = []
    for line in newest:
        with contextlib.suppress(ValueError, RecursionError):  # torn by a power cut
            told = json.loads(line)
            json.dumps(told, allow_nan=False)  # as it will be told
            if _is_event(told):
                found.append(told)
    over = {event["id"] for event in found if event["state"] == "ended"}
    return [event if event["id"] in over else event | {"state": "unknown"} for event in found]


def _is_event(told: Any) -> bool:
    """Tell whether a line has what is shown of an event, each of its kind."""
    if not isinstance(told, dict) or told.get("state") not in ("started", "ended"):
        return False
    texts = all(isinstance(told.get(name), str) for name in ("id", "rule", "start"))
    numbers = all(type(told.get(name)) in (int, float) for name in _NUMBERS)
    if not (texts and numbers and isinstance(told.get("clock_set"), bool)):
        return False
    datetime.fromisoformat(told["start"])  # raises ValueError where it is no time
    return True
