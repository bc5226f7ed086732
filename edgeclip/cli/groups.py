"""``edgeclip groups``: pictures that are alike."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgeclip.cli import indexes, options, output, sheets

if TYPE_CHECKING:
    from edgeclip.index.groups import Cluster, Named
    from edgeclip.index.index import Index

Labelled = list[tuple["Cluster", "Named | None"]]
"""Groups, and the word that is nearest to each with its cosine, if words are given."""


@click.command("groups")
@indexes.index_option
@click.option(
    "--threshold",
    type=options.NumberRange(0, 1),
    help="Least mean cosine within a group.  [default: that of the groups that are kept, or 0.82]",
)
@click.option("--anew", is_flag=True, help="Make the groups anew, and number them anew.")
@click.option(
    "--least",
    type=click.IntRange(1),
    default=2,
    show_default=True,
    help="Leave out groups of fewer pictures.",
)
@click.option(
    "--label",
    "words",
    multiple=True,
    metavar="WORD",
    help="A word to name groups with; give several.  Each group gets the nearest, however far.",
)
@sheets.sheet_option
@options.as_json
@options.model_options
def groups_command(
    index: Path | None,
    threshold: float | None,
    anew: bool,
    least: int,
    words: tuple[str, ...],
    sheet: Path | None,
    as_json: bool,
    **chosen: Any,
) -> None:
    """Group the pictures of an index that are alike.

    It is average linkage on the cosine.  The groups are kept with the index.  New pictures join the
    group with the nearest centroid, or open one, as they are indexed.  With --json, one group a
    line.

    With --label, the cosine of the label tells how well it fits: compare it with those of the other
    groups.  A word that fits none of the pictures is chosen all the same when it is the nearest.
    """
    if sheet is not None:
        options.check_target(sheet, ".png")
    with indexes.opened_index(index, write=True) as opened:
        found = [g for g in opened.groups(threshold, anew=anew) if len(g.keys) >= least]
        named, path_of = _named(opened, found, words, chosen), indexes.paths_of(opened)
        if as_json:
            for group, name in named:
                output.json_line(_record(path_of, group, name))
        else:
            _print(named, len(opened), opened.groups_threshold if threshold is None else threshold)
        if sheet is not None:
            rows = [
                (_title(group, name), list(zip(group.keys, group.cosines, strict=True)))
                for group, name in named
            ]
            sheets.draw(sheet, path_of, rows)


def _named(
    index: Index, found: list[Cluster], words: Sequence[str], chosen: dict[str, Any]
) -> Labelled:
    """Give each group the nearest word, if there are words."""
    if not words or not found:
        return [(group, None) for group in found]
    import numpy as np

    from edgeclip.index.groups import label
    from edgeclip.model.classifier import prototypes
    from edgeclip.model.parts import text_tower

    model = indexes.load_for(index, **chosen)
    templates = text_tower(model.manifest).templates
    vectors = prototypes(words, templates, lambda texts: list(model.embed_texts(texts)))
    names = label(np.stack([group.centroid for group in found]), vectors, words)
    return list(zip(found, names, strict=True))


def _record(path_of: indexes.PathOf, group: Cluster, name: Named | None) -> dict[str, Any]:
    return {
        "cluster_id": group.number,
        "label": name and name[0],
        "label_cosine": name and name[1],
        "representative_thumbnail": path_of(group.keys[0]),
        "assets": [
            {"key": key, "file_path": path_of(key), "cosine": cosine}
            for key, cosine in zip(group.keys, group.cosines, strict=True)
        ],
    }


def _print(named: Labelled, total: int, threshold: float) -> None:
    titles = ("label", "cosine") if any(name for _, name in named) else ()
    rows = [(group.number, len(group.keys), *_cells(name), group.keys[0]) for group, name in named]
    if rows:
        output.table(("group", "size", *titles, "representative"), rows)
    grouped = sum(len(group.keys) for group, _ in named)
    groups, pictures = output.counted(len(named), "group"), output.counted(total, "picture")
    output.say(f"{groups} with {grouped} of {pictures} (threshold {threshold:g})")


def _cells(name: Named | None) -> tuple[str, ...]:
    return () if name is None else (name[0], f"{name[1]:.3f}")


def _title(group: Cluster, name: Named | None) -> str:
    return f"{name[0] if name else group.number} ({len(group.keys)})"
