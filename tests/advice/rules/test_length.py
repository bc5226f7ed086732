"""Too long: counted by a model's tokenizer, estimated without one."""

from __future__ import annotations

import pytest

from edgeclip import Model
from edgeclip.advice.query import Query
from edgeclip.advice.rules import length

LONG = (
    "A wooden sailing schooner heels in a stiff breeze, her canvas straining, spray flying from "
    "the bow as the crew haul on the sheets. The sea is choppy and the sky is full of torn "
    "clouds, gulls wheel above the mast, and far away a lighthouse stands on a rocky headland "
    "with a village of white houses below it. A small dog watches from the deck with great calm, "
    "and a boy waves a red cap at a fishing boat that passes close by on the other side."
)


def test_the_estimate_is_that_of_clips_tokenizer():
    from open_clip.tokenizer import SimpleTokenizer

    tokenizer = SimpleTokenizer()
    texts = [" ".join(LONG.split()[:words]) for words in range(10, 90, 5)]
    wrong = [length.estimate(text) - len(tokenizer.encode(text)) - 2 for text in texts]
    assert max(map(abs, wrong)) <= 5


def test_what_is_not_read_is_named():
    found = length.find(Query(LONG))
    (unread,) = found.words
    assert unread.endswith(" …") and unread.removesuffix(" …") in LONG
    assert LONG.startswith(found.changed) and LONG.startswith(found.rewrite)
    assert found.rewrite.endswith("below it")  # a whole sentence
    assert length.find(Query(found.rewrite)) is None


def test_a_model_counts_exactly(tiny_model):
    model = Model.load(tiny_model)
    context = min(length.CONTEXT, model.manifest.text.context_length)
    words = LONG.split()
    for count in range(1, len(words)):
        text = " ".join(words[:count])
        fits = model.token_count(text) <= context
        assert (length.find(Query(text), model) is None) == fits


@pytest.mark.parametrize("text", ["", "a dog", "x" * 75])
def test_short_ones_are_never_too_long(text):
    assert length.find(Query(text)) is None


@pytest.mark.parametrize("text", ["word " * 100_000, "x " * 1000, "犬" * 5000])
def test_enormous_ones_always_are(text):
    assert length.find(Query(text)) is not None
