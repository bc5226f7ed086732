"""Versions that are known to be bad: one table."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from edgeclip.device.doctor.findings import State

_ORT = "https://github.com/microsoft/onnxruntime/issues"


@dataclass(frozen=True, slots=True)
class Known:
    """A range of versions that has a fault."""

    package: str
    least: str
    """The first version that has it; empty: all before ``below``."""
    below: str
    """The first version that has it no more."""
    why: str
    """A clause without a full stop."""
    source: str
    state: State = "warning"
    """``ok``: worth a remark only."""
    fixed: tuple[str, ...] = ()
    """Earlier versions from which on it is fixed, each within its own first two numbers."""
    feature: str | None = None
    """It only happens on CPUs that have this."""


KNOWN: tuple[Known, ...] = (
    Known(
        "onnxruntime",
        "1.21.0",
        "1.21.1",
        "it ends with an illegal instruction on a Raspberry Pi 4 and other Arm boards",
        f"{_ORT}/23957",
        state="failed",
    ),
    Known(
        "onnxruntime",
        "",
        "1.27",
        "a session may read files outside the model's folder (edgeclip looks for that itself), "
        "and takes more memory with every picture on some CPUs",
        f"{_ORT}/28231",
    ),
    Known(
        "onnxruntime",
        "1.26",
        "1.27",
        "a session may answer with numbers of another session",
        f"{_ORT}/28654",
        state="failed",
    ),
    Known(
        "onnxruntime",
        "1.24",
        "1.29",
        "on CPUs with SME it keeps gigabytes of scratch memory",
        f"{_ORT}/29538",
        feature="sme",
    ),
    Known(
        "pillow",
        "",
        "13",
        "a crafted JPEG can overwrite memory (CVE-2026-112403)",
        "https://pillow.readthedocs.io/en/stable/releasenotes/13.0.0.html",
        state="failed",
    ),
    Known(
        "SQLite",
        "",
        "3.33",
        "it is too old for the index",
        "https://www.sqlite.org/schematab.html",
        state="failed",
    ),
    Known(
        "SQLite",
        "3.7.0",
        "3.51.3",
        "two programs that write to one database can damage it; edgeclip lets only one in, so "
        "open store.db with nothing else",
        "https://www.sqlite.org/wal.html#walresetbug",
        state="ok",
        fixed=("3.44.6", "3.50.7"),
    ),
    Known(
        "SQLite",
        "3.52.0",
        "3.52.1",
        "its makers withdrew it",
        "https://github.com/vapor/sqlite-nio/pull/101",
    ),
)


def known_of(package: str, version: str, features: Sequence[str] = ()) -> Iterator[Known]:
    """Yield what is known of a version.

    Args:
        package: as the table names it.
        version: what is installed.
        features: of the CPU.
    """
    own = numbers(version)
    for row in KNOWN:
        here = row.feature is None or row.feature in features
        within = numbers(row.least) <= own < numbers(row.below)
        mended = any(_mends(numbers(each), own) for each in row.fixed)
        if row.package == package and here and within and not mended:
            yield row


def numbers(version: str) -> tuple[int, ...]:
    """Return the numbers that a version begins with: ``1.27.0rc1`` → (1, 27); zeros say nothing."""
    found = re.match(r"\d+(?:\.\d+)*", version)
    parts = [int(part) for part in found[0].split(".")] if found else []
    while parts and parts[-1] == 0:
        parts.pop()
    return tuple(parts)


def _mends(fixed: tuple[int, ...], own: tuple[int, ...]) -> bool:
    return own[:2] == fixed[:2] and own >= fixed
