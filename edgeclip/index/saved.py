"""A saved graph and its manifest: never read unless it is the one that this index saved.

hnswlib checks nothing that it reads: a zeroed block gives wrong answers, a crafted header ends the
process.  So nothing reaches it before store, space, dim, size, the fields of the header, and a
keyed hash over manifest and file have been compared.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import math
import os
import stat
import struct
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

from edgeclip.index.store import Identity

FORMAT = 1
_MOST_MANIFEST_BYTES = 4096
_CHUNK_BYTES = 1 << 20
_MOST_LEVELS = 64
# O_NONBLOCK: opening a FIFO must not wait for a writer.
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
# hnswlib's header ("n" stands for size_t), from HierarchicalNSW::saveIndex in 0.8.0.
_WORD = struct.calcsize("@N")
_HEADER = struct.Struct("<6niI3ndn".replace("n", "Q" if _WORD == 8 else "I"))


class Refused(Exception):
    """Say why a saved graph is not read; the caller searches exactly and builds another."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a saved graph is, all of it under the hash."""

    uuid: str
    """Of the store whose vectors it holds."""
    space: str
    dim: int
    generation: int
    """Of the store."""
    number: int
    """Of the build."""
    count: int
    last_id: int
    """The highest id that was read for it."""
    capacity: int
    m: int
    ef_construction: int
    hnswlib: str
    """hnswlib's version."""
    bytes: int = 0
    hash: str = ""
    """Keyed BLAKE2b, hexadecimal, over the other fields and the file."""
    format: int = FORMAT

    @property
    def stem(self) -> str:
        """The name of its files, without suffix."""
        return f"hnsw-{self.generation}-{self.number}"


@contextlib.contextmanager
def opened(path: Path, identity: Identity) -> Iterator[tuple[Path, Manifest]]:
    """Check a saved graph and yield the path that hnswlib may read now, and the manifest.

    Args:
        path: the manifest.
        identity: of the store that it must belong to.

    Raises:
        Refused: something about it is wrong.
    """
    with _readable():
        manifest = read_manifest(path)
        _compare(manifest, path, identity)
        descriptor = _open_regular(path.with_suffix(".bin"))
    try:
        with _readable():
            _compare_file(descriptor, manifest, identity.secret)
        # The file that was hashed is the file that is read, even if the name changes hands.
        own = Path(f"/proc/self/fd/{descriptor}")
        yield (own if own.exists() else path.with_suffix(".bin")), manifest
    finally:
        os.close(descriptor)


def signed(path: Path, manifest: Manifest, secret: bytes) -> Manifest:
    """Make a file that hnswlib saved durable and return its manifest with size and hash.

    Raises:
        Refused: it is not what this index would have saved.
        OSError: it cannot be read or made durable.
    """
    descriptor = _open_regular(path)
    try:
        os.fsync(descriptor)
        _compare_header(descriptor, manifest)
        manifest = replace(manifest, bytes=os.fstat(descriptor).st_size)
        return replace(manifest, hash=_hash(descriptor, manifest, secret))
    finally:
        os.close(descriptor)


def read_manifest(path: Path) -> Manifest:
    """Return a manifest, whatever it says.

    Raises:
        Refused: it is none.
        OSError: it cannot be read.
    """
    try:
        record = json.loads(read_regular(path, _MOST_MANIFEST_BYTES))
    except (ValueError, RecursionError) as error:
        raise Refused("its manifest is no JSON") from error
    kinds = {field.name: (int if field.type == "int" else str) for field in fields(Manifest)}
    if not isinstance(record, dict) or {key: type(value) for key, value in record.items()} != kinds:
        raise Refused("its manifest has other fields")
    return Manifest(**record)


def read_regular(path: Path, most: int) -> bytes:
    """Return a small file; one of more than ``most`` bytes is cut off, so that it is no JSON.

    Raises:
        Refused: it is no regular file.
        OSError: it cannot be read.
    """
    descriptor = _open_regular(path)
    try:
        return os.pread(descriptor, most + 1, 0)
    finally:
        os.close(descriptor)


def _compare(manifest: Manifest, path: Path, identity: Identity) -> None:
    """Refuse what another index, another model or another version has made."""
    wanted = {
        "format": FORMAT,
        "uuid": identity.uuid,
        "space": identity.space,
        "dim": identity.dim,
        "generation": identity.generation,
        "stem": path.stem,
    }
    for name, value in wanted.items():
        if getattr(manifest, name) != value:
            raise Refused(f"its {name} is {getattr(manifest, name)!r}, not {value!r}")
    if not (manifest.dim > 0 and manifest.m > 1 and 0 < manifest.count <= manifest.capacity):
        raise Refused("its manifest makes no sense")


def _compare_file(descriptor: int, manifest: Manifest, secret: bytes) -> None:
    size = os.fstat(descriptor).st_size
    if size != manifest.bytes:
        raise Refused(f"it has {size:,} bytes, not {manifest.bytes:,}")
    _compare_header(descriptor, manifest)
    own = _hash(descriptor, manifest, secret)
    # As bytes: compare_digest refuses text that is not ASCII.
    if not hmac.compare_digest(own.encode(), manifest.hash.encode("utf-8", "surrogatepass")):
        raise Refused("its hash is another: it was damaged, or not saved by this index")


def _compare_header(descriptor: int, manifest: Manifest) -> None:
    """Compare the fields that hnswlib would trust with what this index would have written."""
    head = os.pread(descriptor, _HEADER.size, 0)
    if len(head) < _HEADER.size:
        raise Refused("its header is cut off")
    *start, levels, entry, max_m, max_m0, m, mult, ef_construction = _HEADER.unpack(head)
    vector = 4 + 2 * manifest.m * 4  # behind a count and the neighbours on the lowest level
    label = vector + manifest.dim * 4
    good = (
        start == [0, manifest.capacity, manifest.count, label + _WORD, label, vector]
        and 0 <= levels < _MOST_LEVELS
        and entry < manifest.count
        and [max_m, max_m0, m] == [manifest.m, 2 * manifest.m, manifest.m]
        and math.isclose(mult, 1 / math.log(manifest.m), rel_tol=1e-9)
        and ef_construction == manifest.ef_construction
    )
    if not good:
        raise Refused("its header is not one that this index would have written")


def _hash(descriptor: int, manifest: Manifest, secret: bytes) -> str:
    """Return the keyed hash over a manifest, without its own hash, and the file it describes."""
    told = json.dumps(asdict(replace(manifest, hash="")), sort_keys=True).encode()
    digest = hashlib.blake2b(len(told).to_bytes(8, "little") + told, key=secret, digest_size=32)
    offset = 0
    while chunk := os.pread(descriptor, _CHUNK_BYTES, offset):
        digest.update(chunk)
        offset += len(chunk)
    return digest.hexdigest()


def _open_regular(path: Path) -> int:
    descriptor = os.open(path, _READ)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise Refused(f"{path.name} is no regular file")
    return descriptor


@contextlib.contextmanager
def _readable() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Refused(f"it cannot be read ({error.strerror or error})") from error
