"""A child process that opens a large graph, as `tests.model.test_graph_cache` wants it.

The cases on a disk of their own are started in a mount namespace, where they mount a tmpfs; exit
code 3 says that they may not.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import sys
from pathlib import Path

import numpy as np

from edgeclip.model import graph_cache
from edgeclip.model.options import SessionOptions
from edgeclip.model.session import open_graph
from tests import graphs, tiny
from tests.index.full_disk import LIBC, mount

ONE = SessionOptions(threads=1)
_REMOUNT, _READ_ONLY = 32, 1


def pictures() -> np.ndarray:
    values = np.random.default_rng(0).normal(size=(3, 3, tiny.SIZE, tiny.SIZE))
    return values.astype(np.float32)


def vectors(path: Path, options: SessionOptions) -> bytes:
    """What the tiny image tower answers, bit for bit."""
    (found,) = open_graph(path, options).run(["image_embeds"], {"pixel_values": pictures()})
    return bytes(found.tobytes())


def opened(source: Path, options: SessionOptions = ONE) -> tuple[Path, SessionOptions]:
    """Open the small graph as if it were a large one."""
    graph_cache._WORTH_BYTES = 0
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    return graph_cache.ready(digest, source.stat().st_size, lambda: source, options)


def once(source: str) -> None:
    """Print which file was opened, and a hash of its vectors."""
    path, options = opened(Path(source))
    print(path, hashlib.sha256(vectors(path, options)).hexdigest())


def peak(source: str) -> None:
    """Print how many bytes opening the graph takes at its worst, and whether it was a kept one."""
    path = Path(source)
    digest = hashlib.sha256(path.name.encode()).hexdigest()
    # Not getrusage: its peak outlives exec, and would be that of whoever started this process.
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
    before = _status("VmRSS")
    found, options = graph_cache.ready(digest, path.stat().st_size, lambda: path, ONE)
    session = open_graph(found, options)
    print(_status("VmHWM") - before, found != path)
    assert session.get_inputs()


def _status(key: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{key}:"))


def full(disk: Path, source: Path) -> None:
    """There is less room than making a graph may need: it is opened as it is."""
    with (disk / "rest").open("wb") as file:
        file.write(bytes(shutil.disk_usage(disk).free - 2 * source.stat().st_size))
    assert opened(source) == (source, ONE)
    assert list((disk / "cache" / "graphs").iterdir()) == []
    (disk / "rest").unlink()
    path, options = opened(source)
    assert path.parent == disk / "cache" / "graphs" and options.optimisation == "off"
    assert vectors(path, options) == vectors(source, ONE)


def read_only(disk: Path, source: Path) -> None:
    """What was kept before is opened, and what was not is opened as it is."""
    kept, _ = opened(source)
    assert kept != source
    if LIBC.mount(b"none", str(disk).encode(), None, _REMOUNT | _READ_ONLY, None):
        sys.exit(3)
    source.rename(source.with_suffix(".away"))
    other = graphs.image(source, graphs.shaped(1, 3, tiny.SIZE, tiny.SIZE))
    assert opened(other) == (other, ONE)
    source.with_suffix(".away").rename(source)
    assert opened(source)[0] == kept


def main(case: str, *arguments: str) -> None:
    if case in ("once", "peak"):
        {"once": once, "peak": peak}[case](*arguments)
        return
    disk = Path(arguments[0])
    source = graphs.image(disk.parent / "image.onnx")
    mount(disk, 4096)
    os.environ["EDGECLIP_CACHE"] = str(disk / "cache")
    {"full": full, "read_only": read_only}[case](disk, source)


if __name__ == "__main__":
    main(*sys.argv[1:])
