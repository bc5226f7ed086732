"""SHA-256 of files and of what stands for a file."""

from __future__ import annotations

import hashlib
from pathlib import Path

from edgeclip.model.identity import canonical_sha256

UNTRAINED_SCHEME = "edgeclip-untrained-1"
"""Names the rule that makes weights of a seed; changed when the same seed would give others."""


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, 64 hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256_of_untrained(architecture: str, seed: int) -> str:
    """Return the identity of seeded weights: SHA-256 of architecture, seed and rule."""
    return canonical_sha256(
        {"architecture": architecture, "scheme": UNTRAINED_SCHEME, "seed": seed}
    )
