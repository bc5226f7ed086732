"""What became of one picture or text, as the media-processing plugin's ``clip_embedding`` tells it.

The service's jobs and ``edgeclip embed --json`` share it, so a script can move between them.
"""

from __future__ import annotations

from typing import Any

from edgeclip.vectors import Vector


def file_object(
    name: str,
    vector: Vector | None,
    error: str | None,
    *,
    normalized: bool,
    kind: str = "file_path",
) -> dict[str, Any]:
    """Return the object of one file, ready for JSON.

    Args:
        name: as whoever asks knows it.
        vector: ``(dim,)``; None: it failed.
        error: why it failed; None: it did not.
        normalized: whether the vector was scaled to unit length.
        kind: the field of the name.
    """
    embedding = None
    if vector is not None:
        embedding = {
            "embedding": [float(value) for value in vector],
            "embedding_dim": len(vector),
            "normalized": normalized,
        }
    status = "success" if error is None else "error"
    return {kind: name, "embedding": embedding, "status": status, "error": error}
