"""The board, what its CPU can do for a model, and its memory."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from edgeclip.device.board import ROOT, Board, board, meminfo, number_of, text_of
from edgeclip.device.doctor.findings import Finding, failed, ok, size, warning
from edgeclip.model.cpus import groups

LEAST_FREE_BYTES, LOW_BYTES = 64 << 20, 256 << 20
"""Less free memory than this is hopeless, and little."""
_CPUS = "sys/devices/system/cpu"
# These choose the clock by the load themselves, whatever the governor is called.
_OWN_WILL = ("intel_pstate", "amd-pstate-epp")


@dataclass(frozen=True, slots=True)
class Memory:
    """RAM in bytes."""

    total: int
    available: int
    """What can be had without swapping, within the limit of the control group."""
    swap: int
    limit: int | None
    """Of the control group; None: there is none below the total."""


def findings(root: Path = ROOT) -> Iterator[Finding]:
    """Look at the board, its CPU and its memory."""
    found = board(root)
    cpus = "1 CPU" if found.cpus == 1 else f"{found.cpus} CPUs"
    known = [found.name, found.machine, cpus, *([found.cpu] if found.cpu != found.name else [])]
    yield ok("board", ", ".join(known))
    yield ok("cpu", _int8(found))
    yield from _clocked(root)
    yield from _memory(memory(root))


def memory(root: Path = ROOT) -> Memory | None:
    """Return how much memory there is, or None where the kernel does not tell."""
    told = meminfo(root)
    if not told.get("MemTotal"):
        return None
    total, available = told["MemTotal"], told.get("MemAvailable", told.get("MemFree", 0))
    limits = list(_limits(root))
    limit = min((most for most, _ in limits), default=total)
    left = min((most - used for most, used in limits), default=total)
    return Memory(
        total=total,
        available=max(0, min(available, left)),
        swap=told.get("SwapTotal", 0),
        limit=limit if limit < total else None,
    )


def _int8(found: Board) -> str:
    """Say what int8 brings on this CPU."""
    have = set(found.features)
    known = (
        ("i8mm", "int8 has matrix instructions (i8mm)"),
        ("asimddp", "int8 has dot products (asimddp)"),
        ("avx512_vnni", "int8 has dot products (AVX-512 VNNI)"),
        ("avx_vnni", "int8 has dot products (AVX VNNI)"),
        ("avx2", "AVX2 without VNNI: int8 saves memory, and less time"),
        ("asimd", "NEON without dot products: int8 saves memory, and less time"),
    )
    if not have:
        return "the kernel does not tell what the CPU can do"
    text = next((text for feature, text in known if feature in have), "no vector instructions")
    also = ("asimdhp", "bf16", "sve", "sme", "avx512f", "amx_int8")
    more = ", ".join(name for name in also if name in have)
    return f"{text}; also {more}" if more else text


def _clocked(root: Path) -> Iterator[Finding]:
    """Look for a clock that is held down on purpose."""
    folders = sorted((root / _CPUS).glob("cpu[0-9]*/cpufreq"))
    slow = [f for f in folders if text_of(f / "scaling_governor") == "powersave"]
    if slow and text_of(slow[0] / "scaling_driver") not in _OWN_WILL:
        yield warning(
            "clock rate",
            "the governor powersave keeps the CPU at its lowest clock.",
            f"echo schedutil | sudo tee /{_CPUS}/cpu*/cpufreq/scaling_governor",
        )
    rates = [
        (now, most)
        for folder in folders
        if (now := number_of(folder / "scaling_max_freq"))
        and (most := number_of(folder / "cpuinfo_max_freq"))
    ]
    capped = [(now, most) for now, most in rates if now < most]
    if capped:
        now, most = min(capped)
        yield warning(
            "clock rate",
            f"the CPU is held at {now // 1000:,} of {most // 1000:,} MHz.",
            f"cat /{_CPUS}/cpu0/cpufreq/cpuinfo_max_freq | "
            f"sudo tee /{_CPUS}/cpu*/cpufreq/scaling_max_freq",
        )
    if rates and not (slow or capped):
        yield ok("clock rate", f"up to {max(most for _, most in rates) // 1000:,} MHz")


def _memory(found: Memory | None) -> Iterator[Finding]:
    if found is None:
        yield ok("memory", "the kernel does not tell")
        return
    limit = "" if found.limit is None else f", a limit of {size(found.limit)} for this process"
    swap = f"swap {size(found.swap)}" if found.swap else "no swap"
    text = f"{size(found.available)} of {size(found.total)} free{limit}, {swap}"
    if found.available < LEAST_FREE_BYTES:
        yield failed("memory", f"{text}: too little for any model. {_STOP}", _WHO)
    elif found.available < LOW_BYTES:
        yield warning("memory", f"{text}: only a small model fits. {_STOP}", _WHO)
    else:
        yield ok("memory", text)


_STOP = "Stop other programs, or raise the limit."
_WHO = "ps aux --sort=-rss | head"


def _limits(root: Path) -> Iterator[tuple[int, int]]:
    """Yield limit and use, in bytes, of each control group above this process that has a limit."""
    mount = root / "sys/fs/cgroup"
    for group in groups(root, "memory"):
        yield from _limit(mount / group, "memory.max", "memory.current")
        # Version 1 has a tree of its own for each controller.
        place = mount / "memory" / group
        yield from _limit(place, "memory.limit_in_bytes", "memory.usage_in_bytes")


def _limit(folder: Path, most: str, used: str) -> Iterator[tuple[int, int]]:
    limit = number_of(folder / most)  # "max" is no number: there is none
    if limit is not None:
        yield limit, max(0, (number_of(folder / used) or 0) - _given_back(folder))


def _given_back(folder: Path) -> int:
    """Return the bytes of files that are only kept in memory until somebody needs it."""
    text = text_of(folder / "memory.stat")
    return sum(map(int, re.findall(r"^(?:in)?active_file (\d+)$", text, re.MULTILINE)))
