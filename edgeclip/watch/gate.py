"""Which frames are worth an inference: a look at a few hundred blocks of luminance."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgeclip.watch.frame import Frame

Blocks = NDArray[np.float32]

_ACROSS = 32
"""Blocks in the width of a frame."""
_SAMPLES = 12
"""Pixels that are looked at in the width and in the height of a block, at the least."""
_LEAST = 2.5
"""Levels of 255: the block of a picture that was compressed twice differs by less."""
_TIMES_NOISE = 5.0
_FEWEST = 2
"""Blocks that must change: one alone may be a hot pixel or the second in a clock."""
_MEMORY = 64
"""Frames over which the noise is averaged."""
_OUTLIER = 4.0


class ChangeGate:
    """Tell which frames are worth an inference: those that differ from the last one that was.

    A difference counts where it is several times what the place itself varies by from frame to
    frame, so the noise of a night and a tree in the wind do not pass for ever.  Slow changes add up
    until they pass.
    """

    def __init__(self, *, floor_s: float = 10.0) -> None:
        """Start with no frame.

        Args:
            floor_s: after so long a frame passes in any case.
        """
        self.seen = 0
        """Frames that were asked about."""
        self.passed = 0
        """Those of them that were worth it."""
        self._floor_s = floor_s
        self._time = 0.0
        self._reference: Blocks | None = None
        self._before: Blocks | None = None
        self._noise: Blocks | None = None
        self._known = 0
        self._forgotten = False

    def __call__(self, frame: Frame) -> bool:
        """Return whether to infer a frame; ask about each frame once, in order."""
        blocks = luminance(frame.picture)
        self.seen += 1
        if self._forgotten:
            self._forgotten, self._reference = False, None
        passes = self._is_new(blocks, frame.time)
        self._learn(blocks)
        if passes:
            self.passed += 1
            self._reference, self._time = blocks, frame.time
        return passes

    def forget(self) -> None:
        """Let the next frame pass: the camera was away, and nobody knows what has changed.

        Any thread may call it.
        """
        self._forgotten = True

    def _is_new(self, blocks: Blocks, time: float) -> bool:
        if self._reference is None or self._reference.shape != blocks.shape:
            return True
        # A recording that begins again goes back in time.
        if not self._time <= time < self._time + self._floor_s:
            return True
        change = np.abs(blocks - self._reference)
        return int(np.count_nonzero(change > self._threshold())) >= _FEWEST

    def _threshold(self) -> Blocks | float:
        if self._noise is None:
            return _LEAST
        # A few frames tell little of one block, and much of all together.
        noise = np.maximum(self._noise, np.median(self._noise))
        threshold: Blocks = np.maximum(_TIMES_NOISE * noise, np.float32(_LEAST))
        return threshold

    def _learn(self, blocks: Blocks) -> None:
        """Average what each block varies by; what moves through it once counts little."""
        before, self._before = self._before, blocks
        if before is None or before.shape != blocks.shape:
            self._noise, self._known = None, 0
            return
        change = np.abs(blocks - before)
        self._known = min(self._known + 1, _MEMORY)
        if self._noise is None:
            self._noise = np.minimum(change, np.float32(_LEAST))
            return
        change = np.minimum(change, _OUTLIER * np.maximum(self._noise, np.float32(0.5)))
        self._noise += (change - self._noise) / np.float32(self._known)


def luminance(picture: NDArray[np.uint8]) -> Blocks:
    """Return the mean of red, green and blue of each block, from a sample of its pixels.

    Args:
        picture: ``(h, w, 3)`` uint8.

    Returns:
        ``(rows, columns)`` float32 in 0–255; at most 32 columns, of about square blocks.
    """
    height, width = picture.shape[:2]
    columns = min(_ACROSS, width)
    rows = max(1, min(round(columns * height / width), height))
    step = max(1, width // (columns * _SAMPLES))
    # A step that is no multiple of 3 takes red, green and blue in turn.
    across = 3 * step - 1 if step > 1 else 1
    sample = picture.reshape(height, width * 3)[::step, ::across]
    sums = np.add.reduceat(sample, _edges(sample.shape[1], columns), axis=1, dtype=np.uint32)
    sums = np.add.reduceat(sums, _edges(sample.shape[0], rows), axis=0)
    heights = np.diff(_edges(sample.shape[0], rows), append=sample.shape[0])
    widths = np.diff(_edges(sample.shape[1], columns), append=sample.shape[1])
    blocks: Blocks = (sums / np.outer(heights, widths)).astype(np.float32)
    return blocks


def _edges(count: int, parts: int) -> NDArray[np.intp]:
    return np.arange(parts) * count // parts
