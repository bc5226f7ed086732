"""``edgeclip diagnose``: why a picture and a query get the score they get."""

from __future__ import annotations

import contextlib
import re
import shlex
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgeclip.cli import indexes, options, output
from edgeclip.errors import EdgeclipError, SpaceMismatch

if TYPE_CHECKING:
    from edgeclip.advice.diagnosis.diagnosis import Diagnosis
    from edgeclip.advice.diagnosis.framing import Framings
    from edgeclip.advice.diagnosis.rank import Score, Standing
    from edgeclip.advice.diagnosis.stored import Stored
    from edgeclip.advice.diagnosis.words import Words
    from edgeclip.index.index import Index
    from edgeclip.model.model import Model

_WAYS = {
    "crop": "the middle square (--fit crop)",
    "pad": "all of it, between borders (--fit pad)",
    "tiles_2x2": "the best of 2×2 tiles",
    "tiles_3x3": "the best of 3×3 tiles",
    "turned_left": "turned left",
    "turned_over": "upside down",
    "turned_right": "turned right",
}
_HEADER = ("cosine", "better than")
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Subject:
    """What is asked about."""

    model: Model
    picture: str
    kept: dict[str, Any]
    """The stored vector, as `diagnose` takes it."""


@click.command("diagnose")
@click.option("--image", required=True, help="Path of the picture; with --index its key will do.")
@click.option("--query", required=True, help='Words, or a sum of words: "street - cars".')
@click.option(
    "--vector",
    type=click.Path(path_type=Path),
    help="Its vector as it was stored: .npy, or a line of `edgeclip embed --json`.",
)
@click.option("--index", type=indexes.Folder(), help="An index that holds the picture.")
@options.as_json
@options.model_options
def diagnose_command(
    image: str,
    query: str,
    vector: Path | None,
    index: Path | None,
    as_json: bool,
    **chosen: Any,
) -> None:
    """Explain why a picture and a query get the score they get.

    The score is ranked among those of 100 texts about everything, the words and the framing are
    varied, and the picture, the model and the stored vector are looked at.  A query is words;
    text:cat.jpg are words, too.
    """
    from edgeclip.advice.diagnosis.diagnosis import diagnose

    if vector is not None and index is not None:
        raise click.UsageError("Give --vector or --index, not both.")
    _refuse_pictures(image, query)
    with _subject(image, vector, index, chosen) as about:
        found = diagnose(about.model, about.picture, query, **about.kept)
    if as_json:
        output.json_line({"image": about.picture, **asdict(found)})
    else:
        _print(found)


@contextlib.contextmanager
def _subject(
    image: str, vector: Path | None, index: Path | None, chosen: dict[str, Any]
) -> Iterator[_Subject]:
    if index is not None:
        with indexes.opened_index(index) as opened:
            key = _key(opened, image)
            picture = indexes.paths_of(opened)(key) if image == key else image
            yield _Subject(_model_for(opened, chosen), picture, {"index": opened, "key": key})
        return
    _refuse_address(image)
    kept = _read(vector, image) if vector is not None else {}
    yield _Subject(options.load(**chosen), image, kept)


def _refuse_pictures(image: str, query: str) -> None:
    """Refuse a query with a picture in it, and one that was meant to have one."""
    from edgeclip.model import query as grammar

    for term in grammar.parse(query):
        if term.picture:
            raise EdgeclipError(
                f"{term.value} is a picture, and a query here is words. To compare two pictures: "
                f"{shlex.join(['edgeclip', 'similar', image, term.value])}; "
                f"for words write text:{term.value}"
            )


def _refuse_address(image: str) -> None:
    if _ADDRESS.match(image):
        raise EdgeclipError(
            f"{image} is an address, and addresses are not fetched. Save the picture, and give "
            "its path."
        )


def _read(vector: Path, image: str) -> dict[str, Any]:
    from edgeclip.advice.diagnosis import vector_file

    kept = vector_file.read(vector, image)
    return {"vector": kept.vector, "space": kept.space}


def _key(index: Index, image: str) -> str:
    """Return the key of a picture: given itself, or by its path.

    Raises:
        EdgeclipError: the index does not hold it.
    """
    if image in index:
        return image
    with contextlib.suppress(OSError, ValueError):  # another folder, or no path at all
        # The file itself may be a link, which is its key all the same.
        path = Path(image).parent.resolve() / Path(image).name
        key = path.relative_to((index.root or Path()).resolve()).as_posix()
        if key in index:
            return key
    _refuse_address(image)
    raise EdgeclipError(
        f"{index.path} does not hold {image}. Give a picture of it, or bring it up to date: "
        "edgeclip index DIR"
    )


def _model_for(index: Index, chosen: dict[str, Any]) -> Model:
    """Load the model of an index; another one where it is told to: that is found, too."""
    try:
        return indexes.load_for(index, **chosen)
    except SpaceMismatch:
        return options.load(**chosen | {"model": chosen["model"] or index.model or None})


def _print(found: Diagnosis) -> None:
    _print_score(found)
    _print_words(found.words)
    _print_framing(found.framing)
    _section("picture")
    _line(f"{found.width} × {found.height} pixels")
    for remark in found.remarks:
        _line(remark.message)
    if not found.remarks:
        _line("nothing is wrong with it")
    _section("model")
    _line(found.towers.message)
    if found.stored is not None:
        _print_stored(found.stored)
    _print_steps(found)


def _print_score(found: Diagnosis) -> None:
    now = found.score.standing
    _line(f"{found.query}: {now.cosine:.3f}, better than {_rank(now)} unrelated texts")
    _line(
        "A cosine alone says little: matches of CLIP models mostly lie between 0.15 and 0.35, and"
    )
    _line("other models have other ranges. The rank on the same picture is what counts.")
    _line(f"{_verdict(found.score)}.")
    if not found.words.advice.suitable:
        _line(
            "CLIP cannot hold all of this query: it may match by its other words alone, see below."
        )
    _section("what the model sees: the best of these texts")
    output.table(
        ("cosine", "text"), [(f"{each.cosine:.3f}", each.text) for each in found.score.best]
    )


def _verdict(score: Score) -> str:
    now = score.standing
    if score.threshold is not None:
        scale = f"what unrelated words get on this index ({score.threshold:.3f}; as in a search)"
        matches = score.verdict == "match"
        return f"This is a match: above {scale}" if matches else f"No good match: not above {scale}"
    if score.verdict == "match":
        return f"This is a match: none of the {now.of} unrelated texts fits as well"
    if score.verdict == "doubtful":
        above = now.of - now.better_than
        texts = "1 unrelated text fits" if above == 1 else f"{above} unrelated texts fit"
        return f"This is doubtful: {texts} as well or better, first {score.best[0].text!r}"
    return "This is no match: unrelated texts get as much, so the model does not see it here"


def _print_words(words: Words) -> None:
    from edgeclip.advice.kinds import KINDS
    from edgeclip.advice.query import shortened

    _section("words")
    rows = [(*_cells(each.standing), each.kind, shortened(each.text)) for each in words.wordings]
    output.table((*_HEADER, "words", "query"), rows)
    for limit in words.advice.limits:
        _line(f"{KINDS[limit.kind].title}: {limit.why}")


def _print_framing(framing: Framings) -> None:
    _section("framing")
    rows = [
        (*_cells(way.standing), _WAYS[way.name] + (f", at {_box(way.box)}" if way.box else ""))
        for way in framing.ways
    ]
    output.table((*_HEADER, "shown"), rows)
    _line(f"the centre crop cuts off {framing.cut_off:.0%} of the picture")


def _print_stored(stored: Stored) -> None:
    _section("stored vector")
    for message in stored.messages:
        _line(message)
    if stored.place is not None:
        place = stored.place
        rank = f"number {place.rank:,}" if place.rank else "not among the first thousand"
        first = f"number 1 is {place.first} with {place.first_cosine:.3f}"
        _line(f"for this query it is {rank} of {place.of:,}; {first}")


def _print_steps(found: Diagnosis) -> None:
    _section("next")
    for number, step in enumerate(found.steps, 1):
        _line(f"{number}. {step.action} ({step.why})")
        if step.command is not None:
            _line(f"   {step.command}")
    if not found.steps:
        _line("nothing to try: no other words, part or turn of the picture does clearly better")


def _section(title: str) -> None:
    output.say()
    output.say(title)


def _line(text: str) -> None:
    output.say(output.printable(text))


def _cells(standing: Standing) -> tuple[str, str]:
    return f"{standing.cosine:.3f}", _rank(standing)


def _rank(standing: Standing) -> str:
    return f"{standing.better_than} of {standing.of}"


def _box(box: tuple[int, int, int, int]) -> str:
    x, y, width, height = box
    return f"{x}, {y}, {width} × {height}"
