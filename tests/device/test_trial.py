"""A trial: what is measured in a child, and how children fail."""

from __future__ import annotations

import json
import os
import time
from dataclasses import replace

import pytest

from edgeclip.device import trial
from edgeclip.model.options import SessionOptions
from edgeclip.model.tuned import Setting
from tests import folders, tiny
from tests.device.variants import NEAR, other_image_graph, with_variant
from tests.patience import PROMPT_S

ONE = Setting("fp32", SessionOptions(threads=1, providers=("cpu",)))
CRASH = "import os, resource, signal; resource.setrlimit(resource.RLIMIT_CORE, (0, 0)); "


def asked(folder, tower="image", setting=ONE, **more):
    return trial.Trial(str(folder), tower, setting, **{"seconds": 0.0, **more})


@pytest.fixture(scope="module")
def measured(tiny_model):
    """A whole trial of the image tower, and how long it took from outside."""
    started = time.monotonic()
    outcome = trial.run(asked(tiny_model, batches=(3, 1), rates=(4.0, 1e6)))
    return outcome, time.monotonic() - started


def test_each_batch_size_is_measured_at_least_five_times(measured):
    outcome, took = measured
    assert outcome.problem is None and list(outcome.latencies_s) == [3, 1]
    for seconds in outcome.latencies_s.values():
        assert len(seconds) >= trial.LEAST_RUNS and all(0 < each < took for each in seconds)


def test_the_start_of_the_process_counts(measured):
    """Imports are part of what a user waits for before the first vector."""
    outcome, took = measured
    assert 0 < outcome.load_s <= outcome.first_s <= took + 0.05


def test_the_memory_is_that_of_a_process_with_onnxruntime(measured):
    outcome, _ = measured
    assert 20e6 < outcome.memory_bytes <= outcome.peak_bytes < 500e6


def test_the_goldens_are_replayed(measured):
    outcome, _ = measured
    assert 0.999999 < outcome.cosine < 1.000001


def test_no_board_keeps_up_with_every_rate(measured):
    outcome, _ = measured
    assert list(outcome.cpu) == [4.0, 1e6] and outcome.cpu[1e6] is None
    assert outcome.cpu[4.0] is None or 0 < outcome.cpu[4.0] < (os.cpu_count() or 1)


def test_the_text_tower_is_measured_alike(tiny_model):
    outcome = trial.run(asked(tiny_model, "text", batches=(1, 20), check=False))
    assert outcome.problem is None and list(outcome.latencies_s) == [1, 20]
    assert outcome.cosine is None and outcome.cpu == {} and 0 < outcome.load_s <= outcome.first_s


def test_what_is_tried_is_the_variant_that_is_named(tiny_model, tmp_path):
    folder = folders.copied(tiny_model, tmp_path / "m")
    with_variant(folder, "int8", other_image_graph(), agreement=NEAR)
    outcome = trial.run(asked(folder, setting=replace(ONE, variant="int8")))
    assert outcome.problem is None and outcome.cosine < 0.9


@pytest.mark.parametrize("edit", [lambda r: r.pop("goldens"), lambda r: r.update(goldens=None)])
def test_a_model_without_goldens_can_be_measured(tiny_model, tmp_path, edit):
    folder = folders.edited(folders.copied(tiny_model, tmp_path / "m"), edit)
    outcome = trial.run(asked(folder))
    assert outcome.problem is None and outcome.cosine is None and outcome.latencies_s


def problem(*arguments, timeout_s=60.0, **more):
    """Return why a trial failed, after checking that nothing else is told."""
    outcome = trial.run(asked(*arguments, **more), timeout_s=timeout_s)
    assert outcome == trial.Outcome(problem=outcome.problem)
    assert outcome.problem and "\n" not in outcome.problem and not outcome.problem.endswith(".")
    return outcome.problem


@pytest.mark.parametrize("name", ["SIGSEGV", "SIGILL", "SIGKILL"])
def test_a_runtime_that_crashes(tiny_model, stand_in, name):
    stand_in(CRASH + f"os.kill(os.getpid(), signal.{name})")
    assert name in problem(tiny_model)


def test_a_runtime_that_hangs(tiny_model, stand_in):
    stand_in("import time; time.sleep(60)")
    started = time.monotonic()
    assert "longer than 0.8 s" in problem(tiny_model, timeout_s=0.8)
    assert time.monotonic() - started < PROMPT_S


def test_a_runtime_that_cannot_be_imported(tiny_model, stand_in):
    stand_in("raise ImportError('libx.so.1: cannot open shared object file')")
    assert "libx.so.1" in problem(tiny_model)


def test_what_a_child_says_is_told(tiny_model, tmp_path):
    cuda = Setting("fp32", SessionOptions(providers=("cuda",)))
    assert "has no cuda" in problem(tiny_model, setting=cuda)
    assert "no 'int4' variant" in problem(tiny_model, setting=replace(ONE, variant="int4"))
    wordless = tiny.make(tmp_path / "mute", text=None)
    assert "has no text tower" in problem(wordless, "text")
    folder = folders.copied(tiny_model, tmp_path / "rotted")
    data = bytearray((folder / "image.onnx").read_bytes())
    data[100] ^= 1
    (folder / "image.onnx").write_bytes(data)
    assert "image.onnx is damaged" in problem(folder)


def test_a_poisoned_graph_has_no_latency(tiny_model, tmp_path):
    folder = folders.copied(tiny_model, tmp_path / "m")
    (folder / "image.onnx").write_bytes(folders.image_graph_with(folders.poison_weights))
    assert "non-finite" in problem(folders.edited(folder, lambda _: None))


class Clock:
    """Time that passes only when somebody works or sleeps."""

    def __init__(self, work_s: float) -> None:
        self.now, self.used, self.work_s, self.runs = 100.0, 7.0, work_s, 0

    def perf_counter(self) -> float:
        return self.now

    def process_time(self) -> float:
        return self.used

    def sleep(self, seconds: float) -> None:
        assert seconds >= 0
        self.now += seconds

    def work(self) -> None:
        self.runs += 1
        self.now += self.work_s
        self.used += 2 * self.work_s  # on two threads


@pytest.mark.parametrize(
    ("work_s", "rate", "expected", "runs"),
    [
        (0.02, 10.0, 0.4, 20),
        (0.09, 10.0, 1.8, 20),
        (0.25, 1.0, 0.5, 5),
        (0.11, 10.0, None, 20),
        (1.2, 1.0, None, 5),
        (30.0, 10.0, None, 1),  # nobody waits for the other nineteen
    ],
)
def test_the_cpu_at_a_rate(monkeypatch, work_s, rate, expected, runs):
    clock = Clock(work_s)
    monkeypatch.setattr(trial, "time", clock)
    found = trial._cpu(clock.work, rate, 2.0)
    assert found is expected if expected is None else found == pytest.approx(expected)
    assert clock.runs == runs


def test_the_first_run_warms_up_and_is_not_counted(monkeypatch):
    clock = Clock(0.0)
    monkeypatch.setattr(trial, "time", clock)

    def work():
        clock.runs += 1
        clock.now += 9.0 if clock.runs == 1 else 0.25

    found = trial._latencies(work, 2.0)
    assert found == pytest.approx([0.25] * 8) and clock.runs == 9
    assert trial._latencies(work, 0.0) == pytest.approx([0.25] * 5)


def test_an_outcome_survives_the_way_between_processes(monkeypatch):
    whole = trial.Outcome(None, 0.1, 0.5, 0.9, {1: [0.25], 8: [1.5]}, {1.0: 0.5, 10.0: None}, 1, 2)
    seen = []

    def ask(module, question, *, timeout_s):
        seen.append((module, json.loads(json.dumps(question)), timeout_s))
        return json.loads(json.dumps(trial.asdict(whole)))

    monkeypatch.setattr(trial.child, "ask", ask)
    assert trial.run(asked("m", batches=(1, 8)), timeout_s=3.0) == whole
    ((module, question, timeout_s),) = seen
    assert (module, timeout_s) == ("edgeclip.device.trial", 3.0)
    assert question["batches"] == [1, 8] and question["setting"]["options"]["threads"] == 1
