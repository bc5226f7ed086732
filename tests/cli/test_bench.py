"""``edgeclip bench``: tables for people, JSON for programs, rows to publish."""

from __future__ import annotations

import os

import pytest

from edgeclip.device import bench, board, trial
from edgeclip.model.providers import CPU, CUDA
from tests import folders, tiny
from tests.device.variants import with_variant

CRASH = "import os, resource, signal; resource.setrlimit(resource.RLIMIT_CORE, (0, 0)); "
GOOD = trial.Outcome(
    load_s=0.25,
    first_s=0.75,
    cosine=0.99999,
    latencies_s={1: [0.1, 0.2, 0.3], 8: [0.8, 0.8, 0.8]},
    cpu={1.0: 0.25, 10.0: None},
    memory_bytes=60_000_000,
    peak_bytes=70_000_000,
)
ONE = ("--threads", 1)


@pytest.fixture
def answer(monkeypatch):
    """Put a function in the place of the child: it gets a trial and returns an outcome.

    Returns a list of what was asked for, warm-ups left out.
    """
    asked: list[tuple[trial.Trial, float]] = []

    def put(outcome) -> list[tuple[trial.Trial, float]]:
        def run(each: trial.Trial, *, timeout_s: float) -> trial.Outcome:
            if each.check:
                asked.append((each, timeout_s))
            return outcome(each) if callable(outcome) else outcome

        monkeypatch.setitem(bench.bench.__kwdefaults__, "run", run)
        return asked

    return put


@pytest.fixture
def named(monkeypatch):
    """Give the board a name."""

    def give(name: str) -> None:
        here = board.Board(name, "aarch64", "Cortex-A76", 4, (), 0)
        monkeypatch.setattr(board, "board", lambda: here)

    return give


def test_for_people(cli, answer, named):
    answer(GOOD)
    named("Raspberry Pi 5")
    done = cli("bench", *ONE, "--tower", "image")
    assert (done.code, done.err) == (0, "")
    title, _, *tables = done.out.splitlines()
    assert title == "tiny on Raspberry Pi 5, 4 CPUs"
    assert [" ".join(line.split()) for line in tables] == [
        "tower variant provider threads batch p50 ms p95 p99 per s",
        "image fp32 CPU 1 1 200.0 290.0 298.0 5.0",
        "image fp32 CPU 1 8 800.0 800.0 800.0 10.0",
        "",
        "tower variant provider threads load s first s MB peak MB file MB cosine",
        "image fp32 CPU 1 0.25 0.75 60 70 0 0.99999",
        "",
        "frames/s variant provider CPUs in use",
        "1 fp32 CPU 0.25",
        "10 fp32 CPU too slow",
    ]


def test_for_programs(cli, answer, named):
    answer(GOOD)
    named("Raspberry Pi 5")
    done = cli("bench", *ONE, "--json")
    assert (done.code, done.err) == (0, "")
    assert set(done.json) == {"board", "model", "versions", "results"}
    assert done.json["board"] == {"name": "Raspberry Pi 5", "cpu": "Cortex-A76", "cpus": 4}
    assert done.json["model"] == "tiny"
    assert set(done.json["versions"]) == {"edgeclip", "onnxruntime"}
    image, text = done.json["results"]
    assert (image["tower"], text["tower"]) == ("image", "text")
    assert set(image) == {
        "tower",
        "variant",
        "provider",
        "threads",
        "file_bytes",
        "problem",
        "load_s",
        "first_s",
        "cosine",
        "cpu",
        "memory_bytes",
        "peak_bytes",
        "latency",
    }
    assert image["cpu"] == {"1": 0.25, "10": None} and image["provider"] == CPU
    assert [each["batch"] for each in image["latency"]] == [1, 8]
    assert set(image["latency"][0]) == {"batch", "p50_ms", "p95_ms", "p99_ms", "per_s", "runs"}


def parsed(line: str) -> list[str]:
    """Split a row of a Markdown table as a renderer would."""
    assert line.startswith("|") and line.endswith("|")
    text = line[1:-1].replace(r"\|", "\0")
    return [cell.strip().replace("\0", "|") for cell in text.split("|")]


def test_rows_to_publish(cli, answer, named):
    answer(GOOD)
    named("A|B \x1b[1m\nboard")
    done = cli("bench", *ONE, "--markdown", "--tower", "image")
    assert (done.code, done.err) == (0, "")
    header, line, row = map(parsed, done.out.splitlines())
    assert len(header) == len(line) == len(row) and set(line) == {"---"}
    told = dict(zip(header, row, strict=True))
    assert told["board"] == r"A|B \x1b[1m\nboard, 4 CPUs"
    assert (told["model"], told["tower"], told["batch"]) == ("tiny", "image", "1")
    assert (told["p50 ms"], told["p95 ms"], told["peak MB"]) == ("200.0", "290.0", "70")


def test_what_is_asked_for_is_what_is_measured(cli, answer):
    asked = answer(GOOD)
    options = ("--batch", 4, "--batch", 2, "--seconds", 0.5, "--timeout", 7, "--variant", "fp32")
    assert cli("bench", *ONE, "--threads", 3, "--provider", "cpu", *options).code == 0
    assert [(each.tower, each.setting.options.threads) for each, _ in asked] == [
        ("image", 1),
        ("image", 3),
        ("text", 1),
        ("text", 3),
    ]
    for each, timeout_s in asked:
        assert (each.batches, each.seconds) == ((4, 2), 0.5)
        assert timeout_s == 7 + 0.5 * (2 + len(each.rates))


def test_what_fails_is_said_beside_the_rest(cli, answer):
    answer(lambda each: trial.Outcome(problem="it died") if each.tower == "text" else GOOD)
    for how in ((), ("--markdown",)):
        done = cli("bench", *ONE, *how)
        assert done.code == 0 and "image" in done.out and "text" not in done.out
        assert done.line == "edgeclip: text fp32, CPU, 1 thread: it died."
    done = cli("bench", *ONE, "--json")
    assert done.err == "" and done.json["results"][1]["problem"] == "it died"


@pytest.fixture
def crashing(monkeypatch, tmp_path):
    """An onnxruntime that dies in every child process."""
    place = tmp_path / "stand-in"
    place.mkdir()
    (place / "onnxruntime.py").write_text(CRASH + "os.kill(os.getpid(), signal.SIGSEGV)")
    monkeypatch.setenv("PYTHONPATH", f"{place}{os.pathsep}{os.environ['PYTHONPATH']}")


@pytest.mark.parametrize("how", [(), ("--markdown",), ("--json",)], ids=str)
def test_a_board_on_which_nothing_runs(cli, crashing, how):
    done = cli("bench", *ONE, *how)
    assert done.code == 1 and "nothing could be measured" in done.line
    assert "died of SIGSEGV" in done.line and done.line.endswith("Run: edgeclip doctor")
    if how == ("--json",):
        assert all("SIGSEGV" in each["problem"] for each in done.json["results"])
    else:
        assert done.out == ""


def test_what_is_not_there(cli, answer, here, tiny_model):
    asked = answer(GOOD)
    mute = tiny.make(here / "mute", text=None)
    for arguments, said in (
        (("absent",), "'absent' is not installed"),
        (("--provider", "cuda"), "onnxruntime has no cuda"),
        (("--variant", "int4"), "model tiny has no 'int4' variant. It has: fp32."),
        ((mute, "--tower", "text"), "mute has no text tower. Leave --tower text out."),
    ):
        done = cli("bench", *arguments)
        assert (done.code, done.out) == (1, "") and said in done.line
    assert not asked


def test_a_variant_for_other_boards(cli, answer, here, tiny_model):
    answer(GOOD)
    model = with_variant(folders.copied(tiny_model, here / "m"), "fp16", providers=[CUDA])
    done = cli("bench", model, "--variant", "fp16")
    assert (done.code, done.out) == (1, "")
    assert "no variant of model tiny that was asked for runs here" in done.line
    assert done.line.endswith(f"See: edgeclip info {model}")
    assert cli("bench", model).code == 0


def test_a_model_without_words(cli, answer, here):
    asked = answer(GOOD)
    assert cli("bench", tiny.make(here / "mute", text=None), *ONE).code == 0
    assert {each.tower for each, _ in asked} == {"image"}


@pytest.mark.parametrize("how", [(), ("--markdown",), ("--json",)], ids=str)
def test_random_weights_are_always_said(cli, answer, here, how):
    answer(GOOD)
    source = {"kind": "untrained", "weights_sha256": "0" * 64}
    done = cli("bench", tiny.make(here / "noise", source=source), *ONE, *how)
    assert done.code == 0 and done.out
    assert "noise has random weights: its answers mean nothing" in done.line


@pytest.mark.parametrize(
    "wrong",
    [
        ("--tower", "sound"),
        ("--threads", "0"),
        ("--batch", "0"),
        ("--seconds", "-1"),
        ("--seconds", "nan"),
        ("--timeout", "0"),
        ("a", "b"),
    ],
    ids=" ".join,
)
def test_wrong_use(cli, wrong):
    done = cli("bench", *wrong)
    assert (done.code, done.out) == (2, "") and "Usage: edgeclip bench" in done.err


def test_a_real_board(cli, monkeypatch):
    monkeypatch.setattr(bench, "RATES", (20.0, 1e6))
    done = cli("bench", *ONE, "--seconds", 0, "--batch", 2)
    assert (done.code, done.err) == (0, "")
    rows = [line.split() for line in done.out.splitlines()]
    assert ["image", "fp32", "CPU", "1", "2"] in [row[:5] for row in rows]
    assert ["1e+06", "fp32", "CPU", "too", "slow"] in rows
    costs = next(row for row in rows if row[:1] == ["text"] and len(row) == 10)
    assert 0 < float(costs[4]) <= float(costs[5]) and float(costs[7]) > 20
