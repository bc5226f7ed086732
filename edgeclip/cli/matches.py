"""Matches as rows of a table, with times where a camera has told some."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from edgeclip.cli import filters

if TYPE_CHECKING:
    from edgeclip.grow.fleet.search import FleetMatch
    from edgeclip.vectors import Match

Table = tuple[tuple[str, ...], list[tuple[str, ...]]]


def table(matches: Sequence[Match]) -> Table:
    """Return header and rows; with the times, where a camera has told some."""
    rows = [(f"{match.score:.3f}", _time_of(match.metadata), match.key) for match in matches]
    return _without_times(("  score", "time", "picture"), rows)


def fleet_table(matches: Sequence[FleetMatch]) -> Table:
    """Return header and rows with the devices."""
    rows = [
        (f"{match.score:.3f}", _time_of(match.metadata), match.device, match.key)
        for match in matches
    ]
    return _without_times(("  score", "time", "device", "picture"), rows)


def _without_times(header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> Table:
    if any(row[1] for row in rows):
        return header, [*rows]
    return header[:1] + header[2:], [row[:1] + row[2:] for row in rows]


def _time_of(metadata: Mapping[str, Any] | None) -> str:
    """Return when a picture was taken, in local time; that of its file says little."""
    from edgeclip.index.where import moment

    known = metadata or {}
    taken = None if known.get("time_source") == "file" else moment(known.get(filters.TIME))
    return "" if taken is None else f"{taken:%Y-%m-%d %H:%M:%S}"
