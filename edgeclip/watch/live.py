"""Live sources: the newest frame, and the camera back after whatever happens to it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import replace

from edgeclip.errors import CameraError
from edgeclip.watch.frame import CameraState, Frame
from edgeclip.watch.health import Health
from edgeclip.watch.reader import Lost, Reader
from edgeclip.watch.source import Source, lasting

Listener = Callable[[CameraState], None]

WAITS_S = (0.25, 0.5, 1.0, 2.0)
"""Before each try to open a camera again; the last one is repeated."""
_OPENING_S = 15.0


def live(
    source: Source,
    *,
    fps: float | None,
    on_state: Listener | None,
    stale_s: float,
    size: tuple[int, int] | None,
) -> Generator[Frame, None, None]:
    """Yield the newest frame each time, for ever; see `edgeclip.watch.frames.frames`."""
    log, health, pace = _Log(on_state), Health(stale_s), _Pace(fps)
    tries = 0
    while True:
        try:
            with _opened(source, size) as reader:
                source = lasting(source)
                for frame in _newest(reader, pace, stale_s):
                    tries = 0
                    bad = health.look(frame)
                    log.tell(*_state(health, frame))
                    yield frame if health.trouble is None else replace(frame, blind=True)
                    if bad:
                        break
        except Lost as error:
            log.tell("lost", str(error))
        except CameraError as error:
            if not log.was_open:
                raise
            log.tell("lost", str(error).rstrip("."))
        time.sleep(WAITS_S[min(tries, len(WAITS_S) - 1)])
        tries += 1


@contextlib.contextmanager
def _opened(source: Source, size: tuple[int, int] | None) -> Iterator[Reader]:
    reader = Reader(source, size=size)
    try:
        reader.opened(_OPENING_S)
        yield reader
    finally:
        reader.close()


def _newest(reader: Reader, pace: _Pace, stale_s: float) -> Iterator[Frame]:
    while True:
        pace.wait()
        reader.ask()
        frame = reader.take(stale_s)
        assert frame is not None  # a live source has no end
        yield frame


def _state(health: Health, frame: Frame) -> tuple[str, str]:
    if health.trouble is None:
        return "open", ""
    what = "black pictures" if health.trouble == "black" else "the same picture"
    return health.trouble, f"it has given {what} for {frame.time - health.since:.0f} s"


class _Log:
    """Tell the state of a camera when it changes."""

    def __init__(self, listener: Listener | None) -> None:
        self.was_open = False
        self._listener = listener
        self._name = ""

    def tell(self, name: str, reason: str) -> None:
        self.was_open |= name != "lost"
        if name == self._name:
            return
        self._name = name
        if self._listener is not None:
            self._listener(CameraState(name, reason, time.monotonic()))  # type: ignore[arg-type]


class _Pace:
    """Wait until the next frame is due."""

    def __init__(self, fps: float | None) -> None:
        self._step = 1 / fps if fps is not None else 0.0
        self._due = 0.0

    def wait(self) -> None:
        now = time.monotonic()
        if self._due > now:
            time.sleep(self._due - now)
        # Those that were missed are not made up for.
        self._due = max(self._due, now) + self._step
