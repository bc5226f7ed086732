"""``edgeclip watch`` as a process: signals, a stream that goes away, systemd."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli.films import folder_of, pack_of, video_of
from tests.patience import PATIENCE_S, PROMPT_S
from tests.usage import children
from tests.watch import servers

SIGTERMED = 143


class Watching:
    """A process whose notes are read as they come."""

    def __init__(self, *arguments: object) -> None:
        command = [sys.executable, "-m", "edgeclip", "watch", *map(str, arguments)]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(
            command, stdout=pipe, stderr=pipe, bufsize=0, start_new_session=True
        )
        self.notes = b""

    def noted(self, words: bytes, seconds: float = PATIENCE_S) -> None:
        """Wait until something was said on stderr."""
        end = time.monotonic() + seconds
        stderr = self.process.stderr
        while words not in self.notes:
            ready, _, _ = select.select([stderr], [], [], max(0, end - time.monotonic()))
            more = os.read(stderr.fileno(), 65536) if ready else b""
            assert more, f"{words} was not said: {self.notes}"
            self.notes += more

    def stopped(self, number: signal.Signals, *, group: bool = False) -> tuple[int, float]:
        """Send a signal, perhaps to its children, too; return the exit code and the time."""
        began = time.monotonic()
        (os.killpg if group else os.kill)(self.process.pid, number)
        out, notes = self.process.communicate(timeout=PATIENCE_S)
        self.out, self.notes = out, self.notes + notes
        return self.process.returncode, time.monotonic() - began


@pytest.fixture
def watching():
    """Start the command; whatever is left of it is killed."""
    started = []

    def start(*arguments: object) -> Watching:
        started.append(Watching(*arguments))
        return started[-1]

    yield start
    for each in started:
        each.process.kill()
        each.process.communicate()


@pytest.fixture
def stream():
    """A port for a stream, and what starts and kills its server."""
    running = []

    class Stream:
        port = servers.free_port()
        url = f"http://me:hunter2@127.0.0.1:{port}/live?token=s3cret"

        def start(self) -> None:
            running.append(servers.started("mjpeg", self.port))

        def kill(self) -> None:
            servers.killed(running.pop())

    yield Stream()
    for server in running:
        servers.killed(server)


@pytest.fixture
def systemd(tmp_path, monkeypatch):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
        address = str(tmp_path / "notify")
        end.bind(address)
        end.settimeout(PATIENCE_S)
        monkeypatch.setenv("NOTIFY_SOCKET", address)
        monkeypatch.setenv("WATCHDOG_USEC", "1200000")
        yield end


def kept(path: Path) -> dict:
    return json.loads(path.read_text())["state"]


def test_sigterm_while_the_stream_is_away(cli, here, model, watching, stream):
    rules = pack_of(here / "door.pack", model)
    options = ("--rules", rules, "--state", "kept", "--camera", "door", "--log", "log")
    video_of(here / "film.avi", 1300, red=())
    assert cli("watch", "film.avi", *options).code == 0
    before = kept(here / "kept" / "door.json")
    stream.start()
    running = watching(stream.url, *options, "--fps", "20", "--every-frame")
    running.noted(b"door is open.")
    for child in children(running.process.pid):
        command = Path(f"/proc/{child}/cmdline").read_bytes()
        assert b"hunter2" not in command and b"s3cret" not in command
    stream.kill()
    running.noted(b"door is lost: ")
    code, took = running.stopped(signal.SIGTERM)
    assert code == SIGTERMED and took < PROMPT_S
    after = kept(here / "kept" / "door.json")
    assert after["clock"]["steady"] >= before["clock"]["steady"]
    assert after["rules"]["red"]["filled"] >= before["rules"]["red"]["filled"] >= 40
    assert running.out == b"" and b"Traceback" not in running.notes
    told = running.notes + (here / "log").read_bytes()
    assert b"hunter2" not in told and b"s3cret" not in told


def test_a_url_gives_no_secret_away(here, model, watching, stream):
    rules = pack_of(here / "door.pack", model, threshold=0.5)
    stream.start()
    running = watching(stream.url, "--rules", rules, "--state", "kept", "--timeline", "t")
    running.noted(f"127.0.0.1-{stream.port}-live is open.".encode())
    running.stopped(signal.SIGTERM)
    names = " ".join(str(path) for path in here.rglob("*"))
    assert f"127.0.0.1-{stream.port}-live.json" in names
    assert "hunter2" not in names and b"hunter2" not in running.notes
    assert "s3cret" not in names and b"s3cret" not in running.notes


@pytest.mark.parametrize("kind", ["stream", "video"])
def test_a_reader_that_is_stopped_as_well_is_no_news(here, model, watching, stream, kind):
    """As systemd stops a service: each of its processes gets the signal."""
    rules = pack_of(here / "door.pack", model)
    stream.start()
    source = stream.url if kind == "stream" else video_of(here / "film.avi", 1300)
    options = ("--camera", "door", "--every-frame", "--fps", "20")
    running = watching(source, "--rules", rules, *options)
    running.noted(b"red: learning")
    code, _ = running.stopped(signal.SIGTERM, group=True)
    assert code == SIGTERMED
    assert b"reader" not in running.notes and b"lost" not in running.notes, running.notes


@pytest.mark.parametrize("away", [True, False], ids=["away", "there"])
def test_ctrl_c(here, model, watching, stream, away):
    rules = pack_of(here / "door.pack", model, threshold=0.5)
    if not away:
        stream.start()
    running = watching(stream.url, "--rules", rules, "--state", "kept", "--camera", "door")
    running.noted(b"door is lost" if away else b"door is open")
    code, took = running.stopped(signal.SIGINT)
    assert code == 130 and took < PROMPT_S
    assert running.notes.endswith(b"edgeclip: interrupted.\n")
    assert (here / "kept" / "door.json").is_file()


def test_systemd_is_told_also_while_the_camera_is_away(here, model, watching, stream, systemd):
    """A unit that waited for its camera would hold up the start of the whole board."""
    rules = pack_of(here / "door.pack", model, threshold=0.5)
    running = watching(stream.url, "--rules", rules, "--camera", "door")
    assert systemd.recv(64) == b"READY=1"
    running.noted(b"door is lost")
    for _ in range(4):
        assert systemd.recv(64) == b"WATCHDOG=1"
    stream.start()
    running.noted(b"door is open")
    assert running.stopped(signal.SIGTERM)[0] == SIGTERMED


def test_what_stops_listening_costs_nothing_of_what_was_learnt(here, model, watching):
    rules = pack_of(here / "door.pack", model, threshold=0.5)
    folder_of(here / "film", 60, red=[s for s in range(60) if s % 20 < 5])
    running = watching("film", "--rules", rules, "--state", "kept", "--json", "--log", "log")
    running.process.stdout.close()
    assert running.process.wait(PATIENCE_S) == 0
    assert (here / "kept" / "film.json").is_file()
    # Nor of the event that it interrupts.
    told = [json.loads(line) for line in (here / "log").read_text().splitlines()]
    assert [each["state"] for each in told] == ["started", "ended"]
