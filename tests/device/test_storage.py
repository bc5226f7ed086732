"""Disks: full, read-only, worn, of a kind that does not fit."""

from __future__ import annotations

import os

import pytest

from edgeclip.device.doctor import storage
from edgeclip.index import place
from tests.device.conftest import only, states
from tests.index import mounting
from tests.index.some import filled


@pytest.fixture
def card(tree, tmp_path):
    """Let the disk under `tmp_path` be a partition of a memory card."""

    def make(files: dict[str, str] | None = None):
        partition = "sys/devices/mmc_host/mmc0/mmc0:0001/block/mmcblk0/mmcblk0p2"
        root = tree({f"{partition}/partition": "2"}, files or {})
        (root / partition).parent.joinpath("device").symlink_to("../..")
        number = tmp_path.stat().st_dev
        link = root / f"sys/dev/block/{os.major(number)}:{os.minor(number)}"
        link.parent.mkdir(parents=True)
        link.symlink_to(root / partition)
        return root

    return make


CARD = "sys/devices/mmc_host/mmc0/mmc0:0001"


def test_one_line_for_each_disk(tmp_path):
    places = {"index": tmp_path / "new" / "i", "cache": tmp_path / "c"}
    (found,) = storage.findings(places)
    assert found.state == "ok" and f"free on {tmp_path} (" in found.message
    assert found.message.endswith("for index and cache")


@pytest.mark.parametrize(("kind", "name"), [("SD", "SD card"), ("MMC", "eMMC"), ("?", "memory")])
def test_a_memory_card(card, tmp_path, kind, name):
    root = card({f"{CARD}/type": f"{kind}\n"})
    (found,) = storage.findings({"index": tmp_path / "i"}, root)
    assert found.state == "ok" and f", {name}" in found.message


def test_a_worn_emmc(card, tmp_path):
    root = card({f"{CARD}/type": "MMC\n", f"{CARD}/life_time": "0x02 0x0a\n"})
    found = only(storage.findings({"index": tmp_path / "i"}, root))
    assert found.state == "warning" and "used up 90 % of its life" in found.message


@pytest.mark.parametrize("life", ["0x01 0x02", "0x00 0x00", "", "?"])
def test_an_emmc_that_is_not_worn(card, tmp_path, life):
    root = card({f"{CARD}/life_time": f"{life}\n"})
    assert states(storage.findings({"index": tmp_path / "i"}, root)) == []


def test_errors_that_ext4_has_met(card, tmp_path):
    root = card({"sys/fs/ext4/mmcblk0p2/errors_count": "3\n"})
    found = only(storage.findings({"index": tmp_path / "i"}, root))
    assert found.state == "failed" and "3 errors on /dev/mmcblk0p2" in found.message
    assert found.command == "sudo fsck -f /dev/mmcblk0p2"


def test_a_file_system_that_does_not_fit(tmp_path, monkeypatch):
    monkeypatch.setattr(place, "file_system", lambda _: "vfat")
    found = only(storage.findings({"index": tmp_path / "i"}))
    assert found.state == "warning" and "is on vfat" in found.message
    assert states(storage.findings({"cache": tmp_path})) == []


def test_an_index_of_another_user(tmp_path, monkeypatch):
    folder = tmp_path / "my index"
    filled(folder, 2)
    if os.geteuid() == 0:  # root may write everywhere
        monkeypatch.setattr(os, "access", lambda path, _: path.name != place.DATABASE)
    else:
        (folder / place.DATABASE).chmod(0o444)
    found = only(storage.findings({"index": folder}))
    assert found.state == "warning" and "cannot be written by this user" in found.message
    assert found.command == f"sudo chown -R {os.geteuid()} '{folder}'"


def test_an_index_that_cannot_be_made(tmp_path, monkeypatch):
    """Nobody is told to take a folder over that belongs to others."""
    monkeypatch.setattr(os, "access", lambda *_: False)
    found = only(storage.findings({"index": tmp_path / "new" / "i"}))
    assert found.state == "warning" and f"no index can be made at {tmp_path}/new/i" in found.message
    assert found.command.startswith("export EDGECLIP_INDEX=")


@pytest.fixture
def locked(tmp_path):
    """A folder that this user may not look into."""
    folder = tmp_path / "locked"
    filled(folder / "i", 2)
    folder.chmod(0)
    user = os.geteuid()
    if user == 0:  # root may look everywhere
        os.seteuid(65534)
    yield folder
    os.seteuid(user)
    folder.chmod(0o700)


def test_places_that_this_user_may_not_look_into(locked, tmp_path):
    inside = locked / "i"
    places = {"index": inside, "model": inside, "cache": inside / "cache"}
    found = list(storage.findings(places))
    assert found[0].check == "disk" and "free on" in found[0].message
    assert {each.state for each in found} <= {"ok", "warning"}


def test_a_link_that_leads_nowhere(tmp_path):
    (tmp_path / "i").symlink_to("absent")
    (found,) = storage.findings({"index": tmp_path / "i"})
    assert found.state == "ok" and f"free on {tmp_path} (" in found.message


@pytest.mark.parametrize("name", ["cache", "cache/below"])
def test_a_cache_that_is_a_file(tmp_path, name):
    (tmp_path / "cache").write_text("none")
    found = only(storage.findings({"cache": tmp_path / name}))
    assert found.state == "warning" and f"for {tmp_path}/cache is a file" in found.message
    assert found.command.startswith("export EDGECLIP_CACHE=")


def test_a_cache_that_others_may_write_to(tmp_path):
    graphs = tmp_path / "graphs"
    graphs.mkdir()
    graphs.chmod(0o777)
    found = only(storage.findings({"cache": tmp_path}))
    assert found.state == "warning" and "others may write to" in found.message
    graphs.chmod(0o700)
    assert states(storage.findings({"cache": tmp_path})) == []


@pytest.mark.parametrize("case", ["read_only", "full", "no_more_files"])
def test_a_disk_that_is(case, tmp_path):
    mounting.run("tests.device.disks", case, tmp_path)
