"""Limits: what a request may cost, before anything is done for it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypedDict

JSON_BYTES = 4_000_000
"""Of a body of JSON; a picture within it is a third larger than by itself."""


CONDITIONS, VALUES = 100, 1000
"""Of a filter: conditions, and what a field may be one of, in all: each item is compared."""
PROMPTS = 256
"""Labels and negatives times templates of one classification: each is embedded."""


class FormLimits(TypedDict):
    """Of a form, as the framework calls them."""

    max_files: int
    max_fields: int
    max_part_size: int


FORM = FormLimits(max_files=64, max_fields=256, max_part_size=131_072)
"""Files and other fields of a form, and the bytes of one of the latter."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What strangers may ask of a small board."""

    body_bytes: int = 32_000_000
    """Of a whole request; a picture of 24 megapixels is a third of that."""
    bodies_bytes: int = 128_000_000
    """Of the bodies of all requests in progress; the next one is sent away."""
    head_bytes: int = 16_384
    """Of request line and headers together."""
    headers: int = 100
    connections: int = 512
    """Open at once; the next one is sent away."""
    head_s: float = 10.0
    """Until the headers of a request have come."""
    body_s: float = 20.0
    """Until all of a body has come."""
    answer_s: float = 60.0
    """Until a request has its whole answer; events go on for ever."""
    stalled_s: float = 10.0
    """Until a client takes what was sent to it."""
    idle_s: float = 30.0
    """Between an answer and the next request of a connection."""
    waiting: int = 64
    """Pictures or texts that wait for the model; further ones are sent away."""

    def within(self, seconds: float) -> Limits:
        """Return the same with another time until a request must have its answer."""
        parts = ("head_s", "body_s", "answer_s", "stalled_s", "idle_s")
        shorter = {part: min(getattr(self, part), seconds) for part in parts}
        return replace(self, **shorter | {"answer_s": seconds})
