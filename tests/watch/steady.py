"""What repeated losses of a camera leave behind: how long each took, and what the process holds."""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass, field
from pathlib import Path

from tests.usage import Usage, usage

LONGEST_S = 4.0
"""For how long a camera or stream is away, at most."""
_RECOVERS_S = 5.0
_MOST_KB = 1024


@dataclass
class Report:
    """How long it took to notice and to recover, and what the process held."""

    warm_up: int
    """Losses before the first look at what the process holds."""
    noticed: list[float] = field(default_factory=list)
    recovered: list[float] = field(default_factory=list)
    states: list[str] = field(default_factory=list)
    held: list[Usage] = field(default_factory=list)

    def look(self) -> None:
        """Note what the process holds after a loss."""
        if len(self.recovered) >= self.warm_up:
            self.held.append(usage())

    @property
    def good(self) -> bool:
        """Whether it recovered in time, and neither files nor memory grew."""
        first, last = self.held[0], self.held[-1]
        flat = last.files <= first.files and last.memory_kb - first.memory_kb <= _MOST_KB
        return flat and max(self.recovered) <= _RECOVERS_S

    def __str__(self) -> str:
        noticed = (
            f"Noticed after {max(self.noticed):.1f} s at the latest.\n" if self.noticed else ""
        )
        return (
            f"{noticed}Recovered after {max(self.recovered):.1f} s at the latest, "
            f"{sorted(self.recovered)[len(self.recovered) // 2]:.1f} s in the middle.\n"
            f"Held after {self.warm_up} times: {self.held[0]}; at the end: {self.held[-1]}; "
            f"afterwards: {usage()}."
        )


def asked(description: str, name: str, default: int) -> int:
    """Return how often, from the command line; children find this checkout's packages."""
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument(f"--{name}", type=int, default=default)
    paths = [str(Path(__file__).resolve().parents[2]), os.environ.get("PYTHONPATH", "")]
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    count: int = getattr(parser.parse_args(), name)
    return count
