"""One rule for each kind: the words of a query → what was found, or None."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from edgeclip.advice.limits import Found
from edgeclip.advice.query import Query
from edgeclip.advice.rules import (
    binding,
    comparison,
    counting,
    identity,
    language,
    negation,
    reading,
    spatial,
    vague,
)

Rule = Callable[[Query], Found | None]

RULES: Mapping[str, Rule] = {
    "counting": counting.find,
    "spatial": spatial.find,
    "binding": binding.find,
    "identity": identity.find,
    "negation": negation.find,
    "reading": reading.find,
    "comparison": comparison.find,
    "language": language.find,
    "vague": vague.find,
}
"""All but ``length``, which may ask a model."""
