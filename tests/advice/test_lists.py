"""Word lists, and the one pattern that is made of many entries."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.coach import labelled
from edgeclip.advice import lists

FOLDER = Path(lists.__file__).parent / "lists"
NAMES = sorted(path.stem for path in FOLDER.glob("*.txt"))


def naive(entries: set[str]) -> str:
    longest_first = sorted(entries, key=lambda entry: (-len(entry), entry))
    return "|".join(re.escape(entry).replace(r"\ ", r"[\s-]+") for entry in longest_first)


def test_there_are_lists():
    assert len(NAMES) > 20


@pytest.mark.parametrize("name", NAMES)
def test_a_list_says_what_it_holds_and_repeats_nothing(name):
    text = (FOLDER / f"{name}.txt").read_text("utf-8")
    assert text.startswith("# ") and text.endswith("\n")
    kept = [line.partition("#")[0].strip() for line in text.splitlines()]
    kept = [entry for entry in kept if entry]
    assert kept and sorted(kept) == sorted(set(kept)) == sorted(lists.entries(name))


@pytest.mark.parametrize("name", ["reading-carriers", "identity-people", "language-loans"])
def test_the_pattern_finds_what_plain_alternatives_find(name):
    made = re.compile(rf"\b(?:{lists.alternatives(name)})\b")
    plain = re.compile(rf"\b(?:{naive(lists.entries(name))})\b")
    for each in labelled("develop"):
        text = each.query.lower()
        assert [m.span() for m in made.finditer(text)] == [m.span() for m in plain.finditer(text)]


ENTRIES = st.sets(st.text("ab c", min_size=1).map(str.strip).filter(bool), min_size=1)


@given(ENTRIES, st.text("ab c-"))
def test_any_entries(entries, text):
    made = re.compile(lists.pattern(entries))
    assert all(made.fullmatch(entry) for entry in entries)
    found, plain = made.match(text), re.compile(naive(entries)).match(text)
    assert (found and found[0]) == (plain and plain[0])
