"""What to try next, from made-up figures."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest

from edgeclip.advice.diagnosis import flaws, stored
from edgeclip.advice.diagnosis.flaws import Remark
from edgeclip.advice.diagnosis.framing import Framing, Framings
from edgeclip.advice.diagnosis.rank import Score, Standing
from edgeclip.advice.diagnosis.steps import _CURES, MOST, steps
from edgeclip.advice.diagnosis.towers import Towers
from edgeclip.advice.diagnosis.words import Wording, Words
from edgeclip.advice.limits import Advice, Limit

NOW = Standing(0.21, 60, 100, 1.0)
MATCH = Score(NOW, "match", ())  # else something is always left to try
BETTER = Standing(0.31, 97, 100, 2.5)
HARDLY = Standing(0.24, 92, 100, 1.9)
NOT_ENOUGH = Standing(0.31, 89, 100, 2.5)
TOWERS = Towers("m", "s" * 64, "crop", "fp32", "fp32", (), False, "m")
WAYS = ("crop", "pad", "tiles_2x2", "tiles_3x3", "turned_left", "turned_over", "turned_right")


def made(words=(), limits=(), remarks=(), kept=None, towers=TOWERS, score=MATCH, **ways):
    """The steps for a diagnosis in which only what is named is out of the ordinary."""
    wordings = (Wording("typed", "a dog", NOW), *words)
    framings = tuple(
        Framing(name, ways.get(name, NOW), (5, 6, 70, 80) if "tiles" in name else None)
        for name in WAYS
    )
    return steps(
        score=score,
        words=Words(Advice("a dog", limits), wordings),
        framing=Framings(0.3, framings),
        remarks=remarks,
        towers=towers,
        stored=kept,
    )


def kept(vector, **options):
    fresh, query, pad = np.eye(8, dtype=np.float32)[:3]
    return stored.check(vector, fresh, query, {"pad": pad}, **options)


def test_nothing_to_try_where_nothing_does_better():
    assert made() == ()
    assert made(kept=kept(np.eye(8)[0])) == ()


@pytest.mark.parametrize("way", WAYS[1:])
@pytest.mark.parametrize("standing", [HARDLY, NOT_ENOUGH])
def test_little_gains_are_no_reason(way, standing):
    assert made(**{way: standing}) == ()
    assert made(words=[Wording("bare", "dog", standing)]) == ()


@pytest.mark.parametrize(
    ("way", "action", "command"),
    [
        ("pad", "embed pictures with --fit pad", "edgeclip index DIR --fit pad --index NEW"),
        (
            "tiles_2x2",
            "embed the 2×2 tiles as pictures of their own: the best is 70 × 80 at 5, 6",
            None,
        ),
        ("tiles_3x3", "embed the 3×3 tiles", None),
        ("turned_left", "rotate the picture, by a quarter turn to the left", None),
        ("turned_over", "rotate the picture, by a half turn", None),
        ("turned_right", "rotate the picture, by a quarter turn to the right", None),
    ],
)
def test_what_does_clearly_better(way, action, command):
    (step,) = made(**{way: BETTER})
    assert step.action.startswith(action) and step.command == command
    assert step.why == "better than 97 of 100 instead of 60, cosine 0.31 instead of 0.21"


def test_the_same_rank_is_not_told():
    (step,) = made(pad=dataclasses.replace(BETTER, better_than=60, of=60))
    assert step.why == "cosine 0.31 instead of 0.21"


@pytest.mark.parametrize("way", ["tiles_2x2", "tiles_3x3"])
def test_a_tile_must_match_where_the_picture_does_not(way):
    lost, doubtful = (Score(NOW, verdict, ()) for verdict in ("no match", "doubtful"))
    assert "tiles" in made(score=doubtful, **{way: BETTER})[0].action
    assert not any("tiles" in step.action for step in made(score=lost, **{way: BETTER}))
    all_beaten = dataclasses.replace(BETTER, better_than=100)
    assert "tiles" in made(score=lost, **{way: all_beaten})[0].action


@pytest.mark.parametrize("verdict", ["doubtful", "no match"])
def test_something_is_left_to_try_where_it_is_no_match(verdict):
    score = Score(NOW, verdict, ())
    (plain,) = made(score=score)
    assert plain.action == "try other words: name the thing plainly"
    assert plain.why == "better than 60 of 100 unrelated texts"
    starter = dataclasses.replace(TOWERS, model="starter")
    _, larger = made(score=score, towers=starter)
    assert larger.action == "try MobileCLIP-S2" and "ImageNet names" in larger.why
    assert larger.command == "edgeclip export mobileclip_s2"
    remark = Remark("dark", 1.0, 2.0, "dark")
    assert [step.why for step in made(score=score, towers=starter, remarks=(remark,))] == ["dark"]


def test_the_scale_of_an_index_speaks_for_other_words():
    (step,) = made(score=Score(NOW, "no match", (), "index", 0.25))
    assert step.why == "cosine 0.21, unrelated words get 0.25 on this index"


def test_with_fit_pad_the_other_way_is_crop():
    towers = dataclasses.replace(TOWERS, fit="pad")
    assert made(towers=towers, pad=BETTER) == ()
    (step,) = made(towers=towers, crop=BETTER)
    assert "--fit crop" in step.action and step.command is not None and "crop" in step.command


def test_only_the_best_turn_is_named():
    (step,) = made(turned_left=BETTER, turned_over=dataclasses.replace(BETTER, lead=3))
    assert "half turn" in step.action


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("several cars", "edgeclip search 'several cars'"),
        ("dog", "edgeclip search dog"),
        ("it's", """edgeclip search 'it'"'"'s'"""),
        ("- cat", "edgeclip search -- '- cat'"),
    ],
)
def test_better_words(text, command):
    (step,) = made(words=[Wording("rewrite", text, BETTER)])
    assert step.action == f"search for {text!r}" and step.command == command


def test_of_a_query_that_clip_cannot_hold_only_rewrites_are_named():
    limit = Limit("counting", ("two",), "why", None, (), ())
    template = Wording("template", "a photo of a two cats.", BETTER)
    (step,) = made(limits=(limit,), words=[template])
    assert "coach" in (step.command or "")
    rewrite = Wording("rewrite", "several cats", BETTER)
    assert made(limits=(limit,), words=[template, rewrite])[0].action == "search for 'several cats'"


def test_long_words_are_shortened_but_not_what_is_typed():
    text = "several " + "long " * 20 + "cars"
    (step,) = made(words=[Wording("rewrite", text, BETTER)])
    assert step.action.endswith("…'") and len(step.action) < 80
    assert step.command == f"edgeclip search '{text}'"


def test_what_clip_cannot_do():
    limit = Limit("identity", ("two",), "why", None, (), ())
    (step,) = made(limits=(limit,))
    assert step.why.endswith("fine-grained identity") and step.command == "edgeclip coach 'a dog'"


@pytest.mark.parametrize("kind", _CURES)
def test_each_flaw_has_a_cure(kind):
    remark = Remark(kind, 1.0, 2.0, "what was measured", (1, 2, 30, 40))
    (step,) = made(remarks=(remark,))
    assert (step.action, step.why) == (_CURES[kind], "what was measured")


def test_the_flaws_that_are_found_are_those_that_have_cures():
    noise = np.random.default_rng(0).integers(0, 256, (10, 60, 3), dtype=np.uint8)
    tower = SimpleNamespace(size=32)
    assert {each.kind for each in flaws.remarks(noise, tower)} <= set(_CURES)


@pytest.mark.parametrize(
    ("vector", "action", "why"),
    [
        (np.eye(8)[0] * 11.3, "normalise the vectors", "length of the stored vector is 11.3"),
        (np.eye(8)[7], "embed the pictures again", "cosine 0.00 with the fresh vector"),
        (np.eye(8)[2], "embed all pictures in the same way", "it is the vector with --fit pad"),
        (np.full(8, np.nan), "embed the pictures again", "nan or inf"),
        (np.zeros(8), "embed the pictures again", "all its numbers are 0"),
        (np.ones(4) / 2, "embed the pictures again", "it has 4 numbers"),
    ],
)
def test_the_stored_vector(vector, action, why):
    (step,) = made(kept=kept(vector))
    assert step.action.startswith(action) and why in step.why


@pytest.mark.parametrize("wrong", [np.eye(8)[1] * 3, np.eye(8)[7] * 3, np.ones(4)])
def test_a_wrong_vector_is_not_normalised(wrong):
    assert [step for step in made(kept=kept(wrong)) if "normalise" in step.action] == []


def test_the_vector_of_the_words():
    (step,) = made(kept=kept(np.eye(8)[1]))
    assert step.action == "store the vector of the picture, not of the words"


@pytest.mark.parametrize("cosine", [0.9, 0.1])
def test_a_picture_that_was_changed_since_it_was_indexed(cosine):
    vector = cosine * np.eye(8)[0] + np.sqrt(1 - cosine**2) * np.eye(8)[7]
    place = stored.Place(1, 9, "a", 0.3)
    (step,) = made(kept=kept(vector, spaces=("a", "a"), place=place))
    assert (step.action, step.command) == ("bring the index up to date", "edgeclip index DIR")
    assert step.why.endswith("the picture was changed since it was indexed")


@pytest.mark.parametrize(
    ("place", "command"), [(None, None), (stored.Place(1, 9, "a", 0.3), "edgeclip index DIR")]
)
def test_a_picture_that_was_turned(place, command):
    fresh, query, over = np.eye(8, dtype=np.float32)[:3]
    found = stored.check(over, fresh, query, {"turned_over": over}, place=place)
    (step,) = made(kept=found)
    assert step.action == "the picture was turned when it was embedded: embed it again"
    assert step.command == command


def test_another_space_of_the_same_vector():
    (step,) = made(kept=kept(np.eye(8)[0], spaces=("a", "b")))
    assert step.action.startswith("ask with the model") and "1.00" in step.why


def test_random_weights_come_first_and_five_are_enough():
    remarks = tuple(Remark(kind, 1.0, 2.0, kind) for kind in ("dark", "blurred", "tiny", "aspect"))
    untrained = dataclasses.replace(TOWERS, untrained=True)
    found = made(towers=untrained, remarks=remarks, kept=kept(np.eye(8)[7]), pad=BETTER)
    assert len(found) == MOST == 5
    assert found[0].action == "use a trained model"
    assert [step.why for step in found[2:]] == ["dark", "blurred", "tiny"]
