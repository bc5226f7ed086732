"""One Ray for all tests that need one: it takes seconds to start."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="module")  # other modules count the processes that there are
def ray():
    """Ray on this machine, with two CPUs and little memory."""
    from edgeclip.grow import cluster

    ray = cluster.library()
    ray.init(
        address="local",
        num_cpus=2,
        object_store_memory=100 << 20,
        include_dashboard=False,
        log_to_driver=False,
        _node_ip_address="127.0.0.1",
    )
    yield ray
    ray.shutdown()


def workers() -> list[int]:
    """The processes of Ray's that were started by this one, or by what it started."""
    parents: dict[int, int] = {}
    names: dict[int, bytes] = {}
    for path in Path("/proc").glob("[0-9]*"):
        try:
            names[int(path.name)] = (path / "cmdline").read_bytes()
            parents[int(path.name)] = int((path / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:  # it has ended
            continue
    ours = {os.getpid()}
    while more := {pid for pid, parent in parents.items() if parent in ours} - ours:
        ours |= more
    return sorted(pid for pid in ours if names.get(pid, b"").startswith(b"ray::MapWorker"))
