"""What is kept over a restart: whole, or learnt again."""

from __future__ import annotations

import contextlib
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeclip.errors import EdgeclipError
from edgeclip.watch import state
from edgeclip.watch.calibration import Calibration

STATE = {"clock": {"steady": 1.5, "wall": 2.5}, "rules": {"red": {"filled": 3, "blocks": "abc="}}}


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    path = tmp_path_factory.mktemp("state") / "new" / "door.json"
    state.save(path, STATE)
    return path


def test_it_comes_back(saved):
    assert state.load(saved) == STATE
    assert [path.name for path in saved.parent.iterdir()] == ["door.json"]


def test_nothing_was_kept(tmp_path):
    assert state.load(tmp_path / "gone.json") == {}
    with pytest.raises(EdgeclipError, match="cannot be read: Is a directory"):
        state.load(tmp_path)


@given(cut=st.integers(0, 10_000))
def test_a_file_that_was_cut_is_none(saved, cut):
    data = saved.read_bytes()
    path = saved.with_name("cut.json")
    path.write_bytes(data[: cut % len(data)])
    assert state.load(path) == {}


@given(place=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_a_flipped_bit_is_noticed(saved, place, bit):
    data = bytearray(saved.read_bytes())
    data[place % len(data)] ^= 1 << bit
    path = saved.with_name("flipped.json")
    path.write_bytes(bytes(data))
    # Blanks, and capitals of the e in a number, mean nothing.
    assert state.load(path) in ({}, STATE)


junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(kept=junk | st.fixed_dictionaries({"format": st.just(1), "crc32": junk, "state": junk}))
def test_json_that_is_no_state(saved, kept):
    path = saved.with_name("junk.json")
    path.write_text(json.dumps(kept))
    assert state.load(path) == {}


@given(data=st.binary(max_size=200))
def test_bytes_that_are_no_state(saved, data):
    path = saved.with_name("bytes.json")
    path.write_bytes(data)
    assert state.load(path) == {}


def test_deeply_nested_text_is_none(tmp_path):
    (tmp_path / "deep.json").write_text("[" * 100_000)
    assert state.load(tmp_path / "deep.json") == {}


@given(text=st.text() | st.binary().map(lambda data: data.decode("latin-1")))
def test_text_that_holds_no_numbers(text):
    with contextlib.suppress(ValueError):
        assert state.unpacked(text).dtype == np.float32


@given(kept=st.dictionaries(st.sampled_from(["blocks", "filled", "identity"]), junk))
def test_a_calibration_takes_no_junk(kept):
    calibration = Calibration(72, 2)
    with contextlib.suppress(ValueError, TypeError, KeyError):
        calibration.restore(kept)
    assert calibration.threshold is None
    for second in range(120):
        calibration.observe(float(second), 0.0)
    assert calibration.watched_s >= 60


def test_numbers_come_back_in_16_bits():
    values = np.array([0.0, -12.345, 6.5e4, np.nan, -np.inf], np.float32)
    found = state.unpacked(state.packed(values))
    np.testing.assert_allclose(found, values, rtol=1e-3)


def test_what_cannot_be_kept_says_why(tmp_path):
    (tmp_path / "file").touch()
    for path in (tmp_path / "file" / "door.json", tmp_path / "file" / "below" / "door.json"):
        with pytest.raises(EdgeclipError, match=r"file.* cannot be made"):
            state.save(path, STATE)


def test_an_older_file_survives_what_cannot_be_written(saved):
    with pytest.raises((TypeError, ValueError)):
        state.save(saved, {"odd": object()})
    assert state.load(saved) == STATE
