"""The halves of the user's pictures, the texts, and the ranges."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from edgeclip_export.precision import pictures, ranges, texts

from edgeclip.model.model import Model
from tests.pictures import photo


@pytest.fixture(scope="module")
def album(tmp_path_factory):
    folder = tmp_path_factory.mktemp("album")
    for seed in range(66):
        photo(40, 36, seed).save(folder / f"{seed:02}.png")
    return folder


def test_the_halves_do_not_overlap(album, tiny_model):
    found = pictures.halves(Model.load(tiny_model), album)
    assert (len(found.calibrate), len(found.gate)) == (33, 33)
    first = {one.tobytes() for one in found.calibrate}
    assert len(first) == 33 and not first & {one.tobytes() for one in found.gate}
    assert found.over.startswith("33 pictures of album")


def test_a_half_hangs_on_the_bytes_and_not_on_the_name(album, tiny_model, tmp_path):
    for path in album.iterdir():
        shutil.copy(path, tmp_path / f"x{path.name}")
    model = Model.load(tiny_model)
    one, other = (pictures.halves(model, folder) for folder in (album, tmp_path))
    assert [x.tobytes() for x in one.gate] == [x.tobytes() for x in other.gate]


def test_copies_and_broken_pictures_do_not_count(album, tiny_model, tmp_path):
    for path in sorted(album.iterdir())[:63]:
        shutil.copy(path, tmp_path / path.name)
        shutil.copy(path, tmp_path / f"again-{path.name}")
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    with pytest.raises(pictures.TooFew, match="63 different readable pictures, and 64"):
        pictures.halves(Model.load(tiny_model), tmp_path)


def test_without_a_folder_the_option_is_named(tiny_model):
    with pytest.raises(pictures.TooFew, match="--calibration"):
        pictures.halves(Model.load(tiny_model), None)


def test_the_texts_are_many_different_and_of_all_lengths():
    found = texts.texts()
    assert len(found) == len(set(found)) == texts.COUNT == 500
    lengths = sorted(len(text.split()) for text in found)
    assert lengths[0] == 1 and lengths[-1] >= 30
    assert found == texts.texts()


def test_a_wild_value_is_clipped_and_an_even_range_is_kept():
    counts = np.full(ranges.BINS, 100, np.int64)
    low, high = ranges.clipped(counts, (-1.0, 1.0))
    assert low == pytest.approx(-1, abs=1e-3) and high == pytest.approx(1, abs=1e-3)
    counts[:] = 0
    counts[: ranges.BINS // 10] = 10_000
    counts[-1] = 1
    assert ranges.clipped(counts, (0.0, 10.0))[1] == pytest.approx(1.0, abs=0.01)
    assert ranges.clipped(np.zeros(ranges.BINS, np.int64), (0.0, 0.0)) == (0.0, 0.0)
