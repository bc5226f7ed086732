"""The clock: boards without one of their own begin each start at a wrong time."""

from __future__ import annotations

import ctypes
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import edgeclip
from edgeclip.device.board import ROOT
from edgeclip.device.doctor.findings import Finding, ok, warning

_OLDEST = datetime(2024, 1, 1, tzinfo=UTC).timestamp()
_DAY_S = 86_400
_UNSYNCHRONISED = 5
"""TIME_ERROR, https://man7.org/linux/man-pages/man2/adjtimex.2.html"""
_SET = "sudo timedatectl set-ntp true"


def findings(
    root: Path = ROOT, *, now: float | None = None, kernel: bool | None = None
) -> Iterator[Finding]:
    """Look at the time, and at where it comes from.

    Args:
        root: where ``dev`` and ``run`` are.
        now: seconds since 1970; None: the clock's.
        kernel: whether the kernel takes the clock for synchronised; None: ask it.
    """
    now = time.time() if now is None else now
    shown = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%d %H:%M UTC")
    if now < max(_OLDEST, Path(edgeclip.__file__).stat().st_mtime - _DAY_S):
        yield warning("clock", f"it says {shown}, which is long past. Set it.", _SET)
        return
    own = any((root / device).exists() for device in ("dev/rtc0", "dev/rtc", "sys/class/rtc/rtc0"))
    follows = (root / "run/systemd/timesync/synchronized").exists()
    follows = follows or (_kernel_follows() if kernel is None else kernel)
    if not own and not follows:
        yield warning(
            "clock",
            f"{shown}, of nobody knows where: there is no clock chip, and no time server has set "
            "it. Pictures without a date of their own get this one.",
            _SET,
        )
        return
    source = "set by a time server" if follows else "of the clock chip, no time server"
    chip = "" if own else "; no clock chip, so it is a guess after each start"
    yield ok("clock", f"{shown}, {source}{chip}")


def _kernel_follows() -> bool:
    """Tell whether the kernel takes its clock for synchronised, by whichever program."""
    try:
        # All zeros ask and set nothing; struct timex has some 200 bytes.
        state: int = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(512))
    except (OSError, AttributeError):  # a C library without it
        return False
    return 0 <= state < _UNSYNCHRONISED
