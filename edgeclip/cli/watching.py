"""What ``edgeclip watch`` does with a camera: frames in, events to wherever they are wanted."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgeclip.cli import coach, indexes, options, output
from edgeclip.cli.alive import Alive
from edgeclip.cli.stopping import Stop, stopping
from edgeclip.errors import EdgeclipError
from edgeclip.model import places
from edgeclip.model.pack import PromptPack, is_pack
from edgeclip.model.prompts import read_prompts

if TYPE_CHECKING:
    from edgeclip.model.model import Model
    from edgeclip.watch.ahead import Ahead
    from edgeclip.watch.events import Event, Sink
    from edgeclip.watch.frame import CameraState
    from edgeclip.watch.sinks.timeline import Timeline
    from edgeclip.watch.watcher import Watcher

_TICK_S = 1.0


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is wanted of a camera's events."""

    fps: float
    camera: str | None
    every_frame: bool
    state: Path | None
    log: Path | None
    timeline: Path | None
    keep_days: float | None
    keep_bytes: int | None
    no_pictures: bool
    webhook: str | None
    mqtt: str | None
    as_json: bool
    models: Path | None


def opened(
    rules: Path | None, alerts: tuple[str, ...], chosen: dict[str, Any]
) -> tuple[Model, PromptPack]:
    """Return the model and what is watched for: read from a pack, or embedded now.

    Frames are wide: unless ``--fit`` says so, all of a frame is looked at, not its middle.
    """
    given = options.is_given("fit")
    fit = chosen.pop("fit")
    fit = fit if given else "pad"
    from edgeclip.watch.rules import compiled

    if rules is not None and is_pack(rules):
        return _model_of(PromptPack.load(rules), str(rules), fit, given, chosen)
    wanted = list(alerts) if rules is None else read_prompts(rules)
    words = wanted if isinstance(wanted, list) else wanted.texts
    coach.hint(words, labels=True)
    model = options.load(**chosen, fit=fit)
    return model, compiled(wanted, model)


def _model_of(
    pack: PromptPack, name: str, fit: str, given: bool, chosen: dict[str, Any]
) -> tuple[Model, PromptPack]:
    """Return the model with the fit that the pack was made for, unless that was asked for."""
    model = options.load(**chosen, fit=fit)
    if model.space != pack.space and not given:
        model = options.load(**chosen, fit="crop")
    pack.check_space(model.space, name)
    return model, pack


def watch(source: str, model: Model, pack: PromptPack, wanted: Wanted) -> None:
    """Watch until the source ends, or somebody stops it."""
    from edgeclip.watch.clock import Clock, RecordedClock
    from edgeclip.watch.gate import ChangeGate
    from edgeclip.watch.source import described
    from edgeclip.watch.watcher import Watcher

    camera = wanted.camera or _called(source)
    clock = Clock() if described(source).live else RecordedClock()
    with contextlib.ExitStack() as stack:
        timeline = _timeline(wanted, model, clock)
        if timeline is not None:
            stack.callback(timeline.close)
        watcher = Watcher(
            model,
            pack,
            camera=camera,
            keep=_state_file(wanted.state, camera),
            gate=None if wanted.every_frame else ChangeGate(),
            clock=clock,
            pictures=not wanted.no_pictures,
            novelty=None if timeline is None else timeline.novelty,
        )
        sinks = list(_sinks(wanted, camera, pack, stack))
        sinks += [] if timeline is None else [timeline]
        _Loop(watcher, sinks, timeline, wanted).run(source)


def _called(source: str) -> str:
    """Name a camera after its source, without what may be secret in it."""
    bare = re.sub(r"^\w+://(?:[^@/]*@)?", "", source).split("?")[0]
    name = _file_name(bare).strip("-.")
    return f"camera{name}" if name.isdigit() else name[-60:] or "camera"


def _file_name(camera: str) -> str:
    return re.sub(r"[^\w.-]+", "-", camera)


def _state_file(folder: Path | None, camera: str) -> Path | None:
    folder = folder or places.user_state()
    return None if folder is None else folder / f"{_file_name(camera)}.json"


def _timeline(wanted: Wanted, model: Model, clock: Any) -> Timeline | None:
    if wanted.timeline is None:
        return None
    from edgeclip.watch.sinks.timeline import Timeline

    return Timeline(
        wanted.timeline,
        model.space,
        indexes.findable(model, wanted.models),
        pictures=not wanted.no_pictures,
        keep_days=wanted.keep_days,
        keep_bytes=wanted.keep_bytes,
        steady=clock.steady,
    )


def _sinks(
    wanted: Wanted, camera: str, pack: PromptPack, stack: contextlib.ExitStack
) -> Iterator[Sink]:
    if wanted.log is not None:
        from edgeclip.watch.sinks.jsonl import JsonLines

        log = JsonLines(wanted.log)
        stack.callback(log.close)
        yield log
    if wanted.webhook is not None:
        from edgeclip.watch.sinks.webhook import Webhook

        spool = _spool(wanted.state, camera)
        webhook = Webhook(wanted.webhook, spool=spool, picture=not wanted.no_pictures)
        stack.callback(webhook.close)
        yield webhook
    if wanted.mqtt is not None:
        from edgeclip.watch.sinks.mqtt import Mqtt

        names = [label.name for label in pack.labels]
        mqtt = Mqtt(wanted.mqtt, camera=camera, rules=names, pictures=not wanted.no_pictures)
        stack.callback(mqtt.close)
        yield mqtt


def _spool(folder: Path | None, camera: str) -> Path:
    folder = folder or places.user_state()
    if folder is None:
        raise EdgeclipError("there is no place to keep what the server has not got. Give --state.")
    return folder / f"{_file_name(camera)}.webhook"


class _Loop:
    """Takes frames to a watcher, and events to their sinks."""

    def __init__(
        self, watcher: Watcher, sinks: list[Sink], timeline: Timeline | None, wanted: Wanted
    ) -> None:
        self._watcher, self._sinks, self._timeline = watcher, sinks, timeline
        self._wanted = wanted
        self._alive = Alive()
        self._states: list[CameraState] = []
        self._learning: set[str] = set()
        self._notes: dict[int, list[str]] = {}
        self._phases: dict[str, str] = {}

    def run(self, source: str) -> None:
        from edgeclip.watch.ahead import Ahead
        from edgeclip.watch.frames import frames

        live = frames(source, fps=self._wanted.fps, on_state=self._states.append)
        with stopping() as stop, contextlib.closing(Ahead(live)) as ahead:
            try:
                self._follow(ahead, stop)
            finally:
                self._tell(self._watcher.lost())
                self._watcher.save()
        stop.act()

    def _follow(self, ahead: Ahead, stop: Stop) -> None:
        from edgeclip.watch.pressure import Pressure

        ready, pressure = False, Pressure()
        while not (stop.is_set() or ahead.ended):
            frame = ahead.take(_TICK_S)
            self._alive.step()
            while self._states:
                self._tell_state(self._states.pop(0))
            if frame is None or not pressure.passes(frame.time):
                continue
            self._tell(self._watcher(frame))
            self._keep(frame)
            self._tell_learning()
            if not ready:
                # Only now: the first inference opens the image tower, which may take minutes.
                self._alive.ready()
                ready = True

    def _keep(self, frame: Any) -> None:
        watcher = self._watcher
        if self._timeline is not None and watcher.vector is not None:
            taken = watcher.local(frame.time)
            self._timeline.see(
                frame.picture,
                watcher.vector,
                taken,
                camera=watcher.camera,
                clock_set=watcher.clock_set,
            )

    def _tell(self, events: Iterable[Event]) -> None:
        for event in events:
            if self._wanted.as_json:
                output.json_line(event.record())
            else:
                output.say(output.printable(_line(event)))
            for sink in self._sinks:
                sink(event)
        for sink in self._sinks:
            self._tell_notes(sink)

    def _tell_notes(self, sink: Sink) -> None:
        """Tell what goes wrong with a sink, once for as long as it does."""
        notes = getattr(sink, "notes", [])
        for note in notes:
            if note not in self._notes.get(id(sink), []):
                output.note(output.printable(note))
        self._notes[id(sink)] = notes

    def _tell_state(self, state: CameraState) -> None:
        reason = f": {state.reason}" if state.reason else ""
        output.note(output.printable(f"{self._watcher.camera} is {state.name}{reason}."))
        if state.name == "lost":
            self._tell(self._watcher.lost())

    def _tell_learning(self) -> None:
        """Say when a rule begins to learn, and when it has learnt enough."""
        for reading in self._watcher.readings:
            learning, known = reading.threshold is None, reading.rule in self._learning
            self._tell_phase(reading.rule, "learning" if learning else "watching")
            if learning and not known:
                self._learning.add(reading.rule)
                least, most = (_time(seconds) for seconds in reading.warm_up_s)
                takes = least if least == most else f"{least} to {most}"
                output.note(
                    f"{output.printable(reading.rule)}: learning what this camera sees, which "
                    f"takes {takes}; {reading.learnt:.0%} is done."
                )
            elif known and not learning:
                self._learning.discard(reading.rule)
                output.note(
                    f"{output.printable(reading.rule)}: watching; it alerts above "
                    f"{reading.threshold:.2f}, now {reading.score:.2f}."
                )

    def _tell_phase(self, rule: str, phase: str) -> None:
        if self._phases.get(rule) != phase:
            self._phases[rule] = phase
            for sink in self._sinks:
                if hasattr(sink, "phase"):
                    sink.phase(rule, phase)


def _time(seconds: float) -> str:
    return f"{seconds / 3600:.0f} h" if seconds >= 5400 else f"{seconds / 60:.0f} min"


def _line(event: Event) -> str:
    moment = event.start if event.state == "started" else event.end or event.start
    lasted = f" after {event.duration_s:.0f} s" if event.state == "ended" else ""
    score = f"score {event.score:.2f} (above {event.threshold:.2f})"
    return f"{moment:%Y-%m-%d %H:%M:%S}  {event.rule}  {event.state}{lasted}  {score}"
