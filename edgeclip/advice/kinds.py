"""The kinds of limits, and what people are told about each: one table, words only."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kind:
    """One thing that CLIP models are known to get wrong."""

    title: str
    """As a heading."""
    why: str
    """One sentence for a user."""
    instead: tuple[str, ...]
    """The kinds of models and means to use, best known first."""
    sources: tuple[str, ...]
    """Where it was measured or described."""


KINDS: dict[str, Kind] = {
    "counting": Kind(
        "counting",
        "CLIP knows what is there, hardly ever how many of it.",
        ("an object detector whose boxes are counted: DETR, Faster R-CNN, YOLO",),
        (
            "Paiss et al. 2023, Teaching CLIP to Count to Ten, https://arxiv.org/abs/2302.12066",
            "Carion et al. 2020, DETR, https://arxiv.org/abs/2005.12872",
        ),
    ),
    "spatial": Kind(
        "spatial relation",
        "CLIP knows which things are there, not where they are to each other.",
        (
            "an object detector whose boxes are compared: DETR, YOLO",
            "a model trained on the relations of GQA or Visual Genome",
        ),
        (
            "Kamath et al. 2023, What's 'up' with vision-language models?, "
            "https://arxiv.org/abs/2310.19785",
            "Liu et al. 2023, Visual Spatial Reasoning, https://arxiv.org/abs/2205.00363",
        ),
    ),
    "binding": Kind(
        "attribute binding",
        "CLIP hears the attributes and the things, but not which belongs to which.",
        (
            "a model fine-tuned for composition: PC-CLIP",
            "dense cosine similarity maps: each thing with its attribute, patch by patch",
            "an object detector, then CLIP on each box",
        ),
        (
            "Yuksekgonul et al. 2023, When and why vision-language models behave like "
            "bags-of-words, https://arxiv.org/abs/2210.01936",
            "Sam et al. 2024, Finetuning CLIP to Reason about Pairwise Differences (PC-CLIP), "
            "https://arxiv.org/abs/2409.09721",
            "Kang et al. 2025, Is CLIP ideal? (dense cosine similarity maps), "
            "https://arxiv.org/abs/2503.08723",
        ),
    ),
    "identity": Kind(
        "fine-grained identity",
        "CLIP knows everyday types, not one person, one animal, one model year or a rare species.",
        (
            "faces: ArcFace or CosFace",
            "fine-grained likeness, from example pictures: DINOv2",
            "a classifier trained on that family of things",
        ),
        (
            "Radford et al. 2021, CLIP, section 6, https://arxiv.org/abs/2103.00020",
            "Deng et al. 2019, ArcFace, https://arxiv.org/abs/1801.07698",
            "Oquab et al. 2023, DINOv2, https://arxiv.org/abs/2304.07193",
        ),
    ),
    "negation": Kind(
        "negation",
        "CLIP mostly overhears a negation, and finds just what should be left out.",
        (
            "subtract the concept in the query: street - cars",
            "negative prompts in a classifier: --negative",
        ),
        (
            "Alhamoud et al. 2025, Vision-Language Models Do Not Understand Negation, "
            "https://arxiv.org/abs/2501.09425",
            "Singh et al. 2024, Learn 'No' to Say 'Yes' Better, https://arxiv.org/abs/2403.20312",
        ),
    ),
    "reading": Kind(
        "reading text",
        "CLIP reads a few large words at best, and no numbers, plates or lines of text.",
        ("a text recogniser (OCR): Tesseract, PaddleOCR, TrOCR",),
        (
            "Radford et al. 2021, CLIP (handwritten digits, street numbers), "
            "https://arxiv.org/abs/2103.00020",
        ),
    ),
    "comparison": Kind(
        "comparison",
        "CLIP looks at one picture at a time, and knows no more, less, most or same.",
        (
            "an object detector whose boxes are measured: DETR, YOLO",
            "the pictures' own metadata, for times and places",
            "similarity of two pictures: edgeclip similar, or DINOv2",
        ),
        (
            "Thrush et al. 2022, Winoground, https://arxiv.org/abs/2204.03162",
            "Sam et al. 2024, Finetuning CLIP to Reason about Pairwise Differences (PC-CLIP), "
            "https://arxiv.org/abs/2409.09721",
        ),
    ),
    "length": Kind(
        "too long",
        "CLIP reads 77 tokens, two of them marks; what comes after is never seen.",
        ("several short queries, or a weighted sum of them", "Long-CLIP, which reads 248 tokens"),
        (
            "Radford et al. 2021, CLIP, section 2.4, https://arxiv.org/abs/2103.00020",
            "Zhang et al. 2024, Long-CLIP, https://arxiv.org/abs/2403.15378",
        ),
    ),
    "language": Kind(
        "not English",
        "CLIP was trained on English captions; other languages are mostly noise to it.",
        (
            "the query in English",
            "a multilingual model: M-CLIP, SigLIP 2, OpenCLIP with XLM-RoBERTa",
        ),
        ("Carlsson et al. 2022, M-CLIP, https://aclanthology.org/2022.lrec-1.739",),
    ),
    "vague": Kind(
        "too vague",
        "Nothing that can be seen is named, so no picture fits better than another.",
        (
            "name a thing, a scene or an action",
            "the pictures' own metadata, for times, places and favourites",
        ),
        (
            "Radford et al. 2021, CLIP (a text is matched with what a picture shows), "
            "https://arxiv.org/abs/2103.00020",
        ),
    ),
}
