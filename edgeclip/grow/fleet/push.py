"""Push: what is new, changed and gone in a board's index → the server, each thing exactly once.

What has been sent is remembered on the server, in the transaction that brought it: there is nothing
on the board that could be lost or be behind, and a connection may break at any moment.  The place
is two numbers, as in `edgeclip.index.outbox`: the highest id that was sent, and the number of the
last change to an older item.

Rows are sent by id, in pieces.  A piece covers all ids from the one before to its last: what the
server holds there, and the index does not, goes.  So where the log of changes is forgotten, or the
index is another one, the push begins with id 0 and comes to the same; the marks of what is there
already tell what need not be sent again.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from pathlib import Path

from edgeclip.errors import EdgeclipError, FleetError
from edgeclip.grow.fleet import devices, packing, schema
from edgeclip.grow.fleet.devices import Position
from edgeclip.grow.fleet.pieces import Ahead, Piece
from edgeclip.grow.fleet.server import Server
from edgeclip.index import outbox
from edgeclip.index.identity import Identity
from edgeclip.index.outbox import Outbox
from edgeclip.index.rows import Row

_LONGEST_NAME = 255
_PIECE_S = 1.0
_STAGE = "CREATE TEMP TABLE edgeclip_staged (LIKE edgeclip_item) ON COMMIT DELETE ROWS"

Progress = Callable[[int, int], None]
Covered = tuple[str, tuple[object, ...]]
"""A condition on ids, and its values."""


@dataclass(frozen=True, slots=True)
class Pushed:
    """What a push came to."""

    device: str
    space: str
    sent: int = 0
    """Rows that were new, or differed."""
    unchanged: int = 0
    """Rows that were compared, and were there already."""
    removed: int = 0
    """Rows of the server that the index has no more."""
    items: int = 0
    """Rows of this device on the server, after it."""
    dim: int | None = None
    """Of the vectors; None where there are none."""
    anew: bool = False
    """Whether everything was compared, as it was not known what is new."""


def push(
    folder: Path,
    server: Server,
    device: str,
    *,
    replaces: bool = False,
    compare: bool = False,
    progress: Progress = lambda done, total: None,
) -> Pushed:
    """Send what is new, changed and gone in an index since the last push.

    Args:
        folder: of the index; another process may write to it meanwhile.
        server: where to; the tables are made where they are missing.
        device: its name there, 1 to 255 bytes.
        replaces: whether this index may take the place of another one with this name.
        compare: compare everything, also what was sent before.
        progress: called after each piece of what is new, with how many ids it covered, and with
            how many there were to cover in all.

    Raises:
        StoreError: the index cannot be read.
        EdgeclipError: the name cannot be one.
        FleetError: the server was lost, or refuses; what had arrived stays, and the next push goes
            on from there.  Also: another index has this name, or another push of it runs.
    """
    check_name(device)
    with Outbox.open(folder) as source:
        schema.make(server)
        if not server.hold(f"edgeclip push {device}"):
            raise _running(server, device)
        pushing = _Pushing(server, source, device, progress)
        pushing.begin(replaces, compare)
        return pushing.run()


def check_name(device: str) -> None:
    """Refuse what is no name of a device.

    Raises:
        EdgeclipError: it is empty, too long, or cannot be printed.
    """
    if not device.isprintable() or not 0 < len(device.encode()) <= _LONGEST_NAME:
        raise EdgeclipError(
            f"{device[:40]!r} is no name of a device. Give 1 to {_LONGEST_NAME} bytes that can be "
            "printed."
        )


class _Pushing:
    """A push in progress."""

    def __init__(self, server: Server, source: Outbox, device: str, progress: Progress) -> None:
        self._server, self._outbox, self._device = server, source, device
        self._progress = progress
        self._identity: Identity = source.identity()
        self._done = Pushed(device, self._identity.space)
        # Under row level security, COPY reaches a table of one's own only.
        secured = "SELECT row_security_active('edgeclip_item')"
        self._staged = bool(server.all(secured)[0][0])
        if self._staged:
            server.all(_STAGE)
        self._empty = False
        self._ahead: Ahead
        self._position: Position

    def begin(self, replaces: bool, compare: bool) -> None:
        """Find out where to begin."""
        known, position = self._identity, devices.read(self._server, self._device)
        if position is None:
            self._position = self._start()
            if not devices.register(self._server, self._device, known.model, self._position):
                raise _running(self._server, self._device)
        elif position.index_id != known.uuid and not replaces:
            raise FleetError(
                f"{self._device} is another index's name in {self._server.name}. Give this one "
                "another with --device, or --replace where it takes that one's place."
            )
        else:
            self._position = position
            same = (position.index_id, position.generation) == (known.uuid, known.generation)
            point = position.last_id, position.seq
            if compare or not (same and self._outbox.leads_from(point, position.writer)):
                self._begin_anew()
        sql = "SELECT NOT EXISTS (SELECT FROM edgeclip_item WHERE device = %s)"
        self._empty = bool(self._server.all(sql, (self._device,))[0][0])

    def run(self) -> Pushed:
        """Send everything, and return what it came to."""
        self._send_new()
        while not self._send_changes():  # somebody has just compacted the index
            self._begin_anew()
            self._send_new()
        last_id, seq = self._position.last_id, self._position.seq
        self._send(Piece.of(self._outbox, []), ("id > %s", (last_id,)), last_id, seq)
        dim = self._outbox.identity().dim
        devices.finish(self._server, self._device, self._identity.model, dim)
        return replace(self._done, items=self._position.items, dim=dim)

    def _start(self) -> Position:
        """Return the position of which nothing has been sent."""
        _, seq = self._outbox.state()
        writer, held = self._outbox.writer(), devices.held(self._server, self._device)
        known = self._identity
        return Position(known.uuid, known.generation, known.space, 0, seq, writer, held)

    def _begin_anew(self) -> None:
        """Compare everything: what is new is not known."""
        start = self._start()
        self._move(self._position, start)
        self._position = start
        self._done = replace(self._done, anew=True)

    def _send_new(self) -> None:
        total = self._outbox.state()[0] - self._position.last_id
        self._ahead = Ahead(self._outbox, self._position.last_id)
        for piece in self._ahead:
            first, last = self._position.last_id, piece.rows[-1].id
            self._send(piece, ("id > %s AND id <= %s", (first, last)), last, self._position.seq)
            self._progress(last - first, total)
        self._empty = False  # what changes now may be what has just been sent

    def _send_changes(self) -> bool:
        """Send what has changed of older items; tell whether all that has was still known."""
        _, until = self._outbox.state()  # of an index that always changes: not for ever
        while self._position.seq < until:
            changes = self._outbox.changes(self._position.seq)
            if not changes:
                return False
            # A younger item is no older one: its row is read the next time.
            last_id = self._position.last_id
            ids = list({number for _, number in changes if number <= last_id})
            piece = Piece.of(self._outbox, self._outbox.rows(ids))
            self._send(piece, ("id = ANY(%s)", (ids,)), last_id, changes[-1][0])
        return True

    def _send(self, piece: Piece, covered: Covered, last_id: int, seq: int) -> None:
        """Make what the server holds of some ids equal to the index, in one transaction.

        Args:
            piece: all that the index holds of them.
            covered: the ids.
            last_id: the id that the device has come to with it,
            seq: and the change.
        """
        started = time.monotonic()
        with self._server.transaction():
            held = self._held(piece)
            due = [row for row in piece.rows if held.get(row.id) != piece.marks[row.id]]
            fewer = self._delete(covered, piece.marks.keys(), due)
            freed = self._free_keys(due, piece.seq)
            if due:
                self._copy(due, piece.marks)
            items = self._position.items + len(due) - fewer - freed
            come = replace(
                self._position, last_id=last_id, seq=seq, writer=piece.writer, items=items
            )
            self._move(self._position, come)
        self._position = come
        self._adapt(time.monotonic() - started)
        again = sum(row.id in held for row in due)
        self._done = replace(
            self._done,
            sent=self._done.sent + len(due),
            unchanged=self._done.unchanged + len(piece.rows) - len(due),
            removed=self._done.removed + fewer - again,
        )

    def _adapt(self, seconds: float) -> None:
        """Send more at once over a fast line, and less over one that may not last so long."""
        rows = int(self._outbox.rows_a_piece * min(4.0, max(0.5, _PIECE_S / seconds)))
        self._outbox.rows_a_piece = min(outbox.MOST_ROWS, max(outbox.LEAST_ROWS, rows))

    def _held(self, piece: Piece) -> dict[int, int]:
        """Return id → mark of what the server holds of these ids."""
        if self._empty or not piece.rows:
            return {}
        sql = "SELECT id, mark FROM edgeclip_item WHERE device = %s AND id = ANY(%s)"
        return dict(self._server.all(sql, (self._device, list(piece.marks))))

    def _delete(self, covered: Covered, ids: Set[int], due: Sequence[Row]) -> int:
        """Delete what the server holds of some ids, but not what stays; return how much it was."""
        if self._empty:
            return 0
        keep = ids - {row.id for row in due}
        which, values = covered
        sql = f"DELETE FROM edgeclip_item WHERE device = %s AND {which} AND id <> ALL(%s)"
        return self._server.change(sql, (self._device, *values, list(keep)))

    def _free_keys(self, rows: Sequence[Row], seq: int) -> int:
        """Delete rows with the keys of others that are about to come; return how many there were.

        A changed vector has a new id, and comes before its old one is known to have gone.
        """
        if self._empty and seq == self._position.seq:
            return 0  # no key has had two ids since then
        self._empty = False
        keys = [hashlib.sha256(packing.key_of(row.key)).digest() for row in rows]
        sql = f"DELETE FROM edgeclip_item WHERE device = %s AND {schema.DIGEST} = ANY(%s)"
        return self._server.change(sql, (self._device, keys)) if keys else 0

    def _copy(self, rows: Sequence[Row], marks: Mapping[int, int]) -> None:
        blocks = packing.blocks(self._device, self._identity.space, rows, marks)
        into = "pg_temp.edgeclip_staged" if self._staged else "edgeclip_item"
        sql = f"COPY {into} ({packing.COLUMNS}) FROM STDIN (FORMAT binary)"
        self._server.copy(sql, blocks, self._ahead.fetch)
        if self._staged:
            self._server.change(f"INSERT INTO edgeclip_item SELECT * FROM {into}")

    def _move(self, before: Position, after: Position) -> None:
        """Note how far the device has come, unless somebody else has brought it elsewhere."""
        if devices.move(self._server, self._device, before, after):
            return
        if devices.read(self._server, self._device) is None:
            raise FleetError(
                f"{self._device} was forgotten by {self._server.name} while it was pushed. Push it "
                "again to send everything anew."
            )
        raise _running(self._server, self._device)


def _running(server: Server, device: str) -> FleetError:
    return FleetError(
        f"another push of {device} to {server.name} is under way. Wait for it; if its network is "
        "gone, that is noticed within a minute."
    )
