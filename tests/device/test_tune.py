"""Tune: the choice is the best of what was measured and may be chosen, nothing else."""

from __future__ import annotations

import itertools
import json
import statistics
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeclip.device import trial, tune
from edgeclip.errors import EdgeclipError
from edgeclip.model import tuned
from edgeclip.model.manifest import Manifest
from edgeclip.model.model import Model
from edgeclip.model.options import SessionOptions
from edgeclip.model.providers import CPU
from edgeclip.model.tuned import Setting
from tests import folders, tiny
from tests.device.variants import FAR, NEAR, other_image_graph, with_variant
from tests.pictures import photo

VARIANTS = ("fp32", "near", "own")
NEEDED = {"fp32": 0.999, "near": 0.994, "own": -1.005}
"""Cosines to the goldens: 0.999 of the default variant, 0.005 below their own of the others."""


def setting(variant="fp32", threads=1, **options):
    return Setting(variant, SessionOptions(threads, (CPU,), cache=False, **options))


@pytest.fixture(scope="module")
def manifest(tiny_model, tmp_path_factory):
    """A model whose image tower has a near variant and one with a space of its own."""
    folder = folders.copied(tiny_model, tmp_path_factory.mktemp("tune") / "m")
    with_variant(folder, "near", agreement=NEAR)
    return Manifest.load(with_variant(folder, "own", other_image_graph(), agreement=FAR))


@pytest.fixture
def config(monkeypatch, tmp_path):
    monkeypatch.setenv("EDGECLIP_CONFIG", str(tmp_path / "config"))
    return tmp_path / "config"


class Board:
    """Answer trials from a record: for each setting its median, round by round.

    A text instead of a number is the problem of that round.
    """

    def __init__(self, rounds, cosines=None) -> None:
        self.rounds, self.cosines = rounds, cosines or {}
        self.log: list[tuple[Setting, float | str]] = []
        self.asked: list[trial.Trial] = []

    def __call__(self, asked: trial.Trial, *, timeout_s: float = 9.0) -> trial.Outcome:
        done = sum(each == asked.setting for each, _ in self.log)
        given = self.rounds[asked.setting]
        answer = given[min(done, len(given) - 1)]
        self.log.append((asked.setting, answer))
        self.asked.append(asked)
        if isinstance(answer, str):
            return trial.Outcome(problem=answer)
        cosine = self.cosines.get(asked.setting, 1.0) if asked.check else None
        spread = [answer * 3, answer, answer * 0.5, answer * 2, answer * 0.9]
        return trial.Outcome(cosine=cosine, latencies_s={1: spread}, peak_bytes=len(self.log))


MEDIANS = st.floats(1e-3, 10.0) | st.sampled_from([1.0, 1.1, 1.25, 2.0])
ROUND = st.one_of(MEDIANS, MEDIANS, MEDIANS, st.just("it died of SIGSEGV"))
ROW = st.tuples(
    st.sampled_from(VARIANTS),
    st.lists(ROUND, min_size=1, max_size=4),
    st.sampled_from([1.0, 0.9991, 0.9989, 0.9941, 0.9939, -1.0]) | st.none(),
)


@given(st.lists(ROW, max_size=12), st.booleans())
def test_the_choice_is_the_best_of_what_may_be_chosen(manifest, rows, any_space):
    settings = [setting(row[0], threads=i + 1) for i, row in enumerate(rows)]
    rounds = {s: row[1] for s, row in zip(settings, rows, strict=True)}
    cosines = {s: row[2] for s, row in zip(settings, rows, strict=True)}
    board = Board(rounds, cosines)
    found = tune.tune(manifest, "image", settings, any_space=any_space, run=board)
    assert [entry.setting for entry in found] == settings

    def least(s):
        """The oracle: the least of all that the board answered, infinite for what is refused."""
        answers = [answer for each, answer in board.log if each == s]
        refused = s.variant == "own" and not any_space
        unknown = cosines[s] is None and s.variant != "fp32"  # nothing says that it is right
        off = unknown or (cosines[s] is not None and cosines[s] < NEEDED[s.variant])
        broken = any(isinstance(answer, str) for answer in answers)
        return float("inf") if refused or off or broken else min(answers)

    leasts = [least(s) for s in settings]
    best = tune.choose(found)
    if min(leasts, default=float("inf")) == float("inf"):
        assert best is None
    else:
        assert best is found[leasts.index(min(leasts))]
    for entry, expected in zip(found, leasts, strict=True):
        assert (entry.problem is None) == (expected < float("inf"))
        if entry.problem is None:
            assert entry.best_s == expected


@given(st.lists(st.floats(0.5, 100.0), min_size=1, max_size=12), st.data())
def test_noise_below_a_tenth_never_hides_the_best(manifest, medians, data):
    """Whoever could still win after a round is in the next one."""
    settings = [setting(threads=i + 1) for i in range(len(medians))]
    noise = st.lists(st.floats(1.0, 1.09), min_size=4, max_size=4)
    rounds = {
        s: [median * factor for factor in [*data.draw(noise)[:3], 1.0]]
        for s, median in zip(settings, medians, strict=True)
    }
    best = tune.choose(tune.tune(manifest, "image", settings, run=Board(rounds)))
    assert medians[settings.index(best.setting)] == min(medians)


def test_the_rounds_are_interleaved_and_grow_narrower(manifest):
    a, b, c, d, e = (setting(threads=i) for i in (1, 2, 3, 4, 5))
    board = Board({a: [1.9], b: [1.0], c: [1.2], d: [2.1], e: [1.05]})
    found = tune.tune(manifest, "image", [a, b, c, d, e], run=board)
    rounds = [[a, b, c, d, e], [a, b, c, e], [b, c, e], [b, e]]
    assert [each for each, _ in board.log] == list(itertools.chain(*rounds))
    assert [len(entry.medians_s) for entry in found] == [2, 4, 3, 1, 4]
    # The goldens are replayed once for each setting, and never forgotten.
    assert [asked.check for asked in board.asked] == [True] * 5 + [False] * 9
    assert all(entry.cosine == 1.0 for entry in found)
    assert found[1].peak_bytes == max(i for i, (s, _) in enumerate(board.log, 1) if s == b)


def test_who_is_alone_is_not_measured_again(manifest):
    a, b = setting(threads=1), setting(threads=2)
    board = Board({a: [1.0], b: [2.5]})
    tune.tune(manifest, "image", [a, b], run=board)
    assert len(board.log) == 2


def test_a_crash_in_a_later_round_refuses_too(manifest):
    a, b = setting(threads=1), setting(threads=2)
    board = Board({a: [1.0, 0.9, "it died of SIGSEGV"], b: [1.05]})
    found = tune.tune(manifest, "image", [a, b], run=board)
    assert found[0].problem == "it died of SIGSEGV" and tune.choose(found) is found[1]


def test_the_verdicts(manifest):
    rows = {
        setting("fp32", 1): ([1.5], 1.0),
        setting("fp32", 2): (["it took longer than 9 s"], 1.0),
        setting("near", 1): ([1.0], 1.0),
        setting("near", 2): ([0.1], 0.5),
        setting("own", 1): ([0.2], 0.3),
    }
    cosines = {s: cosine for s, (_, cosine) in rows.items()}
    board = Board({s: rounds for s, (rounds, _) in rows.items()}, cosines)
    found = tune.tune(manifest, "image", list(rows), run=board)
    assert [verdict for _, verdict in tune.outcomes(found)] == [
        "slower",
        "it took longer than 9 s",
        "best",
        "off parity here: least cosine 0.5000, needed 0.9940",
        "its vectors have a space of their own: --any-space allows it",
    ]
    allowed = tune.tune(manifest, "image", list(rows), any_space=True, run=board)
    assert tune.choose(allowed).setting == setting("own", 1)


def test_of_equals_the_first_is_chosen():
    entries = [tune.Entry(setting(threads=i), (2.0, 1.0)) for i in (3, 1, 2)]
    assert tune.choose(entries) is entries[0] and tune.choose([]) is None
    assert tune.choose([replace(each, problem="no") for each in entries]) is None


def test_what_is_measured_is_told_while_it_goes_on(manifest):
    a, b = setting(threads=1), setting("near", 2, arena=True)
    lines = []
    tune.tune(manifest, "image", [a, b], run=Board({a: [1.0], b: [1.0]}), progress=lines.append)
    assert lines[:2] == [
        "image 1/2: fp32, CPU, 1 thread, no arena, all",
        "image 2/2: near, CPU, 2 threads, arena, all",
    ]
    assert lines[2].startswith("image, round 2: ") and len(lines) == 8


def test_all_settings_keep_no_graphs(manifest):
    """Dozens of graphs would be written, and most of them never opened again."""
    found = tune.all_settings(manifest, "image", [CPU], [1, 2])
    assert len(found) == 3 * 2 * 2 * 2 and not any(each.options.cache for each in found)


def test_the_winner_is_opened_once_as_it_will_be(manifest):
    board = Board({replace(setting(), options=SessionOptions(1, (CPU,))): [1.0]})
    found = tune.kept(manifest, "image", tune.Entry(setting(), (1.0,)), run=board)
    assert found.options.cache and [asked.setting for asked in board.asked] == [found]


@pytest.mark.parametrize("answer", ["it died", 1.0], ids=["problem", "off parity"])
def test_a_kept_graph_that_does_not_do_is_not_remembered(manifest, answer):
    cached = replace(setting(), options=SessionOptions(1, (CPU,)))
    board = Board({cached: [answer]}, {cached: 0.5})
    assert tune.kept(manifest, "image", tune.Entry(setting(), (1.0,)), run=board) == setting()


def test_the_other_tower_stays(manifest, config):
    entry = tune.Entry(setting(threads=2), (0.25,), 1.0, 9)
    path = tune.remember(manifest, {"image": setting("near", 2)}, {"image": entry})
    assert path == str(config / "tuned.json")
    tune.remember(manifest, {"text": setting(threads=1)}, {"text": entry})
    found = tuned.read(manifest)
    assert (found["image"].variant, found["image"].options.threads) == ("near", 2)
    assert found["text"].options.threads == 1
    tune.remember(manifest, {"image": setting(threads=3)}, {"image": entry})
    assert tuned.read(manifest)["image"].options.threads == 3
    (kept,) = json.loads((config / "tuned.json").read_text())["entries"].values()
    assert kept["measured"]["image"]["p50_ms"] == [250.0]


def test_what_programs_are_told():
    entry = tune.Entry(setting("near", 2, arena=True), (0.25, 0.125), 0.5, 9, "no")
    told = tune.told(entry)
    assert json.loads(json.dumps(told)) == told
    assert told == {
        "variant": "near",
        "provider": CPU,
        "threads": 2,
        "arena": True,
        "optimisation": "all",
        "p50_ms": [250.0, 125.0],
        "cosine": 0.5,
        "peak_bytes": 9,
        "problem": "no",
    }


def quick(asked, **limits):
    """A real child that measures no longer than it must."""
    return trial.run(replace(asked, seconds=0.0), **limits)


def test_a_real_board(manifest, config):
    """A drifted variant, honestly hashed, is refused; the winner is what `Model.load` then uses."""
    (manifest.folder / "image.near.onnx").write_bytes(other_image_graph())
    try:
        drifted = Manifest.load(folders.edited(manifest.folder, lambda _: None))
        settings = [setting("near", 1), setting("fp32", 2), setting("own", 1)]
        found = tune.tune(drifted, "image", settings, run=quick)
        assert [entry.problem is None for entry in found] == [False, True, False]
        assert found[0].problem.startswith("off parity here: least cosine ")
        assert found[0].problem.endswith("needed 0.9940")
        assert all(entry.peak_bytes > 20e6 and entry.medians_s for entry in found)
        winner = tune.kept(drifted, "image", tune.choose(found), run=quick)
        tune.remember(drifted, {"image": winner}, {})
        assert tuned.read(drifted)["image"].options.threads == 2
        model = Model.load(drifted.folder)
        assert model.space == drifted.space and model.embed_image(photo()).shape == (tiny.DIM,)
    finally:
        (manifest.folder / "image.near.onnx").write_bytes(tiny.image_graph())
        folders.edited(manifest.folder, lambda _: None)


def test_a_real_crash_and_a_real_hang(tiny_model, stand_in):
    """One thread dies, two hang, four are well."""
    stand_in(
        "import json, os, resource, signal, sys, time\n"
        "threads = json.loads(sys.argv[1])['setting']['options']['threads']\n"
        "resource.setrlimit(resource.RLIMIT_CORE, (0, 0))\n"
        "if threads == 1: os.kill(os.getpid(), signal.SIGSEGV)\n"
        "if threads == 2: time.sleep(60)\n"
        "sys.path.remove(os.path.dirname(os.path.dirname(__file__)))\n"
        "del sys.modules['onnxruntime']\n"
        "import onnxruntime\n"
    )
    settings = [setting(threads=count) for count in (1, 2, 4)]
    found = tune.tune(Manifest.load(tiny_model), "text", settings, run=quick, timeout_s=5.0)
    assert "SIGSEGV" in found[0].problem and "longer than 5 s" in found[1].problem
    assert tune.choose(found) is found[2] and found[2].cosine > 0.999999


def test_settings_that_cannot_be_written(manifest, monkeypatch):
    monkeypatch.setenv("EDGECLIP_CONFIG", "/proc/edgeclip")
    with pytest.raises(EdgeclipError, match="/proc/edgeclip"):
        tune.remember(manifest, {"image": setting()}, {})


def test_the_median_is_what_counts(manifest):
    a = setting()
    (found,) = tune.tune(manifest, "image", [a], run=Board({a: [2.0]}))
    assert found.medians_s == (statistics.median([6.0, 2.0, 1.0, 4.0, 1.8]),)
