"""How the families of CLIP models prepare pictures and texts, for graphs that were made elsewhere.

A graph does not say what it was trained on, so the person who adopts it has to.  Sources: the
preprocessor configurations of OpenAI's CLIP, OpenCLIP, SigLIP and TinyCLIP, and Apple's
``mobileclip/__init__.py``.
"""

from __future__ import annotations

from dataclasses import dataclass

CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)
_ZERO, _ONE, _HALF = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), (0.5, 0.5, 0.5)
CLIP_CLEANING = ("ftfy", "html", "html", "whitespace", "lower")
_SIGLIP_CLEANING = ("punctuation", "lower", "whitespace")


@dataclass(frozen=True, slots=True)
class Preset:
    """What a family's graphs eat."""

    filter: str
    resize: str
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    cleaning: tuple[str, ...]
    pad_id: int
    """Padding id; open_clip's tokenizer pads with 0, transformers' CLIP tokenizer with 49407."""
    logit_scale: float
    context_length: int = 77
    """Tokens, where the text graph leaves them open."""
    templates: tuple[str, ...] = ("a photo of a {}.",)


PRESETS: dict[str, Preset] = {
    # Pixels in [0, 1]: what Apple's pipeline gives and published conversions expect.
    "mobileclip": Preset("bilinear", "shortest", _ZERO, _ONE, CLIP_CLEANING, 0, 100.0),
    # This project's own contract: CLIP statistics outside, the inverse inside the graph.
    "edgeclip": Preset("bilinear", "shortest", CLIP_MEAN, CLIP_STD, CLIP_CLEANING, 0, 100.0),
    "openclip": Preset("bicubic", "shortest", CLIP_MEAN, CLIP_STD, CLIP_CLEANING, 0, 100.0),
    "clip": Preset("bicubic", "shortest", CLIP_MEAN, CLIP_STD, CLIP_CLEANING, 49407, 100.0),
    "siglip": Preset("bicubic", "squash", _HALF, _HALF, _SIGLIP_CLEANING, 1, 117.3, 64),
}
