"""A whole diagnosis: mechanics with the tiny model, meaning with the starter."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from edgeclip.advice.diagnosis.diagnosis import diagnose
from edgeclip.errors import EdgeclipError, ImageRejected, ModelError, QueryError
from edgeclip.index.index import Index
from edgeclip.model import images
from edgeclip.model.model import Model
from tests import tiny
from tests.conftest import ROOT
from tests.pictures import encoded, photo


@pytest.fixture(scope="module")
def starter():
    return Model.load(ROOT / "models" / "starter")


@pytest.fixture(scope="module")
def told(starter, photos):
    return diagnose(starter, photos / "chelsea.png", "a cat")


def test_a_cat_is_a_match(told):
    assert told.score.verdict == "match" and told.score.standing.share == 1
    assert (told.width, told.height, told.remarks, told.steps) == (451, 300, (), ())
    assert told.framing.cut_off == pytest.approx(1 - 300 / 451)


def test_what_is_not_there_is_no_match(starter, photos):
    found = diagnose(starter, photos / "chelsea.png", "a steam engine")
    assert found.score.verdict == "no match" and found.score.standing.share < 0.8
    assert [step.command for step in found.steps] == [None, "edgeclip export mobileclip_s2"]


@pytest.mark.parametrize("query", ["a dog", "a giraffe", "a wolf"])
def test_another_animal_is_no_match(starter, photos, query):
    assert diagnose(starter, photos / "chelsea.png", query).score.verdict != "match"


def test_a_picture_on_its_side(starter, photos):
    cup = np.rot90(np.asarray(images.read(photos / "rocket.jpg")))
    found = diagnose(starter, np.ascontiguousarray(cup), "a rocket launch")
    assert "a quarter turn to the right: it is probably on its side" in found.steps[0].action


def test_the_score_is_that_of_a_search(model):
    picture, query = photo(150, 90), "horse + stripes"
    found = diagnose(model, picture, query)
    cosine = float(model.embed_image(picture) @ model.embed_query(query))
    assert found.score.standing.cosine == pytest.approx(cosine)
    assert found.words.typed.standing == found.score.standing
    assert found.framing.way("crop").standing == found.score.standing
    assert len(found.score.best) == 5 and found.stored is None


def test_the_score_is_that_of_the_fit(tiny_model):
    opened = Model.load(tiny_model, fit="pad")
    found = diagnose(opened, photo(150, 90), "a cat")
    assert found.towers.fit == "pad"
    assert found.framing.way("pad").standing == found.score.standing
    assert found.framing.way("crop").standing != found.score.standing


def test_pictures_of_all_kinds(model, tmp_path):
    picture = photo(150, 90)
    (tmp_path / "p.png").write_bytes(encoded(picture, "PNG"))
    sources = [tmp_path / "p.png", encoded(picture, "PNG"), picture, np.asarray(picture)]
    first, *others = (diagnose(model, source, "a cat") for source in sources)
    assert all(other == first for other in others)


def test_a_term_is_never_read_as_a_picture(model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    photo().save("cat.png")
    cosine = diagnose(model, "cat.png", "cat.png").score.standing.cosine
    wanted = float(model.embed_image("cat.png") @ model.embed_text("cat.png"))
    assert cosine == pytest.approx(wanted, abs=1e-6)
    assert diagnose(model, "cat.png", "gone.png").query == "gone.png"


@pytest.mark.parametrize("vector", [np.ones(16), [0.5] * 4, [float("nan")] * 16])
def test_all_of_it_is_json(model, vector):
    found = diagnose(model, photo(40, 400), "two cats left of a dog", vector=vector)
    record = dataclasses.asdict(found)
    assert json.loads(json.dumps(record, allow_nan=False))["query"] == "two cats left of a dog"
    assert set(record) == {
        *("query", "width", "height", "score", "words", "framing", "remarks", "towers"),
        *("stored", "steps"),
    }


def test_a_stored_vector(model):
    picture = photo(150, 90)
    vector = model.embed_image(picture, normalize=False)
    found = diagnose(model, picture, "a cat", vector=vector, space=model.space).stored
    assert found is not None and found.state == "ok" and found.same_space
    assert found.length == pytest.approx(np.linalg.norm(vector)) and not found.normalised


def test_the_vector_of_another_fit_is_recognised(tiny_model, model):
    picture = photo(150, 90)
    vector = Model.load(tiny_model, fit="pad").embed_image(picture)
    found = diagnose(model, picture, "a cat", vector=vector)
    assert found.stored is not None and found.stored.twin == "pad"
    assert found.steps[0].command == "edgeclip index DIR --fit crop --index NEW"


def test_the_place_in_an_index(model, tmp_path):
    pictures = {f"{seed}.png": photo(60, 40, seed) for seed in range(6)}
    with Index.open(tmp_path / "i", model.space) as index:
        for key, picture in pictures.items():
            index.add(key, model.embed_image(picture))
        ranked = [match.key for match in index.search(model.embed_text("a cat"))]
        for rank in (1, 4):
            key = ranked[rank - 1]
            found = diagnose(model, pictures[key], "a cat", index=index, key=key).stored
            assert found is not None and found.place is not None and found.state == "ok"
            place = found.place
            assert (place.rank, place.of, place.first) == (rank, 6, ranked[0])


def test_an_index_judges_as_in_a_search(starter, photos, tmp_path):
    picture, key = photos / "chelsea.png", "chelsea.png"
    with Index.open(tmp_path / "i", starter.space) as index:
        for name in ("chelsea.png", "coffee.png", "rocket.jpg", "coins.png"):
            index.add(name, starter.embed_image(photos / name))
        before = diagnose(starter, picture, "a cat", index=index, key=key).score
        assert (before.scale, before.threshold) == ("texts", None)
        index.learn(starter.embed_texts)
        for query, verdict in (("a cat", "match"), ("a steam engine", "no match")):
            found = diagnose(starter, picture, query, index=index, key=key).score
            wanted = starter.embed_text(query)
            (score,) = (m.score for m in index.search(wanted, count=9) if m.key == key)
            judgement = index.judge(wanted, score)
            assert (found.scale, found.verdict) == ("index", verdict)
            assert found.threshold == pytest.approx(judgement.threshold)
            assert judgement.good == (verdict == "match")


def test_an_index_of_another_space_ranks_nothing(model, tmp_path):
    with Index.open(tmp_path / "i", "another") as index:
        index.add("a", model.embed_image(photo()))
        found = diagnose(model, photo(), "a cat", index=index, key="a")
    assert found.stored is not None
    assert (found.stored.place, found.stored.same_space) == (None, False)


def test_what_an_index_does_not_hold(model, tmp_path):
    with (
        Index.open(tmp_path / "i", model.space) as index,
        pytest.raises(EdgeclipError, match="has no item 'b'"),
    ):
        diagnose(model, photo(), "a cat", index=index, key="b")


@pytest.mark.parametrize("size", [(1, 1), (3, 1), (1, 100), (297, 3), (700, 7)])
def test_pictures_of_any_shape(model, size):
    found = diagnose(model, photo(*size), "a cat")
    assert "tiny" in [remark.kind for remark in found.remarks] and len(found.steps) <= 5


def test_what_cannot_be_diagnosed(model, tmp_path):
    with pytest.raises(QueryError, match="empty term"):
        diagnose(model, tmp_path / "gone.png", " ")
    with pytest.raises(ImageRejected, match=r"gone\.png cannot be read"):
        diagnose(model, tmp_path / "gone.png", "a cat")
    wordless = Model.load(tiny.make(tmp_path / "m", text=None))
    with pytest.raises(ModelError, match="has no text tower"):
        diagnose(wordless, photo(), "a cat")
