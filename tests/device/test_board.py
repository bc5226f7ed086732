"""Which board it is, from the files of boards."""

from __future__ import annotations

import platform

import pytest

from edgeclip.device import board
from tests.device.conftest import PI_5

JETSON = "# R36 (release), REVISION: 4.3, GCID: 38968081, BOARD: generic, EABI: aarch64\n"


def test_a_raspberry_pi(tree):
    root = tree(PI_5)
    found = board.board(root)
    assert found.name == "Raspberry Pi 5 Model B Rev 1.0" and found.cpu == "Cortex-A76"
    assert found.machine == platform.machine() and found.cpus >= 1
    assert "asimddp" in found.features and found.memory_bytes == 8245304 << 10
    assert board.is_raspberry_pi(root) and not board.is_jetson(root)


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("NVIDIA Jetson Orin Nano Developer Kit\0", "NVIDIA Jetson Orin Nano Developer Kit"),
        (None, "NVIDIA Jetson"),
    ],
)
def test_a_jetson(tree, model, name):
    files = {"etc/nv_tegra_release": JETSON}
    root = tree(files if model is None else {**files, "proc/device-tree/model": model})
    assert board.board(root).name == f"{name} (L4T 36.4.3)" and board.is_jetson(root)


def test_a_jetson_whose_release_is_not_understood(tree):
    assert board.board(tree({"etc/nv_tegra_release": "?"})).name == "NVIDIA Jetson"


def test_cores_of_two_kinds_and_unknown_ones(tree):
    core = "CPU implementer\t: 0x41\nCPU part\t: {}\n\n"
    text = core.format("0xd05") * 4 + core.format("0xd0b") * 4 + core.format("0xfff")
    found = board.board(tree({"proc/cpuinfo": text}))
    assert found.cpu == found.name == "Cortex-A55 + Cortex-A76 + Arm core 0x41/0xfff"


def test_a_desktop_has_the_name_of_its_cpu(tree):
    found = board.board(tree({"proc/cpuinfo": "model name\t: Intel(R) N100\nflags\t: avx2\n"}))
    assert found.name == found.cpu == "Intel(R) N100" and found.features == ("avx2",)


def test_a_system_that_tells_nothing(tree):
    found = board.board(tree())
    assert found.name == found.cpu == platform.machine()
    assert found.features == () and found.memory_bytes == 0


def test_garbage(tree):
    root = tree({"proc/meminfo": "MemTotal: lots kB\nMemFree:\nx\n", "n": "12 monkeys"})
    (root / "proc/cpuinfo").write_bytes(b"model name\t: \xff\n")
    assert board.meminfo(root) == {} and board.number_of(root / "n") is None
    assert board.board(root).cpu == "\ufffd"


def test_this_machine():
    assert board.board().name and board.board().memory_bytes > 0 and board.page_bytes() >= 4096
