"""``edgeclip diagnose``: the whole way from a picture and a query to an explanation."""

from __future__ import annotations

import numpy as np
import pytest

from edgeclip.advice.limits import Advice, Limit
from edgeclip.model.model import Model
from tests import tiny

INDEX = "edgeclip.index"
ASK = ("diagnose", "--image", "album/b.png", "--query", "a cat")


@pytest.fixture
def kept(cli, album):
    assert cli("index", "album").code == 0
    return INDEX


def test_for_people(cli, album, tiny_model):
    done = cli(*ASK)
    assert (done.code, done.err) == (0, "")
    model = Model.load(tiny_model)
    cosine = float(model.embed_image("album/b.png") @ model.embed_text("a cat"))
    first = done.out.splitlines()[0]
    assert first.startswith(f"a cat: {cosine:.3f}, better than ")
    assert first.endswith(" of 100 unrelated texts")
    for title in ("what the model sees", "words", "framing", "picture", "model", "next"):
        assert f"\n\n{title}" in done.out, title
    assert "between 0.15 and 0.35" in done.out and "template  a photo of a cat." in done.out
    assert "the best of 3×3 tiles, at " in done.out and "cuts off 17% of the picture" in done.out
    assert f"space {model.space[:12]}…, crop, image fp32, text fp32" in done.out
    assert "stored vector" not in done.out


def test_what_the_coach_says_is_told(cli, album, monkeypatch):
    limit = Limit("identity", ("no",), "CLIP overhears it.", "street - cat", (), ())
    advice = Advice("no cat", (limit,), None)
    monkeypatch.setattr("edgeclip.advice.coach.coach", lambda query, pictures: advice)
    done = cli("diagnose", "--image", "album/b.png", "--query", "no cat")
    assert "cannot hold all of this query" in done.out
    assert (
        "\nfine-grained identity: CLIP overhears it.\n" in done.out
        and "rewrite   street - cat" in done.out
    )
    assert "   edgeclip coach 'no cat'\n" in done.out


def test_for_programs(cli, album):
    done = cli(*ASK, "--json")
    found = done.json
    assert (done.code, done.err, done.out.count("\n")) == (0, "", 1)
    assert (found["image"], found["query"], found["stored"]) == ("album/b.png", "a cat", None)
    assert set(found["score"]["standing"]) == {"cosine", "better_than", "of", "lead"}
    assert {way["name"] for way in found["framing"]["ways"]} >= {"crop", "pad", "turned_left"}


def test_a_diagnosis_of_a_bad_picture_is_a_success(cli, album):
    from PIL import Image

    Image.new("RGB", (20, 200)).save("bar.png")
    done = cli("diagnose", "--image", "bar.png", "--query", "two cats")
    assert done.code == 0
    for said in ("tiny: 20 × 200 pixels", "almost blank", "long: 20 × 200 is 10.0 to 1"):
        assert said in done.out
    assert "1. use a larger version of the picture (tiny: " in done.out


def test_the_vectors_that_embed_writes(cli, album):
    assert cli("embed", "album", "-o", "all.npy").code == 0
    assert cli("embed", "album", "-o", "all.jsonl", "--fit", "pad").code == 0
    same = cli(*ASK, "--vector", "all.npy")
    assert same.code == 0 and "is 1.0000: they are the same" in same.out
    other = cli(*ASK, "--vector", "all.jsonl")
    assert "it is the vector with --fit pad" in other.out
    assert "edgeclip index DIR --fit crop --index NEW" in other.out
    told = cli(*ASK, "--vector", "all.npy", "--fit", "pad", "--json").json["stored"]
    assert (told["twin"], told["same_space"]) == ("crop", False)


def test_a_vector_that_is_not_normalised(cli, album):
    assert cli("embed", "album/b.png", "--no-normalize", "-o", "v.npy").code == 0
    length = float(np.linalg.norm(np.load("v.npy")))
    done = cli(*ASK, "--vector", "v.npy")
    assert f"its length is {length:.4g}: divide by it" in done.out
    assert "1. normalise the vectors" in done.out


@pytest.mark.parametrize("image", ["album/trip/c.bmp", "trip/c.bmp"])
def test_a_picture_of_an_index_by_path_or_key(cli, kept, image):
    done = cli("diagnose", "--image", image, "--query", "a cat", "--index", kept)
    assert done.code == 0 and "they are the same" in done.out
    ranked = [m["key"] for m in cli("search", "a cat", "--json").json["queries"][0]["matches"]]
    place = f"number {ranked.index('trip/c.bmp') + 1} of 4; number 1 is {ranked[0]} with "
    assert f"for this query it is {place}" in done.out


def test_a_link_is_found_under_its_own_name(cli, album):
    (album / "link.png").symlink_to("b.png")
    assert cli("index", "album", "--follow-symlinks").code == 0
    done = cli("diagnose", "--image", "./album/../album/link.png", *ASK[3:], "--index", INDEX)
    assert done.code == 0 and "they are the same" in done.out


def test_an_index_brings_its_own_way_of_embedding(cli, album):
    assert cli("index", "album", "--fit", "pad").code == 0
    alike = cli(*ASK, "--index", INDEX, "--json").json
    assert (alike["towers"]["fit"], alike["stored"]["same_space"]) == ("pad", True)
    other = cli(*ASK, "--index", INDEX, "--fit", "crop", "--json").json
    assert other["towers"]["fit"] == "crop"
    assert (other["stored"]["twin"], other["stored"]["same_space"]) == ("pad", False)
    assert other["stored"]["place"] is None


def test_another_model_than_that_of_the_index(cli, kept, here):
    image = {**tiny.RECORD["source"], "weights_sha256": "1" * 64}
    tiny.make(here / "other", source=image)
    done = cli(*ASK, "--index", kept, "--model", here / "other", "--json")
    assert done.code == 0 and done.json["stored"]["same_space"] is False


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--image", "gone.png", "--query", "a cat"], "gone.png cannot be read"),
        (["--image", "album/notes.txt", "--query", "a cat"], "notes.txt is no picture"),
        (["--image", "album/b.png", "--query", ""], "has an empty term"),
        (["--image", "album/b.png", "--query", "nothere.jpg"], "nothere.jpg is no file"),
        (
            ["--image", "album/b.png", "--query", "a cat + album/a.jpg"],
            "edgeclip similar album/b.png album/a.jpg",
        ),
        (["--image", "https://a.org/b.png", "--query", "a cat"], "addresses are not fetched"),
        (["--image", "album/b.png", "--query", "cat - cat"], "cancel each other out"),
        ([*ASK[1:], "--vector", "gone.npy"], "gone.npy is no file"),
        ([*ASK[1:], "--vector", "album/notes.txt"], "notes.txt holds no vector"),
        ([*ASK[1:], "--index", "gone.index"], "gone.index"),
    ],
)
def test_what_cannot_be_diagnosed(cli, album, arguments, said):
    done = cli("diagnose", *arguments)
    assert (done.code, done.out) == (1, "") and said in done.line


def test_words_that_look_like_a_picture(cli, album):
    done = cli("diagnose", "--image", "album/b.png", "--query", "text:album/a.jpg")
    assert done.code == 0 and done.out.startswith("text:album/a.jpg: ")


def test_an_address_is_not_looked_for_in_an_index(cli, kept):
    done = cli("diagnose", "--image", "https://a.org/b.png", "--query", "a", "--index", kept)
    assert done.code == 1 and "addresses are not fetched" in done.line


def test_the_verdict_is_that_of_the_search(cli, kept):
    (found,) = cli("search", "a cat", "--json").json["queries"]
    image = found["matches"][0]["key"]
    ask = ("diagnose", "--image", image, "--query", "a cat", "--index", kept)
    score = cli(*ask, "--json").json["score"]
    assert (score["scale"], score["verdict"] == "match") == ("index", found["good_match"])
    assert score["threshold"] == pytest.approx(found["threshold"])
    said = "This is a match: above" if found["good_match"] else "No good match: not above"
    assert f"{said} what unrelated words get on this index ({score['threshold']:.3f};" in (
        cli(*ask).out
    )


@pytest.mark.parametrize(
    ("better_than", "verdict", "said"),
    [
        (100, "match", "This is a match: none of the 100 unrelated texts fits as well"),
        (99, "doubtful", "1 unrelated text fits as well or better, first 'kittens'"),
        (92, "doubtful", "8 unrelated texts fit as well or better, first 'kittens'"),
        (60, "no match", "This is no match: unrelated texts get as much"),
    ],
)
def test_verdicts(better_than, verdict, said):
    from edgeclip.advice.diagnosis.rank import Score, Scored, Standing
    from edgeclip.cli.diagnose import _verdict

    standing = Standing(0.3, better_than, 100, 1.0)
    assert standing.verdict == verdict
    assert said in _verdict(Score(standing, verdict, (Scored("kittens", 0.4),)))


def test_a_changed_picture_of_an_index(cli, album, kept):
    from PIL import Image

    Image.new("RGB", (60, 50), (9, 200, 30)).save("album/b.png")
    done = cli(*ASK, "--index", kept)
    assert "changed since it was indexed" in done.out
    assert "\n   edgeclip index DIR\n" in done.out and "--index NEW" not in done.out


def test_a_long_query_is_whole_in_the_first_line_only(cli, album):
    query = "a cat " + "and a lamp " * 8 + "by night"
    done = cli("diagnose", "--image", "album/b.png", "--query", query)
    first, *rest = done.out.splitlines()
    assert first.startswith(query) and "…" not in first
    assert not any(query in line for line in rest if not line.startswith("   edgeclip "))
    assert any(line.endswith("…") for line in rest)


def test_a_picture_that_the_index_does_not_hold(cli, kept):
    done = cli("diagnose", "--image", "new.png", "--query", "a cat", "--index", kept)
    assert done.code == 1 and "does not hold new.png" in done.line


@pytest.mark.parametrize(
    "arguments",
    [[], ["--image", "a"], ["--query", "a"], [*ASK[1:], "--vector", "a", "--index", "b"]],
)
def test_wrong_use(cli, arguments):
    done = cli("diagnose", *arguments)
    assert (done.code, done.out) == (2, "") and "Usage: edgeclip diagnose" in done.err
