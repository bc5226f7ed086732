"""``edgeclip groups``: pictures that are alike."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgeclip.cli import indexes, options, output

if TYPE_CHECKING:
    from edgeclip.index.groups import Cluster
    from edgeclip.index.index import Index

Named = list[tuple["Cluster", str | None]]


@click.command("groups")
@indexes.index_option
@click.option(
    "--threshold",
    type=options.NumberRange(0, 1),
    help="Least mean cosine within a group.  [default: that of the groups that are kept, or 0.82]",
)
@click.option("--anew", is_flag=True, help="Make the groups anew.")
@click.option("--least", type=click.IntRange(1), default=2, show_default=True, help="Least size.")
@click.option("--label", "words", multiple=True, help="A word to name groups with; several.")
@click.option("--sheet", type=click.Path(path_type=Path), help="Write a contact sheet (PNG).")
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
            _print(named, len(opened))
        if sheet is not None:
            rows = [
                (_title(group, name), list(zip(group.keys, group.cosines, strict=True)))
                for group, name in named
            ]
            indexes.draw_sheet(sheet, path_of, rows)


def _named(
    index: Index, found: list[Cluster], words: Sequence[str], chosen: dict[str, Any]
) -> Named:
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


def _record(path_of: indexes.PathOf, group: Cluster, name: str | None) -> dict[str, Any]:
    return {
        "cluster_id": group.number,
        "label": name,
        "representative_thumbnail": path_of(group.keys[0]),
        "assets": [
            {"key": key, "file_path": path_of(key), "cosine": cosine}
            for key, cosine in zip(group.keys, group.cosines, strict=True)
        ],
    }


def _print(named: Named, total: int) -> None:
    rows: list[tuple[object, ...]]
    if any(name for _, name in named):
        header: tuple[str, ...] = ("group", "size", "label", "representative")
        rows = [(group.number, len(group.keys), name, group.keys[0]) for group, name in named]
    else:
        header = ("group", "size", "representative")
        rows = [(group.number, len(group.keys), group.keys[0]) for group, _ in named]
    if rows:
        output.table(header, rows)
    grouped = sum(len(group.keys) for group, _ in named)
    groups, pictures = output.counted(len(named), "group"), output.counted(total, "picture")
    output.say(f"{groups} with {grouped} of {pictures}")


def _title(group: Cluster, name: str | None) -> str:
    return f"{name or group.number} ({len(group.keys)})"
