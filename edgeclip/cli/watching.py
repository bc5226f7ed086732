"""What ``edgeclip watch`` does with a camera: frames in, events to wherever they are wanted."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Generator, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edgeclip.cli import coach, labels, options, output, sinks
from edgeclip.cli.alive import Alive
from edgeclip.cli.stopping import Stop, stopping
from edgeclip.cli.wanted import Wanted, called
from edgeclip.errors import CameraError
from edgeclip.model.pack import PromptPack, is_pack
from edgeclip.model.prompts import read_prompts

if TYPE_CHECKING:
    from edgeclip.model.model import Model
    from edgeclip.watch.ahead import Ahead
    from edgeclip.watch.events import Event, Sink
    from edgeclip.watch.frame import CameraState, Frame
    from edgeclip.watch.sinks.timeline import Timeline
    from edgeclip.watch.watcher import Prepared, Reading, Watcher

_TICK_S = 0.5


def opened(
    rules: Path | None, alerts: tuple[str, ...], rate: str | None, chosen: dict[str, Any]
) -> tuple[Model, PromptPack]:
    """Return the model and what is watched for: read from a pack, or embedded now.

    Args:
        rules: a file of rules, or a pack.
        alerts: words instead.
        rate: the false alerts that are tolerated of each of the words; None: as of a rule.
        chosen: how the model is loaded.
    """
    from edgeclip.watch.rules import compiled, in_words

    if rules is not None and is_pack(rules):
        pack = PromptPack.load(rules)
        return labels.model_of(pack, str(rules), chosen), pack
    if rules is not None:
        wanted = read_prompts(rules)
    else:
        wanted = in_words(alerts, **({} if rate is None else {"false_alerts": rate}))
    coach.hint(labels.all_texts(wanted), labels=True)
    model = options.load(**chosen)
    return model, compiled(wanted, model)


def watch(source: str, model: Model, pack: PromptPack, wanted: Wanted) -> None:
    """Watch until the source ends, or somebody stops it."""
    from edgeclip.watch.clock import Clock, RecordedClock
    from edgeclip.watch.gate import ChangeGate
    from edgeclip.watch.source import described
    from edgeclip.watch.watcher import Watcher

    camera = wanted.camera or called(source)
    clock = Clock() if described(source).live else RecordedClock(wanted.begin)
    timelines: list[Timeline] = []
    with contextlib.ExitStack() as stack:
        watcher = Watcher(
            model,
            pack,
            camera=camera,
            keep=wanted.state_file(camera),
            gate=None if wanted.every_frame else ChangeGate(),
            clock=clock,
            pictures=not wanted.no_pictures,
            novelty=None if wanted.timeline is None else lambda new: timelines[0].novelty(new),
        )
        stack.callback(watcher.close)
        # After the watcher, which sets the clock to what it was: ages are counted on that.
        timelines += sinks.timelines(wanted, model, clock.steady, stack)
        # Now, not in the loop: the first answer may take minutes, and a watchdog waits for none.
        model.embed_image(np.zeros((1, 1, 3), np.uint8))
        stop = _Loop(
            watcher, [*sinks.opened(wanted, camera, pack, stack), *timelines], timelines, wanted
        ).run(source)
    stop.act()


class _Loop:
    """Takes frames to a watcher, and events to their sinks."""

    def __init__(
        self, watcher: Watcher, sinks: list[Sink], timelines: list[Timeline], wanted: Wanted
    ) -> None:
        self._watcher, self._sinks, self._timelines = watcher, sinks, timelines
        self._wanted = wanted
        self._alive = Alive()
        self._states: list[CameraState] = []
        self._notes: dict[int, list[str]] = {}
        self._phases: dict[str, str] = {}

    def run(self, source: str) -> Stop:
        """Watch; return what stopped it, if anything did."""
        from edgeclip.watch.ahead import Ahead
        from edgeclip.watch.frames import frames

        live = frames(source, fps=self._wanted.fps, on_state=self._states.append)
        with (
            stopping() as stop,
            contextlib.closing(Ahead(self._prepared(live))) as ahead,
            contextlib.ExitStack() as last,
        ):
            # Both, even where one of them fails.
            last.callback(self._watcher.save)
            last.callback(lambda: self._tell(self._watcher.lost()))
            # Not with the first frame: a camera that is away would hold up the start of the board.
            self._alive.ready()
            try:
                self._follow(ahead, stop)
            except CameraError:
                if not stop.is_set():  # else its reader was ended by the same signal
                    raise
        return stop

    def _prepared(self, live: Generator[Frame, None, None]) -> Generator[Prepared, None, None]:
        """Prepare frames where they are fetched; fewer of them while memory is short."""
        from edgeclip.watch.pressure import Pressure

        pressure = Pressure()
        with contextlib.closing(live):
            for frame in live:
                if pressure.passes(frame.time):
                    yield self._watcher.prepare(frame)

    def _follow(self, ahead: Ahead[Prepared], stop: Stop) -> None:
        while not ahead.ended:
            prepared = ahead.take(_TICK_S)
            if stop.is_set():  # that the reader is gone, too, is no news
                return
            self._alive.step()
            if prepared is not None:
                # What has become of the camera since the frame comes after it.
                self._tell_states(prepared.frame.time)
                self._tell(self._watcher(prepared))
                self._keep(prepared.frame)
                self._tell_phases()
            self._tell_states()
        self._tell_unlearnt()

    def _keep(self, frame: Frame) -> None:
        watcher = self._watcher
        if watcher.vector is None:
            return
        taken = watcher.local(frame.time)
        for timeline in self._timelines:
            timeline.see(
                frame.picture,
                watcher.vector,
                taken,
                camera=watcher.camera,
                clock_set=watcher.clock_set,
            )

    def _tell(self, events: Iterable[Event]) -> None:
        events = list(events)
        # First: a terminal or pipe that is gone ends this, and keeps no event from the others.
        for event in events:
            for sink in self._sinks:
                sink(event)
        for event in events:
            if self._wanted.as_json:
                output.json_line(event.record())
            else:
                output.say(output.printable(_line(event)))
        for part in (self._watcher, *self._sinks):
            self._tell_notes(part)

    def _tell_notes(self, part: Any) -> None:
        """Tell what goes wrong with a part, once for as long as it does."""
        notes = getattr(part, "notes", [])
        for note in notes:
            if note not in self._notes.get(id(part), []):
                output.note(output.printable(note))
        self._notes[id(part)] = notes

    def _tell_states(self, until: float = math.inf) -> None:
        while self._states and self._states[0].time <= until:
            self._tell_state(self._states.pop(0))

    def _tell_state(self, state: CameraState) -> None:
        reason = f": {state.reason}" if state.reason else ""
        more = " It is tried again until it is there." if state.name == "lost" else ""
        output.note(output.printable(f"{self._watcher.camera} is {state.name}{reason}.{more}"))
        if state.name == "lost":
            self._tell(self._watcher.lost())
            self._watcher.told()

    def _tell_phases(self) -> None:
        """Say what each rule does: that it learns, or from which score on it alerts."""
        for reading in self._watcher.readings:
            phase = "watching" if reading.threshold is not None else "learning"
            if phase == self._phases.get(reading.rule):
                continue
            self._phases[reading.rule] = phase
            for sink in self._sinks:
                if hasattr(sink, "phase"):
                    sink.phase(reading.rule, phase)
            output.note(output.printable(_phase(reading)))

    def _tell_unlearnt(self) -> None:
        """Say for which rules a recording was too short."""
        for reading in self._watcher.readings:
            if reading.threshold is None:
                told = f"{reading.rule}: still learning at the end, {reading.learnt:.0%} is done"
                output.note(
                    output.printable(f"{told}. Give a longer recording, or the rule a threshold.")
                )


def _phase(reading: Reading) -> str:
    """Say what a rule does: how far its learning is, or what it alerts above."""
    if reading.threshold is not None:
        above = f"it alerts above {reading.threshold:.2f}, now {reading.score:.2f}"
        return f"{reading.rule}: watching; {above}."
    seen = f"which takes {_time(reading.warm_up_s)}; {reading.learnt:.0%} is done"
    return f"{reading.rule}: learning what this camera sees, {seen}."


def _time(seconds: float) -> str:
    return f"{seconds / 3600:.0f} h" if seconds >= 5400 else f"{seconds / 60:.0f} min"


def _line(event: Event) -> str:
    moment = event.start if event.state == "started" else event.end or event.start
    lasted = f" after {event.duration_s:.0f} s" if event.state == "ended" else ""
    score = f"score {event.score:.2f} (above {event.threshold:.2f})"
    return f"{moment:%Y-%m-%d %H:%M:%S}  {event.rule}  {event.state}{lasted}  {score}"
