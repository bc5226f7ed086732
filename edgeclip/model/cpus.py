"""How many CPUs this process may really use.

onnxruntime counts the host's cores even inside a container, and then fights over the few that it
was given (microsoft/onnxruntime#29510).
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path

_FEATURES = ("flags", "Features")
"""Keys of ``/proc/cpuinfo`` on x86 and on Arm."""


def usable_cpus(root: Path = Path("/")) -> int:
    """Count the CPUs that the affinity mask and the control groups leave to this process.

    Args:
        root: where ``proc`` and ``sys`` are looked for.

    Returns:
        At least 1; a quota of one and a half CPUs counts as 2.
    """
    affinity = getattr(os, "sched_getaffinity", None)
    cpus = len(affinity(0)) if affinity else (os.cpu_count() or 1)
    quota = min(_quotas(root), default=math.inf)
    return max(1, min(cpus, math.ceil(quota))) if quota < math.inf else max(1, cpus)


def cpu_features(root: Path = Path("/")) -> tuple[str, ...]:
    """Return what the CPU says that it can do, by the kernel's names, such as ``asimddp``.

    Args:
        root: where ``proc`` is looked for.

    Returns:
        Sorted names, those that all cores have; empty where the kernel does not tell.
    """
    try:
        text = (root / "proc/cpuinfo").read_text(errors="replace")
    except OSError:
        return ()
    lines = (line.partition(":") for line in text.splitlines())
    cores = [set(value.split()) for key, _, value in lines if key.strip() in _FEATURES]
    return tuple(sorted(set.intersection(*cores))) if cores else ()


def _quotas(root: Path) -> Iterator[float]:
    """Yield the limit in CPUs of each control group above this process, where there is one."""
    mount = root / "sys/fs/cgroup"
    for group in groups(root, "cpu"):
        yield from _ratio(mount / group / "cpu.max")
        # Version 1 keeps the two numbers in two files, below a folder for each controller.
        yield from _ratio(
            mount / "cpu" / group / "cpu.cfs_quota_us", mount / "cpu" / group / "cpu.cfs_period_us"
        )


def groups(root: Path, controller: str) -> list[str]:
    """Return this process's control groups and all their ancestors, as sorted relative paths.

    Args:
        root: where ``proc`` is looked for.
        controller: such as ``cpu``; version 1 has groups of its own for each.
    """
    try:
        lines = (root / "proc/self/cgroup").read_text(errors="replace").splitlines()
    except OSError:
        lines = []
    seen = {"."}
    for line in lines:
        number, controllers, path = [*line.split(":", 2), "", ""][:3]
        if number == "0" or controller in controllers.split(","):
            own = Path(path.lstrip("/"))
            seen.update(str(group) for group in (own, *own.parents))
    return sorted(seen)


def _ratio(*files: Path) -> Iterator[float]:
    try:
        limit, period = " ".join(file.read_text() for file in files).split()
        quota = int(limit) / int(period)
    except (OSError, ValueError, ZeroDivisionError):  # "max" is no number: there is no limit
        return
    if quota > 0:
        yield quota
