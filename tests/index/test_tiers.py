import json
from dataclasses import replace

import numpy as np
import pytest

from edgeclip.index.effort import Tier
from edgeclip.index.saved import Manifest
from edgeclip.index.tiers import Measured, keep, kept

SECRET = bytes(range(32))
MANIFEST = Manifest("u", "s", 16, 1, 1, 500, 500, 900, 16, 200, "0.8.0", bytes=9, hash="ab")
MEASURED = Measured((Tier(0.62, 100), Tier(0.31, 400)), 500)


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "hnsw-1-1.json"
    keep(path, MANIFEST, SECRET, MEASURED)
    return path


def test_what_is_kept_comes_back(path):
    assert kept(path, MANIFEST, SECRET) == MEASURED
    keep(path, MANIFEST, SECRET, replace(MEASURED, size=501))
    assert kept(path, MANIFEST, SECRET).size == 501
    assert [file.name for file in path.parent.iterdir()] == ["hnsw-1-1.tiers"]


def test_it_is_another_graphs_or_another_indexs(path, monkeypatch):
    assert kept(path, replace(MANIFEST, hash="cd"), SECRET) is None
    assert kept(path, MANIFEST, bytes(32)) is None
    monkeypatch.setattr("edgeclip.index.tiers.LADDER", (10, 20))
    assert kept(path, MANIFEST, SECRET) is None


def test_damaged_and_hostile_files_are_passed_over(path):
    file, random = path.with_suffix(".tiers"), np.random.default_rng(0)
    good = file.read_bytes()
    for cut in range(len(good)):
        file.write_bytes(good[:cut])
        assert kept(path, MANIFEST, SECRET) is None
    for place in range(len(good)):
        flipped = good[place] ^ (1 << int(random.integers(8)))
        file.write_bytes(good[:place] + bytes([flipped]) + good[place + 1 :])
        assert kept(path, MANIFEST, SECRET) in (None, MEASURED)  # hexadecimal has two cases
    for data in (b"[]", b"{}", b"1", b"[" * 20_000, b'{"hash": 1}', json.dumps({"hash": "zz"})):
        file.write_bytes(data if isinstance(data, bytes) else data.encode())
        assert kept(path, MANIFEST, SECRET) is None
    file.unlink()
    file.symlink_to("/dev/zero")
    assert kept(path, MANIFEST, SECRET) is None


def test_nothing_is_written_through_a_link(path, tmp_path):
    target = tmp_path / "other"
    target.write_text("untouched")
    path.with_suffix(".partial").symlink_to(target)
    keep(path, MANIFEST, SECRET, replace(MEASURED, size=7))
    assert target.read_text() == "untouched" and kept(path, MANIFEST, SECRET).size == 7


def test_a_folder_that_cannot_be_written_costs_only_the_measurement(tmp_path):
    keep(tmp_path / "none" / "hnsw-1-1.json", MANIFEST, SECRET, MEASURED)
    assert kept(tmp_path / "none" / "hnsw-1-1.json", MANIFEST, SECRET) is None


def test_it_holds_for_about_as_many():
    assert MEASURED.fits(500) and MEASURED.fits(436) and not MEASURED.fits(435)
    assert replace(MEASURED, size=100_000).fits(98_000)
    assert not replace(MEASURED, size=100_000).fits(97_999)
