"""Boards that are laid out as files, and packages and tools that are not really there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

PI_5 = {
    "proc/device-tree/model": "Raspberry Pi 5 Model B Rev 1.0\0",
    "proc/cpuinfo": "".join(
        f"processor\t: {n}\nFeatures\t: fp asimd aes asimdhp asimddp\n"
        "CPU implementer\t: 0x41\nCPU part\t: 0xd0b\n\n"
        for n in range(4)
    )
    + "Model\t\t: Raspberry Pi 5 Model B Rev 1.0\n",
    "proc/meminfo": "MemTotal:  8245304 kB\nMemAvailable:  7012345 kB\nSwapTotal:  524284 kB\n",
    "sys/class/thermal/thermal_zone0/type": "cpu-thermal\n",
    "sys/class/thermal/thermal_zone0/temp": "51200\n",
    "sys/devices/platform/soc@107c000000/soc@107c000000:firmware/get_throttled": "0\n",
    "dev/rtc0": "",
}
"""The files of a Raspberry Pi 5 on which all is well."""


@pytest.fixture
def tree(tmp_path):
    """Write files below a root and return it."""

    def plant(*files: dict[str, str]) -> Path:
        root = tmp_path / "root"
        root.mkdir(exist_ok=True)
        for name, text in [item for each in files for item in each.items()]:
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return root

    return plant


@pytest.fixture
def tools(tmp_path, monkeypatch):
    """Leave nothing in PATH, and put commands there."""
    place = tmp_path / "bin"
    place.mkdir()
    monkeypatch.setenv("PATH", str(place))

    def put(name: str, script: str) -> None:
        (place / name).write_text(f"#!/bin/sh\n{script}\n")
        (place / name).chmod(0o755)

    return put


@pytest.fixture
def stand_in(monkeypatch, tmp_path):
    """Put a package of our own in the place of another one, in child processes only."""

    def put(source: str, package: str = "onnxruntime", **libraries: bytes) -> None:
        place = tmp_path / "stand-in"
        capi = place / package / "capi"
        capi.mkdir(parents=True)
        (capi.parent / "__init__.py").write_text(source, "utf-8")
        for name, data in libraries.items():
            (capi / f"libonnxruntime_providers_{name}.so").write_bytes(data)
        monkeypatch.setenv("PYTHONPATH", f"{place}{os.pathsep}{os.environ['PYTHONPATH']}")

    return put


def states(found):
    """Return check and state of each finding that is not ok."""
    return [(each.check, each.state) for each in found if each.state != "ok"]


def only(found):
    """Return the one finding that is not ok."""
    (bad,) = [each for each in found if each.state != "ok"]
    return bad
