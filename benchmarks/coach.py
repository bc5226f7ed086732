"""How often the coach is right: precision and recall on labelled queries, and its time.

``python -m benchmarks.coach`` writes ``benchmarks/coach.md``; ``queries/labels.md`` says how the
queries were labelled.  The rules saw ``develop.tsv`` alone; ``held.tsv`` only reports.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks import measure
from edgeclip.advice.coach import coach
from edgeclip.advice.kinds import KINDS

FOLDER = Path(__file__).parent / "queries"
REPORT = Path(__file__).parent / "coach.md"
OPEN = ("identity", "language")
"""Open vocabularies: reported without a target."""
PARTS = {
    "held": "Held half: only reports",
    "develop": "The other half, which the rules saw",
    "more": "Further queries, which the rules saw too",
}
PRECISION, RECALL, FALSE_ALARMS = 0.95, 0.85, 0.02


@dataclass(frozen=True, slots=True)
class Labelled:
    """One query of the list."""

    query: str
    kinds: frozenset[str]
    """Empty: suitable."""


@dataclass(frozen=True, slots=True)
class Tally:
    """How a kind was judged."""

    right: int
    false: int
    missed: int

    @property
    def precision(self) -> float:
        """Share of what was said that is right."""
        return self.right / max(1, self.right + self.false)

    @property
    def recall(self) -> float:
        """Share of what is there that was said."""
        return self.right / max(1, self.right + self.missed)


def labelled(half: str) -> list[Labelled]:
    """Read one of `PARTS`."""
    lines = (FOLDER / f"{half}.tsv").read_text("utf-8").splitlines()
    pairs = (line.split("\t") for line in lines)
    return [Labelled(q, frozenset(kinds.split(",")) - {"suitable"}) for q, kinds in pairs]


def said(query: str) -> frozenset[str]:
    """Return the kinds that the coach finds."""
    return frozenset(limit.kind for limit in coach(query, pictures=False).limits)


def tallies(half: Iterable[Labelled]) -> tuple[dict[str, Tally], Tally]:
    """Judge a half.

    Returns:
        A tally for each kind; and one of the suitable queries: ``right`` are those left in peace,
        ``false`` those with an alarm.
    """
    answers = [(each, said(each.query)) for each in half]
    found = {
        kind: Tally(
            sum(kind in each.kinds and kind in got for each, got in answers),
            sum(kind not in each.kinds and kind in got for each, got in answers),
            sum(kind in each.kinds and kind not in got for each, got in answers),
        )
        for kind in KINDS
    }
    peace = [not got for each, got in answers if not each.kinds]
    return found, Tally(sum(peace), len(peace) - sum(peace), 0)


def rows() -> list[measure.Row]:
    """Time the rules: the slowest tenth counts, as a person who types would notice it."""
    queries = [each.query for each in labelled("develop")]
    for query in queries[:50]:
        coach(query, pictures=False)  # lists and patterns are made on first use
    seconds = []
    for query in queries:
        started = time.perf_counter()
        coach(query, pictures=False)
        seconds.append(time.perf_counter() - started)
    seconds.sort()
    median, slow = seconds[len(seconds) // 2], seconds[int(0.99 * len(seconds))]
    detail = f"median {1000 * median:.2f} ms, 99 % below {1000 * slow:.2f} ms"
    return [
        measure.Row(
            "coach: ms a query without a model, 99th percentile", 1000 * slow, "<= 5", detail
        )
    ]


def report() -> str:
    """Return ``coach.md``; nothing in it depends on the machine."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield "# The coach, measured"
    yield ""
    yield (
        "Written by `python -m benchmarks.coach`. The queries were written and labelled by others "
        "than the author of the rules, split before a rule was written, and the held half was "
        "never read: see [queries/labels.md](queries/labels.md). Brackets: 95 % intervals (Wilson)."
    )
    for half, title in PARTS.items():
        queries = labelled(half)
        yield from ("", f"## {title}", "")
        yield from table(queries)


def table(queries: list[Labelled]) -> Iterator[str]:
    """Yield the lines of one part's table."""
    found, peace = tallies(queries)
    yield "| kind | queries | precision | recall | false | missed | target met |"
    yield "|---|---|---|---|---|---|---|"
    for kind, tally in found.items():
        yield _row(KINDS[kind].title, tally, kind not in OPEN)
    closed = [found[kind] for kind in KINDS if kind not in OPEN]
    yield _row("all with a target", _sum(closed), True)
    yield _row("all", _sum(found.values()), False)
    share = peace.false / max(1, peace.right + peace.false)
    met = "yes" if share <= FALSE_ALARMS else "**no**"
    yield ""
    yield (
        f"False alarms: {peace.false} of {peace.right + peace.false} suitable queries, "
        f"{100 * share:.1f} % {_interval(peace.false, peace.right + peace.false, 100)} "
        f"(target ≤ {100 * FALSE_ALARMS:.0f} %: {met}). All queries: {len(queries)}."
    )


def _row(title: str, tally: Tally, target: bool) -> str:
    met = tally.precision >= PRECISION and tally.recall >= RECALL
    said_, there = tally.right + tally.false, tally.right + tally.missed
    return (
        f"| {title} | {there} | {tally.precision:.3f} {_interval(tally.right, said_)} "
        f"| {tally.recall:.3f} {_interval(tally.right, there)} | {tally.false} | {tally.missed} "
        f"| {('yes' if met else '**no**') if target else '–'} |"
    )


def _sum(found: Iterable[Tally]) -> Tally:
    each = list(found)
    return Tally(
        sum(t.right for t in each), sum(t.false for t in each), sum(t.missed for t in each)
    )


def _interval(hits: int, of: int, scale: int = 1) -> str:
    """Return Wilson's 95 % interval of a share."""
    if of == 0:
        return ""
    z, p = 1.96, hits / of
    middle, spread = p + z * z / (2 * of), z * math.sqrt(p * (1 - p) / of + z * z / (4 * of * of))
    low, high = ((middle + sign * spread) / (1 + z * z / of) * scale for sign in (-1, 1))
    return f"({low:.1f}–{high:.1f})" if scale > 1 else f"({low:.2f}–{high:.2f})"


if __name__ == "__main__":
    REPORT.write_text(report(), "utf-8")
    print(report())
