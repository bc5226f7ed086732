"""The commands of docs/service.md run, against a service that it starts."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from edgeclip.cli import commands
from edgeclip.index.folder import sync
from edgeclip.index.index import Index
from tests.patience import PATIENCE_S
from tests.programs import needed
from tests.serve.serving import serving

TEXT = (Path(__file__).parent.parent / "docs" / "service.md").read_text("utf-8")
SHELL = "".join(re.findall(r"^```bash\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE))
ADDRESS = "http://127.0.0.1:8000"
ASKED = [line for line in SHELL.splitlines() if line.startswith("curl")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory, photos, model):
    here = tmp_path_factory.mktemp("service")
    (here / "photos").mkdir()
    shutil.copy(photos / "chelsea.png", here / "photos" / "cat.jpg")
    shutil.copy(photos / "chelsea.png", here / "cat.jpg")
    with Index.open(here / "photos.index", model.space, model=str(model.manifest.folder)) as index:
        list(sync(index, model, here / "photos"))
    return here


@pytest.fixture(scope="module")
def served(folder):
    options = ("--index", str(folder / "photos.index"))
    with serving(folder, *options) as running:
        yield running


@pytest.mark.parametrize("line", ASKED)
def test_what_is_asked_is_answered(line, served, folder):
    needed("curl")
    command = line.replace(ADDRESS, served.url).replace("curl -s", "curl -sf")
    done = subprocess.run(
        ["bash", "-c", command], cwd=folder, capture_output=True, text=True, timeout=PATIENCE_S
    )
    assert done.returncode == 0, done.stderr + done.stdout
    assert isinstance(json.loads(done.stdout), dict)


def test_the_commands_and_their_options_exist():
    lines = [line for line in SHELL.splitlines() if line.startswith("edgeclip")]
    assert len(lines) >= 5
    for line in lines:
        _, command, *words = line.split()
        made = commands.edgeclip.get_command(None, command)
        known = {option for each in made.params for option in each.opts}
        assert {word for word in words if word.startswith("--")} <= known, line


def test_every_path_stands_in_the_table(served):
    with served.client() as client:
        described = client.get("/openapi.json").json()["paths"]
    told = set(re.findall(r"/[\w/]+", TEXT.split("| path | what |")[1].split("\n\n")[0]))
    for path in described:
        first = "/" + path.split("/")[1]
        assert any(each.startswith(first) for each in told) or path == "/session", path


def test_the_limits_are_those_that_hold():
    from edgeclip.model.headers import MAX_PIXELS
    from edgeclip.serve.limits import JSON_BYTES, Limits

    limits = Limits()
    section = " ".join(TEXT.split("## Who may ask")[1].split("\n## ")[0].split())
    assert f"Bodies have {limits.body_bytes // 10**6} MB at most" in section
    assert f"JSON {JSON_BYTES // 10**6} MB, pictures {MAX_PIXELS // 10**6} megapixels" in section
    assert f"Headers must come within {limits.head_s:.0f} s" in section
    assert f"a body within {limits.body_s:.0f} s" in section
    assert f"ends after {limits.answer_s:.0f} s" in section


def test_a_token_is_made(tmp_path):
    line, again = [line for line in SHELL.splitlines() if line.endswith("> token")]
    assert line == again
    subprocess.run(["bash", "-c", line], cwd=tmp_path, check=True, env=os.environ)
    assert len((tmp_path / "token").read_text().strip()) == 64
