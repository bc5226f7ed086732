"""Where edgeclip keeps what belongs to a user: models, settings, what is learnt or can be remade.

The XDG base directory specification, with a variable of edgeclip's own above it.
"""

from __future__ import annotations

import os
from pathlib import Path

OFF = "off"
"""As ``EDGECLIP_CACHE``, ``EDGECLIP_CONFIG`` or ``EDGECLIP_STATE``: keep nothing."""


def user_data() -> Path | None:
    """Return the folder of the user's models, or None where there is no home."""
    return _below("XDG_DATA_HOME", ".local/share")


def user_config() -> Path | None:
    """Return the folder of what `edgeclip tune` found: ``EDGECLIP_CONFIG``, else below the home."""
    return _own("EDGECLIP_CONFIG", "XDG_CONFIG_HOME", ".config")


def user_cache() -> Path | None:
    """Return the folder of what can be made again: ``EDGECLIP_CACHE``, else below the home."""
    return _own("EDGECLIP_CACHE", "XDG_CACHE_HOME", ".cache")


def user_state() -> Path | None:
    """Return the folder of what cameras have learnt: ``EDGECLIP_STATE``, else below the home."""
    return _own("EDGECLIP_STATE", "XDG_STATE_HOME", ".local/state")


def _own(variable: str, xdg: str, default: str) -> Path | None:
    named = os.environ.get(variable)
    if named == OFF:
        return None
    return Path(named) if named else _below(xdg, default)


def _below(xdg: str, default: str) -> Path | None:
    named = os.environ.get(xdg)
    try:
        return (Path(named) if named else Path.home() / default) / "edgeclip"
    except RuntimeError:  # a container may run as a user that does not exist
        return None
