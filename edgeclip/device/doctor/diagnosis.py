"""The diagnosis: every check in turn, from Python up to the index."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

from edgeclip.device.board import ROOT
from edgeclip.device.doctor import camera, clock, hardware, heat, runtime, software, storage
from edgeclip.device.doctor.findings import Finding, failed
from edgeclip.errors import ModelError
from edgeclip.model.places import user_cache


def diagnose(
    index: Path,
    *,
    model: str | None = None,
    models: Path | None = None,
    quick: bool = False,
    timeout_s: float = 600.0,
    root: Path = ROOT,
) -> Iterator[Finding]:
    """Look at everything that edgeclip stands on, and change nothing.

    Args:
        index: folder of the index, which need not exist.
        model: name or folder of the model; None: the default one, and the one of the index.
        models: where models are looked for first.
        quick: leave out what takes long: the goldens, and SQLite's check of all pages.
        timeout_s: how long onnxruntime may take to start, and the goldens to be replayed.
        root: where ``proc``, ``sys``, ``dev``, ``etc``, ``run`` and ``var`` are.
    """
    yield software.python()
    checks: dict[str, Callable[[], Iterator[Finding]]] = {
        "system": software.user_space,
        "packages": lambda: software.packages(root),
        "sqlite": software.sqlite,
        "onnxruntime": lambda: runtime.findings(root, timeout_s=timeout_s),
        "hnswlib": lambda: runtime.hnswlib(timeout_s=timeout_s),
        "board": lambda: hardware.findings(root),
        "temperature": lambda: heat.findings(root),
        "clock": lambda: clock.findings(root),
        "camera": lambda: camera.findings(root),
        "disk": lambda: storage.findings(_places(index, model, models), root),
        "model": lambda: _models(index, model, models, quick, timeout_s, root),
        "index": lambda: _index(index, model, models, quick),
    }
    for name, check in checks.items():
        yield from _guarded(name, check)


def _guarded(name: str, check: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    """Let no check that breaks hide the others; a package that is missing breaks some."""
    try:
        yield from check()
    except Exception as error:
        kind = type(error).__name__
        yield failed(name, f"it cannot be examined ({kind}: {error}). See the other lines first.")


def _places(index: Path, model: str | None, models: Path | None) -> dict[str, Path]:
    places = {storage.INDEX: index}
    with contextlib.suppress(ModelError, ImportError):  # the model's own line says more
        places[storage.MODEL] = _found(model, models)
    if (kept := user_cache()) is not None:
        places[storage.CACHE] = kept
    return places


def _models(
    index: Path,
    model: str | None,
    models: Path | None,
    quick: bool,
    timeout_s: float,
    root: Path,
) -> Iterator[Finding]:
    """Look at the model that commands use, and at the one that the index remembers."""
    from edgeclip.device.doctor.indexes import remembered
    from edgeclip.device.doctor.models import findings

    memory = hardware.memory(root)
    available = memory.available if memory else None
    own = None if model else remembered(index)
    seen: list[Path] = []
    for name in (model, *([own] if own else [])):
        try:
            folder = _found(name, models)
        except ModelError as error:
            yield failed("model", str(error), "edgeclip models")
            continue  # the index may have been made with another one
        if not any(folder.samefile(each) for each in seen):
            seen.append(folder)
            yield from findings(folder, quick=quick, timeout_s=timeout_s, available=available)


def _index(index: Path, model: str | None, models: Path | None, quick: bool) -> Iterator[Finding]:
    from edgeclip.device.doctor.indexes import findings

    yield from findings(index, model=model, models=models, quick=quick)


def _found(model: str | None, models: Path | None) -> Path:
    from edgeclip.model import library  # numpy may be what is broken

    return library.find(model, models=models)
