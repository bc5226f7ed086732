"""What is wanted of a camera's events, and what the camera and its files are called."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from edgeclip.errors import EdgeclipError
from edgeclip.model import places
from edgeclip.watch.names import cleaned, file_name
from edgeclip.watch.source import described

_LONGEST_NAME = 60
# The cameras of a recorder often differ by these alone, which give nothing secret away.
_WHICH = re.compile(r"[?&](cam|camera|channel|id|input|profile|stream|subtype)=(\d{1,3})(?=&|$)")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is wanted of a camera's events."""

    fps: float
    begin: float | None
    """When a recording began, in seconds since 1970; None: nobody said."""
    camera: str | None
    every_frame: bool
    state: Path | None
    log: Path | None
    timeline: Path | None
    keep_days: float | None
    keep_bytes: int | None
    no_pictures: bool
    webhook: str | None
    mqtt: str | None
    as_json: bool
    models: Path | None

    def state_file(self, camera: str) -> Path | None:
        """Return the file that keeps what a camera's rules have learnt; None: nothing is kept."""
        folder = self.state or places.user_state()
        return None if folder is None else folder / f"{file_name(camera)}.json"

    def spool(self, camera: str) -> Path:
        """Return the folder of the events that a server has not got.

        Raises:
            EdgeclipError: nothing may be kept.
        """
        folder = self.state or places.user_state()
        if folder is None:
            raise EdgeclipError(
                "there is no place to keep what the server has not got. Give --state."
            )
        return folder / f"{file_name(camera)}.webhook"


def called(source: str) -> str:
    """Name a camera after its source, without what may be secret in it."""
    found = described(source)
    address = found.name
    if found.kind == "stream":
        which = "-".join(f"{name}-{number}" for name, number in _WHICH.findall(source))
        address = f"{address.partition('://')[2]}-{which}"
    name = cleaned(address).strip("-._…")
    return f"camera{name}" if name.isdigit() else name[-_LONGEST_NAME:] or "camera"
