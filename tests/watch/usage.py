"""What a process holds: files, memory, children."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Usage:
    """What this process holds."""

    files: int
    memory_kb: int
    children: int

    def __str__(self) -> str:
        return f"{self.files} files, {self.memory_kb / 1024:.1f} MB, {self.children} children"


def usage() -> Usage:
    """Ask the kernel."""
    status = Path("/proc/self/status").read_text()
    memory = re.search(r"VmRSS:\s+(\d+) kB", status)
    assert memory is not None
    return Usage(len(list(Path("/proc/self/fd").iterdir())), int(memory[1]), len(children()))


def children() -> list[int]:
    """Return the child processes, dead ones that nobody has waited for among them."""
    tasks = Path("/proc/self/task").glob("*/children")
    return [int(number) for task in tasks for number in task.read_text().split()]
