"""What the coach answers: the limits of CLIP that a query runs into."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from edgeclip.advice.kinds import KINDS


@dataclass(frozen=True, slots=True)
class Found:
    """What a rule found in a query."""

    words: tuple[str, ...]
    """The words that led to it, as they were typed."""
    rewrite: str | None = None
    """The query as CLIP can hold it, in the query grammar; None where there is no such query."""
    changed: str | None = None
    """The query with another meaning of just this kind; None where there is no such text."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a model makes of the words that it is said not to understand."""

    changed: str
    """The query with another meaning: sides swapped, another number, the negation dropped."""
    cosine: float
    """Between the query and ``changed``."""
    reworded: float
    """Between the query and "a photo of" it, which means the same."""
    unrelated: float
    """The highest cosine among texts that have nothing to do with each other."""

    @property
    def told_apart(self) -> bool:
        """Whether the model keeps the two meanings as far apart as unrelated texts."""
        return self.cosine <= self.unrelated

    def record(self) -> dict[str, Any]:
        """Return it for programs."""
        return asdict(self) | {"told_apart": self.told_apart}


@dataclass(frozen=True, slots=True)
class Limit:
    """One thing that a query asks for and CLIP cannot do."""

    kind: str
    """One of `edgeclip.advice.kinds.KINDS`."""
    words: tuple[str, ...]
    """The words of the query that led to it, as they were typed."""
    why: str
    """One sentence."""
    rewrite: str | None
    """The query as CLIP can hold it, in the query grammar; None where there is no such query."""
    instead: tuple[str, ...]
    """Models and means that can do it."""
    sources: tuple[str, ...]
    """Papers and pages that say so."""
    evidence: Evidence | None = None
    """What the model says itself, when one was asked."""

    def record(self) -> dict[str, Any]:
        """Return it for programs."""
        seen = None if self.evidence is None else self.evidence.record()
        return asdict(self) | {"title": KINDS[self.kind].title, "evidence": seen}


@dataclass(frozen=True, slots=True)
class Advice:
    """What there is to say about a query."""

    query: str
    """The query as it was given."""
    limits: tuple[Limit, ...]
    """In the order of `edgeclip.advice.kinds.KINDS`; none: the query is suitable."""
    rewrite: str | None = None
    """The query with all of the rewrites made."""

    @property
    def suitable(self) -> bool:
        """Whether CLIP can hold the whole query."""
        return not self.limits

    def record(self) -> dict[str, Any]:
        """Return it for programs; ``checks`` has every kind."""
        kinds = {limit.kind for limit in self.limits}
        return {
            "query": self.query,
            "suitable": self.suitable,
            "limits": [limit.record() for limit in self.limits],
            "rewrite": self.rewrite,
            "checks": {kind: "limit" if kind in kinds else "ok" for kind in KINDS},
        }
