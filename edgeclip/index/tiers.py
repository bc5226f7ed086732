"""How hard a saved graph must search, kept beside it: to measure it takes seconds of every core."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import os
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

from edgeclip.index.effort import LADDER, Tier
from edgeclip.index.saved import Manifest, Refused, read_regular

_SUFFIX = ".tiers"
_MOST_BYTES = 1 << 14
_CHANGE, _LEAST_CHANGE = 0.02, 64


@dataclass(frozen=True, slots=True)
class Measured:
    """What was measured of a graph."""

    tiers: tuple[Tier, ...]
    size: int
    """How many ids could be found in it then."""

    def fits(self, size: int) -> bool:
        """Tell whether it holds for the same graph with so many ids that can be found."""
        return abs(size - self.size) <= max(_LEAST_CHANGE, _CHANGE * self.size)


NOTHING = Measured((), 0)


def keep(path: Path, manifest: Manifest, secret: bytes, measured: Measured) -> None:
    """Keep a measurement; where that fails it is made again.

    Args:
        path: the manifest's.
        manifest: of the graph.
        secret: of the store.
        measured: what was found.
    """
    told = {"size": measured.size, "tiers": [astuple(tier) for tier in measured.tiers]}
    data = json.dumps(told | {"hash": _hash(told, manifest, secret)}).encode()
    draft = path.with_suffix(".partial")
    with contextlib.suppress(OSError):
        draft.unlink(missing_ok=True)
        with draft.open("xb") as file:  # never through a link that somebody has put there
            file.write(data)
        # Not synced: what a pulled plug leaves of it does not fit its hash.
        draft.replace(path.with_suffix(_SUFFIX))


def kept(path: Path, manifest: Manifest, secret: bytes) -> Measured | None:
    """Return what was measured of a graph, or None when there is nothing that can be trusted.

    Args:
        path: the manifest's.
        manifest: of the graph; it was checked.
        secret: of the store.
    """
    try:
        told = json.loads(read_regular(path.with_suffix(_SUFFIX), _MOST_BYTES))
        signature = bytes.fromhex(told.pop("hash"))
        if not hmac.compare_digest(bytes.fromhex(_hash(told, manifest, secret)), signature):
            return None
        tiers = tuple(Tier(float(least), int(ef)) for least, ef in told["tiers"])
        return Measured(tiers, int(told["size"]))
    except (Refused, OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def _hash(told: Any, manifest: Manifest, secret: bytes) -> str:
    """Return a keyed BLAKE2b that binds it to one file of one index, and to this ladder."""
    bound = json.dumps([manifest.hash, LADDER, told], sort_keys=True)
    return hashlib.blake2b(os.fsencode(bound), key=secret, digest_size=32).hexdigest()
