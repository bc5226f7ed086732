"""Variants for certain providers: refused elsewhere, and first tried by a child."""

from __future__ import annotations

import logging
import os

import numpy as np
import onnx
import pytest
from onnx import TensorProto

from edgeclip.errors import ModelError
from edgeclip.model import child, half, patience
from edgeclip.model.model import Model
from edgeclip.model.options import SessionOptions
from edgeclip.model.providers import CPU, CUDA, TENSORRT
from edgeclip.model.towers import Variant
from tests import folders, graphs, tiny
from tests.pictures import photo

HALF = Variant("image.fp16.onnx", None, (CUDA, TENSORRT))
JETSON = [TENSORRT, CUDA, CPU]
HERE = SessionOptions(threads=1, providers=[CPU])
ROW = ("pixel_values", "3x32x32")
DYING = (
    "import os, resource, signal; resource.setrlimit(resource.RLIMIT_CORE, (0, 0)); "
    "os.kill(os.getpid(), signal.SIGSEGV)"
)


@pytest.fixture
def cache(monkeypatch, tmp_path):
    monkeypatch.setenv("EDGECLIP_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def stand_in(monkeypatch, tmp_path):
    """Put a module of our own in the place of onnxruntime, in child processes only."""

    def put(source):
        place = tmp_path / "stand-in"
        place.mkdir(exist_ok=True)
        (place / "onnxruntime.py").write_text(source, "utf-8")
        monkeypatch.setenv("PYTHONPATH", f"{place}{os.pathsep}{os.environ['PYTHONPATH']}")

    return put


def having(monkeypatch, *available):
    monkeypatch.setattr(half, "available_providers", lambda: list(available))


def one_line(error):
    assert "\n" not in str(error) and ".." not in str(error)
    return str(error)


# --- who may run it ----------------------------------------------------------------------------


def test_a_variant_for_all_is_left_alone():
    for options in (SessionOptions(), SessionOptions(providers=["cuda"])):
        assert half.fitting(Variant("image.onnx"), options) is options


@pytest.mark.parametrize(
    ("wanted", "available", "expected"),
    [
        (None, JETSON, [CUDA, TENSORRT]),
        (None, [CUDA, CPU], [CUDA]),
        (["tensorrt", "cuda"], JETSON, [TENSORRT, CUDA]),
        (["cuda", "cpu"], JETSON, [CUDA]),  # on the CPU it would be slow, or crash
        ([TENSORRT], JETSON, [TENSORRT]),
    ],
)
def test_it_is_run_by_those_that_may(monkeypatch, wanted, available, expected):
    having(monkeypatch, *available)
    options = SessionOptions(threads=3, arena=True, providers=wanted)
    found = half.fitting(HALF, options)
    assert found == SessionOptions(threads=3, arena=True, providers=expected)


@pytest.mark.parametrize(
    ("wanted", "available", "told"),
    [
        (None, [CPU], f"not for onnxruntime ({CPU})"),
        (["cpu"], JETSON, f"not for {CPU}"),
        (["CPUExecutionProvider"], [CPU], f"not for {CPU}"),
    ],
)
def test_where_nobody_may_it_is_refused_in_one_clear_sentence(monkeypatch, wanted, available, told):
    having(monkeypatch, *available)
    with pytest.raises(ModelError) as caught:
        half.fitting(HALF, SessionOptions(providers=wanted))
    assert one_line(caught.value) == (
        f"image.fp16.onnx is for {CUDA} and {TENSORRT}, {told}. "
        "Choose another variant of this model."
    )


def test_a_provider_that_is_not_there_is_told_as_such(monkeypatch):
    having(monkeypatch, CPU)
    with pytest.raises(ModelError, match="has no cuda"):
        half.fitting(HALF, SessionOptions(providers=["cuda"]))


# --- trying it first ---------------------------------------------------------------------------


def test_a_graph_that_lives_is_tried_once(tmp_path, cache, asked):
    path = graphs.image(tmp_path / "image.onnx")
    for _ in range(3):
        half.probe(path, "a" * 64, HERE, row=ROW)
    assert len(asked) == 1 and len(list((cache / "probes").iterdir())) == 1


def test_what_it_lived_through_is_bound_to_the_board(tmp_path, cache, asked, monkeypatch):
    path = graphs.image(tmp_path / "image.onnx")
    monkeypatch.setattr(child, "ask", lambda *_, **__: asked.append(1))
    half.probe(path, "a" * 64, HERE)
    half.probe(path, "b" * 64, HERE)
    half.probe(path, "a" * 64, SessionOptions(providers=[CUDA]))
    monkeypatch.setattr(half, "runtime", lambda: {"onnxruntime": "2.0"})
    half.probe(path, "a" * 64, HERE)
    assert len(asked) == 4 == len(list((cache / "probes").iterdir()))


def test_without_a_place_it_is_tried_each_time(tmp_path, cache, monkeypatch):
    tried = []
    monkeypatch.setattr(child, "ask", lambda *_, **__: tried.append(1))
    path = graphs.image(tmp_path / "image.onnx")
    cache.write_text("a file")
    for _ in range(2):
        half.probe(path, "a" * 64, HERE)
    monkeypatch.setenv("EDGECLIP_CACHE", "off")
    half.probe(path, "a" * 64, HERE)
    assert len(tried) == 3


def test_a_child_that_dies_is_a_model_error_each_time(tmp_path, cache, stand_in, asked):
    path = graphs.image(tmp_path / "image.onnx")
    stand_in(DYING)
    for _ in range(2):
        with pytest.raises(ModelError, match="onnxruntime died of SIGSEGV") as caught:
            half.probe(path, "a" * 64, HERE)
        assert str(path) in one_line(caught.value)
        assert str(caught.value).endswith("Choose another variant of this model.")
    assert len(asked) == 2 and not (cache / "probes").exists()


def test_a_graph_that_cannot_be_opened_or_run(tmp_path, cache):
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"junk")
    open_sides = graphs.image(tmp_path / "open.onnx", OPEN)
    for path, told in {broken: "cannot be opened", open_sides: "dimension mismatch"}.items():
        with pytest.raises(ModelError, match=told) as caught:
            half.probe(path, "a" * 64, HERE, row=("pixel_values", "3x16x16"))
        one_line(caught.value)
    assert not (cache / "probes").exists()


def test_a_child_that_says_whole_sentences(tmp_path, monkeypatch):
    def failed(*_, **__):
        raise child.ChildFailed("failed", "it is broken. Mend it.", told=True)

    monkeypatch.setattr(child, "ask", failed)
    with pytest.raises(ModelError, match=r"failed: it is broken\. Mend it\. Choose") as caught:
        half.probe(tmp_path / "x.onnx", "a" * 64, HERE)
    one_line(caught.value)


def test_a_long_trial_is_told(tmp_path, monkeypatch, caplog):
    """TensorRT compiles in the child, whose own words nobody hears."""
    monkeypatch.setattr(half, "told", lambda what: patience.told(what, first_s=0.01))

    def slow(*_, **__):
        while not caplog.records:
            pass

    monkeypatch.setattr(child, "ask", slow)
    half.probe(tmp_path / "image.fp16.onnx", "a" * 64, HERE)
    assert caplog.records[0].levelno == logging.WARNING
    assert "image.fp16.onnx is tried in another process" in caplog.records[0].getMessage()


def test_the_child_opens_as_the_parent_will(tmp_path, monkeypatch):
    """Other profiles would let TensorRT compile for minutes again."""
    opened = []
    real = half.open_graph

    def noted(path, options, *, row):
        opened.append((options.providers, row))
        return real(path, options, row=row)

    monkeypatch.setattr(half, "open_graph", noted)
    monkeypatch.setattr(child, "ask", lambda module, question, **_: half._run_once(question))
    half.probe(graphs.image(tmp_path / "image.onnx"), "a" * 64, HERE, row=ROW)
    assert opened == [([CPU], ROW)]


OPEN = graphs.shaped("n", "channels", "height", "width")
CASES = {
    "float16": (folders.image_graph_with(folders.half_input), ROW),
    "open sides": (folders.image_graph_with(OPEN), ROW),
    "fixed batch": (tiny.image_graph(batch=2), ROW),
    "no row": (tiny.image_graph(), None),
    "int64": (tiny.text_graph(), ("input_ids", str(tiny.CONTEXT))),
}


def narrow_ids():
    graph = onnx.load_from_string(tiny.text_graph())
    graphs.shaped("n", tiny.CONTEXT, kind=TensorProto.INT32)(graph)
    return graph.SerializeToString()


CASES["int32"] = (narrow_ids(), ("input_ids", str(tiny.CONTEXT)))


@pytest.mark.parametrize("case", CASES)
def test_every_input_that_a_model_may_have_is_fed(tmp_path, case):
    data, row = CASES[case]
    (tmp_path / "graph.onnx").write_bytes(data)
    question = {"path": str(tmp_path / "graph.onnx"), "providers": [CPU], "row": row and [*row]}
    assert half._run_once(question) is True


# --- in a model --------------------------------------------------------------------------------


def with_bound(folder, *providers, data=None):
    """A model whose image tower has a variant for certain providers."""
    variants = {
        "fp32": {"file": "image.onnx", "agreement": None},
        "fp16": {"file": "image.fp16.onnx", "agreement": None, "providers": list(providers)},
    }
    image = folders.image_record(variants=variants)
    return folders.write(folder, {"image.fp16.onnx": data or tiny.image_graph()}, image=image)


def test_a_model_refuses_it_on_a_cpu_and_runs_all_else(tmp_path):
    folder = with_bound(tmp_path / "m", CUDA, TENSORRT)
    with pytest.raises(ModelError, match=r"image\.fp16\.onnx is for CUDA") as caught:
        Model.load(folder, image_variant="fp16").embed_image(photo())
    one_line(caught.value)
    model = Model.load(folder, image_variant="fp16")
    assert model.embed_text("words do not need it").shape == (tiny.DIM,)
    assert Model.load(folder).embed_image(photo()).shape == (tiny.DIM,)


def test_a_model_tries_it_first_and_once(tmp_path, cache, asked):
    folder = with_bound(tmp_path / "m", CPU)
    reference = Model.load(folder).embed_image(photo())
    assert asked == []
    for _ in range(2):
        found = Model.load(folder, image_variant="fp16").embed_image(photo())
        assert np.array_equal(found, reference)
    assert len(asked) == 1


def test_a_model_lives_on_when_the_trial_dies(tmp_path, cache, stand_in):
    folder = with_bound(tmp_path / "m", CPU)
    stand_in(DYING)
    model = Model.load(folder, image_variant="fp16")
    with pytest.raises(ModelError, match="died of SIGSEGV") as caught:
        model.embed_image(photo())
    assert "image.fp16.onnx" in one_line(caught.value)
    assert Model.load(folder).embed_image(photo()).shape == (tiny.DIM,)


def test_a_damaged_file_is_not_tried(tmp_path, cache, asked):
    folder = with_bound(tmp_path / "m", CPU)
    path = folder / "image.fp16.onnx"
    path.write_bytes(path.read_bytes()[:-1] + b"\0")
    with pytest.raises(ModelError, match="is damaged"):
        Model.load(folder, image_variant="fp16").embed_image(photo())
    assert asked == []


def test_a_model_tells_the_child_its_row(tmp_path, cache, asked):
    Model.load(with_bound(tmp_path / "m", CPU), image_variant="fp16").embed_image(photo())
    assert asked[0]["row"] == ROW
