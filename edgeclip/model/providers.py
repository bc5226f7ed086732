"""Execution providers: which are asked for, and what each is told.

CPU, CUDA and TensorRT are known by short names; whatever else the installed onnxruntime reports
goes by its own.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from edgeclip.errors import ModelError
from edgeclip.model.places import user_cache

CPU = "CPUExecutionProvider"
CUDA = "CUDAExecutionProvider"
TENSORRT = "TensorrtExecutionProvider"
HALF = (CUDA, TENSORRT)
"""Those that compute in fp16; on a CPU fp16 is slower than fp32 (a Pi 5: four times, #25824)."""
# TensorRT is left to those who ask: its first start compiles for minutes.
_PREFERRED = (CUDA, CPU)
_MOST_ROWS = 16
_SHORT = {"cpu": CPU, "cuda": CUDA, "tensorrt": TENSORRT}


def resolved(wanted: Sequence[str] | None, available: Sequence[str]) -> list[str]:
    """Return the full names of the providers to use, best first.

    Args:
        wanted: ``cpu``, ``cuda``, ``tensorrt`` or onnxruntime's own names; None: CUDA where it is
            present, then the CPU.
        available: what the installed onnxruntime has.

    Raises:
        ModelError: one is not there.
    """
    if wanted is None:
        return [name for name in _PREFERRED if name in available]
    names = [full_name(name, available) for name in wanted]
    for short, name in zip(wanted, names, strict=True):
        if name not in available:
            raise ModelError(
                f"the installed onnxruntime has no {short} (it has: {', '.join(available)}). "
                "Install a build that has it, or ask for another provider."
            )
    return names


def full_name(name: str, available: Sequence[str]) -> str:
    """Return onnxruntime's name of a provider, of whichever case and with or without its ending."""
    known = {**_SHORT, **{each.lower(): each for each in available}}
    known |= {each.lower().removesuffix("executionprovider"): each for each in available}
    return known.get(name.lower(), name)


def short_name(name: str) -> str:
    """Return a provider's name for people, without its ending."""
    return name.removesuffix("ExecutionProvider")


def with_settings(
    names: Sequence[str], row: tuple[str, str] | None
) -> Iterator[str | tuple[str, dict[str, Any]]]:
    """Yield the providers as ``InferenceSession`` takes them.

    Args:
        names: full names, best first.
        row: name of the input and the sides of one row, such as ``3x256x256``: without them
            TensorRT compiles again for every new batch size.
    """
    for name in names:
        if name == TENSORRT:
            yield name, {**_kept_engines(), **(_profile(*row) if row else {})}
        else:
            yield name


def engines() -> Path | None:
    """Return the folder of TensorRT's engines; it names them by graph, version and GPU itself."""
    cache = user_cache()
    return cache and cache / "tensorrt"


def _kept_engines() -> dict[str, Any]:
    folder = engines()
    if folder is None:
        return {}
    with contextlib.suppress(OSError):  # TensorRT says itself that it cannot write
        folder.mkdir(parents=True, exist_ok=True)
    return {
        "trt_engine_cache_enable": True,
        "trt_engine_cache_path": str(folder),
        "trt_timing_cache_enable": True,
        "trt_timing_cache_path": str(folder),
    }


def _profile(name: str, sides: str) -> dict[str, str]:
    ends = {"min": 1, "opt": 1, "max": _MOST_ROWS}
    return {f"trt_profile_{end}_shapes": f"{name}:{n}x{sides}" for end, n in ends.items()}
