"""Patterns of what is left out."""

from __future__ import annotations

import time

import pytest

from edgeclip.errors import EdgeclipError
from edgeclip.index.excludes import excluded_by
from tests.patience import PROMPT_S


@pytest.mark.parametrize(
    ("pattern", "taken", "left_out"),
    [
        ("*.tmp", ["a.tmp.jpg", "a/b.TMP"], ["a.tmp", "x/y/.tmp"]),
        ("thumbs/", ["thumbs", "a/thumbs.jpg"], ["thumbs/", "a/b/thumbs/"]),
        ("thumbs", ["a/thumbsy"], ["thumbs", "a/thumbs/", "a/thumbs"]),
        ("2019/**", ["a/2019/x", "2019x/a"], ["2019/", "2019/a", "2019/a/b"]),
        ("/draft.jpg", ["a/draft.jpg"], ["draft.jpg"]),
        ("./a.jpg", ["b/a.jpg"], ["a.jpg"]),
        ("raw/*.tif", ["raw/a/b.tif", "x/raw/b.tif"], ["raw/b.tif"]),
        ("**/old/*.jpg", ["old/a/b.jpg"], ["old/b.jpg", "x/y/old/b.jpg"]),
        ("a/**/z", ["a/z/y"], ["a/z", "a/b/c/z"]),
        ("IMG_[0-4]?.jpg", ["IMG_55.jpg", "IMG_4.jpg"], ["IMG_45.jpg", "a/IMG_00.jpg"]),
        ("[!a].jpg", ["a.jpg"], ["b.jpg"]),
        ("été*", ["ete.jpg"], ["a/été.jpg"]),
        ("new\nline", [], ["a/new\nline"]),
        ("[", ["a"], ["[", "a/["]),
        ("a[b.jpg", ["ab.jpg"], ["a[b.jpg"]),
        ("[]", ["a"], ["[]"]),
        ("[z-a]", ["b", "[z-a]"], []),
    ],
)
def test_patterns(pattern, taken, left_out):
    excluded = excluded_by([pattern])
    for key in taken + left_out:
        found = excluded(key.rstrip("/"), key.endswith("/"))
        assert found == (key in left_out), (pattern, key)


def test_any_of_several():
    excluded = excluded_by(["*.gif", "a/"])
    assert excluded("b.gif", False) and excluded("a", True) and not excluded("a", False)
    assert not excluded_by([])("a", True)


@pytest.mark.parametrize("pattern", ["", "/", "!keep.jpg", "./"])
def test_no_pattern(pattern):
    with pytest.raises(EdgeclipError, match="is no pattern to exclude"):
        excluded_by([pattern])


def test_no_pattern_takes_long():
    excluded = excluded_by(["/".join(["**", "a"] * 20) + "/b"])
    begun = time.monotonic()
    assert not excluded("/".join("a" * 200), False)
    assert time.monotonic() - begun < PROMPT_S
