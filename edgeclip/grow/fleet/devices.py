"""Devices: how far each has come, in one row of the server for each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from edgeclip.grow.fleet import texts
from edgeclip.grow.fleet.server import Server

_FIELDS = "index_id, generation, space, last_id, seq, writer, items"
_READ = f"SELECT {_FIELDS} FROM edgeclip_device WHERE device = %s"
_REGISTER = f"""
INSERT INTO edgeclip_device (device, model, {_FIELDS})
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT DO NOTHING
"""
_MOVE = f"""
UPDATE edgeclip_device SET ({_FIELDS}) = (%s, %s, %s, %s, %s, %s, %s)
WHERE device = %s AND index_id = %s AND last_id = %s AND seq = %s
"""
_FINISH = "UPDATE edgeclip_device SET pushed = now(), model = %s, dim = %s WHERE device = %s"


@dataclass(frozen=True, slots=True)
class Position:
    """How far a device has come on the server."""

    index_id: str
    generation: int
    space: str
    last_id: int
    """Up to here all ids were sent."""
    seq: int
    """Up to here all changes to older items were sent."""
    writer: str
    """`Outbox.writer` when the index had come so far."""
    items: int
    """How many rows of the device the server holds."""


def read(server: Server, device: str) -> Position | None:
    """Return the position of a device, or None for one that the server does not know."""
    found = server.all(_READ, (device,))
    return Position(*found[0]) if found else None


def held(server: Server, device: str) -> int:
    """Return how many rows of a device the server holds, counted one by one."""
    sql = "SELECT count(*) FROM edgeclip_item WHERE device = %s"
    return int(server.all(sql, (device,))[0][0])


def register(server: Server, device: str, model: str, position: Position) -> bool:
    """Make a device known; tell whether it was not."""
    return server.change(_REGISTER, (device, texts.encoded(model), *_values(position))) == 1


def move(server: Server, device: str, before: Position, after: Position) -> bool:
    """Bring a device from one position to another; tell whether it was there."""
    was = (device, before.index_id, before.last_id, before.seq)
    return server.change(_MOVE, (*_values(after), *was)) == 1


def finish(server: Server, device: str, model: str, dim: int | None) -> None:
    """Note that all of an index has arrived."""
    server.change(_FINISH, (texts.encoded(model), dim, device))


def _values(position: Position) -> Iterator[object]:
    yield from (position.index_id, position.generation, texts.encoded(position.space))
    yield from (position.last_id, position.seq, position.writer, position.items)
