"""Watcher: frames in, events out."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgeclip.errors import EdgeclipError
from edgeclip.model.model import Model
from edgeclip.model.pack import PromptPack
from edgeclip.vectors import Vector
from edgeclip.watch import scores, state
from edgeclip.watch.alarm import Spell
from edgeclip.watch.clock import Clock, RecordedClock
from edgeclip.watch.events import Box, Event
from edgeclip.watch.frame import Frame
from edgeclip.watch.gate import ChangeGate
from edgeclip.watch.rules import WHOLE, compiled, rules_of
from edgeclip.watch.watched import Watched

_SAVE_S, _OPEN_SAVE_S = 900.0, 60.0
"""A power cut costs at most so much of what was learnt, and of an event that goes on."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What one rule makes of the newest frame."""

    rule: str
    score: float
    """Log-odds, see `edgeclip.watch.scores`; or the novelty, from 0 to 2."""
    threshold: float | None
    """None while it is being learnt."""
    learnt: float
    """How much of the warm-up is done, from 0 to 1."""
    warm_up_s: float
    """How many seconds that takes."""
    box: Box
    """Where in the frame the score is greatest."""


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """A frame, and what the image tower eats of it."""

    frame: Frame
    tensors: tuple[NDArray[np.float32], ...]
    """One for each part that is looked at; none: it has not changed, or shows nothing."""


class Watcher:
    """Watch one camera by the rules of a pack.

    Args:
        model: turns frames into vectors, of the pack's space.
        rules: what is watched for: a pack (see `edgeclip.watch.rules` for its settings), or words.
        camera: what the camera is called.
        keep: the file that keeps what is learnt, of this watcher alone; None: nothing is kept.
        gate: tells which frames are worth an inference; None: all are.
        clock: of the frames' times; None: this board's, or for recorded frames the recording's.
        pictures: whether events carry their best frame.
        novelty: vector of a whole frame → how new it is, for rules that ask it; with this all of
            the frame is looked at, too, whatever the regions of the rules are.

    Raises:
        SpaceMismatch: the pack was made with another model.
        PromptError: a rule has a setting that makes no sense.
        EdgeclipError: another watcher has the file ``keep``, or it cannot be written.
    """

    def __init__(
        self,
        model: Model,
        rules: PromptPack | Sequence[str],
        *,
        camera: str = "camera",
        keep: Path | None = None,
        gate: ChangeGate | None = None,
        clock: Clock | None = None,
        pictures: bool = True,
        novelty: Callable[[Vector], float] | None = None,
    ) -> None:
        pack = rules if isinstance(rules, PromptPack) else compiled(rules, model)
        pack.check_space(model.space)
        self.camera = camera
        self.inferences = 0
        """Pictures and parts of pictures that were embedded."""
        self.vector: Vector | None = None
        """Of the newest frame; without ``novelty``, of the part of it that the first rule looks at.
        None when it has not changed."""
        self.notes: list[str] = []
        """Why what was learnt is lost, or could not be kept the last time; sentences for people."""
        self._model, self._gate, self._keep = model, gate, keep
        self._pictures, self._chosen = pictures, clock
        self._watched = [Watched(rule, pack, novelty) for rule in rules_of(pack)]
        # What is new is told from whole frames, so those are what a timeline is made of.
        boxes = [] if novelty is None else [WHOLE]
        boxes += [box for each in self._watched for box in each.rule.boxes]
        self._boxes = list(dict.fromkeys(boxes))
        self._next_save = 0.0
        # Events that the run before left open; and ends that were returned just now.
        self._left: list[Event] = []
        self._returned: list[Event] = []
        self._lock = None if keep is None else state.lock(keep)
        self._restore()

    def prepare(self, frame: Frame) -> Prepared:
        """Do what can be done before the last frame is looked at; each frame once, in order.

        It may run in another thread meanwhile, see `edgeclip.watch.ahead.Ahead`.
        """
        # What shows nothing is not compared with anything either.
        if frame.blind or (self._gate is not None and not self._gate(frame)):
            return Prepared(frame, ())
        parts = (scores.crop(frame.picture, box) for box in self._boxes)
        return Prepared(frame, tuple(self._model.image_tensor(part) for part in parts))

    def __call__(self, given: Frame | Prepared) -> list[Event]:
        """Look at a frame and return the events that start or end by it."""
        prepared = given if isinstance(given, Prepared) else self.prepare(given)
        frame, self.vector = prepared.frame, None
        if prepared.tensors:
            self._look(prepared.tensors)
        clock = self._clock(frame.recorded)
        steady, local = clock.steady(frame.time), clock.local(frame.time)
        # That there is another frame shows that what was returned with the last one was told.
        were, self._returned = self._returned, []
        spells = [(each, each.step(frame, steady, local)) for each in self._watched]
        events = self._told(spells)
        # Events are kept before they are told: after a power cut it will be told how they ended.
        if self._keep is not None and (were or events or steady >= self._next_save):
            self._try_to_save()
        return events

    @property
    def watched(self) -> tuple[Watched, ...]:
        """The rules, and what each of them has learnt."""
        return tuple(self._watched)

    @property
    def readings(self) -> list[Reading]:
        """What the rules make of the newest frame; nothing before there was one."""
        return [
            Reading(
                each.rule.name,
                each.score,
                each.threshold,
                each.learnt,
                each.calibration.warm_up_s,
                each.box,
            )
            for each in self._watched
            if each.vector is not None
        ]

    @property
    def clock_set(self) -> bool:
        """Whether the board can know the time."""
        return (self._chosen or Clock()).is_set

    def local(self, time: float) -> datetime:
        """Return the local time of a frame's time, as the wall clock counts now."""
        return self._clock().local(time)

    def lost(self) -> list[Event]:
        """Note that the camera gives no frames; return the events that end by it."""
        if self._gate is not None:
            self._gate.forget()
        events = self._told([(each, each.lost()) for each in self._watched])
        if events:
            self._try_to_save()
        return events

    def told(self) -> None:
        """Note that all events that were returned have been told, though no frame comes after."""
        if self._returned:
            self._returned = []
            self._try_to_save()

    def save(self) -> None:
        """Keep what was learnt; all events that were returned are taken to have been told.

        Raises:
            EdgeclipError: it cannot be kept.
        """
        self._returned = []
        self._save()

    def close(self) -> None:
        """Let another watcher have the file; `save` comes first, nothing is kept afterwards."""
        self._keep = None
        if self._lock is not None:
            self._lock.close()

    def _save(self) -> None:
        if self._keep is None:
            return
        clock = self._chosen or Clock()  # before the first frame it is not chosen yet
        goes_on = [(each, each.spell) for each in self._watched]
        opened = [self._event(each, replace(spell, over=True)) for each, spell in goes_on if spell]
        self._next_save = clock.steady() + (_OPEN_SAVE_S if opened else _SAVE_S)
        untold = [] if clock.recorded else [*self._left, *self._returned, *opened]
        kept = {
            "clock": self._kept_clock if self._chosen is None else clock.record(),
            "rules": {e.rule.name: e.record(recorded=clock.recorded) for e in self._watched},
            "open": [event.record() for event in untold],
        }
        state.save(self._keep, kept)

    def _try_to_save(self) -> None:
        try:
            self._save()
            self.notes = self._damage
        except EdgeclipError as error:  # a full disk stops no camera: it is tried again
            self.notes = [*self._damage, str(error)]

    def _restore(self) -> None:
        kept = {} if self._keep is None else state.load(self._keep)
        damaged = self._keep is not None and not kept and self._keep.exists()
        # What is missing or odd is learnt again.
        self._damage = [f"{self._keep} is damaged: what it held is learnt anew."] if damaged else []
        self.notes = self._damage
        with contextlib.suppress(ValueError, TypeError, KeyError):
            self._left = [state.ended(record) for record in kept["open"]]
        self._kept_clock = kept.get("clock")
        if self._chosen is not None:
            self._carry_on(self._chosen)
        for each in self._watched:
            with contextlib.suppress(ValueError, TypeError, KeyError):
                each.restore(kept["rules"][each.rule.name])

    def _clock(self, recorded: bool = False) -> Clock:
        """Return the clock; the first frame chooses it, unless one was given."""
        if self._chosen is None:
            self._chosen = RecordedClock() if recorded else Clock()
            self._carry_on(self._chosen)
        return self._chosen

    def _carry_on(self, clock: Clock) -> None:
        with contextlib.suppress(ValueError, TypeError, KeyError):
            clock.restore(self._kept_clock)  # type: ignore[arg-type]
        self._next_save = clock.steady() + _SAVE_S

    def _look(self, tensors: Sequence[NDArray[np.float32]]) -> None:
        pairs = zip(self._boxes, tensors, strict=True)
        vectors = {box: self._model.embed_tensor(tensor) for box, tensor in pairs}
        self.inferences += len(tensors)
        self.vector = vectors[self._boxes[0]]
        for each in self._watched:
            each.look(vectors)

    def _told(self, spells: Sequence[tuple[Watched, Spell | None]]) -> list[Event]:
        """Return what is to be told, first what the run before left open; remember the ends.

        The file has them until they were told: after a power cut just now nobody else would.
        """
        events = [*self._left, *(self._event(each, spell) for each, spell in spells if spell)]
        self._left = []
        self._returned += [event for event in events if event.state == "ended"]
        return events

    def _event(self, each: Watched, spell: Spell) -> Event:
        rule, clock = each.rule.name, self._clock()
        return Event(
            id=f"{self.camera}-{rule}-{spell.id}",
            camera=self.camera,
            rule=rule,
            state="ended" if spell.over else "started",
            start=clock.when(spell.start),
            peak=clock.when(spell.peak),
            end=clock.when(spell.last) if spell.over else None,
            duration_s=spell.last - spell.start,
            score=spell.score,
            threshold=spell.threshold,
            box=None if spell.box == WHOLE else spell.box,
            clock_set=clock.is_set,
            picture=spell.frame.picture if self._pictures else None,
            vector=spell.vector,
        )
