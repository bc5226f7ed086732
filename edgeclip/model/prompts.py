"""Prompts: what a person writes down about labels, read from a TOML file.

::

    templates = "photo"                   # a named set or a list; left out: the model's own
    negatives = ["an empty porch"]        # of all labels
    none = true                           # or a name: one more answer, for what is no label; always
                                          # so for rules
    temperature = 0.01                    # left out: from the model's logit scale

    [[label]]                             # or [[rule]], with the same keys
    name = "person"
    prompts = ["visitor", "postman"]      # the best counts; left out: the name
    negatives = ["statue"]                # of this label alone
    threshold = 0.6                       # any other key is kept as it is; see also
                                          # edgeclip.watch.rules

A text file with a label a line is read as well.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edgeclip.errors import InvalidText, PromptError
from edgeclip.model import nothing
from edgeclip.model.templates import template_set

_KINDS = ("label", "rule")
_MOST_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Label:
    """What may be answered, and how it is asked for."""

    name: str
    """As it appears in the answers."""
    prompts: tuple[str, ...]
    """Other words for the same; the best of them counts."""
    negatives: tuple[str, ...] = ()
    """What takes from this label alone."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Everything else in its table, such as ``threshold``."""


@dataclass(frozen=True, slots=True)
class Prompts:
    """Labels and what they share."""

    labels: tuple[Label, ...]
    """At least one."""
    templates: tuple[str, ...] | None = None
    """Prompts with one ``{}`` each; None: the model's own."""
    negatives: tuple[str, ...] = ()
    """What takes from all labels."""
    none: str | None = None
    """Name of one more answer, for what is no label."""
    temperature: float | None = None
    """Divides cosines before the softmax; None: from the model's logit scale."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Everything else in the file."""
    rules: bool = False
    """Whether they stand in ``[[rule]]`` tables: their settings are for `edgeclip.watch.rules`."""

    @classmethod
    def of(
        cls,
        labels: Iterable[str] | Mapping[str, Sequence[str]],
        templates: str | Sequence[str] | None = None,
        negatives: Sequence[str] = (),
        none: str | None = None,
        temperature: float | None = None,
    ) -> Prompts:
        """Make them of lists; see ``Model.classifier``.

        Raises:
            TypeError: one text where a list of them is meant.
            ValueError: a temperature that is not above 0.
        """
        if isinstance(labels, str) or isinstance(negatives, str):
            raise TypeError("labels, negatives and templates are lists of texts, not one text.")
        if temperature is not None and not 0 < temperature < math.inf:
            raise ValueError(f"temperature must be above 0, not {temperature}")
        given = labels if isinstance(labels, Mapping) else {}
        if any(isinstance(prompts, str) or not prompts for prompts in given.values()):
            raise TypeError(
                "the prompts of a label are a list of texts, not one text and not none."
            )
        made = tuple(Label(name, tuple(given.get(name, (name,)))) for name in labels)
        chosen = None if templates is None else template_set(templates)
        return cls(made, chosen, tuple(negatives), none, temperature)


def read_prompts(path: Path | str) -> Prompts:
    """Read labels or rules.

    Args:
        path: a ``.toml`` file as above; any other file has a label a line.

    Raises:
        PromptError: the file cannot be read, or says what makes no sense.
        InvalidText: a text file without labels.
    """
    path = Path(path)
    text = _read(path)
    if path.suffix.lower() != ".toml":
        return Prompts(tuple(Label(name, (name,)) for name in _lines(path, text)))
    try:
        table = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # too many open brackets
        raise PromptError(f"{path} is no TOML: {error}. Correct it.") from error
    return _Reader(path).prompts(table)


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
        if len(data) > _MOST_BYTES:
            raise PromptError(f"{path} is larger than a megabyte. Give a file of labels.")
        return data.decode("utf-8-sig")  # editors put a byte order mark
    except UnicodeDecodeError as error:
        raise PromptError(f"{path} is no UTF-8 text. Save the labels as UTF-8.") from error
    except OSError as error:
        raise PromptError(
            f"{path} cannot be read: {error.strerror}. Give a text file with a label a line, or "
            "a .toml file."
        ) from error


def _lines(path: Path, text: str) -> list[str]:
    labels = [line.strip() for line in text.split("\n") if line.strip()]
    if not labels:
        raise PromptError(f"{path} holds no labels. Write one a line.")
    return labels


class _Reader:
    """Check tables; every message names the file, the table and the key."""

    def __init__(self, path: Path) -> None:
        self._place = str(path)

    def prompts(self, table: dict[str, Any]) -> Prompts:
        kinds = [kind for kind in _KINDS if kind in table]
        if len(kinds) != 1:
            meant = next((f" (not [[{kind}s]])" for kind in _KINDS if f"{kind}s" in table), "")
            raise self._error(f"needs [[label]] tables, or [[rule]] tables, and not both{meant}")
        entries = table.pop(kinds[0])
        if not (isinstance(entries, list) and all(isinstance(each, dict) for each in entries)):
            raise self._error(f"writes {kinds[0]} not as [[{kinds[0]}]] tables")
        labels = tuple(self._label(entry, kinds[0], i) for i, entry in enumerate(entries, 1))
        names = [label.name for label in labels]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise self._error(f"names two of its {kinds[0]}s {twice!r}")
        return Prompts(
            labels,
            self._templates(table.pop("templates", None)),
            self._texts(table.pop("negatives", ()), "negatives"),
            self._none(table.pop("none", kinds[0] == "rule")),
            self._temperature(table.pop("temperature", None)),
            table,
            kinds[0] == "rule",
        )

    def _label(self, entry: dict[str, Any], kind: str, number: int) -> Label:
        name = entry.pop("name", None)
        if not isinstance(name, str) or not name.strip():
            raise self._error(f"gives no name to {kind} {number}")
        place = f"of {kind} {name!r}"
        prompts = self._texts(entry.pop("prompts", (name,)), f"prompts {place}")
        if not prompts:
            raise self._error(f"has no prompts {place}")
        negatives = self._texts(entry.pop("negatives", ()), f"negatives {place}")
        return Label(name, prompts, negatives, entry)

    def _texts(self, value: Any, key: str) -> tuple[str, ...]:
        listed = isinstance(value, Sequence) and not isinstance(value, str)
        if not listed or not all(isinstance(text, str) and text.strip() for text in value):
            raise self._error(f"needs a list of texts as {key}")
        if len(set(value)) < len(value):
            raise self._error(f"gives a text twice in the {key}")
        return tuple(value)

    def _templates(self, value: Any) -> tuple[str, ...] | None:
        if value is None:
            return None
        try:
            chosen = template_set(
                value if isinstance(value, str) else self._texts(value, "templates")
            )
        except (InvalidText, TypeError) as error:
            raise self._error(f"has templates that cannot be used: {error}") from error
        if not chosen or any(text.count("{}") != 1 for text in chosen):
            raise self._error("needs templates with one {} each")
        return chosen

    def _none(self, value: Any) -> str | None:
        if value is None or isinstance(value, bool):
            return nothing.NAME if value else None
        if isinstance(value, str) and value.strip():
            return value
        raise self._error("needs true or a name as none")

    def _temperature(self, value: Any) -> float | None:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if value is None or (number and 0 < value < math.inf):
            return None if value is None else float(value)
        raise self._error("needs a number above 0 as temperature")

    def _error(self, what: str) -> PromptError:
        return PromptError(
            f"{self._place} {what}. See docs/classifiers.md, and docs/cameras.md for rules."
        )
