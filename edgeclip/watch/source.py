"""What a source of frames is: told from its address alone."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, TypeAlias
from urllib.parse import urlsplit

from edgeclip.errors import CameraError
from edgeclip.model.headers import SUFFIXES, printable

Kind: TypeAlias = Literal["device", "csi", "stream", "video", "folder", "iterable"]

SCHEMES = ("rtsp", "rtsps", "rtmp", "http", "https")
_URL = re.compile(r"([a-z][a-z0-9+.-]*)://", re.IGNORECASE)
_STILL = SUFFIXES - {".gif"}
_CSI = re.compile(r"csi(?::(\d+))?")


@dataclass(frozen=True, slots=True)
class Source:
    """Tell where frames come from."""

    kind: Kind
    address: str
    """Path, URL, or the number of a CSI camera."""
    name: str
    """For people; without the password that a URL may hold."""

    @property
    def live(self) -> bool:
        """Whether it goes on by itself, and may go away and come back."""
        return self.kind in ("device", "csi", "stream")


def described(source: Any) -> Source:
    """Tell what a source is.

    Raises:
        CameraError: nothing that frames can be read from, now or later.
    """
    if isinstance(source, int) or (isinstance(source, str) and source.isdecimal()):
        path = f"/dev/video{int(source)}"
        return Source("device", path, path)
    if isinstance(source, str | os.PathLike):
        return _addressed(os.fsdecode(source))
    if isinstance(source, Iterable) and not isinstance(source, bytes | bytearray | memoryview):
        return Source("iterable", "", "the iterable")
    raise CameraError(
        f"frames cannot be read from {type(source).__name__}. Give a camera's number, an address, "
        "a path or an iterable of pictures."
    )


def _addressed(address: str) -> Source:
    if csi := _CSI.fullmatch(address):
        return Source("csi", csi[1] or "0", address)
    if url := _URL.match(address):
        if url[1].lower() not in SCHEMES:
            raise CameraError(
                f"{url[0]} is no way to a camera that is known. Use {'://, '.join(SCHEMES)}://, or "
                "a path."
            )
        return Source("stream", address, public(address))
    name, path = printable(address), Path(address)
    if path.is_dir():
        return Source("folder", address, name)
    if path.is_file() and path.suffix.lower() in _STILL:
        # OpenCV would take it for a video of one frame.
        raise CameraError(f"{name} is a picture. Give the folder that it is in, or a video.")
    if path.is_file():
        # An absolute path cannot be taken for a URL or an option.
        return Source("video", str(path.absolute()), name)
    if path.is_char_device() or address.startswith(("/dev/video", "/dev/v4l/")):
        return Source("device", address, name)
    what = "is no ordinary file" if path.exists() else "does not exist"
    raise CameraError(f"{name} {what}. Give a camera, a stream, a video or a folder of pictures.")


def lasting(source: Source, root: Path = Path("/")) -> Source:
    """Return a camera by the name that stays, once it is there.

    Its number may change at each replugging, and another camera may get it.
    """
    device = root / source.address.lstrip("/")
    if source.kind != "device" or device.is_symlink():
        return source
    for link in sorted((root / "dev/v4l/by-id").glob("*")):
        if link.resolve() == device.resolve():
            return replace(source, address=f"/{link.relative_to(root)}")
    return source


def public(url: str) -> str:
    """Return a URL without user, password and query: they open the camera."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return f"{url.partition('://')[0]}://…"
    if (
        "@" in parts.path + parts.query + parts.fragment
    ):  # perhaps of a password with a / or ? in it
        return f"{parts.scheme}://…"
    host = f"[{host}]" if ":" in host else host
    return printable(f"{parts.scheme}://{host}{f':{port}' if port else ''}{parts.path}")
