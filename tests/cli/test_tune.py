"""``edgeclip tune``: what is printed and kept, and what is said when something is missing."""

from __future__ import annotations

import json
import os
from dataclasses import replace

import pytest

from edgeclip.device import trial, tune
from edgeclip.model import session, tuned
from edgeclip.model.manifest import Manifest
from edgeclip.model.model import Model
from edgeclip.model.providers import CPU, CUDA
from tests import folders, tiny
from tests.device.variants import FAR, other_image_graph, with_variant
from tests.pictures import photo

CRASH = "import os, resource, signal; resource.setrlimit(resource.RLIMIT_CORE, (0, 0)); "
ROWS = 2 * 2 * 2
"""Settings of one variant with two numbers of threads: arena or not, two ways to rewrite."""


@pytest.fixture(autouse=True)
def config(monkeypatch, tmp_path):
    monkeypatch.setenv("EDGECLIP_CONFIG", str(tmp_path / "config"))
    return tmp_path / "config"


@pytest.fixture
def board(monkeypatch):
    """Put a function in the place of the child: it gets a trial, and returns seconds or a problem.

    Returns a list of the trials that were asked for.
    """
    asked: list[trial.Trial] = []

    def put(answer) -> list[trial.Trial]:
        def run(each: trial.Trial, *, timeout_s: float = 0.0) -> trial.Outcome:
            asked.append(each)
            found = answer(each)
            if isinstance(found, str):
                return trial.Outcome(problem=found)
            return trial.Outcome(cosine=1.0, latencies_s={1: [found] * 5}, peak_bytes=70_000_000)

        for function in (tune.tune, tune.kept):
            monkeypatch.setitem(function.__kwdefaults__, "run", run)
        return asked

    return put


@pytest.fixture
def small(tiny_model, here):
    """The tiny model with a quick variant of its image tower."""
    return with_variant(folders.copied(tiny_model, here / "small"), "int8")


def by_threads(each: trial.Trial) -> float:
    """Two threads, an arena and int8 are each a little quicker."""
    setting = each.setting
    return (
        0.5
        - 0.1 * setting.options.threads
        - 0.02 * setting.options.arena
        - 0.01 * (setting.variant == "int8")
    )


TWO = ("--threads", 1, "--threads", 2)


def test_for_people(cli, board, small, config):
    board(by_threads)
    done = cli("tune", small, *TWO)
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    header = "variant provider threads arena graph p50 ms peak MB cosine verdict"
    assert lines[0] == "image tower" and " ".join(lines[1].split()) == header
    rows = [line.split() for line in lines[2 : 2 + 2 * ROWS]]
    assert rows[0] == ["fp32", "CPU", "2", "no", "all", "300.0", "70", "1.00000", "slower"]
    (best,) = [row for row in rows if row[-1] == "best"]
    assert best == ["int8", "CPU", "2", "yes", "all", "270.0", "70", "1.00000", "best"]
    assert lines[3 + 2 * ROWS] == "text tower"
    assert lines[-3:] == [
        "image: int8, CPU, 2 threads, arena, all",
        "text: fp32, CPU, 2 threads, arena, all",
        f"remembered in {config / 'tuned.json'}",
    ]


def test_for_programs(cli, board, small, config):
    board(by_threads)
    done = cli("tune", small, *TWO, "--json")
    assert (done.code, done.err) == (0, "") and set(done.json) == {
        "chosen",
        "tried",
        "remembered_in",
    }
    assert done.json["remembered_in"] == str(config / "tuned.json")
    assert {tower: len(rows) for tower, rows in done.json["tried"].items()} == {
        "image": 2 * ROWS,
        "text": ROWS,
    }
    for tower, chosen in done.json["chosen"].items():
        assert chosen in done.json["tried"][tower] and chosen["problem"] is None
        assert chosen["threads"] == 2 and chosen["arena"] and chosen["provider"] == CPU
        assert set(chosen) == set(tune.told(tune.Entry(tuned.Setting("", tuned.SessionOptions()))))


@pytest.fixture
def opened(monkeypatch):
    """Note which file is opened how."""
    seen = []
    real = session.open_graph

    def noted(path, options, **more):
        seen.append((path.name, options))
        return real(path, options, **more)

    monkeypatch.setattr(session, "open_graph", noted)
    return seen


def test_the_winner_is_what_every_later_model_runs_with(cli, board, small, opened):
    board(by_threads)
    assert cli("tune", small, *TWO).code == 0
    Model.load(small).embed_image(photo())
    assert cli("embed", "-m", small, "--text", "a cat", "--json").code == 0
    (image, options), (text, words) = opened
    assert (image, options.threads, options.arena) == ("image.int8.onnx", 2, True)
    assert (text, words.threads, words.arena) == ("text.onnx", 2, True)


def test_what_is_forgotten_is_used_no_more(cli, board, small, config):
    asked = board(by_threads)
    assert cli("tune", small, *TWO).code == 0
    asked.clear()
    done = cli("tune", small, "--forget")
    assert (done.code, done.out, done.line) == (0, "", "edgeclip: forgotten.")
    assert tuned.read(Manifest.load(small)) == {} and not asked
    assert cli("tune", small, "--forget").line == "edgeclip: nothing was remembered."
    assert cli("tune", small, "--forget", "--json").json == {"forgotten": False}
    both = cli("tune", small, "--forget", "--tower", "image")
    assert both.code == 2 and "all that was found" in both.err


def test_one_tower_alone(cli, board, small):
    asked = board(by_threads)
    assert cli("tune", small, *TWO).code == 0
    asked.clear()
    done = cli("tune", small, "--tower", "text", "--tower", "text", "--threads", 1, "--json")
    assert set(done.json["tried"]) == {"text"} and {each.tower for each in asked} == {"text"}
    found = tuned.read(Manifest.load(small))
    assert found["text"].options.threads == 1 and found["image"].variant == "int8"


@pytest.mark.parametrize("place", ["/proc/edgeclip", "off"])
def test_settings_that_cannot_be_written(cli, board, small, monkeypatch, place):
    """It took minutes: the figures are told all the same."""
    board(by_threads)
    monkeypatch.setenv("EDGECLIP_CONFIG", place)
    done = cli("tune", small, *TWO)
    assert done.code == 1 and "EDGECLIP_CONFIG" in done.line
    assert "image tower" in done.out and "text: fp32, CPU, 2 threads" in done.out
    assert "remembered" not in done.out
    done = cli("tune", small, *TWO, "--json")
    assert done.code == 1 and "EDGECLIP_CONFIG" in done.line
    assert done.json["remembered_in"] is None and len(done.json["tried"]["image"]) == 2 * ROWS


def test_a_space_of_its_own(cli, board, tiny_model, here):
    model = folders.copied(tiny_model, here / "m")
    with_variant(model, "int8", other_image_graph(), agreement=FAR)
    board(by_threads)
    done = cli("tune", model, "--threads", 1)
    assert done.code == 0 and "image: fp32, " in done.out
    assert done.out.count("its vectors have a space of their own: --any-space allows it") == 4
    done = cli("tune", model, "--threads", 1, "--any-space")
    assert done.code == 0 and "image: int8, " in done.out and "--any-space" not in done.out
    assert Model.load(model).space != Manifest.load(model).space


@pytest.fixture
def crashing(monkeypatch, tmp_path):
    """An onnxruntime that dies in every child process."""
    place = tmp_path / "stand-in"
    place.mkdir()
    (place / "onnxruntime.py").write_text(CRASH + "os.kill(os.getpid(), signal.SIGSEGV)")
    monkeypatch.setenv("PYTHONPATH", f"{place}{os.pathsep}{os.environ['PYTHONPATH']}")


def test_a_board_on_which_nothing_runs(cli, crashing, config):
    done = cli("tune", "--tower", "image", "--threads", 1)
    assert done.code == 1 and done.line == (
        "edgeclip: the image tower of tiny ran in no setting (onnxruntime died of SIGSEGV on this "
        "board). Run: edgeclip doctor"
    )
    assert done.out.count("died of SIGSEGV") == 4 and not config.exists()
    done = cli("tune", "--tower", "text", "--threads", 1, "--json")
    assert done.code == 1 and "the text tower of tiny ran in no setting" in done.line
    assert done.json["chosen"] == {} and done.json["remembered_in"] is None
    assert {row["problem"] for row in done.json["tried"]["text"]} == {
        "onnxruntime died of SIGSEGV on this board"
    }


def test_what_one_tower_took_is_not_lost_with_the_other(cli, board, small):
    board(lambda each: "it died" if each.tower == "text" else by_threads(each))
    done = cli("tune", small, *TWO)
    assert done.code == 1 and "the text tower of tiny ran in no setting (it died)" in done.line
    assert "image: int8, CPU, 2 threads, arena, all" in done.out and "remembered in" in done.out
    assert set(tuned.read(Manifest.load(small))) == {"image"}


def test_a_model_without_words(cli, board, here):
    asked = board(by_threads)
    model = tiny.make(here / "mute", text=None)
    done = cli("tune", model, *TWO)
    assert done.code == 0 and "text" not in done.out
    asked.clear()
    done = cli("tune", model, "--tower", "image", "--tower", "text")
    assert (done.code, done.out) == (1, "") and not asked  # at once, not after minutes
    assert done.line.endswith("mute has no text tower. Leave --tower text out.")


def test_what_is_not_there(cli, board, tiny_model, here):
    asked = board(by_threads)
    done = cli("tune", "--provider", "cuda")
    assert (done.code, done.out) == (1, "") and "onnxruntime has no cuda" in done.line
    done = cli("tune", "absent")
    assert (done.code, done.out) == (1, "") and "'absent' is not installed" in done.line
    assert not asked


def test_no_variant_for_these_providers(cli, board, tiny_model, here):
    board(by_threads)
    model = folders.copied(tiny_model, here / "m")
    folders.edited(model, lambda r: r["image"]["variants"]["fp32"].update(providers=[CUDA]))
    done = cli("tune", model, "--provider", "cpu", "--tower", "image")
    assert done.code == 1
    assert "tiny ran in no setting (no variant is for these providers)" in done.line


@pytest.mark.parametrize(
    "wrong",
    [
        ("--tower", "sound"),
        ("--threads", "0"),
        ("--timeout", "0"),
        ("--timeout", "nan"),
        ("a", "b"),
    ],
    ids=" ".join,
)
def test_wrong_use(cli, wrong):
    done = cli("tune", *wrong)
    assert (done.code, done.out) == (2, "") and "Usage: edgeclip tune" in done.err


def test_random_weights_are_said(cli, board, here):
    board(by_threads)
    source = {"kind": "untrained", "weights_sha256": "0" * 64}
    done = cli("tune", tiny.make(here / "noise", source=source), "--threads", 1)
    assert done.code == 0 and "noise has random weights: its answers mean nothing" in done.line


def test_the_time_limit_reaches_the_child(cli, monkeypatch, here):
    limits = []

    def run(each: trial.Trial, *, timeout_s: float) -> trial.Outcome:
        limits.append(timeout_s)
        return trial.Outcome(problem=f"it took longer than {timeout_s:g} s")

    monkeypatch.setitem(tune.tune.__kwdefaults__, "run", run)
    done = cli("tune", "--timeout", "2.5", "--tower", "image", "--threads", 1)
    assert done.code == 1 and "it took longer than 2.5 s" in done.line and set(limits) == {2.5}


def test_a_real_board(cli, monkeypatch, config, tiny_model):
    """From the command to what `Model.load` uses, with real children all the way."""

    def quick(each: trial.Trial, **limits: float) -> trial.Outcome:
        return trial.run(replace(each, seconds=0.0), **limits)

    monkeypatch.setattr(tune, "NEAR", ())
    for function in (tune.tune, tune.kept):
        monkeypatch.setitem(function.__kwdefaults__, "run", quick)
    done = cli("tune", "--tower", "image", "--threads", 1)
    assert (done.code, done.err) == (0, "") and done.out.count("best") == 1
    (entry,) = json.loads((config / "tuned.json").read_text())["entries"].values()
    assert entry["image"]["options"]["threads"] == 1 and entry["model"] == "tiny"
    found = tuned.read(Manifest.load(tiny_model))["image"]
    assert Model.load(tiny_model).embed_image(photo()).shape == (tiny.DIM,)
    assert found.variant == "fp32" and tuple(found.options.providers) == (CPU,)
