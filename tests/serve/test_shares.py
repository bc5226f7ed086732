"""What decoders may have on boards of all sizes, laid out as files."""

from __future__ import annotations

import pytest

from edgeclip.serve import shares as module
from edgeclip.serve.shares import LEAST_MB, MOST_MB, Shares, shares


@pytest.fixture
def board(tmp_path, monkeypatch):
    """Lay out a board of so much memory, and of a limit for its unit where there is one."""
    monkeypatch.setattr(module, "usable_cpus", lambda root: 4)

    def plant(total_mb, limit_mb=None, cpus=4):
        monkeypatch.setattr(module, "usable_cpus", lambda root: cpus)
        files = {"proc/meminfo": f"MemTotal: {total_mb << 10} kB\n"}
        if limit_mb is not None:
            files["proc/self/cgroup"] = "0::/system.slice/edgeclip-serve.service\n"
            folder = "sys/fs/cgroup/system.slice/edgeclip-serve.service"
            files[f"{folder}/memory.max"] = f"{limit_mb << 20}\n"
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tmp_path

    return plant


@pytest.mark.parametrize(
    ("total_mb", "limit_mb", "expected"),
    [
        (416, None, Shares(1, LEAST_MB)),  # a Zero 2 W: what a photograph needs, whatever there is
        (970, None, Shares(1, 388)),
        (970, 679, Shares(1, 271)),  # a board of 1 GB and its unit's 70 %: one at a time
        (1900, 1330, Shares(2, 266)),
        (3800, 2660, Shares(2, 532)),
        (7900, 5530, Shares(2, 1106)),
        (64_000, None, Shares(2, MOST_MB)),
        (64_000, 679, Shares(1, 271)),  # a container
    ],
)
def test_memory_is_divided(board, total_mb, limit_mb, expected):
    assert shares(root=board(total_mb, limit_mb)) == expected


@pytest.mark.parametrize("total_mb", [700, 970, 1500, 1900, 3800, 7900])
def test_all_decoders_at_once_leave_most_to_the_service(board, total_mb):
    found = shares(root=board(total_mb))
    assert found.workers * found.megabytes <= 0.4 * total_mb or found == Shares(1, LEAST_MB)


def test_one_cpu_decodes_one_picture(board):
    assert shares(root=board(7900, cpus=1)) == Shares(1, MOST_MB)


def test_what_is_given_counts(board):
    root = board(1900)
    assert shares(2, root=root) == Shares(2, 380)
    assert shares(1, root=root) == Shares(1, 760)
    assert shares(8, root=root) == Shares(8, LEAST_MB)
    assert shares(megabytes=500, root=root) == Shares(1, 500)
    assert shares(megabytes=100, root=root) == Shares(2, 100)
    assert shares(3, 50, root=root) == Shares(3, 50)


def test_where_the_kernel_does_not_tell(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "usable_cpus", lambda root: 4)
    assert shares(root=tmp_path) == Shares(2, MOST_MB)
