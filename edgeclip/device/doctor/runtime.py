"""Whether onnxruntime and hnswlib start, asked of child processes: on some CPUs that is a crash.

The child also looks at the graphs that were kept for this onnxruntime.
"""

from __future__ import annotations

import ctypes
import importlib.util
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from edgeclip.device.board import ROOT, is_jetson
from edgeclip.device.doctor.findings import Finding, command_line, failed, ok, warning
from edgeclip.model import child
from edgeclip.model.providers import CUDA, TENSORRT

_MODULE = "edgeclip.device.doctor.runtime"
_HNSWLIB = "hnswlib"
_GPUS = ("dev/nvidiactl", "dev/nvhost-ctrl-gpu", "dev/nvgpu", "dev/nvmap")
_LIBRARIES = {CUDA: "cuda", TENSORRT: "tensorrt", "OpenVINOExecutionProvider": "openvino"}


def findings(root: Path = ROOT, *, timeout_s: float = 600.0) -> Iterator[Finding]:
    """Start onnxruntime in a child process, and look at its providers."""
    try:
        told = child.ask(_MODULE, None, timeout_s=timeout_s)
    except child.ChildFailed as error:
        yield _broken(error)
        return
    names, problems = list(told["providers"]), dict(told["problems"])
    starts = [name for name in names if name not in problems]
    yield ok("onnxruntime", f"onnxruntime {told['version']} starts; providers: {', '.join(starts)}")
    yield from _absent(names, problems, root)
    yield from _kept(told["kept"])


def hnswlib(*, timeout_s: float = 600.0) -> Iterator[Finding]:
    """Build a small graph in a child process: hnswlib is compiled for the CPU that it was built on.

    An unfit one would take any program with it that has a large index open.
    """
    if importlib.util.find_spec("hnswlib") is None:
        return
    try:
        child.ask(_MODULE, _HNSWLIB, timeout_s=timeout_s)
        yield ok("hnswlib", "hnswlib works")
    except child.ChildFailed as error:
        if _is_unasked(error):
            return  # the line of onnxruntime says it
        died = re.search(r"SIG\w+", error.reason)
        what = f"dies of {died[0]}: it was built for another CPU" if died else "does not work"
        why = "" if died else f" ({error.reason})"
        yield failed(
            "hnswlib",
            f"hnswlib {what}{why}. Build it here, or remove it: search is exact then.",
            "HNSWLIB_NO_NATIVE=1 pip install --force-reinstall --no-cache-dir --no-deps hnswlib",
        )


def _is_unasked(error: child.ChildFailed) -> bool:
    return error.reason.startswith(child.NO_PROCESS)


def _broken(error: child.ChildFailed) -> Finding:
    if _is_unasked(error):
        return warning(
            "onnxruntime",
            f"it was not looked at: {error.reason}. Look with an ordinary Python, as a user who "
            f"may start {sys.executable or 'it'}.",
        )
    if error.verdict == "crashed" and "SIGILL" in error.reason:
        return failed(
            "onnxruntime",
            f"{error.reason}: it, or numpy, uses instructions that this CPU does not have. "
            "Install another version.",
            "pip install --upgrade onnxruntime numpy",
        )
    return failed(
        "onnxruntime",
        f"onnxruntime cannot be started ({error.reason}). Install it again.",
        "pip install --force-reinstall onnxruntime",
    )


def _absent(names: list[str], problems: Mapping[str, str], root: Path) -> Iterator[Finding]:
    """Say which providers cannot start, and whether a GPU lies idle."""
    if CUDA in names and not any((root / device).exists() for device in _GPUS):
        yield warning(
            "providers", f"{CUDA} cannot start: no GPU can be seen here. The CPU does the work."
        )
        return
    for name, problem in problems.items():
        text = f"{name} cannot start: {problem}"
        if name == TENSORRT:  # every build for CUDA lists it, and only who asks for it needs it
            yield ok("providers", f"{text}; it is used only when it is asked for")
            continue
        yield warning(
            "providers",
            f"{text}. Without it the CPU does the work. Install what is missing, or a build of "
            "onnxruntime for the libraries that are here.",
        )
    if is_jetson(root) and CUDA not in names:
        yield warning(
            "providers",
            "the GPU of this Jetson is not used: the installed onnxruntime was built without CUDA. "
            "Install NVIDIA's build of it, see docs/jetson.md.",
        )


def _kept(graphs: list[tuple[str, bool]]) -> Iterator[Finding]:
    """Look at the optimised graphs that were kept on this board."""
    bad = [path for path, is_sound in graphs if not is_sound]
    for path in bad:
        yield warning(
            "cache",
            f"{path} is damaged. It is not used, and made anew when it is needed.",
            command_line("rm", path),
        )
    if graphs and not bad:
        folder, count = Path(graphs[0][0]).parent, len(graphs)
        yield ok("cache", f"{count} optimised graph{'s' * (count > 1)} in {folder}, as written")


def _here(question: str | None) -> Any:
    """Do what is asked; the process may end here."""
    return _small_graph() if question == _HNSWLIB else _onnxruntime()


def _small_graph() -> int:
    import numpy as np

    from edgeclip.index.hnsw import Graph

    graph = Graph.empty(2, 4)
    graph.add(np.array([7]), np.array([[1, 0]], np.float32))
    return len(graph.search(np.array([[1, 0]], np.float32), 1)[0])


def _onnxruntime() -> dict[str, Any]:
    from edgeclip.model import graph_cache, session

    names = session.available_providers()
    spec = importlib.util.find_spec("onnxruntime")
    places = [Path(place) / "capi" for place in (spec and spec.submodule_search_locations) or []]
    found = {name: problem for name in names if (problem := _problem(name, places))}
    kept = [(str(path), is_sound) for path, is_sound in graph_cache.kept()]
    version = session.version_text()
    return {"version": version, "providers": names, "problems": found, "kept": kept}


def _problem(name: str, places: list[Path]) -> str:
    """Return why the library of a provider cannot be loaded, or nothing."""
    for place in places:
        # The others need the shared one to be there before them.
        for part in ("shared", _LIBRARIES.get(name)):
            library = place / f"libonnxruntime_providers_{part}.so"
            if library.exists() and (problem := _unloadable(library)):
                return problem
    return ""


def _unloadable(library: Path) -> str:
    try:
        ctypes.CDLL(str(library), mode=ctypes.RTLD_GLOBAL)
    except OSError as error:
        return str(error)
    return ""


if __name__ == "__main__":
    child.reply(_here)
