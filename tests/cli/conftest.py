"""The command line, called in this process and as a real one."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from edgeclip.cli import run
from tests.pictures import photo


@dataclass(frozen=True)
class Done:
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def line(self) -> str:
        """The one line on stderr of a command that failed."""
        assert self.err.startswith("edgeclip: ") and self.err.count("\n") == 1, self.err
        return self.err.rstrip("\n")

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        return [json.loads(line) for line in self.out.splitlines()]


@pytest.fixture
def here(monkeypatch, tmp_path, tiny_model) -> Path:
    """An empty working folder whose default model is the tiny one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EDGECLIP_MODEL", str(tiny_model))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return tmp_path


@pytest.fixture
def cli(here, capsys, monkeypatch):
    """Call a command in this process."""

    def call(*arguments: object, stdin: bytes = b"") -> Done:
        capsys.readouterr()
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        code = run([str(argument) for argument in arguments])
        return Done(code, *capsys.readouterr())

    return call


@pytest.fixture
def shell(here):
    """Run a command as a process of its own; bytes in and out."""

    def call(*arguments: object, **options: Any) -> subprocess.CompletedProcess[bytes]:
        command = [sys.executable, "-m", "edgeclip", *map(os.fsencode, map(str, arguments))]
        pipe = subprocess.PIPE
        options = {"stdout": pipe, "stderr": pipe, "timeout": 60, **options}
        return subprocess.run(command, **options)

    return call


def write_picture(path: Path, seed: int = 0, size: tuple[int, int] = (48, 40)) -> Path:
    """Write a picture that differs from all others."""
    path.parent.mkdir(parents=True, exist_ok=True)
    photo(*size, seed).save(path)
    return path


@pytest.fixture
def album(here) -> Path:
    """A folder of pictures, with a folder inside, hidden ones and other files."""
    folder = here / "album"
    for seed, name in enumerate(("b.png", "a.jpg", "trip/c.bmp", "trip/A.PNG", ".hidden.png")):
        write_picture(folder / name, seed)
    write_picture(folder / ".thumbs" / "t.png", 9)
    (folder / "notes.txt").write_text("no picture")
    return folder


VISIBLE = ["album/a.jpg", "album/b.png", "album/trip/A.PNG", "album/trip/c.bmp"]


@pytest.fixture
def door(here, model):
    """A pack of rules that need not learn."""
    from tests.cli.films import pack_of  # what reads videos is not for every command

    return pack_of(here / "door.pack", model, threshold=0.5)


@pytest.fixture
def film(here):
    """A folder of frames that show something red for a while."""
    from tests.cli.films import folder_of

    return folder_of(here / "film")
