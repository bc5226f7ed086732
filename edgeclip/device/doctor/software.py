"""Python, the packages and what is known of their versions; SQLite."""

from __future__ import annotations

import platform
import re
import struct
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module, metadata
from pathlib import Path

from edgeclip.device.board import ROOT, page_bytes
from edgeclip.device.doctor.findings import Finding, State, failed, ok, warning
from edgeclip.device.doctor.known import Known, known_of, numbers
from edgeclip.model.cpus import cpu_features

LEAST_PYTHON = (3, 11)
_NEEDED = re.compile(r"([A-Za-z0-9_.-]+)>=([\d.]+)(?:\s*;\s*extra == ['\"](\w+)['\"])?")
# All of them install the module onnxruntime, each over the files of the others.
_RUNTIMES = (
    "onnxruntime",
    "onnxruntime-gpu",
    "onnxruntime-openvino",
    "onnxruntime-directml",
    "onnxruntime-migraphx",
    "onnxruntime-qnn",
    "onnxruntime-rocm",
    "onnxruntime-training",
    "ort-nightly",
    "ort-nightly-gpu",
)
_EXTRAS = {
    "hnswlib": "hnsw",
    "pillow-heif": "heif",
    "watchfiles": "folder",
    "onnx": "quantize",
    "torch": "export",
}
_ARM_32 = re.compile(r"armv[5-8]\w*")


@dataclass(frozen=True, slots=True)
class _Need:
    """A package that edgeclip asks for."""

    name: str
    least: str
    is_extra: bool


def python(version: tuple[int, ...] = sys.version_info[:3]) -> Finding:
    """Look at the version of Python."""
    shown = ".".join(map(str, version))
    if version[:2] < LEAST_PYTHON:
        return failed(
            "python",
            f"Python {shown} is older than 3.11: it gets no onnxruntime and no pillow without "
            "known holes. Take one from uv, or a container.",
            "uv venv --python 3.12",
        )
    return ok("python", f"Python {shown}, {platform.python_implementation()}")


def user_space(
    machine: str | None = None, pointer_bits: int = 8 * struct.calcsize("P")
) -> Iterator[Finding]:
    """Look for a system of 32 bits, which may run on a kernel of 64."""
    machine = machine or platform.machine()
    is_arm = machine == "aarch64" or _ARM_32.fullmatch(machine) is not None
    if pointer_bits < 64:
        what = "a 32-bit system" + (f" on {machine}" if is_arm else "")
        yield failed(
            "system",
            f"this is {what}: there is no onnxruntime for it. Install the 64-bit edition of the "
            "system.",
        )
        return
    pages = page_bytes() >> 10
    yield ok("system", f"{platform.system()} {platform.release()}, 64 bits, {pages} KB pages")


def packages(root: Path = ROOT) -> Iterator[Finding]:
    """Look at the versions of what edgeclip needs, and of the extras that are there."""
    needs = {name: _Need(name, "", is_extra=True) for name in _EXTRAS}
    needs |= {need.name: need for need in _needs()}
    found = {name: version for name in needs if (version := _version(name)) is not None}
    runtimes = {name: version for name in _RUNTIMES if (version := _version(name)) is not None}
    if runtimes:  # any of them will do
        found.pop("onnxruntime", None)
        needs.pop("onnxruntime", None)
    shown = ", ".join(f"{name} {version}" for name, version in (runtimes | found).items())
    yield ok("packages", shown or "none is known to Python")
    features = cpu_features(root)
    for name, version in runtimes.items():
        yield from _judged(name, "onnxruntime", version, features)
    for name, version in found.items():
        yield from _judged(name, name, version, features, needs[name])
    for name in needs.keys() - found.keys():
        if not needs[name].is_extra:
            yield failed("packages", f"{name} is not installed.", _install(name, needs[name].least))
    if len(runtimes) > 1:
        yield _overlaid(list(runtimes))


def sqlite() -> Iterator[Finding]:
    """Look at SQLite, which comes with Python or with the system."""
    try:
        # Its version only; who works with it is edgeclip.index.database.
        version = str(import_module("sqlite3").sqlite_version)
    except ImportError:
        yield failed(
            "sqlite",
            "this Python was built without SQLite, so there can be no index. Install SQLite's "
            "headers and build it again, or take another Python.",
            "sudo apt-get install libsqlite3-dev",
        )
        return
    known = list(known_of("SQLite", version))
    rows = [row for row in known if row.state != "ok"] or known
    if not rows:
        yield ok("sqlite", f"SQLite {version}")
        return
    advice = "" if _worst(rows) == "ok" else " Take a Python that brings another one."
    yield Finding("sqlite", _worst(rows), f"SQLite {version}: {_reasons(rows)}.{advice}")


def _judged(
    name: str, known_as: str, version: str, features: Sequence[str], need: _Need | None = None
) -> Iterator[Finding]:
    """Say what is wrong with a version, if anything is."""
    rows = list(known_of(known_as, version, features))
    if rows:
        below = max((row.below for row in rows), key=numbers)
        message = f"{name} {version}: {_reasons(rows)}."
        yield Finding("packages", _worst(rows), message, _install(name, below))
    elif need is not None and numbers(version) < numbers(need.least):
        # Who does not use an extra may have its packages for other work.
        state: State = "warning" if need.is_extra else "failed"
        what = f"edgeclip[{_EXTRAS[name]}]" if need.is_extra else "edgeclip"
        message = f"{name} {version} is older than {what} needs ({need.least})."
        yield Finding("packages", state, message, _install(name, need.least))


def _overlaid(names: Sequence[str]) -> Finding:
    keep = next((name for name in names if name != "onnxruntime"), names[0])
    return warning(
        "packages",
        f"{' and '.join(names)} are installed over each other: which files are whose is chance. "
        "Keep one of them.",
        f"pip uninstall -y {' '.join(names)} && pip install {keep}",
    )


def _needs() -> Iterator[_Need]:
    """Yield what edgeclip's own metadata ask for; nothing where it was not installed."""
    try:
        required = metadata.requires("edgeclip") or []
    except metadata.PackageNotFoundError:
        required = []
    for text in required:
        found = _NEEDED.fullmatch(text.replace(" ", "").replace(";extra==", "; extra == "))
        if found and (found[3] is None or found[1] in _EXTRAS):
            yield _Need(found[1], found[2], found[3] is not None)


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _install(name: str, least: str) -> str:
    return f"pip install '{name}>={least}'"


def _worst(rows: Sequence[Known]) -> State:
    states = [row.state for row in rows]
    order: tuple[State, ...] = ("failed", "warning", "ok")
    return next(state for state in order if state in states)


def _reasons(rows: Sequence[Known]) -> str:
    return "; ".join(f"{row.why} ({row.source})" for row in rows)
