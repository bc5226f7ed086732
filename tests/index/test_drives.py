"""Drives within a folder: what is on one that is not mounted is not deleted."""

from __future__ import annotations

import shutil

import pytest

from edgeclip.errors import StoreError
from edgeclip.index import folder
from edgeclip.index.changes import Setting
from edgeclip.index.records import drives_setting
from edgeclip.index.scan import Rules
from tests.index import mounting


def test_a_drive_that_is_not_mounted_is_refused(run, index, album):
    run()
    index.write([drives_setting({"trip"})])
    (album.root / "trip" / "c.png").unlink()
    message = r"knows 1 picture below .*album/trip, and no drive .* give allow_empty=True\.$"
    with pytest.raises(StoreError, match=message):
        run()
    (album.root / "trip").rmdir()  # as a desktop does with what it has mounted
    with pytest.raises(StoreError, match=message):
        run()
    assert run(allow_empty=True)[0]["removed"] == ["trip/c.png"]
    assert index.setting("drives") is None


def test_a_folder_of_the_same_drive_may_be_emptied(run, index, album):
    run()
    assert index.records().drives == set()
    (album.root / "trip" / "c.png").unlink()
    assert run()[0]["removed"] == ["trip/c.png"]


def test_a_drive_that_is_a_plain_folder_now_is_one(run, index, album):
    run()
    index.write([drives_setting({"trip"})])
    run()
    shutil.rmtree(album.root / "trip")
    assert run()[0]["removed"] == ["trip/c.png"]


def test_a_drive_out_of_sight_is_remembered(run, index, album):
    run()
    records = index.records()
    records.drives = {"trip"}
    assert folder.plan(index, album.root, records, below=["a.png"]).drives == {"trip"}
    assert folder.plan(index, album.root, records).drives == set()


@pytest.mark.parametrize("kept", ["no JSON", '"trip"', "[1]", "{}", 5, b"\0"])
def test_drives_that_have_rotted_are_none(run, index, kept):
    index.write([Setting("drives", kept)])
    assert index.records().drives == set()
    assert len(run()[0]["added"]) == 3


def test_a_name_that_is_no_text_is_kept(index):
    index.write([drives_setting({"b\udcff", "a"})])
    assert index.records().drives == {"b\udcff", "a"} and index.records().rules == Rules()


@pytest.mark.parametrize("case", ["synced", "watched"])
def test_a_drive_that_is_unmounted(case, tmp_path):
    mounting.run("tests.index.inner_drive", case, tmp_path)
