"""Bench: what is measured in which order, and what is made of the seconds."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeclip.device import bench, settings, trial
from edgeclip.errors import ModelError
from edgeclip.model.manifest import Manifest
from edgeclip.model.providers import CPU, CUDA
from tests import folders, tiny
from tests.device.variants import FAR, with_variant

GOOD = trial.Outcome(latencies_s={1: [0.1] * 5, 8: [0.5] * 5}, cpu={1.0: 0.1, 10.0: None})


@pytest.fixture
def manifest(tiny_model, tmp_path, monkeypatch):
    """A model with an int8 variant of both towers and an fp16 one for GPUs, on 4 CPUs."""
    monkeypatch.setattr(bench, "usable_cpus", lambda: 4)
    folder = folders.copied(tiny_model, tmp_path / "m")
    with_variant(folder, "int8", agreement=FAR)
    with_variant(folder, "fp16", providers=[CUDA])
    return Manifest.load(with_variant(folder, "int8", tower="text"))


class Recorder:
    """Answer trials in the place of a child."""

    def __init__(self, *answers: trial.Outcome) -> None:
        self.asked: list[tuple[trial.Trial, float]] = []
        self._answers = answers

    def __call__(self, asked: trial.Trial, *, timeout_s: float) -> trial.Outcome:
        self.asked.append((asked, timeout_s))
        return self._answers[min(len(self.asked), len(self._answers)) - 1]


def keys(found):
    return [(tower, each.variant, each.options.threads) for tower, each in found]


def test_all_that_may_run_here_with_one_thread_and_with_all(manifest):
    expected = [
        (tower, variant, threads)
        for tower in ("image", "text")
        for variant in ("fp32", "int8")
        for threads in (1, 4)
    ]
    found = bench.settings(manifest, bench.Plan())
    assert keys(found) == expected
    assert all(each.options.providers == (CPU,) and each.options.cache for _, each in found)


def test_a_plan_narrows_it(manifest):
    plan = bench.Plan(("text", "text"), ("int8",), ("cpu", CPU), (2, 2))
    assert keys(bench.settings(manifest, plan)) == [("text", "int8", 2)]
    assert bench.settings(manifest, bench.Plan(variants=("fp16",))) == []  # it is for GPUs


@pytest.mark.parametrize(
    ("plan", "said"),
    [
        (bench.Plan(variants=("fp32", "int4")), r"no 'int4' variant\. It has: fp32, int8, fp16\."),
        (bench.Plan(("text",), ("fp16",)), r"no 'fp16' variant\. It has: fp32, int8\."),
        (bench.Plan(providers=("cuda",)), "has no cuda"),
    ],
)
def test_what_is_not_there_is_refused(manifest, plan, said):
    with pytest.raises(ModelError, match=said):
        bench.settings(manifest, plan)


def test_a_tower_that_is_not_there_is_refused(tmp_path):
    wordless = Manifest.load(tiny.make(tmp_path / "mute", text=None))
    assert {tower for tower, _ in bench.settings(wordless, bench.Plan())} == {"image"}
    with pytest.raises(ModelError, match="mute has no text tower"):
        bench.settings(wordless, bench.Plan(("image", "text")))


def test_each_setting_is_opened_once_before_it_is_measured(manifest):
    """The first start of a large graph also rewrites and keeps it."""
    run = Recorder(GOOD)
    plan = bench.Plan(variants=("int8",), batches=(1, 8, 16), seconds=3.0, timeout_s=50.0)
    found = list(bench.bench(manifest, plan, run=run))
    assert len(run.asked) == 2 * len(found) == 8
    for (warm, warm_s), (asked, asked_s) in zip(run.asked[::2], run.asked[1::2], strict=True):
        assert (warm.tower, warm.setting) == (asked.tower, asked.setting)
        assert (warm.seconds, warm.check, warm.rates) == (0.0, False, ())
        assert (asked.seconds, asked.check, asked.batches) == (3.0, True, (1, 8, 16))
        # Only with all threads: the loop of a camera runs as the model does by default.
        camera = asked.tower == "image" and asked.setting.options.threads == 4
        assert asked.rates == (bench.RATES if camera else ())
        # The limit is for what hangs, never for what was asked to take long.
        assert (warm_s, asked_s) == (50.0, 50.0 + 3.0 * (3 + len(asked.rates)))


def test_what_cannot_be_opened_is_not_measured(manifest):
    run = Recorder(trial.Outcome(problem="it died"), GOOD)
    first, second = bench.bench(manifest, bench.Plan(("text",), ("fp32",)), run=run)
    assert first.outcome.problem == "it died" and second.outcome == GOOD
    assert len(run.asked) == 3


def test_a_result_says_what_lies_on_the_disk(manifest):
    (found,) = bench.bench(manifest, bench.Plan(("text",), ("int8",), (), (2,)), run=Recorder(GOOD))
    size = (manifest.folder / "text.int8.onnx").stat().st_size
    assert found == bench.Result("text", "int8", CPU, 2, size, GOOD)


def by_hand(seconds: list[float], percent: float) -> float:
    """Linear interpolation between the two nearest ranks."""
    ranked = sorted(seconds)
    at = percent / 100 * (len(ranked) - 1)
    low = int(at)
    high = min(low + 1, len(ranked) - 1)
    return ranked[low] + (at - low) * (ranked[high] - ranked[low])


SECONDS = st.lists(st.floats(1e-6, 1e3), min_size=1, max_size=40)


@given(st.dictionaries(st.integers(1, 64), SECONDS, min_size=1, max_size=3))
def test_percentiles(latencies):
    outcome = trial.Outcome(latencies_s=latencies)
    found = list(bench.figures(bench.Result("image", "fp32", CPU, 1, 1, outcome)))
    assert [each["batch"] for each in found] == list(latencies)
    for each, seconds in zip(found, latencies.values(), strict=True):
        assert each["runs"] == len(seconds)
        for percent in (50, 95, 99):
            expected = by_hand(seconds, percent) * 1e3
            assert each[f"p{percent}_ms"] == pytest.approx(expected, rel=1e-9)
        assert each["per_s"] == pytest.approx(each["batch"] / by_hand(seconds, 50), rel=1e-9)


def test_what_programs_are_told():
    told = bench.told(bench.Result("image", "int8", CPU, 2, 99, GOOD))
    assert json.loads(json.dumps(told)) == told
    (one, eight) = told.pop("latency")
    assert one == {
        "batch": 1,
        "p50_ms": pytest.approx(100),
        "p95_ms": pytest.approx(100),
        "p99_ms": pytest.approx(100),
        "per_s": pytest.approx(10),
        "runs": 5,
    }
    assert (eight["batch"], eight["per_s"]) == (8, pytest.approx(16))
    assert told == {
        "tower": "image",
        "variant": "int8",
        "provider": CPU,
        "threads": 2,
        "file_bytes": 99,
        "problem": None,
        "load_s": 0.0,
        "first_s": 0.0,
        "cosine": None,
        "cpu": {"1": 0.1, "10": None},
        "memory_bytes": 0,
        "peak_bytes": 0,
    }


def test_a_failure_is_told_without_figures():
    told = bench.told(bench.Result("image", "fp32", CPU, 1, 9, trial.Outcome(problem="it died")))
    assert told["problem"] == "it died" and told["latency"] == [] and told["cpu"] == {}


def test_a_real_board(tiny_model, monkeypatch):
    monkeypatch.setattr(bench, "RATES", (50.0,))
    plan = bench.Plan(("image",), threads=(1,), batches=(1, 2), seconds=0.0)
    (found,) = bench.bench(Manifest.load(tiny_model), plan)
    assert found.outcome.problem is None and found.provider in settings.providers_here(None)
    assert [each["batch"] for each in bench.figures(found)] == [1, 2]
    assert list(found.outcome.cpu) == [50.0] and found.outcome.cosine > 0.9999
