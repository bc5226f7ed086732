"""What systemd is told while a folder is watched."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path

import pytest

from edgeclip.cli.alive import Alive
from edgeclip.index import folder
from edgeclip.model.model import Model
from tests.cli.test_index import KEYS, line_of, process
from tests.patience import PATIENCE_S

__all__ = ["process"]  # a fixture


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
        address = str(tmp_path / "notify")
        end.bind(address)
        end.settimeout(PATIENCE_S)
        monkeypatch.setenv("NOTIFY_SOCKET", address)
        monkeypatch.setenv("WATCHDOG_USEC", "1200000")
        yield end


def test_a_watch_says_that_it_has_begun_and_goes_on(systemd, process, album, monkeypatch):
    with monkeypatch.context() as alone:  # what is learned once would take the signal
        alone.delenv("NOTIFY_SOCKET")
        assert process("album").wait(timeout=PATIENCE_S) == 0
    running = process("album", "--watch", "--json")
    assert systemd.recv(64) == b"READY=1"
    assert systemd.recv(64) == b"WATCHDOG=1"
    assert {line_of(running)["key"] for _ in KEYS} == set(KEYS)
    # Nothing happens in the folder now: the watch itself goes on.
    assert systemd.recv(64) == b"WATCHDOG=1"
    running.terminate()
    assert running.wait(timeout=PATIENCE_S) == 0


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


@pytest.mark.parametrize(
    ("usec", "pid"),
    [("abc", None), ("9" * 400, None), ("-1", None), ("", None), ("1200000", "1")],
    ids=["no number", "too large", "negative", "empty", "of another process"],
)
def test_a_watchdog_that_is_none(systemd, monkeypatch, usec, pid):
    monkeypatch.setenv("WATCHDOG_USEC", usec)
    if pid is not None:
        monkeypatch.setenv("WATCHDOG_PID", pid)
    alive = Alive()
    alive.step()
    systemd.setblocking(False)
    with pytest.raises(BlockingIOError):
        systemd.recv(64)


def test_a_watchdog_of_this_process(systemd, monkeypatch):
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
    Alive().step()
    assert systemd.recv(64) == b"WATCHDOG=1"


@pytest.mark.parametrize("listens", [True, False])
def test_what_takes_minutes_is_done_before_it_is_ready(systemd, cli, album, monkeypatch, listens):
    said = []

    def note(name, real):
        def noted(*arguments, **more):
            said.append(name)
            return real(*arguments, **more)

        return noted

    if not listens:
        monkeypatch.delenv("NOTIFY_SOCKET")
    monkeypatch.setattr(Model, "open", note("open", Model.open))
    monkeypatch.setattr(Alive, "ready", note("ready", Alive.ready))
    monkeypatch.setattr(folder, "plan", note("plan", folder.plan))
    assert cli("index", "album").code == 0
    # Without a service it opens when the first picture comes: there may be none.
    assert said == (["plan", "open", "ready"] if listens else ["plan", "ready"])


def test_nobody_who_listens_is_no_failure(monkeypatch):
    for address in ("", "/nowhere/notify", "@nobody-listens-here"):
        monkeypatch.setenv("NOTIFY_SOCKET", address)
        alive = Alive()
        alive.ready()
        alive.step()


def test_a_name_out_of_the_file_system(monkeypatch):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
        end.bind(b"\0edgeclip-test-notify")
        end.settimeout(PATIENCE_S)
        monkeypatch.setenv("NOTIFY_SOCKET", "@edgeclip-test-notify")
        Alive().ready()
        assert end.recv(64) == b"READY=1"
