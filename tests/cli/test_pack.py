"""``edgeclip pack``, and ``classify`` with what it made."""

from __future__ import annotations

import subprocess
import sys

import pytest

from edgeclip.model.model import Model
from edgeclip.model.pack import PromptPack
from tests import folders, tiny

RULES = """
negatives = ["an empty porch"]
none = true
[[rule]]
name = "person"
prompts = ["visitor", "postman"]
negatives = ["statue"]
threshold = 0.6
[[rule]]
name = "parcel"
"""


@pytest.fixture
def rules(here):
    (here / "door.toml").write_text(RULES)
    return here / "door.toml"


def labels_of(done):
    return [(found["label"], found["score"]) for found in done.json["labels"]]


def test_what_was_made_is_told(cli, rules, tiny_model):
    done = cli("pack", "door.toml", "-o", "a.pack", "--json")
    assert (done.code, done.err) == (0, "")
    made = rules.with_name("a.pack")
    assert done.json == {
        "output": "a.pack",
        "bytes": made.stat().st_size,
        "model": "tiny",
        "fit": "pad",
        "space": Model.load(tiny_model, fit="pad").space,
        "labels": ["person", "parcel"],
        "negatives": 2,
        "none": "none of these",
    }
    assert PromptPack.load(made).labels[0].settings == {"threshold": 0.6}


def test_people_see_a_line_and_the_name_is_the_files(cli, rules):
    rules.with_suffix(".pack").write_text("an older one")
    done = cli("pack", "door.toml")
    assert done.code == 0 and done.out.startswith("door.pack: 2 labels, ")
    assert PromptPack.load(rules.with_suffix(".pack")).none == "none of these"


def test_rules_are_for_whole_frames_as_watch_looks_at_them(cli, rules, tiny_model):
    """So a file of rules means the same to watch, as it is and as a pack."""
    assert " for tiny with --fit pad (space " in cli("pack", "door.toml").out
    spaces = {fit: Model.load(tiny_model, fit=fit).space for fit in ("crop", "pad")}
    assert PromptPack.load(rules.with_suffix(".pack")).space == spaces["pad"]
    assert " for tiny (space " in cli("pack", "door.toml", "--fit", "crop").out
    assert PromptPack.load(rules.with_suffix(".pack")).space == spaces["crop"]
    rules.write_text(RULES.replace("[[rule]]", "[[label]]"))
    assert " for tiny (space " in cli("pack", "door.toml").out
    assert PromptPack.load(rules.with_suffix(".pack")).space == spaces["crop"]


def test_it_classifies_as_its_file_does(cli, album, rules):
    rules.write_text(RULES.replace("[[rule]]", "[[label]]"))
    cli("pack", "door.toml")
    by_pack = labels_of(cli("classify", "album/a.jpg", "--labels", "door.pack", "--json"))
    by_file = labels_of(cli("classify", "album/a.jpg", "--labels", "door.toml", "--json"))
    assert {name for name, _ in by_pack} == {"person", "parcel", "none of these"}
    assert dict(by_pack) == pytest.approx(dict(by_file), abs=2e-3)
    assert sum(score for _, score in by_pack) == pytest.approx(1)


def test_a_board_opens_neither_text_tower_nor_tokenizer(cli, album, rules):
    cli("pack", "door.toml")
    code = (
        "import sys; from edgeclip.cli import run; code = run(sys.argv[1:]); "
        "assert not {'tokenizers', 'ftfy', 'edgeclip.model.tokens'} & set(sys.modules); "
        "sys.exit(code)"
    )
    command = ["classify", "album/a.jpg", "--labels", "door.pack", "--json"]
    done = subprocess.run([sys.executable, "-c", code, *command], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "") and '"person"' in done.stdout


def test_the_temperature_of_a_pack_may_be_overridden(cli, album, rules):
    cli("pack", "door.toml")
    plain = cli("classify", "album/a.jpg", "--labels", "door.pack", "--json")
    hot = cli("classify", "album/a.jpg", "--labels", "door.pack", "--temperature", "100", "--json")
    assert labels_of(hot)[0][1] < labels_of(plain)[0][1]


def test_the_model_of_a_pack_is_found_by_its_name(cli, album, rules, monkeypatch, tiny_model):
    cli("pack", "door.toml")
    source = {"kind": "formula", "weights_sha256": "0" * 64}
    tiny.make(album.parent / "models" / "other", source=source)
    folders.copied(tiny_model, album.parent / "models" / "tiny")
    monkeypatch.setenv("EDGECLIP_MODEL", "other")
    done = cli("classify", "album/a.jpg", "--labels", "door.pack", "--json")
    assert done.code == 0


def test_another_space_is_refused(cli, album, rules):
    cli("pack", "door.toml")
    done = cli("classify", "album/a.jpg", "--labels", "door.pack", "--fit", "crop")
    assert (done.code, done.out) == (1, "")
    assert "door.pack was made with the model tiny in space" in done.line


def test_pictures_are_fitted_as_for_the_pack_unless_that_is_asked_for(cli, album, rules):
    cli("pack", "door.toml")
    found = labels_of(cli("classify", "album/a.jpg", "--labels", "door.pack", "--json"))
    padded = cli("classify", "album/a.jpg", "--labels", "door.toml", "--fit", "pad", "--json")
    assert dict(found) == pytest.approx(dict(labels_of(padded)), abs=2e-3)
    assert cli("classify", "album/a.jpg", "--labels", "door.pack", "--fit", "crop").code == 1


def test_a_damaged_pack(cli, album, rules):
    cli("pack", "door.toml")
    path = rules.with_suffix(".pack")
    path.write_bytes(path.read_bytes()[:-1])
    done = cli("classify", "album/a.jpg", "--labels", "door.pack")
    assert done.code == 1 and "door.pack is damaged: its SHA-256 differs" in done.line


@pytest.mark.parametrize(
    "option", [["-l", "cat"], ["--negative", "x"], ["--none"], ["--template", "{}"]]
)
def test_a_pack_holds_its_words(cli, album, rules, option):
    cli("pack", "door.toml")
    done = cli("classify", "album/a.jpg", "--labels", "door.pack", *option)
    assert done.code == 2 and "door.pack is a pack" in done.err


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["gone.toml"], 1, "gone.toml cannot be read"),
        (["door.toml", "-o", "door.txt"], 2, "must end in .pack"),
        (["door.toml", "-o", "nowhere/a.pack"], 2, "nowhere is no folder"),
        (["door.toml", "-m", "blind"], 1, "blind has no text tower"),
    ],
)
def test_what_cannot_be_packed(cli, rules, arguments, code, said):
    tiny.make(rules.with_name("blind"), text=None)
    done = cli("pack", *arguments)
    assert done.code == code and said in done.err
    assert not list(rules.parent.glob("*.pack"))


def test_words_that_clip_cannot_hold_get_a_hint(cli, rules):
    rules.write_text('[[rule]]\nname = "busy"\nprompts = ["three cars"]')
    done = cli("pack", "door.toml")
    assert done.code == 0 and '"three cars" asks for what CLIP gets wrong (counting' in done.err
    assert cli("pack", "door.toml", "--no-hints").err == ""


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("min_duraton = 3", "has a setting 'min_duraton', which no rule has. Did you mean min_dur"),
        ('schedule = "noon"', "the rule 'cat': the schedule 'noon' is no span of time"),
        ("novelty = true\ntiles = '2x1'", "Leave region and tiles out"),
    ],
)
def test_bad_settings_of_rules_are_found_here_not_on_the_board(cli, here, setting, said):
    (here / "bad.toml").write_text(f'[[rule]]\nname = "cat"\n{setting}\n')
    done = cli("pack", "bad.toml")
    assert done.code == 1 and said in done.line and not (here / "bad.pack").exists()
    # The settings of labels are whatever an application makes of them.
    (here / "bad.toml").write_text(f'[[label]]\nname = "cat"\n{setting}\n')
    assert cli("pack", "bad.toml").code == 0
