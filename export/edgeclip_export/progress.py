"""What an export tells while it works: to a callback, or as bars on a terminal."""

from __future__ import annotations

from typing import Any

from tqdm import tqdm

from edgeclip_export.smaller import Progress as Progress


class Bars:
    """Show progress with tqdm on stderr, nothing where that is no terminal.

    A command passes an instance as ``progress`` and leaves its ``with`` block when done.
    """

    def __init__(self) -> None:
        self._bar: Any = None
        self._step = ""

    def __enter__(self) -> Bars:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the bar that is open."""
        self._close()

    def __call__(self, step: str, done: int, total: int | None) -> None:
        """Show that ``step`` has come to ``done`` of ``total`` bytes."""
        if step != self._step:
            self._close()
            self._step = step
            self._bar = tqdm(
                desc=step,
                total=total,
                disable=None,  # off where stderr is no terminal
                bar_format=None if total else "{desc}",
                unit="B",
                unit_scale=True,
                unit_divisor=1024,
            )
        if total:
            self._bar.update(done - self._bar.n)

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None
