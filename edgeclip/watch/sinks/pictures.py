"""The pictures of a timeline: JPEG files in a folder for each day."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Container
from pathlib import Path

from edgeclip.model import images
from edgeclip.model.whole import whole_file

SUFFIX = ".jpg"
_DAY = re.compile(r"\d{4}-\d\d-\d\d")


class Pictures:
    """Keep pictures under keys such as ``2026-05-01/door-person-3f9c0a1b2c3d.jpg``.

    Args:
        folder: made with the first picture.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, key: str, picture: images.PictureSource) -> int:
        """Keep a picture, whole or not at all; return its bytes.

        Raises:
            EdgeclipError, OSError: it cannot be written.
        """
        data = images.jpeg(picture)
        path = self.folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as file:
            file.write(data)
        return len(data)

    def size(self, key: str) -> int:
        """Return the bytes of a picture; 0 when there is none."""
        try:
            return (self.folder / key).stat().st_size if key.endswith(SUFFIX) else 0
        except OSError:
            return 0

    def remove(self, key: str) -> None:
        """Remove a picture, if there is one, and the folder of a day without any."""
        if key.endswith(SUFFIX):
            with contextlib.suppress(OSError):
                (self.folder / key).unlink()
                (self.folder / key).parent.rmdir()

    def sweep(self, known: Container[str], most: int) -> int:
        """Remove pictures that nobody knows, as a kill leaves them; return the bytes of the others.

        Args:
            known: keys.
            most: more of them are no leavings, but what the index has lost: they stay.
        """
        total, unknown = 0, []
        for path in self.folder.glob("*/*"):
            key = path.relative_to(self.folder).as_posix()
            if key in known:
                total += self.size(key)
            elif _DAY.fullmatch(path.parent.name) and path.suffix in (SUFFIX, ".partial"):
                unknown.append(path)
        for path in unknown if len(unknown) <= most else ():
            with contextlib.suppress(OSError):
                path.unlink()
        return total
