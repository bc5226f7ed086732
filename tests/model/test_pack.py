"""Prompt packs: what they hold, how they are written, and what damaged ones do."""

from __future__ import annotations

import hashlib
import json
import struct
import subprocess
import sys
import tomllib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeclip.errors import InvalidText, PackError, SpaceMismatch
from edgeclip.model.model import Model
from edgeclip.model.pack import PromptPack, is_pack
from edgeclip.model.prompts import Label, Prompts
from edgeclip.vectors import unit
from tests.pictures import photo

PROMPTS = Prompts(
    (
        Label("person", ("visitor", "postman"), ("statue", "parcel"), {"threshold": 0.6}),
        Label("parcel", ("parcel",)),
    ),
    ("{}", "a photo of a {}."),
    ("porch",),
    "nobody",
    None,
    {"camera": "door"},
)


@pytest.fixture(scope="module")
def pack(model):
    return PromptPack.compile(PROMPTS, model)


@pytest.fixture(scope="module")
def data(pack, tmp_path_factory):
    path = tmp_path_factory.mktemp("packs") / "door.pack"
    assert pack.save(path) == path.stat().st_size
    return path.read_bytes()


def test_it_classifies_as_its_labels_do(model, data, tmp_path):
    (tmp_path / "a.pack").write_bytes(data)
    asked = {"negatives": ["porch"], "none": "nobody", "templates": PROMPTS.templates}
    plain = Prompts((Label("a", ("a",)), Label("b", ("b", "bb"))), None, ("porch",), "nobody")
    PromptPack.compile(plain, model).save(tmp_path / "b.pack")
    del asked["templates"]
    direct = model.classifier({"a": ["a"], "b": ["b", "bb"]}, **asked)
    loaded = PromptPack.load(tmp_path / "b.pack", model.space).classifier(model.embed_image)
    for seed in range(3):
        expected = {match.key: match.score for match in direct(photo(seed=seed))}
        found = {match.key: match.score for match in loaded(photo(seed=seed))}
        assert found == pytest.approx(expected, abs=2e-3)  # half precision


def test_all_of_it_comes_back(pack, data, tmp_path):
    (tmp_path / "a.pack").write_bytes(data)
    found = PromptPack.load(tmp_path / "a.pack")
    for name in ("model", "space", "logit_scale", "negatives", "none", "settings", "dim"):
        assert getattr(found, name) == getattr(pack, name), name
    assert np.allclose(found.background_vectors, pack.background_vectors, atol=1e-3)
    for ours, theirs in zip(pack.labels, found.labels, strict=True):
        assert (ours.name, ours.prompts, ours.negatives, ours.settings, ours.lesson) == (
            *(theirs.name, theirs.prompts, theirs.negatives, theirs.settings, theirs.lesson),
        )
        assert np.allclose(ours.vectors, theirs.vectors, atol=1e-3)
        assert np.allclose(ours.negative_vectors, theirs.negative_vectors, atol=1e-3)
        assert np.allclose(np.linalg.norm(theirs.vectors, axis=1), 1, atol=1e-6)
    found.save(tmp_path / "b.pack")
    again = PromptPack.load(tmp_path / "b.pack")
    assert again.labels[0].vectors.tobytes() == found.labels[0].vectors.tobytes()


def test_the_file_is_as_documented(pack, data):
    """Read it with nothing but the description in `edgeclip.model.pack_file`."""
    assert data[:8] == b"EDGEPACK" and hashlib.sha256(data[:-32]).digest() == data[-32:]
    (length,) = struct.unpack("<I", data[8:12])
    header = json.loads(data[12 : 12 + length])
    rows = np.frombuffer(data[12 + length : -32], "<f2").reshape(header["rows"], header["dim"])
    first, count = header["labels"][0]["negative_vectors"]
    assert np.allclose(rows[first : first + count], pack.labels[0].negative_vectors, atol=1e-3)
    assert header["labels"][0]["settings"] == {"threshold": 0.6} and header["format"] == 1
    assert header["space"] == pack.space and header["dtype"] == "float16"


def test_a_text_is_embedded_once(model, monkeypatch):
    asked = []
    real = Model.embed_texts
    monkeypatch.setattr(
        Model, "embed_texts", lambda self, texts: real(self, asked.append(list(texts)) or asked[-1])
    )
    made = PromptPack.compile(PROMPTS, model)
    assert len(asked) == 2 and len(asked[0]) == len(set(asked[0])) == 2 * 5
    # "parcel" is a label and what a person is not.
    assert made.labels[0].negative_vectors[1].tobytes() == made.labels[1].vectors[0].tobytes()


def test_dates_and_times_of_toml_are_kept(model, tmp_path):
    settings = tomllib.loads("from = 08:00:00\nday = 2026-05-01\nwhen = 2026-05-01T10:00:00Z")
    made = PromptPack.compile(Prompts((Label("a", ("a",), (), settings),)), model)
    made.save(tmp_path / "a.pack")
    assert PromptPack.load(tmp_path / "a.pack").labels[0].settings == {
        "from": "08:00:00",
        "day": "2026-05-01",
        "when": "2026-05-01T10:00:00+00:00",
    }
    endless = PromptPack.compile(Prompts((Label("a", ("a",), (), {"x": float("inf")}),)), model)
    with pytest.raises(PackError, match="a setting cannot be kept"):
        endless.save(tmp_path / "a.pack")


@pytest.mark.parametrize(
    ("labels", "match"),
    [
        ((), "no labels"),
        ((Label("a", ("x",), ("x",)),), "a prompt and a negative of 'a'"),
        ((Label("a", ("x",)), Label("a", ("y",))), "'a' is given twice"),
        ((Label("a", ("porch",)),), "'porch' is given twice"),
    ],
)
def test_labels_that_contradict_each_other(model, labels, match):
    with pytest.raises(InvalidText, match=match):
        PromptPack.compile(Prompts(labels, negatives=("porch",)), model)


def test_another_space(model, data, tmp_path):
    (tmp_path / "a.pack").write_bytes(data)
    with pytest.raises(SpaceMismatch, match=r"a\.pack was made with the model tiny"):
        PromptPack.load(tmp_path / "a.pack", "0" * 64)


def test_what_is_no_pack(tmp_path, data):
    (tmp_path / "a.pack").write_bytes(b"PK\3\4" + data)
    with pytest.raises(PackError, match=r"a\.pack is no prompt pack. Make it again"):
        PromptPack.load(tmp_path / "a.pack")
    for path in (tmp_path, tmp_path / "gone.pack"):
        with pytest.raises(PackError, match="cannot be read"):
            PromptPack.load(path)
        assert not is_pack(path)
    (tmp_path / "huge.pack").touch()
    with (tmp_path / "huge.pack").open("r+b") as file:
        file.truncate((1 << 26) + 1)
    with pytest.raises(PackError, match="too large"):
        PromptPack.load(tmp_path / "huge.pack")


@given(draw=st.data())
def test_flipped_bits_are_noticed(data, tmp_path_factory, draw):
    path = tmp_path_factory.getbasetemp() / "flipped.pack"
    bit = draw.draw(st.integers(0, 8 * len(data) - 1))
    damaged = bytearray(data)
    damaged[bit // 8] ^= 1 << bit % 8
    refused(path, bytes(damaged))


@given(draw=st.data())
def test_cuts_are_noticed(data, tmp_path_factory, draw):
    path = tmp_path_factory.getbasetemp() / "cut.pack"
    refused(path, data[: draw.draw(st.integers(0, len(data) - 1))])


def refused(path, damaged: bytes) -> None:
    path.write_bytes(damaged)
    with pytest.raises(PackError) as caught:
        PromptPack.load(path)
    assert str(caught.value).startswith(str(path)) and "\n" not in str(caught.value)


def sealed(header: object, vectors: bytes = b"", length: int | None = None) -> bytes:
    """Return a pack whose hash is right, whatever is in it."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    size = len(text) if length is None else length
    body = b"EDGEPACK" + struct.pack("<I", size) + text + vectors
    return body + hashlib.sha256(body).digest()


def parts(data: bytes) -> tuple[dict, bytes]:
    (length,) = struct.unpack("<I", data[8:12])
    return json.loads(data[12 : 12 + length]), data[12 + length : -32]


def places(value, path=()):
    """Yield the way to everything in a header."""
    yield path
    if isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, each in items:
            yield from places(each, (*path, key))


STRANGE = st.sampled_from(
    [None, True, -1, 0, 1, 2**70, 10**400, 0.5, float("nan"), float("inf"), "", "x", "\ud800"]
    + [[], {}, [1], [0, 0], [0, 2**70], [True, 1], ["x"], [[]], {"name": 1}]
)


@given(draw=st.data())
def test_a_hostile_header_is_refused_or_works(data, tmp_path_factory, draw):
    header, vectors = parts(data)
    *way, last = draw.draw(st.sampled_from([p for p in places(header) if p]))
    inner = header
    for key in way:
        inner = inner[key]
    inner[last] = draw.draw(STRANGE)
    path = tmp_path_factory.getbasetemp() / "hostile.pack"
    path.write_bytes(sealed(header, vectors))
    try:
        pack = PromptPack.load(path)
    except PackError:
        return
    vector = unit(np.ones(16))
    assert len(pack.classifier(lambda picture: vector)(None)) >= len(pack.labels)


@pytest.mark.parametrize(
    "change",
    [
        {"format": 2},
        {"dtype": "float32"},
        {"rows": 10**18},
        {"dim": 0},
        {"labels": []},
        {"logit_scale": 10**400},
        {"none": "parcel"},
        {"negatives": []},
    ],
)
def test_headers_that_cannot_be_true(data, change, tmp_path):
    header, vectors = parts(data)
    refused(tmp_path / "a.pack", sealed(header | change, vectors))


@pytest.mark.parametrize("text", [b"[]", b"{", b"\xff", b"[" * 100_000, b"1"])
def test_headers_that_are_none(text, tmp_path):
    refused(tmp_path / "a.pack", sealed(text))
    refused(tmp_path / "a.pack", sealed(b"{}", length=2**32 - 1))


def test_vectors_without_direction(data, tmp_path):
    header, vectors = parts(data)
    for value in (b"\0\0", b"\0\x7e"):  # zero, and not a number
        refused(tmp_path / "a.pack", sealed(header, value * (len(vectors) // 2)))


def test_a_watcher_needs_no_text_tower(tiny_model, data, tmp_path):
    (tmp_path / "a.pack").write_bytes(data)
    code = """
import sys, numpy
from edgeclip import Model, PromptPack
model = Model.load(sys.argv[1])
pack = PromptPack.load("a.pack", model.space)
print(pack.classifier(model.embed_image)(numpy.zeros((9, 9, 3), "uint8"))[0].key)
assert not {"tokenizers", "ftfy", "edgeclip.model.tokens"} & set(sys.modules), sys.modules
"""
    # Nor the file: a board may have the image tower alone.
    done = subprocess.run(
        [sys.executable, "-c", code, str(tiny_model)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0 and done.stdout.strip(), done.stderr


def test_two_rules_may_ask_the_same(model):
    words = ("person", "visitor")
    labels = tuple(Label(name, words, settings={"schedule": name}) for name in ("mon", "tue"))
    first, second = PromptPack.compile(Prompts(labels), model).labels
    assert np.array_equal(first.vectors, second.vectors) and first.name != second.name
