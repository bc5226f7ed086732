"""Which model for which need, board and licence: the one table, read from ``choices.toml``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

NEEDS = (
    *("try", "search", "accuracy", "commercial", "pi", "jetson", "counting", "spatial"),
    *("attributes", "faces", "alike", "negation", "text", "comparison", "long", "language"),
)
"""What somebody may ask for; a tuple, so that the command line need not read the table for it."""
_PEAK = 1.8
"""Peak of the first ``edgeclip index`` against both files, MobileCLIP-S2 in fp32 on x86-64."""
_FREE = 0.25
"""The share of a board's memory that is left to its system."""
_BOARDS_GB = (0.5, 1, 2, 4, 8, 16)


@dataclass(frozen=True, slots=True)
class Accuracy:
    """A published figure."""

    task: str
    value: float
    unit: str
    source: str
    """Where it is published."""


@dataclass(frozen=True, slots=True)
class Tower:
    """One tower of a CLIP model, as this project exports and measures it."""

    mb: float
    """Size of the file: fp32, of the starter the form that is shipped."""
    int8: float | None = None
    """Size in int8, where it was measured."""
    time: float | None = None
    """On one x86-64 thread, against that of mobileclip_s2 in the same run; None: not measured."""
    detail: str = ""
    """The medians behind it."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A model, or another means, and what it is for."""

    name: str
    use: str
    """What it is for, in a few words."""
    clip: bool = False
    """Whether it is a CLIP model that this project runs."""
    needs: tuple[str, ...] = ()
    """Those of `NEEDS` it serves; ``commercial`` follows from ``products``."""
    kinds: tuple[str, ...] = ()
    """The kinds of limits of CLIP (`edgeclip.advice.kinds`) that it is used instead of CLIP for."""
    boards: str = ""
    """Where it runs, and how it comes there."""
    code: str = ""
    """Licence of the code, where it is not this project's."""
    weights: str = ""
    """Licence of the weights."""
    products: bool | None = None
    """Whether both allow use in a closed product; None: nobody says."""
    accuracy: Accuracy | None = None
    size: str = ""
    """As published; of CLIP models see the towers."""
    image: Tower | None = None
    text: Tower | None = None
    sources: tuple[str, ...] = ()

    def serves(self, need: str) -> bool:
        """Tell whether it is one to consider for one of `NEEDS`."""
        return self.products is True if need == "commercial" else need in self.needs

    @property
    def memory_gb(self) -> float | None:
        """Memory of a board that holds both towers: reckoned from their sizes, not measured."""
        if not (self.image and self.text):
            return None
        peak = _PEAK * (self.image.mb + self.text.mb) / 1000
        return next(size for size in _BOARDS_GB if peak <= size * (1 - _FREE))


def choices(*needs: str) -> tuple[Choice, ...]:
    """Return the choices that serve all of these needs, CLIP models first."""
    return tuple(choice for choice in _choices() if all(map(choice.serves, needs)))


def guide() -> Mapping[str, tuple[str, str]]:
    """Return for each of `NEEDS` its title and which choice to look at first."""
    told = _table()["needs"]
    return MappingProxyType({need: (told[need]["title"], told[need]["advice"]) for need in told})


def markdown() -> str:
    """Return ``docs/choosing.md``."""
    clip = [choice for choice in _choices() if choice.clip]
    others = [choice for choice in _choices() if not choice.clip]
    bullets = [
        f"- **{title}** (`--need {need}`). {advice}" for need, (title, advice) in guide().items()
    ]
    parts = [
        "# Choosing a model",
        "<!-- made by `edgeclip models --advise --markdown` from edgeclip/advice/choices.toml -->",
        _wrapped(_BEGIN),
        "\n".join(_wrapped(bullet, indent="  ") for bullet in bullets),
        "## CLIP models that edgeclip runs",
        "\n".join(_rows(_CLIP, map(_clip_cells, clip))),
        _wrapped(_NOTES.format(peak=_PEAK, **_table()["measured"])),
        "## What to use for what CLIP cannot do",
        "\n".join(_rows(_OTHERS, map(_other_cells, others))),
        _wrapped(_END),
    ]
    return "\n\n".join(parts) + "\n"


_CLIP = (
    *("model", "for", "weights", "products", "ImageNet zero-shot", "image MB", "text MB", "memory"),
    *("boards", "image time", "text time", "medians, image; text"),
)
_OTHERS = (
    *("model", "needs", "what it is", "accuracy, as published", "size", "code", "weights"),
    *("products", "runs on", "sources"),
)
_BEGIN = (
    "CLIP finds pictures by words and sorts them into everyday classes. Which of its models "
    "depends on the licence first, then on the board; some needs are not for CLIP at all. "
    "`edgeclip models --advise --need WORD` shows the part of the tables that serves a need."
)
_NOTES = (
    "Accuracy is ImageNet-1k zero-shot top-1 as its publisher gives it; it was not measured here. "
    "Sizes are those of the files in fp32 (of the starter as it is shipped), in brackets in int8. "
    "*Memory* is that of a board which holds both towers: {peak} times their files, which the "
    "first `edgeclip index` with MobileCLIP-S2 took at its peak on x86-64, and a quarter left "
    "free. *Time* is that of a tower on one x86-64 thread against the same tower of `{reference}` "
    "in the same run, `–` where it was not measured; it is good as a ratio only. **No board was "
    "measured**: memory and boards are reckoned, and `edgeclip bench` measures yours. Made by "
    "`{command}` on: {machine}."
)
_END = (
    "*Products*: whether the licences of code and weights both allow use in a product whose source "
    "is not given away; `?` where nobody says. A figure is its publisher's and was not measured "
    "again here; `–` stands where none was found that could be cited. None of these models comes "
    "with edgeclip, and none was tried on a board."
)


def _wrapped(text: str, indent: str = "") -> str:
    import textwrap

    return textwrap.fill(
        text, 105, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


def _rows(header: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    names = tuple(header)
    for cells in (names, ("---",) * len(names), *rows):
        yield f"| {' | '.join(cell or '–' for cell in cells)} |"


def _clip_cells(choice: Choice) -> tuple[str, ...]:
    assert choice.image and choice.text
    medians = "; ".join(filter(None, (choice.image.detail, choice.text.detail)))
    return (
        f"`{choice.name}`",
        choice.use,
        choice.weights,
        product_word(choice),
        _linked(choice),
        megabytes(choice.image),
        megabytes(choice.text),
        f"{choice.memory_gb:g} GB",
        choice.boards,
        ratio(choice.image),
        ratio(choice.text),
        medians or "not measured",
    )


def _other_cells(choice: Choice) -> tuple[str, ...]:
    task = f", {choice.accuracy.task}" if choice.accuracy else ""
    return (
        choice.name,
        ", ".join(choice.needs),
        choice.use,
        _linked(choice) + task,
        choice.size,
        choice.code,
        choice.weights,
        product_word(choice),
        choice.boards,
        " ".join(f"[{number}]({url})" for number, url in enumerate(choice.sources, 1)),
    )


def _linked(choice: Choice) -> str:
    return f"[{figure(choice)}]({choice.accuracy.source})" if choice.accuracy else ""


def product_word(choice: Choice) -> str:
    """Say ``yes``, ``no`` or ``?`` to use in a product, and nothing where there are no weights."""
    if not choice.weights:
        return ""
    return {True: "yes", False: "no", None: "?"}[choice.products]


def figure(choice: Choice) -> str:
    """Return the published figure with its unit, without its task; ``–`` where there is none."""
    found = choice.accuracy
    return f"{found.value:g} {found.unit}".rstrip() if found else "–"


def megabytes(tower: Tower) -> str:
    """Return a tower's size, and in brackets that in int8."""
    return f"{tower.mb:g}" + (f" ({tower.int8:g})" if tower.int8 else "")


def ratio(tower: Tower) -> str:
    """Return a tower's time ratio; ``–`` where it was not measured."""
    return "–" if tower.time is None else f"{tower.time:.2f}"


@cache
def _choices() -> tuple[Choice, ...]:
    return tuple(map(_choice, _table()["choice"]))


def _choice(row: Mapping[str, Any]) -> Choice:
    lists = {name: tuple(row.get(name, ())) for name in ("needs", "kinds", "sources")}
    towers = {name: Tower(**row[name]) for name in ("image", "text") if name in row}
    accuracy = Accuracy(**row["accuracy"]) if "accuracy" in row else None
    return Choice(**{**row, **lists, **towers, "accuracy": accuracy})


@cache
def _table() -> dict[str, Any]:
    import tomllib

    return tomllib.loads((Path(__file__).with_name("choices.toml")).read_text("utf-8"))
