from __future__ import annotations

import time

import pytest

from edgeclip.serve.jobs import upkeep
from edgeclip.serve.jobs.jobs import Jobs
from tests.serve.jobs.some import embed


@pytest.fixture(autouse=True)
def _soon(monkeypatch):
    """Look after jobs more often than users want."""
    monkeypatch.setattr(upkeep, "CHECK_S", 0.1)
    monkeypatch.setattr(upkeep, "EXPIRE_S", 0.1)


@pytest.fixture
def opened(tmp_path):
    """Open jobs that are closed at the end; not started."""
    made = []

    def make(embed=embed, **options):
        made.append(Jobs(options.pop("folder", tmp_path / "jobs"), embed, **options))
        return made[-1]

    yield make
    for each in made:
        each.close(time.monotonic() + 1)
