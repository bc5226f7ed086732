"""Rows out of the pages of a database that SQLite itself can no longer read.

Every page of the file is looked at by itself, so a damaged page costs the rows that stand on it and
no others.  The layout is the one of https://www.sqlite.org/fileformat2.html.  Whether a row is
right, its checksum says; nothing here has to be trusted.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from edgeclip.index import wal
from edgeclip.index.wal import PAGE

_TABLE_LEAF, _INDEX_LEAF, _INDEX_INNER = 0x0D, 0x0A, 0x02
_POINTERS = {_TABLE_LEAF: 8, _INDEX_LEAF: 8, _INDEX_INNER: 12}
_MOST_IN_INDEX = (PAGE - 12) * 64 // 255 - 23
_LEAST_ON_PAGE = (PAGE - 12) * 32 // 255 - 23
_INTEGER_BYTES = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}
_MOST_PAYLOAD = 1 << 24
_NO_PAGE = bytes(PAGE)

Record = tuple[Any, ...]


class Pages(Mapping[int, bytes]):
    """The pages of a database by number, with what its write-ahead log committed.

    They are read one by one, so a sector that cannot be read costs one page, and a large database
    needs little memory.
    """

    def __init__(self, database: BinaryIO, log: Path | None = None) -> None:
        found = wal.Log() if log is None else wal.read(log)
        held = os.fstat(database.fileno()).st_size // PAGE
        self._file = database
        # What stands behind the end that the last commit gave the database is not of now.
        self._count = held if found.pages is None else min(held, found.pages)
        self._newer = found.newer

    def __getitem__(self, number: int) -> bytes:
        if number in self._newer:
            return self._newer[number]
        if not 1 <= number <= self._count:
            raise KeyError(number)
        try:
            return os.pread(self._file.fileno(), PAGE, (number - 1) * PAGE)
        except OSError as error:
            raise KeyError(number) from error

    def __iter__(self) -> Iterator[int]:
        return iter(sorted({*range(1, self._count + 1), *self._newer}))

    def __len__(self) -> int:
        return len({*range(1, self._count + 1), *self._newer})


def records(pages: Mapping[int, bytes]) -> Iterator[tuple[int | None, Record]]:
    """Yield what stands in tables and indexes: the row id (None in an index) and the columns."""
    for number in pages:
        page, start = pages.get(number, _NO_PAGE), 100 if number == 1 else 0
        kind = page[start] if len(page) == PAGE else 0
        if kind not in _POINTERS:
            continue
        count = int.from_bytes(page[start + 3 : start + 5], "big")
        start += _POINTERS[kind]
        for pointer in range(start, min(start + 2 * count, PAGE - 1), 2):
            cell = int.from_bytes(page[pointer : pointer + 2], "big")
            try:
                yield _cell(pages, page, kind, cell)
            except (IndexError, ValueError, KeyError, struct.error):
                continue  # this cell is damaged; the next one may not be


def _cell(
    pages: Mapping[int, bytes], page: bytes, kind: int, place: int
) -> tuple[int | None, Record]:
    size, place = _varint(page, place + (4 if kind == _INDEX_INNER else 0))
    row, most = None, _MOST_IN_INDEX
    if kind == _TABLE_LEAF:
        (row, place), most = _varint(page, place), PAGE - 35
    if size > _MOST_PAYLOAD:
        raise ValueError("no payload is that long")
    return row, _record(_payload(pages, page, place, size, most))


def _payload(pages: Mapping[int, bytes], page: bytes, place: int, size: int, most: int) -> bytes:
    """Return a payload, following its overflow pages."""
    if size <= most:
        return page[place : place + size]
    here = _LEAST_ON_PAGE + (size - _LEAST_ON_PAGE) % (PAGE - 4)
    here = _LEAST_ON_PAGE if here > most else here
    parts = [page[place : place + here]]
    following = int.from_bytes(page[place + here : place + here + 4], "big")
    for _ in range((size - here + PAGE - 5) // (PAGE - 4)):
        parts.append(pages[following][4:])
        following = int.from_bytes(pages[following][:4], "big")
    return b"".join(parts)[:size]


def _record(payload: bytes) -> Record:
    header_size, place = _varint(payload, 0)
    body, values = header_size, []
    while place < header_size:
        kind, place = _varint(payload, place)
        value, body = _value(payload, kind, body)
        values.append(value)
    if body != len(payload):
        raise ValueError("the record is not as long as its header says")
    return tuple(values)


def _value(payload: bytes, kind: int, place: int) -> tuple[Any, int]:
    if kind in (0, 8, 9):
        return {0: None, 8: 0, 9: 1}[kind], place
    if kind == 7:
        return struct.unpack(">d", payload[place : place + 8])[0], place + 8
    if kind in _INTEGER_BYTES:
        stop = place + _INTEGER_BYTES[kind]
        return int.from_bytes(payload[place:stop], "big", signed=True), stop
    stop = place + (kind - 12) // 2
    data = payload[place:stop]
    return (data.decode() if kind % 2 else data), stop


def _varint(data: bytes, place: int) -> tuple[int, int]:
    """Return a variable-length integer and the place behind it."""
    value = 0
    for count in range(8):
        byte = data[place + count]
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, place + count + 1
    return value << 8 | data[place + 8], place + 9
