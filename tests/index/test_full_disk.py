import os
import shutil
import subprocess
import sys

import pytest

CASES = ["writing", "reopening", "backing_up", "salvaging", "creating", "quarantining"]
CASES += ["grouping", "reading", "reading_beside", "reading_a_log"]


def namespace() -> list[str]:
    """What lets a process mount something of its own: nothing for root, else a user namespace."""
    if os.geteuid() == 0:
        return []
    unshare = shutil.which("unshare")
    return [unshare, "--user", "--map-root-user"] if unshare else []


@pytest.mark.parametrize("case", CASES)
def test_full_disk_while(case, tmp_path):
    command = [sys.executable, "-m", "tests.index.full_disk", case, str(tmp_path)]
    found = subprocess.run(
        [*namespace(), *command], capture_output=True, text=True, timeout=60, check=False
    )
    if found.returncode == 3 or "unshare:" in found.stderr:
        pytest.skip("no tmpfs can be mounted here")
    assert found.returncode == 0, found.stderr
