"""CPU and memory: what is little, what is limited, what is held down."""

from __future__ import annotations

import pytest

from edgeclip.device.doctor import hardware
from tests.device.conftest import PI_5, only, states

FREQUENCY = "sys/devices/system/cpu/cpu0/cpufreq"
CLOCK = {
    f"{FREQUENCY}/scaling_governor": "ondemand\n",
    f"{FREQUENCY}/scaling_driver": "cpufreq-dt\n",
    f"{FREQUENCY}/scaling_max_freq": "2400000\n",
    f"{FREQUENCY}/cpuinfo_max_freq": "2400000\n",
}


def meminfo(available_mb: int) -> dict[str, str]:
    free = available_mb * 1000 * 1000 // 1024
    text = f"MemTotal: 8000000 kB\nMemAvailable: {free} kB\nSwapTotal: 0 kB\n"
    return {"proc/meminfo": text}


def message(found, check):
    return next(each.message for each in found if each.check == check)


def test_a_raspberry_pi_5(tree):
    found = list(hardware.findings(tree(PI_5, CLOCK)))
    assert states(found) == []
    assert message(found, "board").startswith("Raspberry Pi 5 Model B Rev 1.0, ")
    assert message(found, "board").endswith(", Cortex-A76")
    assert message(found, "cpu") == "int8 has dot products (asimddp); also asimdhp"
    assert message(found, "memory") == "7.2 GB of 8.4 GB free, swap 537 MB"
    assert message(found, "clock rate") == "up to 2,400 MHz"


@pytest.mark.parametrize(
    ("features", "text"),
    [
        ("asimd", "NEON without dot products"),
        ("asimd asimddp i8mm", "matrix instructions"),
        ("sse2 avx2", "AVX2 without VNNI"),
        ("avx2 avx_vnni", "AVX VNNI"),
        ("avx2 avx512_vnni", "AVX-512 VNNI"),
        ("sse2", "no vector instructions"),
        ("", "the kernel does not tell"),
    ],
)
def test_what_int8_brings(tree, features, text):
    root = tree({"proc/cpuinfo": f"flags\t: {features}\n"})
    assert text in message(hardware.findings(root), "cpu")


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"scaling_governor": "powersave\n"}, "powersave keeps the CPU"),
        ({"scaling_max_freq": "600000\n"}, "held at 600 of 2,400 MHz"),
    ],
)
def test_a_clock_that_is_held_down(tree, changes, text):
    root = tree(PI_5, CLOCK, {f"{FREQUENCY}/{name}": value for name, value in changes.items()})
    found = only(hardware.findings(root))
    assert found.state == "warning" and text in found.message and "sudo tee" in found.command


def test_drivers_that_call_themselves_powersave(tree):
    names = {"scaling_governor": "powersave", "scaling_driver": "intel_pstate"}
    root = tree(PI_5, CLOCK, {f"{FREQUENCY}/{name}": value for name, value in names.items()})
    assert states(hardware.findings(root)) == []


@pytest.mark.parametrize(("available_mb", "state"), [(40, "failed"), (200, "warning"), (400, "ok")])
def test_little_memory(tree, available_mb, state):
    (found,) = [
        each for each in hardware.findings(tree(meminfo(available_mb))) if each.check == "memory"
    ]
    assert found.state == state and f"{available_mb:,} MB of 8.2 GB free, no swap" in found.message


@pytest.mark.parametrize(
    "limit",
    [
        {
            "proc/self/cgroup": "0::/a/b\n",
            "sys/fs/cgroup/a/memory.max": "536870912\n",
            "sys/fs/cgroup/a/memory.current": "500000000\n",
            "sys/fs/cgroup/a/memory.stat": "anon 7\nactive_file 3129088\ninactive_file 60000000\n",
            "sys/fs/cgroup/a/b/memory.max": "max\n",
        },
        {
            "proc/self/cgroup": "4:memory:/a\n3:cpu:/b\n",
            "sys/fs/cgroup/memory/a/memory.limit_in_bytes": "536870912\n",
            "sys/fs/cgroup/memory/a/memory.usage_in_bytes": "436870912\n",
        },
        {
            # In a container the path is often the host's, and the mount is the container's own.
            "proc/self/cgroup": "0::/docker/x\n",
            "sys/fs/cgroup/memory.max": "536870912\n",
            "sys/fs/cgroup/memory.current": "436870912\n",
        },
    ],
    ids=["version 2", "version 1", "container"],
)
def test_a_limit_of_the_control_group(tree, limit):
    found = only(hardware.findings(tree(meminfo(4000), limit)))
    assert found.state == "warning" and found.check == "memory"
    assert "100 MB of 8.2 GB free, a limit of 537 MB for this process" in found.message


def test_a_limit_that_is_none(tree):
    files = {
        "proc/self/cgroup": "4:memory:/a\n",
        "sys/fs/cgroup/memory/a/memory.limit_in_bytes": "9223372036854771712\n",
    }
    found = hardware.memory(tree(meminfo(4000), files))
    assert found.limit is None and found.available == 4_000_000_000 // 1024 * 1024


def test_a_system_that_tells_nothing(tree):
    assert states(hardware.findings(tree())) == [] and hardware.memory(tree()) is None


def test_this_machine():
    assert list(hardware.findings()) and hardware.memory().total > 0
