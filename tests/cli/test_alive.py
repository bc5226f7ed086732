"""What systemd is told while a folder is watched."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import pytest

from edgeclip.cli.alive import Alive
from tests.cli.test_index import KEYS, line_of, process

__all__ = ["process"]  # a fixture


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
        address = str(tmp_path / "notify")
        end.bind(address)
        end.settimeout(10)
        monkeypatch.setenv("NOTIFY_SOCKET", address)
        monkeypatch.setenv("WATCHDOG_USEC", "1200000")
        yield end


def test_a_watch_says_that_it_has_begun_and_goes_on(systemd, process, album):
    running = process("album", "--watch", "--json")
    assert systemd.recv(64) == b"READY=1"
    assert systemd.recv(64) == b"WATCHDOG=1"
    assert {line_of(running)["key"] for _ in KEYS} == set(KEYS)
    # Nothing happens in the folder now: the watch itself goes on.
    assert systemd.recv(64) == b"WATCHDOG=1"
    running.terminate()
    assert running.wait(timeout=5) == 0


def test_steps_are_told_now_and_then(systemd, monkeypatch):
    now = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    alive = Alive()
    assert list(alive.each(range(100))) == list(range(100))
    now += 0.3
    alive.step()
    systemd.setblocking(False)
    assert [systemd.recv(64) for _ in range(2)] == [b"WATCHDOG=1"] * 2
    with pytest.raises(BlockingIOError):
        systemd.recv(64)


def test_nobody_who_listens_is_no_failure(monkeypatch):
    for address in ("", "/nowhere/notify", "@nobody-listens-here"):
        monkeypatch.setenv("NOTIFY_SOCKET", address)
        alive = Alive()
        alive.ready()
        alive.step()


def test_a_name_out_of_the_file_system(monkeypatch):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
        end.bind(b"\0edgeclip-test-notify")
        end.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", "@edgeclip-test-notify")
        Alive().ready()
        assert end.recv(64) == b"READY=1"
