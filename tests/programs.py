"""Programs of Debian that some tests run beside edgeclip: real servers and encoders."""

from __future__ import annotations

import os
import shutil

import pytest

ALL_TESTS = "EDGECLIP_ALL_TESTS"
"""Variable that forbids leaving a test out; ``.ci/run`` sets it."""
PACKAGES = {
    "Xvfb": "xvfb",
    "chromium": "chromium",
    "curl": "curl",
    "ffmpeg": "ffmpeg",
    "mosquitto": "mosquitto",
    "redis-server": "redis-server",
}
"""Program → the package that holds it; each stands in ``.ci/apt.txt``."""


def needed(program: str) -> str:
    """Return a program's path, or leave the calling test out where it is not installed.

    Where all tests are asked for, the test fails instead.
    """
    # Servers are in /usr/sbin, which is not on everybody's path.
    places = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin"])
    path = shutil.which(program, path=places)
    if path is None:
        advice = f"{program} is missing: apt-get install {PACKAGES[program]}"
        if os.environ.get(ALL_TESTS):
            pytest.fail(advice)
        pytest.skip(advice)
    return path
