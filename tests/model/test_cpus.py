"""CPUs of this process, from trees of /proc and /sys as kernels and containers show them."""

from __future__ import annotations

import os

import pytest

from edgeclip.model import cpus
from edgeclip.model.cpus import usable_cpus


@pytest.fixture(autouse=True)
def eight_cpus(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)


@pytest.fixture
def tree(tmp_path):
    """Write files below a root and return it."""

    def plant(files):
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tmp_path

    return plant


V1 = "4:memory:/a\n3:cpu,cpuacct:/docker/x\n1:name=systemd:/y\n"
GROUP = "sys/fs/cgroup"
TREES = {
    "nothing": ({}, 8),
    "v2 no limit": ({"proc/self/cgroup": "0::/\n", f"{GROUP}/cpu.max": "max 100000\n"}, 8),
    "v2 at the root": ({"proc/self/cgroup": "0::/\n", f"{GROUP}/cpu.max": "200000 100000\n"}, 2),
    "v2 one and a half": ({"proc/self/cgroup": "0::/\n", f"{GROUP}/cpu.max": "150000 100000\n"}, 2),
    "v2 a tenth": ({"proc/self/cgroup": "0::/\n", f"{GROUP}/cpu.max": "10000 100000\n"}, 1),
    "v2 own group": (
        {"proc/self/cgroup": "0::/a/b\n", f"{GROUP}/a/b/cpu.max": "300000 100000\n"},
        3,
    ),
    "v2 nested, the parent is tighter": (
        {
            "proc/self/cgroup": "0::/a/b\n",
            f"{GROUP}/a/b/cpu.max": "600000 100000\n",
            f"{GROUP}/a/cpu.max": "100000 50000\n",
        },
        2,
    ),
    "v2 nested, the child is tighter": (
        {
            "proc/self/cgroup": "0::/a/b\n",
            f"{GROUP}/a/b/cpu.max": "100000 100000\n",
            f"{GROUP}/a/cpu.max": "max 100000\n",
        },
        1,
    ),
    "v2 the group of another": (
        {"proc/self/cgroup": "0::/a\n", f"{GROUP}/b/cpu.max": "100000 100000\n"},
        8,
    ),
    "v2 seen from inside a container": (
        {"proc/self/cgroup": "0::/docker/abc\n", f"{GROUP}/cpu.max": "400000 100000\n"},
        4,
    ),
    "v2 outside its namespace": (
        {"proc/self/cgroup": "0::/../..\n", f"{GROUP}/cpu.max": "200000 100000\n"},
        2,
    ),
    "v1": (
        {
            "proc/self/cgroup": V1,
            f"{GROUP}/cpu/docker/x/cpu.cfs_quota_us": "250000\n",
            f"{GROUP}/cpu/docker/x/cpu.cfs_period_us": "100000\n",
        },
        3,
    ),
    "v1 no limit": (
        {
            "proc/self/cgroup": V1,
            f"{GROUP}/cpu/docker/x/cpu.cfs_quota_us": "-1\n",
            f"{GROUP}/cpu/docker/x/cpu.cfs_period_us": "100000\n",
        },
        8,
    ),
    "v1 seen from inside a container": (
        {
            "proc/self/cgroup": V1,
            f"{GROUP}/cpu/cpu.cfs_quota_us": "100000\n",
            f"{GROUP}/cpu/cpu.cfs_period_us": "100000\n",
        },
        1,
    ),
    "v1 a memory group is no CPU group": (
        {
            "proc/self/cgroup": "4:memory:/a\n",
            f"{GROUP}/cpu/a/cpu.cfs_quota_us": "100000\n",
            f"{GROUP}/cpu/a/cpu.cfs_period_us": "100000\n",
        },
        8,
    ),
    "more than there are": ({f"{GROUP}/cpu.max": "9900000 100000\n"}, 8),
    "a tree without proc": ({f"{GROUP}/cpu.max": "200000 100000\n"}, 2),
    "garbage": ({"proc/self/cgroup": "\n::\nx\n0\n", f"{GROUP}/cpu.max": "ten percent\n"}, 8),
    "zeros": ({f"{GROUP}/cpu.max": "0 0\n"}, 8),
    "empty": ({"proc/self/cgroup": "", f"{GROUP}/cpu.max": ""}, 8),
}


@pytest.mark.parametrize("name", TREES)
def test_trees(tree, name):
    files, expected = TREES[name]
    assert usable_cpus(tree(files)) == expected


def test_groups_of_a_controller_and_all_above(tree):
    root = tree({"proc/self/cgroup": V1 + "0::/u/s\n"})
    assert cpus.groups(root, "memory") == [".", "a", "u", "u/s"]
    assert cpus.groups(root, "cpu") == [".", "docker", "docker/x", "u", "u/s"]
    assert cpus.groups(root / "none", "cpu") == ["."]


def test_affinity_counts(tree, monkeypatch):
    root = tree({f"{GROUP}/cpu.max": "400000 100000\n"})
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3, 5})
    assert usable_cpus(root) == 2
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3})
    assert usable_cpus(root) == 1


def test_systems_without_affinity(tree, monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    assert usable_cpus(tree({})) == 6
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert usable_cpus(tree({})) == 1


def test_names_that_are_no_utf8(tree):
    root = tree({"proc/self/cgroup": "", f"{GROUP}/cpu.max": "200000 100000\n"})
    (root / "proc/self/cgroup").write_bytes(b"0::/\xff\xfe\n")
    assert usable_cpus(root) == 2


def test_this_machine(monkeypatch):
    monkeypatch.undo()
    assert 1 <= cpus.usable_cpus() <= (os.cpu_count() or 1)


X86 = "processor\t: 0\nflags\t\t: fpu sse2 avx2\n\nprocessor\t: 1\nflags\t\t: avx2 fpu sse2\n"
ARM = "processor\t: 0\nFeatures\t: fp asimd asimddp\nCPU part\t: 0xd0b\n\n"
INFOS = {
    "x86": (X86, ("avx2", "fpu", "sse2")),
    "arm": (ARM * 4, ("asimd", "asimddp", "fp")),
    "little and big cores": (ARM + "Features : fp asimd\n", ("asimd", "fp")),
    "nothing in common": (X86 + "flags : vmx\n", ()),
    "no flags": ("processor : 0\nvmx flags : ept\nFlags : none\n", ()),
    "empty": ("", ()),
}


@pytest.mark.parametrize("name", INFOS)
def test_features(tree, name):
    text, expected = INFOS[name]
    assert cpus.cpu_features(tree({"proc/cpuinfo": text})) == expected


def test_features_where_the_kernel_does_not_tell(tmp_path):
    assert cpus.cpu_features(tmp_path) == ()
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc" / "cpuinfo").write_bytes(b"flags : a \xff b\n")
    assert {"a", "b"} < set(cpus.cpu_features(tmp_path))


def test_features_of_this_machine():
    found = cpus.cpu_features()
    assert found == tuple(sorted(set(found))) == cpus.cpu_features()
    assert {"fpu", "fp", "half"} & set(found)
