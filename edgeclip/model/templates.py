"""Templates: prompts that a label is put into, in named sets.

The vectors of a label in several prompts are averaged (`edgeclip.model.classifier`).  The sets of 7
and 80 are those of the CLIP paper for photographs (Radford et al. 2021, section 3.1.4; the notebook
"Prompt Engineering for ImageNet").  They say "a" before vowels too, as the paper's do.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from edgeclip.errors import InvalidText

_SEVEN = """
itap of a {}. | a bad photo of the {}. | a origami {}. | a photo of the large {}.
a {} in a video game. | art of the {}. | a photo of the small {}.
"""
_EIGHTY = """
a bad photo of a {}. | a photo of many {}. | a sculpture of a {}.
a photo of the hard to see {}. | a low resolution photo of the {}. | a rendering of a {}.
graffiti of a {}. | a bad photo of the {}. | a cropped photo of the {}. | a tattoo of a {}.
the embroidered {}. | a photo of a hard to see {}. | a bright photo of a {}.
a photo of a clean {}. | a photo of a dirty {}. | a dark photo of the {}. | a drawing of a {}.
a photo of my {}. | the plastic {}. | a photo of the cool {}. | a close-up photo of a {}.
a black and white photo of the {}. | a painting of the {}. | a painting of a {}.
a pixelated photo of the {}. | a sculpture of the {}. | a bright photo of the {}.
a cropped photo of a {}. | a plastic {}. | a photo of the dirty {}.
a jpeg corrupted photo of a {}. | a blurry photo of the {}. | a photo of the {}.
a good photo of the {}. | a rendering of the {}. | a {} in a video game. | a photo of one {}.
a doodle of a {}. | a close-up photo of the {}. | a photo of a {}. | the origami {}.
the {} in a video game. | a sketch of a {}. | a doodle of the {}. | a origami {}.
a low resolution photo of a {}. | the toy {}. | a rendition of the {}.
a photo of the clean {}. | a photo of a large {}. | a rendition of a {}.
a photo of a nice {}. | a photo of a weird {}. | a blurry photo of a {}. | a cartoon {}.
art of a {}. | a sketch of the {}. | a embroidered {}. | a pixelated photo of a {}.
itap of the {}. | a jpeg corrupted photo of the {}. | a good photo of a {}. | a plushie {}.
a photo of the nice {}. | a photo of the small {}. | a photo of the weird {}.
the cartoon {}. | art of the {}. | a drawing of the {}. | a photo of the large {}.
a black and white photo of a {}. | the plushie {}. | a dark photo of a {}. | itap of a {}.
graffiti of the {}. | a toy {}. | itap of my {}. | a photo of a cool {}.
a photo of a small {}. | a tattoo of the {}.
"""


def _listed(lines: str) -> tuple[str, ...]:
    return tuple(text.strip() for line in lines.splitlines() if line for text in line.split("|"))


TEMPLATES: dict[str, tuple[str, ...]] = {
    "plain": ("{}",),
    "photo": ("a photo of a {}.",),
    "imagenet-7": _listed(_SEVEN),
    "imagenet-80": _listed(_EIGHTY),
}
"""The named sets, each prompt with one ``{}`` where the label goes."""
_BEFORE = re.compile(r"\b(?:an?|the)\s+\{\}", re.IGNORECASE)
_LEADING = re.compile(r"\A\s*(?:an?|the)\s+(?=\S)", re.IGNORECASE)


def template_set(templates: str | Sequence[str]) -> tuple[str, ...]:
    """Return the prompts of a named set, or those that are given.

    Raises:
        InvalidText: there is no set of this name.
        TypeError: a template where a list of them is meant.
    """
    if not isinstance(templates, str):
        return tuple(templates)
    if "{}" in templates:
        raise TypeError("templates are lists of texts, or the name of a set, not one text.")
    if templates not in TEMPLATES:
        raise InvalidText(
            f"there are no templates {templates!r}. Take one of {', '.join(TEMPLATES)}, or a list."
        )
    return TEMPLATES[templates]


def filled(template: str, label: str) -> str:
    """Put a label into a template; the label's article goes where the template has one.

    The paper's templates were written for bare nouns, and people write "a person at the door".
    """
    return template.replace("{}", _LEADING.sub("", label) if _BEFORE.search(template) else label)
