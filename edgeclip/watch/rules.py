"""Rule: what is watched for, how sure it has to be, and when it may alert."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from os import PathLike
from typing import Any

from edgeclip.errors import PromptError
from edgeclip.model import nothing
from edgeclip.model.model import Model
from edgeclip.model.pack import PromptPack
from edgeclip.model.packed import PackedLabel
from edgeclip.model.prompts import Label, Prompts
from edgeclip.watch.events import Box
from edgeclip.watch.schedule import ALWAYS, Schedule

WHOLE: Box = (0.0, 0.0, 1.0, 1.0)
_PER_DAY = {"hour": 24.0, "day": 1.0, "week": 1 / 7, "month": 1 / 30, "year": 1 / 365}
_RATE = re.compile(r"(\d+(?:\.\d+)?)(?:\s*(?:an?|per|each|every|/)\s*(hour|day|week|month|year))?")
_TILES = re.compile(r"(\d{1,2})\s*[x×]\s*(\d{1,2})")
_MOST_TILES = 16
_MOST_SECONDS = 86_400.0


@dataclass(frozen=True, slots=True, eq=False)
class Rule:
    """One thing to watch for."""

    label: PackedLabel
    """Its name and the vectors of its prompts and negatives."""
    false_alerts: float = 1.0
    """At most so many a day."""
    min_duration: float = 2.0
    """Seconds for which it must be true."""
    cooldown: float = 60.0
    """Seconds after the end of an event in which none begins."""
    schedule: Schedule = ALWAYS
    """When it may alert; it learns at all times."""
    region: Box = WHOLE
    """The part of the frame that is looked at."""
    tiles: tuple[int, int] = (1, 1)
    """Columns and rows that the region is cut into; more than one look at the region, too."""
    threshold: float | None = None
    """A fixed share, from 0 to 1, that its prompts must have against its negatives and the
    background; of a novelty rule the novelty itself, 1 − the greatest cosine with what was seen.
    None: what the score must get above is learnt from this camera's background."""
    novelty: bool = False
    """Whether the score is how new the frame is, instead of how well it fits the prompts; so is a
    fixed threshold then."""

    @property
    def name(self) -> str:
        """What it is called."""
        return self.label.name

    @property
    def boxes(self) -> tuple[Box, ...]:
        """The parts of the frame that are scored: the region, and its tiles."""
        left, top, right, bottom = self.region
        columns, rows = self.tiles
        if self.tiles == (1, 1):
            return (self.region,)
        width, height = (right - left) / columns, (bottom - top) / rows
        tiles = (
            (left + x * width, top + y * height, left + (x + 1) * width, top + (y + 1) * height)
            for y in range(rows)
            for x in range(columns)
        )
        return (self.region, *tiles)


def in_words(words: Iterable[str], **settings: Any) -> Prompts:
    """Return a rule for each of some words, named like them, all with the same settings."""
    return Prompts(tuple(Label(each, (each,), (), settings) for each in dict.fromkeys(words)))


def compiled(rules: Prompts | Sequence[str], model: Model) -> PromptPack:
    """Embed rules, and the background that they are compared with.

    Args:
        rules: as `edgeclip.model.prompts.read_prompts` reads them, or just words.
        model: with a text tower, which is closed afterwards: watching needs it no more.

    Raises:
        InvalidText: they cannot be embedded.
    """
    if isinstance(rules, str | PathLike):
        raise TypeError(f"rules are a list of words or a PromptPack, not {rules!r} alone.")
    if not isinstance(rules, Prompts):
        rules = in_words(rules)
    pack = PromptPack.compile(replace(rules, none=rules.none or nothing.NAME), model)
    model.close_text()
    return pack


def rules_of(pack: PromptPack) -> tuple[Rule, ...]:
    """Return the rules of a pack; what a label does not set is as in `Rule`.

    Raises:
        PromptError: a setting that no rule has, or that makes no sense; or a pack that says nothing
            of what is not meant.
    """
    if not len(pack.background_vectors) and not len(pack.negative_vectors):
        raise PromptError(
            "the pack has nothing to compare its rules with. Make it of [[rule]] tables, or with "
            "none = true."
        )
    return tuple(_rule(label) for label in pack.labels)


def _rule(label: PackedLabel) -> Rule:
    made: dict[str, Any] = {}
    for key, value in label.settings.items():
        if key not in _READERS:
            raise PromptError(f"the rule {label.name!r} has a setting {key!r}{_near(key)}")
        try:
            made[key] = _READERS[key](value)
        except (TypeError, ValueError) as error:
            if isinstance(error, PromptError):
                raise PromptError(f"the rule {label.name!r}: {error}") from None
            raise PromptError(
                f"the rule {label.name!r} has {key} = {value!r}, which is not {_MEANT[key]}. "
                "Mend it."
            ) from None
    rule = Rule(label, **made)
    if rule.novelty and rule.boxes != (WHOLE,):
        raise PromptError(
            f"the rule {rule.name!r} asks for what is new, which is told of the whole frame. Leave "
            "region and tiles out."
        )
    return rule


def _near(key: str) -> str:
    near = get_close_matches(key, _READERS, n=1)
    meant = f" Did you mean {near[0]}?" if near else f" Rules have {', '.join(_READERS)}."
    return f", which no rule has.{meant}"


def _rate(value: Any) -> float:
    if isinstance(value, str):
        found = _RATE.fullmatch(value.strip().lower().removeprefix("at most").strip())
        if found is None:
            raise ValueError
        value = float(found[1]) * _PER_DAY[found[2] or "day"]
    return _number(value, 1e-3, 1e4)


def _seconds(value: Any) -> float:
    return _number(value, 0.0, _MOST_SECONDS)


def _number(value: Any, least: float, most: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError
    if not least <= value <= most:
        raise ValueError
    return float(value)


def _share(value: Any) -> float:
    return _number(value, 1e-6, 1 - 1e-6)


def _box(value: Any) -> Box:
    left, top, right, bottom = (_number(edge, 0.0, 1.0) for edge in value)
    if not (right - left > 0.01 and bottom - top > 0.01):
        raise ValueError
    return left, top, right, bottom


def _tiles(value: Any) -> tuple[int, int]:
    found = _TILES.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None:
        raise ValueError
    columns, rows = int(found[1]), int(found[2])
    if not 1 <= columns * rows <= _MOST_TILES:
        raise ValueError
    return columns, rows


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


_READERS: Mapping[str, Callable[[Any], Any]] = {
    "false_alerts": _rate,
    "min_duration": _seconds,
    "cooldown": _seconds,
    "schedule": Schedule.parse,
    "region": _box,
    "tiles": _tiles,
    "threshold": _share,
    "novelty": _flag,
}
_MEANT = {
    "false_alerts": 'a rate such as "1 a day"',
    "min_duration": "a number of seconds",
    "cooldown": "a number of seconds",
    "schedule": 'spans such as "22:00-06:00"',
    "region": "[left, top, right, bottom], from 0 to 1, left below right and top below bottom",
    "tiles": f'"COLUMNSxROWS", at most {_MOST_TILES} tiles',
    "threshold": "a share between 0 and 1",
    "novelty": "true or false",
}
