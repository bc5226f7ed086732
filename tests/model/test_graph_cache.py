"""Kept graphs: made once by a child, opened from then on, and never in the way."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from edgeclip.errors import ModelError
from edgeclip.model import child, graph_cache, session
from edgeclip.model.model import Model
from edgeclip.model.options import SessionOptions
from edgeclip.model.session import open_graph
from tests import folders, graphs, tiny
from tests.index import mounting
from tests.model.keeping import ONE, vectors
from tests.patience import PATIENCE_S, until
from tests.pictures import photo

DAY_S = 86_400
HALF_WRITTEN = (
    "import json, os, signal, sys, time\n"
    "question = json.loads(sys.argv[-1])\n"
    "open(question['target'], 'wb').write(b'half')\n"
)
DIES = HALF_WRITTEN + "os.kill(os.getpid(), signal.SIGKILL)\n"
HANGS = HALF_WRITTEN + "time.sleep(20)\n"


class Source:
    """A model's graph on disk, and how often it was hashed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.data = path.read_bytes()
        self.sha256 = hashlib.sha256(self.data).hexdigest()
        self.reads = 0

    def read(self) -> Path:
        self.reads += 1
        return self.path

    def ready(self, options: SessionOptions = ONE) -> tuple[Path, SessionOptions]:
        return graph_cache.ready(self.sha256, len(self.data), self.read, options)

    def is_direct(self, options: SessionOptions = ONE) -> bool:
        """Whether it is opened as it is, after one look at it."""
        before = self.reads
        return self.ready(options) == (self.path, options) and self.reads == before + 1


@pytest.fixture
def source(tmp_path):
    return Source(graphs.image(tmp_path / "image.onnx"))


@pytest.fixture
def cache(monkeypatch, tmp_path):
    """An empty place, in which graphs of every size are kept."""
    monkeypatch.setenv("EDGECLIP_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(graph_cache, "_WORTH_BYTES", 0)
    return tmp_path / "cache" / "graphs"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A place that holds the tiny graph, made once."""
    place = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EDGECLIP_CACHE", str(place))
        patch.setattr(graph_cache, "_WORTH_BYTES", 0)
        Source(graphs.image(place / "image.onnx")).ready()
    return place / "graphs"


@pytest.fixture
def kept(cache, made):
    """A place of our own that holds the tiny graph already: its file."""
    shutil.copytree(made, cache)
    (path,) = cache.glob("*.onnx")
    return path


@pytest.fixture
def no_child(monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("a child was asked")

    monkeypatch.setattr(child, "ask", refuse)


@pytest.fixture
def failing(monkeypatch):
    """Children that die, without the time that it takes to start them."""

    def die(*_, **__):
        raise child.ChildFailed("crashed", "onnxruntime died of SIGKILL on this board")

    monkeypatch.setattr(child, "ask", die)


@pytest.fixture
def stand_in(monkeypatch, tmp_path):
    """Put a module of our own in the place of onnxruntime, in child processes only."""

    def put(text):
        place = tmp_path / "stand-in"
        place.mkdir(exist_ok=True)
        (place / "onnxruntime.py").write_text(text, "utf-8")
        with_it = f"{place}{os.pathsep}{os.environ['PYTHONPATH']}"
        monkeypatch.setenv("PYTHONPATH", with_it)
        return with_it

    return put


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def is_whole(folder):
    """Whether the place holds one kept graph that may be opened, and nothing else."""
    (found,) = graph_cache.kept()
    return found[1] and names(folder) == [f"{found[0].stem}.json", found[0].name]


# --- making and opening ------------------------------------------------------------------------


def test_a_child_makes_it_and_everybody_else_opens_it(source, cache, asked, monkeypatch):
    def here(*_, **__):
        raise AssertionError("this process rewrote a graph")

    monkeypatch.setattr(graph_cache, "save_optimised", here)
    path, options = source.ready()
    assert path.parent == cache and options == dataclasses.replace(ONE, optimisation="off")
    assert source.reads == 1 and len(asked) == 1 and is_whole(cache)
    assert cache.stat().st_mode & 0o777 == 0o700
    direct = vectors(source.path, ONE)
    source.path.rename(source.path.with_suffix(".away"))  # it is not even read again
    assert source.ready() == (path, options)
    assert source.reads == 1 and len(asked) == 1
    assert vectors(path, options) == direct


def test_it_is_another_graph_than_the_models(source, kept):
    before, after = (onnx.load(path).graph.node for path in (source.path, kept))
    assert [node.op_type for node in before] != [node.op_type for node in after]


def test_what_is_opened_keeps_all_other_options(source, kept, no_child):
    options = SessionOptions(threads=3, spinning=True, arena=True, providers=["cpu"])
    path, found = source.ready(options)
    assert path == kept and found == dataclasses.replace(options, optimisation="off")


def test_a_kept_graph_is_of_one_runtime_one_cpu_and_one_level(source, kept, monkeypatch, failing):
    assert not source.is_direct()
    assert source.is_direct(dataclasses.replace(ONE, optimisation="extended"))
    other = Source(graphs.image(source.path.with_name("o.onnx"), folders.swap_weights))
    assert other.is_direct()
    for change in ({"onnxruntime": "1.99"}, {"machine": "aarch64"}, {"features": ("asimd",)}):
        real = session.runtime()
        with monkeypatch.context() as patch:
            patch.setattr(graph_cache, "runtime", lambda c=change, r=real: {**r, **c})
            assert source.is_direct(), change


@pytest.mark.parametrize(
    "options",
    [
        SessionOptions(cache=False),
        SessionOptions(optimisation="off"),
        SessionOptions(optimisation="basic"),
        SessionOptions(providers=["azure"]),
        SessionOptions(providers=["cuda"]),
        SessionOptions(providers=[]),
    ],
    ids=str,
)
def test_who_gets_the_graph_as_it_is(source, cache, no_child, options):
    assert source.is_direct(options)
    assert not cache.exists()


def test_graphs_for_other_providers_are_not_kept(source, cache, no_child, monkeypatch):
    monkeypatch.setattr(
        graph_cache, "available_providers", lambda: ["CUDAExecutionProvider", graph_cache.CPU]
    )
    assert source.is_direct() and source.is_direct(SessionOptions(providers=["cuda", "cpu"]))
    assert not cache.exists()


def test_small_graphs_are_not_worth_it(source, cache, no_child, monkeypatch):
    monkeypatch.setattr(graph_cache, "_WORTH_BYTES", len(source.data) + 1)
    assert source.is_direct() and not cache.exists()


def test_nothing_is_kept_where_there_is_no_place(source, cache, no_child, monkeypatch, tmp_path):
    for place in ("off", "/dev/null", "/proc/edgeclip"):
        monkeypatch.setenv("EDGECLIP_CACHE", place)
        assert source.is_direct() and list(graph_cache.kept()) == []
    monkeypatch.delenv("EDGECLIP_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(source.path))
    assert source.is_direct()


@pytest.mark.parametrize("name", ["-x ü\n猫.onnx", "*"])
def test_unusual_file_names(cache, tmp_path, monkeypatch, name):
    monkeypatch.setenv("EDGECLIP_CACHE", str(tmp_path / "ca che ü\n[*]"))
    monkeypatch.chdir(tmp_path)
    source = Source(graphs.image(Path(name)))  # relative, too
    path, options = source.ready()
    assert path != source.path and vectors(path, options) == vectors(source.path, ONE)
    assert [sound for _, sound in graph_cache.kept()] == [True]


# --- damage ------------------------------------------------------------------------------------


def flipped(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


DAMAGES = {
    "a bit": flipped,
    "cut": lambda p: p.write_bytes(p.read_bytes()[:-1]),
    "longer": lambda p: p.write_bytes(p.read_bytes() + b"\0"),
    "empty": lambda p: p.write_bytes(b""),
    "another graph": lambda p: p.write_bytes(tiny.image_graph()),
    "no graph": lambda p: p.unlink(),
    "no record": lambda p: p.with_suffix(".json").unlink(),
    "folder": lambda p: (p.unlink(), p.mkdir()),
}
RECORDS = ["", "{", "null", "[]", "3", '"sha256"', "{}", "[" * 100_000, '{"bytes": 0, "sha256": 1}']
RECORDS += ['{"bytes": "x", "sha256": "x"}', "\udcff"]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_graph_is_not_opened(source, kept, failing, damage):
    DAMAGES[damage](kept)
    assert not any(sound for _, sound in graph_cache.kept())
    assert source.is_direct()


@pytest.mark.parametrize("record", RECORDS, ids=lambda text: text[:9])
def test_a_record_that_is_none(source, kept, no_child, record):
    kept.with_suffix(".json").write_text(record, errors="surrogateescape")
    assert [sound for _, sound in graph_cache.kept()] == [False]


def test_the_record_of_another_graph(kept):
    record = {"sha256": hashlib.sha256(b"").hexdigest(), "bytes": kept.stat().st_size}
    kept.with_suffix(".json").write_text(json.dumps(record))
    assert [sound for _, sound in graph_cache.kept()] == [False]


@pytest.mark.parametrize("damage", ["a bit", "no record"])
def test_a_damaged_graph_is_made_again(source, kept, asked, damage):
    whole = vectors(kept, dataclasses.replace(ONE, optimisation="off"))
    DAMAGES[damage](kept)
    path, options = source.ready()
    assert path == kept and len(asked) == 1 and is_whole(kept.parent)
    assert vectors(path, options) == whole == vectors(source.path, ONE)


def test_a_damaged_model_is_told_as_before_and_nothing_is_kept(tmp_path, cache, no_child):
    folder = folders.write(tmp_path / "m")
    model = Model.load(folder)
    flipped(folder / "image.onnx")
    with pytest.raises(ModelError, match=r"image\.onnx is damaged: its SHA-256"):
        model.embed_image(photo())
    assert names(cache) == []


def test_what_is_no_graph_is_told_as_before_and_nothing_is_kept(tmp_path, cache):
    model = Model.load(folders.write(tmp_path / "m", {"image.onnx": b"no graph"}))
    for _ in range(2):
        with pytest.raises(ModelError, match=r"m/image\.onnx cannot be opened"):
            model.embed_image(photo())
    assert [Path(name).suffix for name in names(cache)] == [".tries"]


def test_what_onnxruntime_cannot_open_again_is_not_kept(source, cache, monkeypatch):
    def broken(path, options, target):
        target.write_bytes(b"half a graph")

    monkeypatch.setattr(graph_cache, "save_optimised", broken)
    monkeypatch.setattr(child, "ask", lambda _, question, **__: graph_cache._optimised(question))
    assert source.is_direct()
    assert [Path(name).suffix for name in names(cache)] == [".tries"]


# --- who may write there -----------------------------------------------------------------------


@pytest.mark.parametrize("mode", [0o770, 0o720, 0o702, 0o777])
def test_where_others_may_write_nothing_is_opened(source, kept, no_child, mode):
    kept.parent.chmod(mode)
    assert source.is_direct()
    kept.parent.chmod(0o755)  # to read is no harm
    assert source.ready()[0] == kept


def test_the_place_of_another_user_is_not_used(source, kept, no_child, monkeypatch):
    owner = kept.parent.stat().st_uid
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    assert source.is_direct() == (owner != 0)  # root's may be used by all
    if owner == 0:
        os.chown(kept.parent, 12345, -1)
        assert source.is_direct()


@pytest.mark.parametrize("case", ["full", "read_only"])
def test_a_disk_that_is(case, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mounting.run("tests.model.keeping", case, disk)


# --- processes that die, and many at once -------------------------------------------------------


def test_what_kills_its_maker_is_tried_twice_a_day(source, cache, stand_in, asked):
    stand_in(DIES)
    for count in (1, 2, 2, 2):
        assert source.is_direct() and len(asked) == count
        assert [Path(name).suffix for name in names(cache)] == [".tries"]
    (tries,) = cache.iterdir()
    os.utime(tries, (time.time() - DAY_S, time.time() - DAY_S))
    assert source.is_direct() and len(asked) == 3


def test_after_a_failure_it_may_still_succeed(source, cache, stand_in, monkeypatch):
    before = os.environ["PYTHONPATH"]
    stand_in(DIES)
    assert source.is_direct()
    monkeypatch.setenv("PYTHONPATH", before)
    assert source.ready()[0].parent == cache and is_whole(cache)


def test_a_child_that_hangs_is_left_alone(source, cache, stand_in, monkeypatch):
    stand_in(HANGS)
    monkeypatch.setattr(graph_cache, "_MAKING_S", 0.6)
    assert source.is_direct()
    assert [Path(name).suffix for name in names(cache)] == [".tries"]


def start(*arguments, **more):
    command = [sys.executable, "-m", "tests.model.keeping", *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, **more)


def test_a_maker_that_is_killed_leaves_nothing_that_is_opened(source, cache, tmp_path, stand_in):
    environment = dict(os.environ)
    # Only the child of the child gets the stand-in: -P is what tells them apart.
    stand_in(
        "import sys\n"
        "if not sys.flags.safe_path:\n"
        "    sys.path.remove(__file__.rpartition('/')[0]); del sys.modules['onnxruntime']\n"
        "    import onnxruntime\n"
        "else:\n    " + HANGS.replace("\n", "\n    ")
    )
    maker = start("once", source.path, start_new_session=True)
    until(lambda: cache.exists() and any(p.stat().st_size for p in cache.glob(".*.*.partial")))
    os.killpg(maker.pid, signal.SIGKILL)
    maker.communicate()
    assert list(graph_cache.kept()) == [] and len(names(cache)) == 2  # half a graph, and a count
    os.environ["PYTHONPATH"] = environment["PYTHONPATH"]
    (half,) = cache.glob(".*.*.partial")
    os.utime(half, (time.time() - graph_cache._MAKING_S - 60,) * 2)  # nobody can be writing it
    path, options = source.ready()
    assert path.parent == cache and is_whole(cache)
    assert vectors(path, options) == vectors(source.path, ONE)


def test_two_processes_at_once(source, cache):
    makers = [start("once", source.path) for _ in range(2)]
    answers = [maker.communicate(timeout=PATIENCE_S)[0].split() for maker in makers]
    assert [maker.returncode for maker in makers] == [0, 0]
    digest = hashlib.sha256(vectors(source.path, ONE)).hexdigest()
    assert [answer[-1] for answer in answers] == [digest] * 2
    assert any(answer[0].startswith(str(cache)) for answer in answers) and is_whole(cache)


def test_the_first_of_two_makers_wins(source, cache, monkeypatch):
    ask, first = child.ask, []

    def overtaken(module, question, **more):
        monkeypatch.setattr(child, "ask", ask)
        first.append(source.ready()[0].read_bytes())
        # The same graph in other bytes, as onnxruntime itself writes it now and then.
        save = onnx.load(source.path)
        save.doc_string = "other"
        Path(question["target"]).write_bytes(save.SerializeToString())
        return True

    monkeypatch.setattr(child, "ask", overtaken)
    path, options = source.ready()
    assert is_whole(cache) and path.read_bytes() == first[0]
    assert vectors(path, options) == vectors(source.path, ONE)


def test_threads_at_once(source, cache):
    found = []

    def work():
        path, options = source.ready()
        found.append(vectors(path, options))

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [vectors(source.path, ONE)] * 3
    assert source.ready()[0].parent == cache and is_whole(cache)


def test_no_two_makers_write_the_same_file(source, cache, monkeypatch):
    """Threads share a process id, and so do the first processes of two containers."""
    targets = []

    def noted(module, question, **_):
        targets.append(question["target"])
        raise child.ChildFailed("crashed", "no reason")

    monkeypatch.setattr(child, "ask", noted)
    assert source.is_direct() and source.is_direct()
    assert len(set(targets)) == 2


# --- what is deleted ---------------------------------------------------------------------------


def plant(folder, key, *, age_s, kinds=("onnx", "json")):
    for kind in kinds:
        path = folder / f"{key}.{kind}"
        path.write_bytes(b"x")
        os.utime(path, (time.time() - age_s, time.time() - age_s))


def test_those_unused_longest_go_first(source, cache):
    cache.mkdir(parents=True, mode=0o700)
    for number in range(6):
        plant(cache, f"old{number}", age_s=1000 * number)
    plant(cache, "torn", age_s=0, kinds=["onnx"])  # its maker was killed before it wrote the record
    path, _ = source.ready()
    left = {name.partition(".")[0] for name in names(cache)}
    assert left == {path.stem, "old0", "old1", "old2"} and len(names(cache)) == 8


def test_what_is_used_is_not_the_oldest(source, kept):
    record = kept.with_suffix(".json")
    for age_s in (2 * DAY_S, -2 * DAY_S):  # a board without a clock starts in 1970
        os.utime(record, (time.time() - age_s, time.time() - age_s))
        source.ready()
        assert abs(record.stat().st_mtime - time.time()) < 60
    recent = time.time() - 1000
    os.utime(record, (recent, recent))
    source.ready()
    assert record.stat().st_mtime == pytest.approx(recent)  # one write a day is enough


def test_leftovers_are_removed(source, cache):
    cache.mkdir(parents=True, mode=0o700)
    key = graph_cache._key(source.sha256, ONE)
    plant(cache, f".{key}.1", age_s=graph_cache._MAKING_S + 60, kinds=["partial"])
    plant(cache, ".old.1", age_s=2 * DAY_S, kinds=["partial"])
    plant(cache, ".new.1", age_s=graph_cache._MAKING_S + 60, kinds=["partial"])
    source.ready()
    # Of another graph somebody may be writing it, with more time for it.
    assert names(cache) == [".new.1.partial", f"{key}.json", f"{key}.onnx"]


def test_what_another_process_is_writing_just_now_is_left_alone(source, cache):
    cache.mkdir(parents=True, mode=0o700)
    key = graph_cache._key(source.sha256, ONE)
    plant(cache, f".{key}.1", age_s=0, kinds=["partial"])
    source.ready()
    assert names(cache) == [f".{key}.1.partial", f"{key}.json", f"{key}.onnx"]


def test_leftovers_are_looked_for_once_a_day_though_nothing_is_made(source, kept):
    plant(kept.parent, f".{kept.stem}.1", age_s=DAY_S / 2, kinds=["partial"])
    record = kept.with_suffix(".json")
    os.utime(record)
    source.ready()
    assert len(names(kept.parent)) == 3
    os.utime(record, (time.time() - 2 * DAY_S,) * 2)
    source.ready()
    assert names(kept.parent) == [record.name, kept.name]


def test_all_of_it_may_be_deleted_while_it_is_made(source, cache, monkeypatch):
    def gone(*_, **__):
        shutil.rmtree(cache)

    monkeypatch.setattr(child, "ask", gone)
    assert source.is_direct()


# --- what it is for ----------------------------------------------------------------------------


def large_graph(path, layers=4, width=512):
    """Convolutions of 38 MB, most of which onnxruntime writes in another order."""
    rng = np.random.default_rng(0)
    shape = (width, width, 3, 3)
    names = ["x", *(f"y{i}" for i in range(layers))]
    nodes = [
        helper.make_node("Conv", [names[i], f"w{i}"], [names[i + 1]], pads=[1, 1, 1, 1])
        for i in range(layers)
    ]
    weights = [
        numpy_helper.from_array(rng.random(shape, np.float32), f"w{i}") for i in range(layers)
    ]
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", width, 8, 8])
        for name in (names[0], names[-1])
    ]
    graph = helper.make_graph(nodes, "large", ends[:1], ends[1:], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    onnx.save(model, path)
    return path


@pytest.mark.skipif(platform.machine() != "x86_64", reason="only there weights are put in order")
def test_opening_a_kept_graph_takes_less_memory(tmp_path, monkeypatch):
    path = large_graph(tmp_path / "large.onnx")
    size = path.stat().st_size
    assert size > graph_cache._WORTH_BYTES

    def peak(place):
        monkeypatch.setenv("EDGECLIP_CACHE", str(place))
        taken, kept = start("peak", path).communicate(timeout=PATIENCE_S)[0].split()
        return int(taken), kept == "True"

    direct, first, second = peak("off"), peak(tmp_path / "cache"), peak(tmp_path / "cache")
    assert [kept for _, kept in (direct, first, second)] == [False, True, True]
    for taken, _ in (first, second):  # also the one that had it made: a child paid for it
        assert taken < direct[0] - 0.5 * size


def test_the_vectors_of_a_model_stay_what_they_were(tiny_model, cache):
    pictures = [photo(seed=seed) for seed in range(4)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EDGECLIP_CACHE", "off")
        direct = list(Model.load(tiny_model).embed_images(pictures))
    for _ in range(2):
        model = Model.load(tiny_model)
        assert all(map(np.array_equal, model.embed_images(pictures), direct))
        model.embed_text("a cat")
    assert is_whole(cache)  # of the image tower alone


def test_a_kept_graph_is_opened_by_the_options_that_come_with_it(source, kept):
    assert open_graph(*source.ready()).get_providers() == [graph_cache.CPU]


def test_a_graph_that_is_deleted_just_before_it_is_opened(tiny_model, cache, monkeypatch):
    real = graph_cache.ready

    def too_late(*arguments):
        path, options = real(*arguments)
        if path.parent == cache:
            path.unlink()
        return path, options

    expected = Model.load(tiny_model).embed_image(photo())
    monkeypatch.setattr(graph_cache, "ready", too_late)
    assert np.array_equal(Model.load(tiny_model).embed_image(photo()), expected)


def test_a_model_with_other_tensors_is_told_by_its_own_name(tmp_path, cache):
    image = folders.image_record(input="images")
    folder = folders.write(tmp_path / "m", image=image)
    with pytest.raises(ModelError, match=r"m/image\.onnx has no tensor 'images'"):
        Model.load(folder).embed_image(photo())
