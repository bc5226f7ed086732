"""Cleaning + tokenizer.json against open_clip's own tokenizer: the same 77 ids."""

from __future__ import annotations

import json
import random
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tokenizers
from edgeclip_export import record
from edgeclip_export.tokenizer import build_tokenizer, split_pattern
from hypothesis import given, settings
from hypothesis import strategies as st
from open_clip.tokenizer import SimpleTokenizer

from edgeclip.model import tokens
from edgeclip.model.towers import text_tower

STRINGS = json.loads((Path(__file__).parents[1] / "data" / "strings.json").read_text("ascii"))
TOWER = text_tower(record.text_record(77))


@cache
def reference() -> Any:
    return SimpleTokenizer()


@cache
def inner() -> Any:
    return tokenizers.Tokenizer.from_str(build_tokenizer().decode())


@cache
def ours() -> tokens.Tokenizer:
    return tokens.Tokenizer(inner(), TOWER)


def assert_same(texts: list[str]) -> None:
    expected = reference()(texts).numpy()
    found = ours()(texts)
    different = np.flatnonzero((expected != found).any(axis=1))
    assert found.dtype == np.int64 and found.shape == (len(texts), 77)
    assert [texts[index] for index in different] == []


def test_the_committed_strings_are_many_and_of_every_kind() -> None:
    assert len(STRINGS) >= 2000 and len(set(STRINGS)) == len(STRINGS)
    text = "".join(STRINGS)
    for needed in ("’", "ﬁ", "Ａ", "&amp;", "😀", "\u200d", "猫", "\x07", "Σ", "İ"):
        assert needed in text
    assert "" in STRINGS and "\0" not in text
    assert sum(len(string.split()) >= 200 for string in STRINGS) >= 10


def test_the_same_77_ids_on_the_committed_strings() -> None:
    assert_same(STRINGS)


def test_pad_is_0_and_the_end_is_kept() -> None:
    short, long = ours()(["a cat", "cat " * 200])
    assert short[:4].tolist() == [49406, 320, 2368, 49407] and not short[4:].any()
    assert long[-1] == 49407 and long[0] == 49406 and 0 not in long


@pytest.mark.parametrize(
    "text",
    [
        "<start_of_text>",
        "!<start_of_text>",
        "a<end_of_text>b",
        "<start_of_text><end_of_text>",
        "!<start_of_text><end_of_text>",
        "<<end_of_text>>",
        "<START_OF_TEXT>",
        "<ſtart_of_text>",
        "it'ſ",
        "ι\u0345α",
        "İstanbul",
        "ΣΑΣ",
        "ﬁsh",
        "cat’s",
        "ＡＢＣ",
        "&amp;amp;",
        "a\x85b",
    ],
)
def test_the_known_traps(text: str) -> None:
    assert_same([text])


def test_every_single_character_of_the_basic_plane() -> None:
    """Without cleaning, which hides most of them."""
    raw = SimpleTokenizer()
    raw.clean_fn = str
    for start in range(1, 0xFFFF, 64):
        points = [p for p in range(start, start + 64) if not 0xD800 <= p < 0xE000]
        text = " ".join(f"{chr(p)} a{chr(p)}1{chr(p)}!{chr(p)}" for p in points)
        assert inner().encode(text, add_special_tokens=False).ids == raw.encode(text), hex(start)


def test_random_strings() -> None:
    rng = random.Random(3)
    pool = [*"abc ABC 012 '<>&;!?’ſKİΣß漢😀\u200d\ufe0f\u0301\u0345\xa0\x1f\x85"]
    pool += ["&amp;", "<end_of_text>"]
    assert_same(["".join(rng.choices(pool, k=rng.randint(0, 40))) for _ in range(3000)])


@settings(max_examples=300, deadline=None)
@given(st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), max_size=60))
def test_any_text(text: str) -> None:
    assert_same([text])


def test_no_table_of_the_reading_side_is_consulted() -> None:
    assert "\\p{" not in split_pattern() and "(?i" not in split_pattern()


def test_it_is_the_same_every_time() -> None:
    assert build_tokenizer() == build_tokenizer()
