"""What tells one store from another, under a seal: a rotted setting must not pass for another."""

from __future__ import annotations

import secrets
import uuid
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from edgeclip.index.schema import FORMAT

NAMES = ("uuid", "secret", "space", "dim", "model", "generation", "format")
"""Settings under the seal."""
SEAL = "seal"


@dataclass(frozen=True, slots=True)
class Identity:
    """What tells one store from another."""

    uuid: str
    secret: bytes
    """32 bytes that authenticate the cache; whoever can read them has the vectors anyway."""
    space: str
    dim: int | None
    """None until the first item is there."""
    model: str
    """The model's name, for people and for commands that need a model to ask with."""
    generation: int
    """Higher after each salvage."""


def new_identity(space: str, model: str) -> Identity:
    """Return the identity of a store that is about to be made."""
    return Identity(str(uuid.uuid4()), secrets.token_bytes(32), space, None, model, 1)


def settings_of(identity: Identity) -> dict[str, Any]:
    """Return the settings that hold an identity, with their seal; None is not kept."""
    known = {name: getattr(identity, name) for name in NAMES if name != "format"}
    known = {name: value for name, value in known.items() if value is not None} | {"format": FORMAT}
    return known | {SEAL: seal(known)}


def identity_from(known: Mapping[str, Any]) -> Identity | None:
    """Return the identity that settings hold, or None when their seal does not fit."""
    if known.get(SEAL) != seal(known):
        return None
    return Identity(
        uuid=known["uuid"],
        secret=known["secret"],
        space=known["space"],
        dim=known.get("dim"),
        model=known["model"],
        generation=known["generation"],
    )


def seal(known: Mapping[str, Any]) -> int:
    """Return the CRC-32 of an identity's settings."""
    return zlib.crc32(repr([(name, known.get(name)) for name in NAMES]).encode())
