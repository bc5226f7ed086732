"""Steps: what to try next, only what a figure of this diagnosis speaks for."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain, islice

from edgeclip.advice.diagnosis.flaws import Remark
from edgeclip.advice.diagnosis.framing import TILES, TURNS, Framing, Framings
from edgeclip.advice.diagnosis.rank import Score, Standing
from edgeclip.advice.diagnosis.stored import Stored, reason
from edgeclip.advice.diagnosis.towers import Towers
from edgeclip.advice.diagnosis.words import Words
from edgeclip.advice.kinds import KINDS
from edgeclip.advice.query import shortened

MOST = 5
CLEAR = 1.0
"""Standard deviations of lead.  Measured with the starter on 69 photographs and their labels: 3 %
of the upright ones gain as much when they are turned, and 48 % of those that lie on their side."""
FITS = 0.9
"""Share of the background texts: a way that fits no better than this shows the thing nowhere."""

_CURES = {
    "blank": "take another picture: there is nothing to see in this one",
    "dark": "brighten the picture, or take it with more light",
    "overexposed": "take the picture with less light",
    "blurred": "take a sharper picture",
    "border": "take the border off, and embed what is between the bars",
    "tiny": "use a larger version of the picture",
    "aspect": "cut the long picture into pieces, and embed each",
}
_BACK = {
    "turned_left": "a quarter turn to the left",
    "turned_over": "a half turn",
    "turned_right": "a quarter turn to the right",
}
_STARTER = "starter"
_UPDATE = "edgeclip index DIR"


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to try."""

    action: str
    """What to do."""
    why: str
    """The figure that speaks for it."""
    command: str | None = None
    """What to type."""


def steps(
    *,
    score: Score,
    words: Words,
    framing: Framings,
    remarks: tuple[Remark, ...],
    towers: Towers,
    stored: Stored | None,
) -> tuple[Step, ...]:
    """Return at most `MOST` things to try: what makes scores meaningless comes first.

    Args:
        score: the one that is to be explained.
        words: what was found of the words.
        framing: what was found of the picture's parts and turns.
        remarks: what was found of its pixels.
        towers: what the model was opened with.
        stored: what was found of the stored vector.
    """
    now = score.standing
    found = chain(
        _of_model(towers),
        _of_stored(stored, towers) if stored else (),
        _of_turns(now, framing),
        map(_cure, remarks),
        _of_parts(score, framing, towers),
        _of_words(now, words),
    )
    return tuple(islice(found, MOST)) or tuple(_otherwise(score, towers))


def _of_model(towers: Towers) -> Iterator[Step]:
    if towers.untrained:
        why = f"the weights of {towers.model} are random"
        yield Step("use a trained model", why, "edgeclip models")


def _of_stored(stored: Stored, towers: Towers) -> Iterator[Step]:
    cosine = "" if stored.cosine is None else f"cosine {stored.cosine:.2f} with the fresh vector"
    right = stored.state in ("ok", "near", "twin") and stored.twin != "query"
    if right and not stored.normalised:
        why = f"the length of the stored vector is {stored.length:.4g}"
        yield Step("normalise the vectors: divide each by its length", why)
    if stored.state in ("near", "other") and stored.indexed:
        yield Step("bring the index up to date", f"{cosine}: {reason(stored)}", _UPDATE)
    elif stored.state in ("not finite", "zero", "dim", "other", "near"):
        why = cosine or stored.messages[0]
        yield Step("embed the pictures again, with this model", why, _anew(towers.fit))
    elif stored.state == "twin":
        yield _of_twin(stored, towers, f"{cosine}: {reason(stored)}")
    elif stored.same_space is False:
        why = f"{cosine}, but the spaces differ"
        yield Step("ask with the model and the options that the index was made with", why)


def _of_twin(stored: Stored, towers: Towers, why: str) -> Step:
    if stored.twin == "query":
        return Step("store the vector of the picture, not of the words", why)
    if stored.twin in TURNS:
        action = "the picture was turned when it was embedded: embed it again"
        return Step(action, why, _UPDATE if stored.indexed else None)
    action = "embed all pictures in the same way, and ask with the same model and --fit"
    return Step(action, why, _anew(towers.fit))


def _of_turns(now: Standing, framing: Framings) -> Iterator[Step]:
    best = _best(framing, lambda way: way.name in TURNS)
    if best is not None and _clearly(best.standing, now):
        action = f"rotate the picture, by {_BACK[best.name]}: it is probably on its side"
        yield Step(action, _gain(now, best.standing))


def _cure(remark: Remark) -> Step:
    return Step(_CURES[remark.kind], remark.message)


def _of_parts(score: Score, framing: Framings, towers: Towers) -> Iterator[Step]:
    now = score.standing
    other = framing.way("crop" if towers.fit == "pad" else "pad")
    if _clearly(other.standing, now):
        action = f"embed pictures with --fit {other.name}, in the index, too"
        yield Step(action, _gain(now, other.standing), _anew(other.name))
    # What is nowhere in the picture has a tile that it fits best, too: only a match will do.
    lost = score.verdict == "no match"
    best = _best(
        framing, lambda way: way.name in TILES and (not lost or way.standing.verdict == "match")
    )
    if best is not None and best.box is not None and _clearly(best.standing, now):
        x, y, width, height = best.box
        count = TILES[best.name]
        action = (
            f"embed the {count}×{count} tiles as pictures of their own: the best is "
            f"{width} × {height} at {x}, {y}"
        )
        yield Step(action, _gain(now, best.standing))


def _of_words(now: Standing, words: Words) -> Iterator[Step]:
    # A template around what CLIP cannot hold only scores higher; it is no better answer.
    sound = [each for each in words.wordings if words.advice.suitable or each.kind == "rewrite"]
    best = max(sound, key=lambda each: each.standing.lead, default=None)
    if best is not None and _clearly(best.standing, now):
        command = _command("search", best.text)
        yield Step(f"search for {shortened(best.text)!r}", _gain(now, best.standing), command)
    kinds = ", ".join(KINDS[limit.kind].title for limit in words.advice.limits)
    if kinds:
        action = "ask for something that CLIP can hold"
        why = f"the query asks for what it cannot: {kinds}"
        yield Step(action, why, _command("coach", words.advice.query))


def _otherwise(score: Score, towers: Towers) -> Iterator[Step]:
    """Yield what is left to try where no figure points anywhere, and the score is no match."""
    if score.verdict == "match":
        return
    now = score.standing
    why = f"better than {now.better_than} of {now.of} unrelated texts"
    if score.threshold is not None:
        why = f"cosine {now.cosine:.2f}, unrelated words get {score.threshold:.2f} on this index"
    yield Step("try other words: name the thing plainly", why)
    if towers.model == _STARTER:
        why = "the starter knows everyday things by their ImageNet names"
        yield Step("try MobileCLIP-S2", why, "edgeclip export mobileclip_s2")


def _best(framing: Framings, wanted: Callable[[Framing], bool]) -> Framing | None:
    return max(filter(wanted, framing.ways), key=lambda way: way.standing.lead, default=None)


def _clearly(then: Standing, now: Standing) -> bool:
    return then.lead - now.lead >= CLEAR and then.share >= FITS


def _gain(now: Standing, then: Standing) -> str:
    cosines = f"cosine {then.cosine:.2f} instead of {now.cosine:.2f}"
    if then.better_than == now.better_than:
        return cosines
    return f"better than {then.better_than} of {then.of} instead of {now.better_than}, {cosines}"


def _anew(fit: str) -> str:
    return f"edgeclip index DIR --fit {fit} --index NEW"


def _command(name: str, words: str) -> str:
    dashes = ["--"] if words.startswith("-") else []
    return shlex.join(["edgeclip", name, *dashes, words])
