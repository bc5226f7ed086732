"""Pressure: whether the board is short of memory, by the kernel's own account.

Linux tells which share of the time tasks had to wait for memory (pressure stall information,
https://docs.kernel.org/accounting/psi.html).  A board that swaps pictures in and out gets slower
for everything that runs on it, so fewer frames are looked at until it is over.
"""

from __future__ import annotations

import re
from pathlib import Path

_FILE = Path("/proc/pressure/memory")
_SOME = re.compile(r"^some avg10=(\d+(?:\.\d+)?)", re.MULTILINE)
_SHORT = 10.0
"""Per cent of the last ten seconds."""
_EVERY_S = 5.0
_MOST_SKIPPED = 8


class Pressure:
    """Tell which frames to pass over while memory is short.

    Args:
        file: where the kernel tells; one that is missing tells of no pressure.
    """

    def __init__(self, file: Path = _FILE) -> None:
        self._file = file
        self._asked = float("-inf")
        self._step, self._count = 1, 0

    def passes(self, time: float) -> bool:
        """Return whether to look at a frame; while memory is short, at ever fewer.

        Args:
            time: of the frame, in seconds.
        """
        if not 0 <= time - self._asked < _EVERY_S:
            self._asked = time
            short = self._share() >= _SHORT
            self._step = min(2 * self._step, _MOST_SKIPPED) if short else max(self._step // 2, 1)
        self._count += 1
        return self._count % self._step == 0

    def _share(self) -> float:
        try:
            found = _SOME.search(self._file.read_text("ascii"))
        except (OSError, ValueError):  # another kernel, or a container without it
            return 0.0
        return float(found[1]) if found else 0.0
