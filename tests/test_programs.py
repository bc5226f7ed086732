"""A test whose program is missing: left out at home, failed where all are asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import programs
from tests.conftest import ROOT


@pytest.mark.parametrize(("asked", "raised"), [("", "Skipped"), ("1", "Failed")])
def test_a_program_that_is_missing(monkeypatch, asked, raised):
    monkeypatch.setitem(programs.PACKAGES, "no-such-program", "its-package")
    monkeypatch.setenv(programs.ALL_TESTS, asked)
    # Both are no Exceptions of the ordinary kind.
    with pytest.raises(BaseException, match="apt-get install its-package") as caught:
        programs.needed("no-such-program")
    assert type(caught.value).__name__ == raised


def test_a_program_that_is_there(tmp_path, monkeypatch):
    (tmp_path / "ffmpeg").touch(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert programs.needed("ffmpeg") == str(tmp_path / "ffmpeg")


def test_the_packages_are_installed_before_the_tests():
    installed = Path(ROOT / ".ci" / "apt.txt").read_text("utf-8").splitlines()
    assert set(programs.PACKAGES.values()) <= set(installed)
