"""Keep what onnxruntime makes of a large graph, and open that from then on.

onnxruntime rewrites a graph each time it opens it, and for a moment holds both forms: the image
tower of MobileCLIP-S2 peaks at 411 MB and takes 0.43 s; its kept form peaks at 208 MB and takes
0.2 s, with the same output.  A kept graph fits one CPU and one onnxruntime, so it is never shipped:
it is made on the board, by a child process whose memory is given back, and may be deleted at any
moment.

::

    ~/.cache/edgeclip/graphs/<key>.onnx   what onnxruntime made
                             <key>.json   its SHA-256 and size; without it nothing is opened
                             <key>.tries  how often making it was begun and not finished
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import hashlib
import json
import os
import secrets
import shutil
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from edgeclip.errors import EdgeclipError, ModelError
from edgeclip.model import child
from edgeclip.model.identity import canonical_sha256
from edgeclip.model.options import SessionOptions
from edgeclip.model.places import user_cache
from edgeclip.model.providers import CPU, resolved
from edgeclip.model.session import available_providers, open_graph, runtime, save_optimised
from edgeclip.model.whole import whole_file

_WORTH_BYTES = 32 * 2**20
"""Smaller graphs open in some 50 ms as they are."""
_MOST_KEPT = 4
_MOST_TRIES = 2
_MAKING_S = 300.0
_SPARE = 3
"""Free space that must be there, in sizes of the graph."""
_DAY_S = 86_400


def ready(
    sha256: str, size: int, source: Callable[[], Path], options: SessionOptions
) -> tuple[Path, SessionOptions]:
    """Return the file to open, and how.

    Args:
        sha256: of the model's graph.
        size: of it in bytes.
        source: gives the path of the model's graph, after hashing it.
        options: how it shall be run.

    Returns:
        The kept form, made now if need be, with optimisation off; or the graph itself where keeping
        is off, not worth it, or not possible.
    """
    folder = _folder() if _is_worth(size, options) else None
    if folder is None:
        return source(), options
    place = _Place(folder, _key(sha256, options))
    if not place.is_sound():
        path = source()
        if not _made(place, size, path, options):
            return path, options
    place.touch()
    return place.graph, dataclasses.replace(options, optimisation="off")


def kept() -> Iterator[tuple[Path, bool]]:
    """Yield each kept graph, and whether it may be opened."""
    cache = user_cache()
    for path in sorted((cache / "graphs").glob("*.onnx")) if cache else []:
        yield path, _Place(path.parent, path.stem).is_sound()


@dataclasses.dataclass(frozen=True, slots=True)
class _Place:
    """Where one kept graph lies."""

    folder: Path
    key: str

    @property
    def graph(self) -> Path:
        return self.folder / f"{self.key}.onnx"

    @property
    def record(self) -> Path:
        return self.folder / f"{self.key}.json"

    @property
    def tries(self) -> Path:
        return self.folder / f"{self.key}.tries"

    def is_sound(self) -> bool:
        """Tell whether the graph is what was written, byte for byte."""
        try:
            told = json.loads(self.record.read_text("utf-8"))
            with self.graph.open("rb") as file:
                if os.fstat(file.fileno()).st_size != told["bytes"]:
                    return False
                return hashlib.file_digest(file, "sha256").hexdigest() == str(told["sha256"])
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return False

    def touch(self) -> None:
        """Note the use, at most once a day: it decides which graph goes first."""
        with contextlib.suppress(OSError):
            if not _is_recent(self.record):
                os.utime(self.record)
                _remove_left(self)

    def begin(self) -> bool:
        """Count a try; False when it failed often enough today: that may be a power cut, or us."""
        count = 1 + (_number(self.tries) if _is_recent(self.tries) else 0)
        if count > _MOST_TRIES:
            return False
        with whole_file(self.tries) as file:
            file.write(str(count).encode())
        return True

    def forget(self) -> None:
        """Delete the graph."""
        for path in (self.record, self.graph, self.tries):
            with contextlib.suppress(OSError):
                path.unlink()


def _is_worth(size: int, options: SessionOptions) -> bool:
    if not options.cache or size < _WORTH_BYTES or options.optimisation in ("off", "basic"):
        return False
    try:
        return resolved(options.providers, available_providers()) == [CPU]
    except ModelError:  # said when the graph itself is opened
        return False


def _folder() -> Path | None:
    """Return the folder of the kept graphs, made if need be, or None where none can be trusted."""
    cache = user_cache()
    if cache is None:
        return None
    folder = cache / "graphs"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        found = folder.stat()
    except OSError:
        return None
    # Whoever may write here chooses what is run: nobody but this user and root may.
    foreign = found.st_uid not in (0, os.geteuid())
    return None if foreign or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH) else folder


def _key(sha256: str, options: SessionOptions) -> str:
    """Name what a kept graph fits: its source, and what rewrote it how far for which CPU."""
    fits = {**runtime(), "optimisation": options.optimisation}
    return f"{sha256[:16]}-{canonical_sha256(fits)[:16]}"


def _made(place: _Place, size: int, path: Path, options: SessionOptions) -> bool:
    """Make a kept graph in a child; False when it cannot be."""
    try:
        if shutil.disk_usage(place.folder).free < _SPARE * size or not place.begin():
            return False
        _make(place, path, options)
        _forget_oldest(place)
    except (EdgeclipError, OSError):
        return False
    return True


def _make(place: _Place, path: Path, options: SessionOptions) -> None:
    _remove_left(place)
    # No process id: threads share one, and so do the first processes of two containers.
    partial = place.folder / f".{place.key}.{secrets.token_hex(8)}.partial"
    try:
        question = {"path": os.fspath(path.absolute()), "target": os.fspath(partial)}
        question["optimisation"] = options.optimisation
        child.ask(__name__, question, timeout_s=_MAKING_S)
        with partial.open("rb") as file:
            found = {
                "sha256": hashlib.file_digest(file, "sha256").hexdigest(),
                "bytes": os.fstat(file.fileno()).st_size,
            }
            os.fsync(file.fileno())
        with _alone(place.folder):
            _put(partial, found, place)
        place.tries.unlink(missing_ok=True)
    finally:
        with contextlib.suppress(OSError):
            partial.unlink()


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep other processes and threads waiting meanwhile."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):  # NFS locks no folder
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _put(partial: Path, found: dict[str, Any], place: _Place) -> None:
    # onnxruntime does not write the same bytes each time: of two makers the first one's stay, or
    # the graph of one would lie beside the record of the other.
    if not place.is_sound():
        partial.replace(place.graph)
        with whole_file(place.record) as record:
            record.write(json.dumps(found).encode())


def _remove_left(place: _Place) -> None:
    """Delete what killed processes left, when nobody can be writing it any more."""
    for left in place.folder.glob(".*.partial"):
        own = left.name.startswith(f".{place.key}.")
        # Another process may be writing the same graph just now; its child has so long for it.
        if not _is_recent(left) or (own and time.time() - _used(left) > _MAKING_S):
            left.unlink(missing_ok=True)


def _forget_oldest(place: _Place) -> None:
    """Delete what lay unused longest: graphs of another onnxruntime, or of models that are gone."""
    files = [path for path in place.folder.iterdir() if path.suffix in (".onnx", ".json")]
    places = [_Place(place.folder, key) for key in {path.stem for path in files} - {place.key}]
    # A graph without a record counts as never used: its maker was killed.
    others = sorted(places, key=lambda other: _used(other.record))
    for other in others[: max(0, len(others) + 1 - _MOST_KEPT)]:
        other.forget()


def _used(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _is_recent(path: Path) -> bool:
    # The future is not recent: a board without a clock starts in 1970.
    return abs(time.time() - _used(path)) < _DAY_S


def _number(path: Path) -> int:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return 0


def _optimised(question: dict[str, Any]) -> bool:
    target = Path(question["target"])
    options = SessionOptions(threads=1, optimisation=question["optimisation"])
    save_optimised(Path(question["path"]), options, target)
    # What onnxruntime cannot open again is not kept.
    open_graph(target, dataclasses.replace(options, providers=[CPU], optimisation="off"))
    return True


if __name__ == "__main__":
    child.reply(_optimised)
