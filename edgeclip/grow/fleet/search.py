"""Search: the pictures of all devices of a fleet at once, or of some, nearest first."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from numpy.typing import ArrayLike

from edgeclip.errors import FleetError, SpaceMismatch
from edgeclip.grow.fleet import filters, graph, schema, texts
from edgeclip.grow.fleet.server import Server
from edgeclip.index.items import unit_vector
from edgeclip.index.where import Where

_SPARE = 50
"""Rows that the graph finds beyond those that are wanted; they are ranked again, exactly."""
_LEAST_EFFORT, _MOST_EFFORT = 400, 1000
# Relaxed: a row that the graph finds late is not left out, as it is in strict order.
_GRAPH = """
SET LOCAL hnsw.iterative_scan = 'relaxed_order'; SET LOCAL hnsw.ef_search = {effort};
SET LOCAL hnsw.max_scan_tuples = 100000; SET LOCAL hnsw.scan_mem_multiplier = 8;
SET LOCAL plan_cache_mode = 'force_custom_plan'
"""
_NEAR = """
SELECT device, key, metadata::text, -(vector::vector <#> %(vector)s::vector) AS score
FROM ({rows}) AS near ORDER BY score DESC, device, key LIMIT %(count)s
"""
_ROWS = (
    "SELECT device, key, metadata, vector FROM edgeclip_item WHERE space = %(space)s AND {where}"
)
_BY_GRAPH = " ORDER BY vector::halfvec({dim}) <#> %(vector)s::halfvec({dim}) LIMIT %(many)s"


@dataclass(frozen=True, slots=True)
class FleetMatch:
    """One answer: which picture of which device, and how well it fits."""

    device: str
    key: str
    score: float
    """Cosine, in [-1, 1]."""
    metadata: Mapping[str, Any] | None = None
    """What the device keeps with the picture, if anything."""


@dataclass(frozen=True, slots=True)
class Device:
    """What the server knows of a device."""

    name: str
    space: str
    model: str
    items: int
    """How many pictures of it the server holds."""
    pushed: str | None
    """When it was last pushed to the end, as ISO text with a zone."""


class Known(NamedTuple):
    """What the server knows of a picture."""

    key: str
    metadata: Mapping[str, Any] | None


class Fleet:
    """The devices of a server."""

    def __init__(self, server: Server) -> None:
        self._server = server
        if not schema.check(server):
            raise FleetError(
                f"no device has been pushed to {server.name}. On a board: edgeclip push --to …"
            )

    def devices(self) -> list[Device]:
        """Return all devices, by name."""
        rows = self._server.all(
            "SELECT device, space, model, items, to_json(pushed) #>> '{}' FROM edgeclip_device "
            "ORDER BY device"
        )
        return [
            Device(name, texts.decoded(space), texts.decoded(model), items, pushed)
            for name, space, model, items, pushed in rows
        ]

    def check(self, space: str, devices: Sequence[str] = ()) -> list[Device]:
        """Refuse to search where there is nothing to compare with.

        Returns:
            Those of the devices that are asked whose vectors are of another space: they are left
            out.

        Raises:
            FleetError: there is no such device.
            SpaceMismatch: no device that is asked holds vectors of this space.
        """
        known = self.devices()
        if not known:
            raise FleetError(
                f"{self._server.user} sees no device in {self._server.name}. None has been pushed, "
                "or it needs policies to see them (docs/fleet.md)."
            )
        missing = [name for name in devices if name not in {each.name for each in known}]
        if missing:
            names = ", ".join(each.name for each in known[:10])
            raise FleetError(f"there is no device {missing[0]} in {self._server.name}: {names}.")
        asked = [each for each in known if not devices or each.name in devices]
        others = [each for each in asked if each.space != space]
        if len(others) == len(asked):
            raise SpaceMismatch(
                f"{self._server.name} has no vectors of this model (space {space[:12]}…), but of "
                f"{_models(asked)}. Name that model with --model, and the options that it was "
                "used with."
            )
        return others

    def search(
        self,
        vector: ArrayLike,
        space: str,
        *,
        count: int = 10,
        where: Where | None = None,
        devices: Sequence[str] = (),
        min_score: float = -1.0,
        exact: bool | None = None,
    ) -> list[FleetMatch]:
        """Return the nearest pictures of the fleet, best first.

        Args:
            vector: ``(dim,)`` of unit length.
            space: space id of the vector (`Model.space`); only its rows are compared.
            count: how many, at most.
            where: conditions on metadata and keys; see `edgeclip.index.where`.
            devices: only these; none: all.
            min_score: least cosine.
            exact: compare with every row, or with those that the graph finds; None: exactly where
                the devices hold up to `graph.LARGE` rows, or the graph finds too few.

        Raises:
            InvalidItem: the vector cannot be compared.
            FilterError: the filter makes no sense.
            FleetError: the server was lost, or refuses.
        """
        if operator.index(count) < 1:
            raise ValueError(f"count must be at least 1, not {count}")
        held, values = filters.condition(where)
        if devices:
            held, values["devices"] = f"device = ANY(%(devices)s) AND {held}", list(devices)
        query = unit_vector(vector)
        values["vector"] = "[" + ",".join(map(repr, query.tolist())) + "]"
        values |= {"space": texts.encoded(space), "count": count, "many": count + _SPARE}
        rows = _ROWS.format(where=held)
        found = None
        if not (self._is_small(space, devices) if exact is None else exact):
            found = self._by_graph(rows, values, len(query))
        if found is None or (exact is None and len(found) < count):
            found = self._server.all(_NEAR.format(rows=rows), values)
        matches = (
            FleetMatch(
                device, texts.decoded(key), max(-1.0, min(1.0, score)), texts.metadata(known)
            )
            for device, key, known, score in found
        )
        return [match for match in matches if match.score >= min_score]

    def known(self, space: str, devices: Sequence[str] = ()) -> list[Known]:
        """Return keys and metadata of all pictures that a search compares; nothing of very many."""
        if not self._is_small(space, devices):
            return []
        sql = "SELECT key, metadata::text FROM edgeclip_item WHERE space = %s"
        values: list[Any] = [texts.encoded(space)]
        if devices:
            sql, values = f"{sql} AND device = ANY(%s)", [*values, list(devices)]
        rows = self._server.all(sql, values)
        return [Known(texts.decoded(key), texts.metadata(known)) for key, known in rows]

    def missing_graph(self, space: str, dim: int, devices: Sequence[str] = ()) -> str | None:
        """Return the statements that would make searches faster; None where they are not due.

        A push as the owner of the table does it; boards that may do less do not.
        """
        if self._is_small(space, devices):
            return None
        return graph.missing(self._server, space, dim)

    def _by_graph(self, rows: str, values: dict[str, Any], dim: int) -> list[tuple[Any, ...]]:
        effort = min(_MOST_EFFORT, max(_LEAST_EFFORT, 2 * values["many"]))
        near = rows + _BY_GRAPH.format(dim=dim)
        with self._server.transaction():
            self._server.all(_GRAPH.format(effort=effort))
            return self._server.all(_NEAR.format(rows=near), values)

    def _is_small(self, space: str, devices: Sequence[str]) -> bool:
        sql = "SELECT coalesce(sum(items), 0) <= %s FROM edgeclip_device WHERE space = %s"
        values: list[Any] = [graph.LARGE, texts.encoded(space)]
        if devices:
            sql, values = f"{sql} AND device = ANY(%s)", [*values, list(devices)]
        return bool(self._server.all(sql, values)[0][0])


def _models(devices: Sequence[Device]) -> str:
    counts: dict[tuple[str, str], int] = {}
    for each in devices:
        counts[each.model, each.space] = counts.get((each.model, each.space), 0) + 1
    return "; ".join(
        f"{model or 'an unnamed model'} (space {space[:12]}…, {number} device"
        f"{'' if number == 1 else 's'})"
        for (model, space), number in counts.items()
    )
