"""An index: who writes to it, what the last writer left, its items, its model and its graph.

It is opened for reading, as any search does; like any search this may leave SQLite's shared memory
and an empty log beside the database, and it changes nothing else.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
from collections.abc import Iterator
from importlib import metadata
from itertools import product
from pathlib import Path

from edgeclip.device.doctor.findings import Finding, command_line, failed, ok, size, warning
from edgeclip.errors import ModelError, StoreDamaged, StoreError
from edgeclip.index import cache, opening, place, salvage, saved, wal
from edgeclip.index.database import files
from edgeclip.index.index import Index
from edgeclip.index.store import Store
from edgeclip.model import library
from edgeclip.model.manifest import Manifest
from edgeclip.model.towers import FITS


def remembered(path: Path) -> str | None:
    """Return the model that an index was made with; None where it cannot be read."""
    with contextlib.suppress(StoreError, OSError):
        if opening.is_there(path):
            with contextlib.closing(Store.open(path / place.DATABASE, read_only=True)) as store:
                return store.identity.model
    return None


def findings(
    path: Path,
    *,
    model: str | None = None,
    models: Path | None = None,
    quick: bool = False,
) -> Iterator[Finding]:
    """Look at an index.

    Args:
        path: its folder, which need not exist.
        model: name or folder of the model to use with it; None: the one that it remembers.
        models: where models are looked for first.
        quick: compare the rows with their checksums, and leave out the pages.
    """
    try:
        if not opening.is_there(path):
            yield _absent(path)
            return
        yield from _marks(path)
        if not (path / place.DATABASE).exists():
            return  # an interrupted salvage is about to bring it
        writer = _writer(path)
        yield ok(
            "index", f"{path} is written by {writer}" if writer else f"nobody writes to {path}"
        )
        if writer is None:
            yield from _left(path)
        yield from _contents(path, model, models, quick)
        yield from _quarantine(path)
    except OSError as error:
        if isinstance(error, StoreError):
            raise
        yield failed("index", f"{path} cannot be read: {error.strerror}. Check the permissions.")


def _absent(path: Path) -> Finding:
    if not path.exists():
        return ok("index", f"no index at {path} yet")
    if not path.is_dir():
        return failed("index", f"{path} is a file, not an index. Give another path.")
    others = sorted(each.name for each in path.iterdir() if not place.is_own(each.name))
    if others:
        return failed(
            "index", f"{path} is no index: it holds other files ({others[0]}). Give another path."
        )
    return ok("index", f"no index at {path} yet")


def _marks(path: Path) -> Iterator[Finding]:
    """Look for what waits for the next opening for writing."""
    if salvage.is_due(path):
        yield failed("index", f"the salvage of {path} was interrupted. Finish it.", _mend(path))
    elif (path / place.DAMAGED).exists():
        yield failed("index", f"a program has met a damaged page of {path}. Mend it.", _mend(path))


def _writer(path: Path) -> str | None:
    """Name the process that has an index open for writing; None: there is none.

    A lock without a word in it is free.  The others are tried, and let go at once: only beside what
    a killed writer left, so that no writer that starts at this moment is turned away.
    """
    with contextlib.suppress(OSError), (path / place.LOCK).open("rb") as file:
        text = file.read(4096)
        if not text.strip():
            return None
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return _named(text)
    return None


def _named(text: bytes) -> str:
    try:
        told = json.loads(text)
        return f"process {int(told['pid'])} ({str(told['command']) or 'unnamed'})"
    except (ValueError, KeyError, TypeError):
        return "another process"


def _left(path: Path) -> Iterator[Finding]:
    """Look at the log that a writer which was stopped has left."""
    database, log, _ = files(path / place.DATABASE)
    if place.was_left_open(path) and not log.exists():
        yield warning(
            "index",
            f"the last writer to {path} was stopped, and the log of its latest changes is missing: "
            "they may be lost. Go on with what is there.",
            _mend(path),
        )
        return
    found = wal.read(log)
    if found.newer and salvage.is_foreign(database, found.newer):
        yield failed("index", f"{log} is another database's. It is set aside by:", _mend(path))
    elif found.damaged:
        yield failed(
            "index",
            f"{log} is damaged: the latest changes may be lost. What is readable is kept by:",
            _mend(path),
        )
    elif place.was_left_open(path):
        yield ok("index", "the last writer was stopped; what it had acknowledged is there")


def _contents(path: Path, model: str | None, models: Path | None, quick: bool) -> Iterator[Finding]:
    try:
        # int8 takes a quarter of the memory, and nobody searches here.
        with Index.open(path, read_only=True, precision="int8", hnsw=False) as index:
            yield _health(index, quick)
            yield from _root(index)
            yield from _space(index, model, models)
            yield from _graphs(index)
    except StoreDamaged as error:
        yield failed("index", str(error), _mend(path))
    except StoreError as error:
        yield failed("index", str(error))


def _health(index: Index, quick: bool) -> Finding:
    items = "1 item" if len(index) == 1 else f"{len(index):,} items"
    if quick:
        notes = "; ".join(index.notes)
        good = ok("index", f"{items}, which fit their checksums; the pages were not read")
        return failed("index", f"{items}; {notes}", _mend(index.path)) if notes else good
    health = index.verify()
    if health.ok:
        return ok("index", f"{items}, all as they were written")
    return failed("index", f"{index.path} is damaged: {health.reason}", _mend(index.path))


def _root(index: Index) -> Iterator[Finding]:
    if index.root is not None and not index.root.is_dir():
        yield warning(
            "index",
            f"its folder of pictures, {index.root}, is not there. Mount it, or name the one that "
            "it is now.",
            command_line("edgeclip", "index", "DIR", "--index", index.path),
        )


def _space(index: Index, model: str | None, models: Path | None) -> Iterator[Finding]:
    """Compare the vectors of an index with those that its model would make."""
    try:
        manifest = Manifest.read(library.find(model or index.model or None, models=models))
    except ModelError as error:
        command = command_line("edgeclip", "index", "--index", index.path, "--model", "FOLDER")
        yield failed("index", f"its model cannot be used: {error}", command)
        return
    if index.space in _spaces(manifest):
        yield ok("index", f"its vectors are those of {manifest.folder}")
        return
    made = index.model or "another model"
    yield failed(
        "index",
        f"it was made with {made} (space {index.space[:12]}…), and {manifest.folder} makes other "
        "vectors. Name the right model with --model, or make another index.",
        command_line("edgeclip", "index", "DIR", "--index", "NEW"),
    )


def _spaces(manifest: Manifest) -> Iterator[str]:
    """Yield the space ids of everything that a model can make."""
    texts = [None] if manifest.text is None else list(manifest.text.variants)
    for fit, draft, image, text in product(FITS, (False, True), manifest.image.variants, texts):
        yield manifest.space_id(fit=fit, draft=draft, image_variant=image, text_variant=text)


def _graphs(index: Index) -> Iterator[Finding]:
    """Check the saved graphs as a search would, which reads and hashes them."""
    with contextlib.closing(Store.open(index.path / place.DATABASE, read_only=True)) as store:
        identity = store.identity
    for path in cache.manifests(index.path):
        try:
            with saved.opened(path, identity) as (_, manifest):
                made = manifest.hnswlib
        except saved.Refused as error:
            yield _unused(index.path, path, str(error))
            continue
        if made != (here := _hnswlib()):
            yield _unused(index.path, path, f"hnswlib {made} made it, and {here} is here")
            continue
        yield ok("index cache", f"{path.stem} covers {manifest.count:,} of {len(index):,} items")


def _unused(folder: Path, path: Path, reason: str) -> Finding:
    return warning(
        "index cache",
        f"the saved graph {path.stem} is not used: {reason}. Searches compare everything until "
        "another one is built; it may also be deleted.",
        _mend(folder),
    )


def _hnswlib() -> str:
    try:
        return metadata.version("hnswlib")
    except metadata.PackageNotFoundError:
        return "none"


def _quarantine(path: Path) -> Iterator[Finding]:
    kept = [each for each in (path / place.QUARANTINE).rglob("*") if each.is_file()]
    if kept:
        count = "1 file" if len(kept) == 1 else f"{len(kept):,} files"
        total = size(sum(each.stat().st_size for each in kept))
        yield warning(
            "index",
            f"{count} of {total} in {path / place.QUARANTINE}: what was found damaged, kept until "
            "you delete it.",
            command_line("ls", "-l", path / place.QUARANTINE),
        )


def _mend(path: Path) -> str:
    """Return the command that opens an index for writing, which mends it."""
    return command_line("edgeclip", "index", "--index", path)
