"""Frames of anything that has pictures: one loop for cameras, videos, folders and lists."""

from __future__ import annotations

import math
import re
from collections.abc import Generator, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from edgeclip.errors import CameraError, ImageRejected
from edgeclip.model import images
from edgeclip.model.headers import SUFFIXES
from edgeclip.watch.frame import Frame
from edgeclip.watch.live import Listener, live
from edgeclip.watch.reader import Lost, Reader
from edgeclip.watch.source import Source, described


def frames(
    source: Any,
    *,
    fps: float | None = None,
    on_state: Listener | None = None,
    stale_s: float = 10.0,
    size: tuple[int, int] | None = None,
) -> Generator[Frame, None, None]:
    """Yield the frames of a source; leaving the loop lets go of it.

    A camera or stream gives its newest frame each time: what came while the caller was busy is
    dropped and counted.  It is read in a child process and opened again for ever when it is gone,
    hangs, or gives one picture or black ones.  Nothing of a video, folder or iterable is dropped.

    Args:
        source: a USB camera (0, ``/dev/video0``, ``/dev/v4l/by-id/…``), a camera on the board's
            port (``csi``, ``csi:1``), a stream (``rtsp://…``, ``http://…``), a video file, a folder
            of pictures (also in its subfolders), or an iterable of frames or pictures.
        fps: frames a second, at the most; a video is sampled by its own times.  Folders and
            iterables have no times: their pictures are taken to be ``1 / fps`` apart (1 s if None).
        on_state: called with the `CameraState` of a camera or stream when it changes.
        stale_s: a camera that gave nothing, the same or black pictures for so long is opened anew.
        size: width and height to ask a camera for; it gives the nearest that it has.

    Raises:
        CameraError: it cannot be read, and waiting would not help.  A camera that is not there yet
            is waited for.
        ExtraMissing: what would read it is not installed.
        ValueError: ``fps``, ``stale_s`` or ``size`` is no positive number.
    """
    for name, value in {"fps": fps, "stale_s": stale_s}.items():
        if value is not None and not (math.isfinite(value) and value > 0):
            raise ValueError(f"{name} is {value!r}. Give a number above 0.")
    if size is not None and (len(size) != 2 or min(size) < 1):
        raise ValueError(f"size is {size!r}. Give width and height in pixels.")
    found = described(source)
    if found.live:
        return live(found, fps=fps, on_state=on_state, stale_s=stale_s, size=size)
    if found.kind == "video":
        return _video(found, fps)
    if found.kind == "folder":
        return _folder(found, _pictures(found), fps or 1.0)
    return _each(source, fps or 1.0)


def _video(source: Source, fps: float | None) -> Generator[Frame, None, None]:
    reader, count = Reader(source, fps=fps), 0
    try:
        reader.opened(None)
        while (frame := reader.take(None)) is not None:
            count += 1
            yield replace(frame, recorded=True)
    except Lost as error:
        raise CameraError(f"{source.name} cannot be read: {error}. Convert it to MP4.") from error
    finally:
        reader.close()
    if not count:
        raise CameraError(f"{source.name} holds no picture that can be read. Try another source.")


def _pictures(source: Source) -> list[Path]:
    """List the pictures of a folder as a person would: 2 before 10."""
    root = Path(source.address)
    paths = {path: path.relative_to(root) for path in root.rglob("*")}
    found = [
        path
        for path, below in paths.items()
        if path.suffix.lower() in SUFFIXES
        and not any(part.startswith(".") for part in below.parts)
        and path.is_file()
    ]
    if not found:
        raise CameraError(f"{source.name} holds no picture. Give a folder that does.")
    return sorted(found, key=lambda path: _natural(paths[path].as_posix()))


def _natural(name: str) -> list[tuple[int, str]]:
    return [(int(part) if part.isdigit() else -1, part) for part in re.split(r"([0-9]+)", name)]


def _folder(source: Source, paths: list[Path], fps: float) -> Generator[Frame, None, None]:
    """Yield what can be read; a camera that lost power leaves a damaged picture behind."""
    before, problem = -1, None
    for number, path in enumerate(paths):
        try:
            picture = np.array(images.read(path))
        except ImageRejected as error:
            problem = error
            continue
        yield Frame(number / fps, picture, number - before - 1, recorded=True)
        before = number
    if before < 0:
        raise CameraError(f"No picture in {source.name} can be read. {problem}") from problem


def _each(source: Iterable[Any], fps: float) -> Generator[Frame, None, None]:
    for number, given in enumerate(source):
        if isinstance(given, Frame):
            yield given
        else:
            yield Frame(number / fps, np.array(images.read(given)), recorded=True)
