"""Files with vectors, as this project and others write them."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest

from edgeclip.advice.diagnosis import vector_file
from edgeclip.errors import EdgeclipError

VECTOR = [0.5, -0.25, 1.0]


def line(name="a/cat.jpg", vector=VECTOR) -> str:
    embedding = {"embedding": vector, "embedding_dim": 3, "normalized": True}
    record = {"file_path": name, "embedding": embedding, "status": "success", "error": None}
    return json.dumps(record)


def read(path, picture="a/cat.jpg"):
    return vector_file.read(path, picture)


@pytest.fixture
def lines(tmp_path):
    def write(*rows: str):
        path = tmp_path / "v.jsonl"
        path.write_text("\n".join(rows))
        return path

    return write


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int8"])
@pytest.mark.parametrize("shape", [(3,), (1, 3)])
def test_npy(tmp_path, dtype, shape):
    np.save(tmp_path / "v.npy", np.array([1, -2, 3], dtype).reshape(shape))
    found = read(tmp_path / "v.npy")
    assert found.vector.tolist() == [1, -2, 3] and found.space is None


def test_npy_with_what_embed_writes_beside_it(tmp_path):
    np.save(tmp_path / "v.npy", np.eye(3))
    told = {"model": "m", "space": "abc", "names": ["a/dog.jpg", "a/cat.jpg", "b/cat.jpg"]}
    (tmp_path / "v.json").write_text(json.dumps(told))
    found = read(tmp_path / "v.npy")
    assert found.vector.tolist() == [0, 1, 0] and found.space == "abc"
    assert read(tmp_path / "v.npy", "elsewhere/dog.jpg").vector.tolist() == [1, 0, 0]
    for unknown in ("elsewhere/cat.jpg", "bird.jpg"):
        with pytest.raises(EdgeclipError, match="holds 3 vectors, and not one named"):
            read(tmp_path / "v.npy", unknown)


@pytest.mark.parametrize("beside", ["{", "[]", '{"names": 3, "space": 4}', "[" * 100_000])
def test_what_is_no_description_beside_an_npy_tells_nothing(tmp_path, beside):
    np.save(tmp_path / "v.npy", np.array(VECTOR))
    (tmp_path / "v.json").write_text(beside)
    assert read(tmp_path / "v.npy").space is None


@pytest.mark.parametrize(
    "text",
    [
        line(),
        line() + "\n",
        json.dumps(VECTOR),
        json.dumps({"embedding": VECTOR}),
        json.dumps({"key": "cat.jpg", "vector": VECTOR, "metadata": {}}),
        line("a/dog.jpg", [9, 9, 9]) + "\n\n" + line() + "\n",
        line("a/dog.jpg", [9, 9, 9]) + "\n" + line("other/cat.jpg"),
    ],
)
def test_json(lines, text):
    assert read(lines(text)).vector.tolist() == VECTOR


def test_json_that_is_not_finite_is_read_for_what_it_is(lines):
    assert np.isnan(read(lines("[NaN, 1, 2]")).vector[0])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no json",
        "{}",
        "[]",
        "3",
        "null",
        '["a"]',
        "[true]",
        "[[1, 2]]",
        '{"embedding": null}',
        f"[{10**400}]",
        "[" * 100_000,
        "\udcff",
        json.dumps([0.0] * (vector_file.MOST_NUMBERS + 1)),
    ],
)
def test_what_holds_no_vector(tmp_path, text):
    path = tmp_path / "v.jsonl"
    path.write_bytes(os.fsencode(text))
    with pytest.raises(EdgeclipError) as caught:
        read(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "array",
    [
        np.array(["a"]),
        np.array([1j]),
        np.zeros((2, 2, 2)),
        np.zeros((0, 3)),
        np.zeros(0),
        np.array(3.0),
        np.array([{}], dtype=object),
        np.zeros(vector_file.MOST_NUMBERS + 1),
    ],
    ids=str,
)
def test_arrays_that_hold_no_vector(tmp_path, array):
    np.save(tmp_path / "v.npy", array, allow_pickle=True)
    with pytest.raises(EdgeclipError, match=r"v\.npy holds"):
        read(tmp_path / "v.npy")


@pytest.mark.parametrize("name", ["v.npy", "v.jsonl"])
def test_an_empty_file_holds_no_vector(tmp_path, name):
    (tmp_path / name).write_bytes(b"")
    with pytest.raises(EdgeclipError, match=r"holds no vector[ .].*edgeclip embed PICTURE"):
        read(tmp_path / name)
    np.save(tmp_path / "none.npy", np.zeros((0, 3)))
    with pytest.raises(EdgeclipError, match=r"holds no vector\. Write"):
        read(tmp_path / "none.npy")


def test_a_damaged_npy(tmp_path):
    np.save(tmp_path / "v.npy", np.zeros(300))
    data = (tmp_path / "v.npy").read_bytes()
    for cut in (b"", data[:50], data[:-8]):
        (tmp_path / "v.npy").write_bytes(cut)
        with pytest.raises(EdgeclipError, match=r"v\.npy holds no vector \("):
            read(tmp_path / "v.npy")


def test_what_is_no_file(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for name in ("gone.npy", ".", "pipe"):
        with pytest.raises(EdgeclipError, match="is no file"):
            read(tmp_path / name)


def test_json_has_a_limit(tmp_path, monkeypatch):
    monkeypatch.setattr(vector_file, "MOST_BYTES", 1 << 20)
    path = tmp_path / "v.jsonl"
    path.write_bytes(b" " * (1 << 20) + b"[1]")
    with pytest.raises(EdgeclipError, match="more than 1 MB"):
        read(path)
