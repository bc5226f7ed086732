"""What this board is: its name, its CPU and its memory, as the kernel tells them.

Every function takes the folder in which ``proc``, ``sys``, ``dev`` and ``etc`` are looked for, so
that the files of any board can be laid out for it.
"""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from edgeclip.model.cpus import cpu_features, usable_cpus

ROOT = Path("/")
# Implementer and part of /proc/cpuinfo, as lscpu-arm.c of util-linux lists them.
_CORES = {
    ("0x41", "0xd03"): "Cortex-A53",
    ("0x41", "0xd04"): "Cortex-A35",
    ("0x41", "0xd05"): "Cortex-A55",
    ("0x41", "0xd07"): "Cortex-A57",
    ("0x41", "0xd08"): "Cortex-A72",
    ("0x41", "0xd09"): "Cortex-A73",
    ("0x41", "0xd0a"): "Cortex-A75",
    ("0x41", "0xd0b"): "Cortex-A76",
    ("0x41", "0xd0c"): "Neoverse-N1",
    ("0x41", "0xd0d"): "Cortex-A77",
    ("0x41", "0xd0e"): "Cortex-A76AE",
    ("0x41", "0xd40"): "Neoverse-V1",
    ("0x41", "0xd41"): "Cortex-A78",
    ("0x41", "0xd42"): "Cortex-A78AE",
    ("0x41", "0xd46"): "Cortex-A510",
    ("0x41", "0xd47"): "Cortex-A710",
    ("0x41", "0xd49"): "Neoverse-N2",
    ("0x41", "0xd4f"): "Neoverse-V2",
    ("0x41", "0xd80"): "Cortex-A520",
    ("0x41", "0xd81"): "Cortex-A720",
    ("0x4e", "0x003"): "Denver 2",
    ("0x4e", "0x004"): "Carmel",
}
_L4T = re.compile(r"R(\d+) .*?REVISION: ([\d.]+)")


@dataclass(frozen=True, slots=True)
class Board:
    """A computer, however small."""

    name: str
    """What is printed on it, such as ``Raspberry Pi 5 Model B Rev 1.0``; else its CPU's name."""
    machine: str
    """Architecture of the kernel, such as ``aarch64``."""
    cpu: str
    """Name of its cores, such as ``Cortex-A76``; of all kinds where they differ."""
    cpus: int
    """CPUs that this process may use."""
    features: tuple[str, ...]
    """What the cores can do, by the kernel's names."""
    memory_bytes: int
    """RAM; 0 where the kernel does not tell."""


def board(root: Path = ROOT) -> Board:
    """Return what this board is."""
    cpu, machine = _cpu(root), platform.machine()
    return Board(
        name=_name(root) or cpu or machine,
        machine=machine,
        cpu=cpu or machine,
        cpus=usable_cpus(root),
        features=cpu_features(root),
        memory_bytes=meminfo(root).get("MemTotal", 0),
    )


def is_raspberry_pi(root: Path = ROOT) -> bool:
    """Tell whether this is a Raspberry Pi."""
    return "Raspberry Pi" in _model(root)


def is_jetson(root: Path = ROOT) -> bool:
    """Tell whether this is an NVIDIA Jetson."""
    return "Jetson" in _model(root) or (root / "etc/nv_tegra_release").exists()


def meminfo(root: Path = ROOT) -> dict[str, int]:
    """Return ``/proc/meminfo`` in bytes, by the kernel's names."""
    lines = (line.partition(":") for line in text_of(root / "proc/meminfo").splitlines())
    numbers = ((name, value.split()[:1]) for name, _, value in lines)
    return {
        name: int(digits[0]) << 10 for name, digits in numbers if digits and digits[0].isdigit()
    }


def text_of(path: Path) -> str:
    """Return what a small file of the kernel says; empty where it says nothing."""
    try:
        return path.read_bytes().decode("utf-8", "replace").replace("\0", "").strip()
    except OSError:  # missing, or a sensor that does not answer now
        return ""


def number_of(path: Path) -> int | None:
    """Return the number that a file of the kernel holds, or None."""
    try:
        return int(text_of(path))
    except ValueError:
        return None


def _model(root: Path) -> str:
    return text_of(root / "proc/device-tree/model")


def _name(root: Path) -> str:
    name = _model(root)
    release = text_of(root / "etc/nv_tegra_release")
    if not release:
        return name
    found = _L4T.search(release)
    version = f" (L4T {found[1]}.{found[2]})" if found else ""
    return f"{name or 'NVIDIA Jetson'}{version}"


def _cpu(root: Path) -> str:
    """Return the name of the cores, from the small to the big ones where they differ."""
    return " + ".join(dict.fromkeys(_cores(text_of(root / "proc/cpuinfo"))))


def _cores(text: str) -> Iterator[str]:
    for block in text.split("\n\n"):
        told = {key.strip(): value.strip() for key, _, value in map(_parted, block.splitlines())}
        part = told.get("CPU implementer", ""), told.get("CPU part", "")
        if told.get("model name"):  # x86, and 32-bit kernels on Arm
            yield told["model name"]
        elif all(part):
            yield _CORES.get(part, f"Arm core {part[0]}/{part[1]}")


def _parted(line: str) -> tuple[str, str, str]:
    return line.partition(":")


def page_bytes() -> int:
    """Return the size of a page of memory: 16 KB with the usual kernel of a Raspberry Pi 5."""
    return os.sysconf("SC_PAGE_SIZE")
