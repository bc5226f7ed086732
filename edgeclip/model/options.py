"""How graphs are run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Optimisation = Literal["all", "extended", "basic", "off"]
MOST_THREADS = 1024
OPTIMISATIONS: tuple[Optimisation, ...] = ("all", "extended", "basic", "off")


@dataclass(frozen=True, slots=True)
class SessionOptions:
    """How graphs are run; the defaults suit a small board."""

    threads: int | None = None
    """Threads of one inference; None: the CPUs of this process, see `edgeclip.model.cpus`."""
    providers: Sequence[str] | None = None
    """Execution providers, best first; None: CUDA where it is present, then the CPU."""
    spinning: bool = False
    """Whether idle threads burn CPU while they wait: five times the CPU at 10 fps, no faster."""
    arena: bool = False
    """Whether memory is kept at its peak between runs instead of being handed back."""
    optimisation: Optimisation = "all"
    """How far onnxruntime rewrites a graph when it opens it."""
    cache: bool = True
    """Whether a large rewritten graph is kept, see `edgeclip.model.graph_cache`."""

    def __post_init__(self) -> None:
        """Refuse what onnxruntime would take for something else."""
        if self.threads is not None and not 1 <= self.threads <= MOST_THREADS:
            raise ValueError(f"threads must be from 1 to {MOST_THREADS:,}, not {self.threads}")
        if isinstance(self.providers, str):
            raise TypeError(f"providers is a list of names: [{self.providers!r}]")
        if self.optimisation not in OPTIMISATIONS:
            raise ValueError(
                f"optimisation must be one of {', '.join(OPTIMISATIONS)}, not {self.optimisation!r}"
            )
