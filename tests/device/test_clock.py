"""The clock, and boards that have none."""

from __future__ import annotations

import os
from datetime import UTC, datetime

import pytest

import edgeclip
from edgeclip.device.doctor import clock
from tests.device.conftest import only, states

NOW = datetime(2040, 5, 1, tzinfo=UTC).timestamp()
RTC = {"dev/rtc0": ""}
SYNCHRONISED = {"run/systemd/timesync/synchronized": ""}


@pytest.mark.parametrize("now", [0.0, datetime(2023, 12, 31, tzinfo=UTC).timestamp()])
def test_a_clock_that_is_long_past(tree, now):
    found = only(clock.findings(tree(RTC), now=now, kernel=False))
    assert (
        found.state == "warning"
        and "is long past" in found.message
        and "timedatectl" in found.command
    )


def test_a_clock_before_the_package_was_installed(tree, tmp_path, monkeypatch):
    file = tmp_path / "__init__.py"
    file.touch()
    os.utime(file, (NOW, NOW))
    monkeypatch.setattr(edgeclip, "__file__", str(file))
    assert (
        "is long past" in only(clock.findings(tree(RTC), now=NOW - 10 * 86400, kernel=True)).message
    )
    assert states(clock.findings(tree(RTC), now=NOW + 1, kernel=True)) == []


@pytest.mark.parametrize(
    ("files", "kernel", "text"),
    [
        (RTC, False, "of the clock chip, no time server"),
        (RTC, True, "set by a time server"),
        (SYNCHRONISED, False, "set by a time server; no clock chip, so it is a guess"),
        ({}, True, "set by a time server; no clock chip"),
    ],
)
def test_where_the_time_comes_from(tree, files, kernel, text):
    (found,) = clock.findings(tree(files), now=NOW, kernel=kernel)
    assert found.state == "ok" and found.message.startswith("2040-05-01 00:00 UTC, ")
    assert text in found.message


def test_no_clock_chip_and_no_time_server(tree):
    found = only(clock.findings(tree(), now=NOW, kernel=False))
    assert found.state == "warning" and "no clock chip" in found.message


def test_this_machine():
    (found,) = clock.findings()
    assert found.check == "clock" and "UTC" in found.message
