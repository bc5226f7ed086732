"""Five hundred different texts, made of words by a formula: what the text tower is measured on."""

from __future__ import annotations

from edgeclip.model.goldens import TEXTS

COUNT = 500

_THINGS = (
    "cat", "old wooden boat", "red bicycle", "bowl of noodles", "lighthouse", "group of children",
    "snowy mountain", "laptop on a desk", "golden retriever", "street market", "violin player",
    "yellow taxi", "steam locomotive", "handwritten letter", "cup of coffee", "football stadium",
    "kitchen knife", "hot air balloon", "newborn baby", "rusty bridge", "sunflower field",
    "pair of running shoes", "astronaut", "stained glass window", "traffic light", "herd of sheep",
    "wedding cake", "paper map", "solar panel", "wind turbine", "jellyfish", "grandmother",
)  # fmt: skip
_PLACES = (
    "on a beach", "in the rain", "beside a river", "at night", "under a tree", "in an empty room",
    "behind a fence", "near the airport", "on a kitchen table", "in a crowded street",
    "at sunset", "in thick fog", "on the roof of a car", "in a museum", "above the clouds",
    "in front of a brick wall", "at the bottom of the sea",
)  # fmt: skip
_FORMS = (
    "a photo of a {thing}",
    "{thing}",
    "a {thing} {place}",
    "a blurry black and white photograph of a {thing} {place}",
    "close-up of the {thing}, {place}, with shallow depth of field",
    "two people look at a {thing} {place}",
    "no {thing} here, only a {other}",
    "{thing} + {other}",
    "IMG_{number}.JPG {thing}",
    "a very detailed oil painting that shows a {thing} {place} next to a {other}, while somebody "
    "in a blue coat walks away and a small dog waits for {number} minutes",
    "{number} {thing}s {place}",
    "the {other} that belongs to the {thing} {place}!",
)


def texts() -> list[str]:
    """Return `COUNT` texts, all different: captions, words, long and odd ones."""
    made = [*TEXTS]
    place = 0
    while len(made) < COUNT:
        # The lists' lengths have no common divisor with these steps, so all are walked through.
        text = _FORMS[place % len(_FORMS)].format(
            thing=_THINGS[(5 * place + place // len(_THINGS)) % len(_THINGS)],
            other=_THINGS[(11 * place + 3) % len(_THINGS)],
            place=_PLACES[(3 * place + place // len(_PLACES)) % len(_PLACES)],
            number=2 + (37 * place) % 991,
        )
        if text not in made:
            made.append(text)
        place += 1
    return made
