"""Shares: how many pictures may be decoded at once on this machine, and with how much memory."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edgeclip.device.doctor.hardware import memory
from edgeclip.model.cpus import usable_cpus

LEAST_MB = 256
"""What a photograph of 24 megapixels needs: 238 MB where it is a progressive JPEG."""
MOST_MB = 1200
"""What 50 megapixels with transparency need."""
_MOST_WORKERS = 2
# The rest is for the service itself; at 60 % of a board's memory its unit is slowed down.
_SHARE = 0.4


@dataclass(frozen=True, slots=True)
class Shares:
    """How decoders divide what is there among them."""

    workers: int
    """Children that decode, at once."""
    megabytes: int
    """Memory for one picture in one of them."""


def shares(
    workers: int | None = None, megabytes: int | None = None, root: Path = Path("/")
) -> Shares:
    """Divide a part of the memory that this process may have.

    Args:
        workers: children; None: one or two, as there are CPUs and memory.
        megabytes: memory for one picture; None: as there is, from `LEAST_MB` to `MOST_MB`.
        root: where ``proc`` and ``sys`` are looked for.
    """
    found = memory(root)
    if found is None:
        share = _MOST_WORKERS * MOST_MB
    else:
        share = int(_SHARE * (found.limit or found.total)) >> 20
    if workers is None:
        fitting = max(1, share // (megabytes or LEAST_MB))
        workers = min(_MOST_WORKERS, usable_cpus(root), fitting)
    if megabytes is None:
        megabytes = min(max(share // workers, LEAST_MB), MOST_MB)
    return Shares(workers, megabytes)
