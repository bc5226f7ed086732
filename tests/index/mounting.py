"""Run a child process that mounts something of its own, where that is permitted."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

from tests.patience import PATIENCE_S


def run(module: str, *arguments: object) -> None:
    """Run a module that mounts a tmpfs; skip the test where it may not."""
    command = [sys.executable, "-m", module, *map(str, arguments)]
    found = subprocess.run(
        [*_namespace(), *command], capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )
    if found.returncode == 3 or "unshare:" in found.stderr:
        pytest.skip("no tmpfs can be mounted here")
    assert found.returncode == 0, found.stderr


def _namespace() -> list[str]:
    """What lets a process mount something of its own: nothing for root, else a user namespace."""
    if os.geteuid() == 0:
        return []
    unshare = shutil.which("unshare")
    return [unshare, "--user", "--map-root-user"] if unshare else []
