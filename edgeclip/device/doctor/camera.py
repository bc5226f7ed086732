"""Cameras: which there are, and whether this user may open them."""

from __future__ import annotations

import getpass
import os
import re
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path

from edgeclip.device.board import ROOT, text_of
from edgeclip.device.doctor.findings import Finding, command_line, ok, warning

# Codecs and picture processors of a Raspberry Pi are "video devices", too.
_NO_CAMERA = re.compile(r"(bcm2835-(codec|isp)|pispbe|rpivid|rpi-hevc).*")
_CSI = re.compile(r"(unicam|rp1-cfe|csi|tegra-video|vi-output).*")


def findings(root: Path = ROOT) -> Iterator[Finding]:
    """Look for cameras."""
    cameras = dict(_cameras(root))
    if not cameras:
        yield ok("camera", "no camera")
        return
    closed = [path for path in cameras if not os.access(path, os.R_OK | os.W_OK)]
    if closed:
        yield warning(
            "camera",
            f"{closed[0].name} ({cameras[closed[0]]}) may not be opened by this user. Join the "
            "group video, and log in again.",
            command_line("sudo", "usermod", "-aG", "video", _user()),
        )
    names = ", ".join(f"{path.name} ({name})" for path, name in cameras.items())
    yield ok("camera", f"{names}{_stable(root)}{_reader(cameras.values())}")


def _cameras(root: Path) -> Iterator[tuple[Path, str]]:
    """Yield device and name of each camera, by number."""
    paths = (root / "dev").glob("video[0-9]*")
    for path in sorted(paths, key=lambda path: (len(path.name), path.name)):
        name = text_of(root / "sys/class/video4linux" / path.name / "name") or "unnamed"
        if not _NO_CAMERA.fullmatch(name):
            yield path, name


def _stable(root: Path) -> str:
    """Return the name that stays when the number changes, as it may after each unplugging."""
    links = sorted((root / "dev/v4l/by-id").glob("*-index0"))
    return f"; by a name that stays: /dev/v4l/by-id/{links[0].name}" if links else ""


def _reader(names: Iterable[str]) -> str:
    """Say what can read them."""
    installed = [name for name in ("cv2", "picamera2") if find_spec(name) is not None]
    csi = any(_CSI.fullmatch(name) for name in names)
    if csi and "picamera2" not in installed:
        return "; its own camera port is read with picamera2, which is not installed"
    if not installed:
        return "; no cv2 to read it with: pip install 'edgeclip[camera]'"
    return f"; read by {' and '.join(installed)}"


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run as a user that does not exist
        return "USER"
