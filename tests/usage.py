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


def children(pid: int | None = None) -> list[int]:
    """Return the children of a process, or of this one; dead ones that nobody has waited for, too.

    Raises:
        OSError: it has ended, or the kernel does not tell.
    """
    threads = Path(f"/proc/{pid or 'self'}/task")
    while True:
        found: list[int] = []
        for thread in threads.iterdir():
            try:
                found += map(int, (thread / "children").read_text().split())
            except OSError:
                if (thread / "stat").exists():
                    raise  # a kernel that does not tell
                break  # it has just ended, and given its children to another thread
        else:
            return found
