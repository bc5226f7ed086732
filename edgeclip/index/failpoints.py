"""Named steps at which a test may end the process, to show that nothing is lost there.

A power cut stops between two system calls.  Each place where that could matter is named here; the
tests kill a child process at every one of them and open the index again.
"""

from __future__ import annotations

from collections.abc import Callable

STEPS = (
    "create.database",
    "create.published",
    "write.begin",
    "write.row",
    "write.before-commit",
    "write.committed",
    "write.acknowledged",
    "checkpoint.before",
    "checkpoint.after",
    "close.closed",
    "compact.before",
    "compact.after",
    "salvage.begin",
    "salvage.built",
    "salvage.kept",
    "salvage.marked",
    "salvage.log-gone",
    "salvage.switched",
    "salvage.done",
    "quarantine.log-removed",
    "quarantine.rows-written",
    "quarantine.rows-removed",
    "backup.begun",
    "backup.copied",
    "backup.published",
    "cache.locked",
    "cache.building",
    "cache.saved",
    "cache.probed",
    "cache.synced",
    "cache.renamed",
    "cache.manifest-written",
    "cache.published",
    "cache.old-removed",
    "cache.set-aside",
    "ballast.freed",
    "ballast.written",
)

hook: Callable[[str], None] | None = None
"""Called with the name of each step that is reached; only tests set it."""


def reach(step: str) -> None:
    """Pass a step."""
    if hook is not None:
        hook(step)
