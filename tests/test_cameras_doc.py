"""The commands, the rules and the program of docs/cameras.md run, with a video for a camera."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgeclip.cli import commands
from edgeclip.model.pack import PromptPack
from edgeclip.model.packed import PackedLabel
from edgeclip.model.prompts import read_prompts
from edgeclip.watch.rules import WHOLE, rules_of
from tests.watch.conftest import encode
from tests.watch.sinks.some import event

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "docs" / "cameras.md").read_text("utf-8")
BLOCKS = re.findall(r"^```(bash|python|toml)\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)
CAMERA = "/dev/video0"
DEFAULTS = ("false_alerts", "min_duration", "cooldown", "tiles", "novelty")
ROWS = np.eye(2, dtype=np.float32)


def lines(word: str) -> list[str]:
    """Return the lines of the blocks for a shell that begin with a word."""
    shell = "".join(code for language, code in BLOCKS if language == "bash").replace("\\\n", "")
    return [line for line in shell.splitlines() if line.split()[0] == word]


@pytest.fixture(scope="module")
def folder(tmp_path_factory, photos):
    """A user's folder: a film, what is true of it, and the rules of the guide."""
    here = tmp_path_factory.mktemp("cameras")
    with Image.open(photos / "coffee.png") as picture:
        shown = np.asarray(picture.convert("RGB").resize((320, 180)))
    for name in ("film.avi", "yesterday.mp4"):
        encode(here / name, [shown] * 8, rate=1)
    (here / "truth.csv").write_text("rule,start,end\nperson,2,0:00:05\n")
    (rules,) = [code for language, code in BLOCKS if language == "toml"]
    (here / "door.toml").write_text(rules, "utf-8")
    return here


def run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"EDGECLIP_MODEL": "starter"}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0 and "Traceback" not in done.stderr, done.stderr
    return done


def test_the_commands_run_in_their_order(folder):
    commands_of = lines("edgeclip")
    assert len(commands_of) == 4 and sum(CAMERA in line for line in commands_of) == 2
    for line in commands_of:
        line = line.replace(CAMERA, "film.avi")
        done = run(
            ["bash", "-ec", f'edgeclip() {{ {sys.executable} -m edgeclip "$@"; }}; {line}'], folder
        )
        if "--replay" not in line and "pack " not in line:
            assert "learning what this camera sees" in done.stderr
    assert (folder / "door.png").is_file()
    # The rules of the guide, as they were read and compiled.
    (rule,) = rules_of(PromptPack.load(folder / "door.pack"))
    assert (rule.name, rule.false_alerts, rule.min_duration, rule.cooldown) == ("person", 1, 2, 60)
    assert (rule.region, rule.tiles, rule.threshold) == ((0.2, 0, 0.8, 1), (2, 1), None)
    assert len(rule.boxes) == 3 and len(rule.label.vectors) == 2


def test_the_rules_are_all_that_there_are(folder):
    """Nothing is read that the guide does not name, and the other way round."""
    from edgeclip.watch import rules

    (label,) = read_prompts(folder / "door.toml").labels
    told = {*label.settings, *re.findall(r"`(\w+) = ", TEXT)}
    assert told - {"none", "prompts"} == set(rules._READERS)  # both are of every file of prompts
    assert tomllib.loads((folder / "door.toml").read_text())["rule"][0]["name"] == "person"


def test_the_table_has_every_key_and_its_default():
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*?) \|", TEXT, re.MULTILINE))
    settings = {name: json.loads(rows[name].strip("`")) for name in DEFAULTS}
    label = PackedLabel("cat", ("cat",), ROWS[:1], (), ROWS[:0], settings)
    told, plain = (
        rules_of(PromptPack("m", "s", 1.0, (each,), ("x",), ROWS[1:], None, ROWS[:0]))[0]
        for each in (label, replace(label, settings={}))
    )
    for name in DEFAULTS:
        assert getattr(told, name) == getattr(plain, name)
    rest = {"schedule": "always", "region": "all of the frame", "threshold": "learnt"}
    assert {name: rows[name] for name in rest} == rest
    assert {*DEFAULTS, *rest, "prompts", "negatives"} <= set(rows)
    assert (plain.schedule.spans, plain.region, plain.threshold) == ((), WHOLE, None)


def test_an_event_has_the_fields_that_are_shown():
    (shown,) = re.findall(r"^```json\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)
    assert list(json.loads(shown)) == list(event().record())


def test_the_program_runs(folder):
    (code,) = [code for language, code in BLOCKS if language == "python"]
    assert CAMERA in code
    run([sys.executable, "-c", code.replace(CAMERA, "film.avi")], folder)
    assert (folder / "door.json").is_file()


def test_every_option_and_extra_exists():
    import click

    command = commands.edgeclip.get_command(click.Context(commands.edgeclip), "watch")
    known = {option for parameter in command.params for option in parameter.opts}
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", TEXT))
    others = {"--system", "--home-dir", "--shell", "--now", "--index", "--since"}
    assert named - others <= known
    assert {"--timeline", "--webhook", "--mqtt", "--no-pictures", "--replay"} <= named
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for extra in re.findall(r"edgeclip\[(\w+)\]", TEXT):
        assert extra in extras["optional-dependencies"]


def test_what_it_links_to_is_there():
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", TEXT):
        assert (ROOT / "docs" / target).exists(), target
