"""Return layers to fp32, worst first, until a variant agrees with the reference form."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from edgeclip.model.towers import Agreement

HARM_SECONDS = 180.0
"""What measuring the layers one by one may take; on a slow board several are measured at once."""

_FINE = 32
"""The search ends at this share of the layers: each step takes minutes on a slow board."""

Part = TypeVar("Part")
Tell = Callable[[str], None]


@dataclass(frozen=True)
class Trial:
    """A variant that was made and measured."""

    data: bytes
    agreement: Agreement
    holds: bool
    """Whether the agreement is near enough."""
    returned: int = 0
    """Layers that went back to fp32."""


def settle(
    parts: Sequence[Part],
    attempt: Callable[[Sequence[Part]], Trial],
    harm: Callable[[Sequence[Part]], float],
    tell: Tell,
) -> list[Trial]:
    """Find the variants with the fewest layers in fp32 that agree with the reference form.

    Each layer's harm is what it costs when it alone is quantised.  Layers go back in two orders:
    the worst first wherever they stand, and so that the others are one stretch of the graph, with
    the least harm of all stretches of that length.  The second keeps more layers in fp32 and has
    no change between int8 and fp32 inside, which on some graphs costs more than int8 wins.

    Args:
        parts: the layers, in the graph's order.
        attempt: makes and measures the variant with these layers quantised.
        harm: of some layers together.
        tell: is told what is done.

    Returns:
        One variant for each order that reached the agreement, else the one with all layers
        quantised, whose ``holds`` is False.
    """
    first = attempt(parts)
    if first.holds or len(parts) < 2:
        return [first]
    tell(f"measuring {len(parts)} layers one by one")
    harms = harms_of(parts, harm)

    def tried(kept: Sequence[int]) -> Trial:
        tell(f"trying with {len(parts) - len(kept)} of {len(parts)} layers in fp32")
        trial = attempt([parts[place] for place in kept])
        return replace(trial, returned=len(parts) - len(kept))

    found = [_most(len(parts), order(harms), tried) for order in (_scattered, _stretch)]
    return [trial for trial in found if trial is not None] or [first]


def _most(
    count: int, chosen: Callable[[int], list[int]], tried: Callable[[Sequence[int]], Trial]
) -> Trial | None:
    """Halve the number of quantised layers until one more would be too many."""
    low, high, best = 0, count, None
    while high - low > max(1, count // _FINE):
        middle = (low + high) // 2
        trial = tried(chosen(middle))
        if trial.holds:
            low, best = middle, trial
        else:
            high = middle
    return best


def _scattered(harms: Sequence[float]) -> Callable[[int], list[int]]:
    order = sorted(range(len(harms)), key=lambda place: harms[place])
    return lambda count: sorted(order[:count])


def _stretch(harms: Sequence[float]) -> Callable[[int], list[int]]:
    def chosen(count: int) -> list[int]:
        starts = range(len(harms) - count + 1)
        start = min(starts, key=lambda at: sum(harms[at : at + count]))
        return list(range(start, start + count))

    return chosen


def harms_of(
    parts: Sequence[Part],
    harm: Callable[[Sequence[Part]], float],
    *,
    budget_s: float = HARM_SECONDS,
) -> list[float]:
    """Measure what each layer costs alone.

    Args:
        parts: the layers.
        harm: of some layers together.
        budget_s: when one by one would take longer, neighbours are measured together and share
            what is found.
    """
    started = time.monotonic()
    harm(parts[:1])
    size = max(1, round(len(parts) * (time.monotonic() - started) / budget_s))
    groups = [parts[at : at + size] for at in range(0, len(parts), size)]
    return [found / len(group) for group in groups for found in [harm(group)] for _ in group]
