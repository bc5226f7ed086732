"""The first 100 bytes of a database file, looked at before SQLite believes them.

SQLite repairs or obeys some damaged headers: an empty file beside a log loses the log, one flipped
bit makes the file read-only, another one turns its bookkeeping of pages off.  What
`Database.create` wrote there once never changes, so it can be compared
(https://www.sqlite.org/fileformat2.html#the_database_header).
"""

from __future__ import annotations

from pathlib import Path

from edgeclip import errors
from edgeclip.index.schema import APPLICATION, FORMAT

_MAGIC = b"SQLite format 3\0"
_APPLICATION, _FORMAT = slice(68, 72), slice(60, 64)
_MOST_FLIPPED = 2
_ROOT = slice(52, 56)
# Page size 4096, write-ahead log, no reserved bytes, three constants; schema format 4; UTF-8;
# incremental vacuum.
_FIXED = {
    16: b"\x10\x00\x02\x02\x00\x40\x20\x20",
    44: b"\0\0\0\x04",
    56: b"\0\0\0\x01",
    64: b"\0\0\0\x01",
}


def check(path: Path) -> None:
    """Check that a file is a database of ours and that its header is what it always was.

    Raises:
        StoreDamaged: it is empty, or its header has rotted.
        StoreError: it is another program's, or cannot be read.
    """
    try:
        with path.open("rb") as file:
            head = file.read(100)
    except OSError as error:
        raise errors.StoreError(
            f"{path} cannot be read: {error.strerror}. Check the permissions and the disk."
        ) from error
    if head[:16] != _MAGIC or len(head) < 100:
        raise damaged(path, "where it begins")
    strange = int.from_bytes(head[_APPLICATION], "big") ^ APPLICATION
    if strange.bit_count() > _MOST_FLIPPED:
        raise errors.StoreError(f"{path} is a database of another program. Give another path.")
    if int.from_bytes(head[_FORMAT], "big") != FORMAT:
        return  # another version may have another header; the store says more
    fixed = all(head[at : at + len(data)] == data for at, data in _FIXED.items())
    if strange or not fixed or head[_ROOT] == b"\0\0\0\0":
        raise damaged(path, "where it begins")


def damaged(path: Path, what: object) -> errors.StoreDamaged:
    """Return the error that says what is damaged and what to do."""
    return errors.StoreDamaged(
        f"{path} is damaged ({what}). Open the index for writing, for example with edgeclip index: "
        "what is readable is then brought to a new file, and the old one is kept."
    )
