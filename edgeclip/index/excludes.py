"""Patterns for what an index leaves out, as in .gitignore, without its exceptions.

::

    *.tmp          files and folders of such a name, at any depth
    thumbs/        folders of this name, at any depth
    2019/**        what is in the folder 2019 of the root
    /draft.jpg     this file of the root
    raw/*.tif      a slash within binds a pattern to the root; * stays within a name
    **/old/*.jpg   ** stands for any number of folders
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from fnmatch import translate

from edgeclip.errors import EdgeclipError

Excluded = Callable[[str, bool], bool]
"""Tells of a key, and whether it is a folder, that it is left out."""

_ANY = "**"
_Test = Callable[[str], object]


def excluded_by(patterns: Iterable[str]) -> Excluded:
    """Turn patterns into a test.

    Args:
        patterns: see the module; upper and lower case differ.

    Returns:
        ``(key, is_folder)`` → whether one of them names it.  What is in an excluded folder is not
        asked about: the folder is not entered.

    Raises:
        EdgeclipError: a pattern is empty or an exception (``!``).
    """
    rules = [_rule(pattern) for pattern in patterns]

    def excluded(key: str, is_folder: bool) -> bool:
        parts = key.split("/")
        return any(
            (is_folder or not folders_only) and _fits(parts, tests) for folders_only, tests in rules
        )

    return excluded


def _rule(pattern: str) -> tuple[bool, list[_Test | None]]:
    """Return whether only folders are meant, and a test for each part of a key; None is ``**``."""
    parts = [part for part in pattern.split("/") if part not in ("", ".")]
    if not parts or pattern.startswith("!"):
        raise EdgeclipError(
            f"{pattern!r} is no pattern to exclude. Give one such as '*.tmp', 'thumbs/' or "
            "'2019/**'."
        )
    bound = "/" in pattern.rstrip("/")
    parts = parts if bound else [_ANY, *parts]
    return pattern.endswith("/"), [None if part == _ANY else _test(part) for part in parts]


def _test(part: str) -> _Test:
    return re.compile(translate(part)).match


def _fits(parts: Sequence[str], tests: Sequence[_Test | None]) -> bool:
    """Match part by part; keeps which tests may come next, so no pattern takes long."""
    states = _passed(tests, {0})
    for part in parts:
        states = _passed(tests, {after for at in states for after in _after(tests, at, part)})
    return len(tests) in states


def _after(tests: Sequence[_Test | None], at: int, part: str) -> Iterable[int]:
    if at == len(tests):
        return ()
    test = tests[at]
    if test is None:
        return (at,)
    return (at + 1,) if test(part) else ()


def _passed(tests: Sequence[_Test | None], states: set[int]) -> set[int]:
    """Add what follows each ``**``, which may stand for no folder at all."""
    for at in sorted(states):
        while at < len(tests) and tests[at] is None:
            at += 1
            states.add(at)
    return states
