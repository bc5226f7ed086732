"""``edgeclip index``: keep an index true to a folder of pictures."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgeclip.cli import indexes, options, output
from edgeclip.errors import EdgeclipError, StoreDamaged, StoreNotFound

if TYPE_CHECKING:
    from edgeclip.index.index import Index
    from edgeclip.index.scan import Rules
    from edgeclip.model.model import Model

_RULES = ("exclude", "hidden", "follow_symlinks", "default_rules")
_OF_THE_FOLDER = (*_RULES, "watch", "allow_empty", "nice")


@click.command("index")
@click.argument("folder", required=False, metavar="[DIR]", type=indexes.Folder())
@indexes.index_option
@click.option("--watch", is_flag=True, help="Go on, and follow what happens in DIR.")
@click.option("--exclude", multiple=True, metavar="PATTERN", help="Leave out, as in .gitignore.")
@click.option("--hidden", is_flag=True, help="Take names that begin with a dot, too.")
@click.option("--follow-symlinks", is_flag=True, help="Follow links, also out of DIR.")
@click.option("--default-rules", is_flag=True, help="Forget these three, which are remembered.")
@click.option("--allow-empty", is_flag=True, help="Empty the index if DIR has no pictures.")
@click.option("--nice", is_flag=True, help="Low priority and half of the threads.")
@click.option("--from", "source", metavar="DIR", help="Take in vectors, from Parquet.")
@click.option("--dump", type=click.Choice(["jsonl", "npy", "parquet"]), help="Write out all items.")
@click.option("--output", "target", type=click.Path(path_type=Path), help="File of --dump.")
@click.option("--verify", is_flag=True, help="Read the index and compare its checksums.")
@click.option("--compact", is_flag=True, help="Give unused space back.")
@click.option("--backup", type=click.Path(path_type=Path), help="Copy the index to a new folder.")
@click.option("--remove", "keys", multiple=True, metavar="KEY", help="Forget an item; several.")
@click.option("--force", is_flag=True, help="Accept a network or FAT file system for the index.")
@options.as_json
@options.model_options
def index_command(
    folder: Path | None,
    index: Path | None,
    source: str | None,
    dump: str | None,
    target: Path | None,
    verify: bool,
    compact: bool,
    backup: Path | None,
    keys: tuple[str, ...],
    **chosen: Any,
) -> None:
    """Keep an index true to a folder of pictures.

    New and changed pictures of DIR are embedded, renamed and copied ones are recognised by their
    content, vanished ones are removed.  Without DIR it is the folder of the last time.  It may be
    interrupted at any moment; run it again and it goes on.

    The exit code is 1 when something failed that was tried: a picture, or a folder that cannot be
    looked into.  What cannot be read is tried each time; a picture that cannot be embedded is not
    tried again before it changes, so the next run ends with 0.

    --exclude takes '*.tmp' (a name, at any depth), 'thumbs/' (a folder) and '2019/**' (below DIR),
    and may be given several times.  --exclude, --hidden and --follow-symlinks are remembered: a run
    without any of them does as the last one did, and one with some of them forgets the others.

    --from, --dump, --verify, --compact, --backup and --remove do that alone, and look into no
    folder.  A removed picture that is still in DIR comes back with the next run: exclude it.
    """
    path = indexes.index_path(index)
    upkeep = [source is not None, bool(dump), verify, compact, backup is not None, bool(keys)]
    if sum(upkeep) > 1 or (any(upkeep) and (folder is not None or chosen["watch"])):
        raise click.UsageError(
            "Give one of DIR, --from, --dump, --verify, --compact, --backup and --remove."
        )
    if target is not None and dump is None:
        raise click.UsageError("--output is for --dump.")
    rules = _rules(**{name: chosen.pop(name) for name in _RULES})
    if not any(upkeep):
        _keep_true(path, folder, rules, **chosen)
        return
    from edgeclip.cli import upkeep as work

    if source is not None:
        from edgeclip.cli import intake

        how = {name: chosen.pop(name) for name in ("force", "as_json")}
        intake.take_in(path, source, **how, chosen=_of_model(chosen))
    elif dump is not None:
        work.dump(path, dump, target, chosen["as_json"])
    elif backup is not None:
        work.backup(path, backup, chosen["as_json"])
    elif keys:
        work.remove(path, keys, chosen["as_json"])
    elif verify:
        work.verify(path, chosen["as_json"])
    else:
        work.compact(path, chosen["as_json"])


def _of_model(chosen: dict[str, Any]) -> dict[str, Any]:
    """Return the options that choose a model, of all."""
    return {name: value for name, value in chosen.items() if name not in _OF_THE_FOLDER}


def _rules(
    exclude: tuple[str, ...], hidden: bool, follow_symlinks: bool, default_rules: bool
) -> Rules | None:
    """Return the rules that are given, or None for those of the last time."""
    from edgeclip.index.excludes import excluded_by
    from edgeclip.index.scan import Rules

    excluded_by(exclude)
    given = Rules(exclude, hidden, follow_symlinks)
    if default_rules and given != Rules():
        raise click.UsageError("Give --default-rules or other rules, not both.")
    return given if default_rules or given != Rules() else None


def _keep_true(
    path: Path,
    folder: Path | None,
    rules: Rules | None,
    watch: bool,
    allow_empty: bool,
    nice: bool,
    force: bool,
    as_json: bool,
    **chosen: Any,
) -> None:
    from edgeclip.cli.keeping import Job
    from edgeclip.index import opening

    # What could not work is refused before an index is made.
    if folder is not None and not options.is_folder(folder):
        raise EdgeclipError(f"{folder} is no folder. Give a folder of pictures.")
    indexes.check_place(path, folder)
    if folder is None and not opening.is_there(path):
        raise click.UsageError(f"There is no index at {path}. Give DIR, a folder of pictures.")
    if watch:
        from edgeclip.index import watching

        watching.check()
    if nice:
        chosen["threads"] = _gently(chosen["threads"])
    # Nobody searches here; the graph is built for programs that do.
    with _opened(path, chosen, force=force, hnsw=False) as (index, model):
        job = Job(index, model, folder, rules, as_json)
        job.once(allow_empty)
        if watch:
            job.follow()
        else:
            job.build_graph()
    job.end()


@contextlib.contextmanager
def _opened(path: Path, chosen: dict[str, Any], **how: Any) -> Iterator[tuple[Index, Model]]:
    """Yield an index and its model; make it with the chosen one where there is none."""
    from edgeclip.index.index import Index

    model = None
    try:
        index = Index.open(path, **how)
    except (StoreNotFound, StoreDamaged):  # damaged so badly that its model must be named
        model = options.load(**chosen)
        name = indexes.findable(model, chosen["models"])
        index = Index.open(path, model.space, model=name, **how)
    with indexes.telling(index):
        yield index, model or _model_of(index, chosen)


def _model_of(index: Index, chosen: dict[str, Any]) -> Model:
    """Load the model of an index; one that has moved is remembered."""
    from edgeclip.index.changes import Setting

    model = indexes.load_for(index, **chosen)
    if chosen["model"] and not indexes.knows_model(index, chosen["models"]):
        name = indexes.findable(model, chosen["models"])
        index.write([Setting("model", name)])
        output.remark(f"{index.path} remembers its model as {output.printable(name)}")
    return model


def _gently(threads: int | None) -> int:
    """Lower the priority and return how many threads to use."""
    from edgeclip.model.cpus import usable_cpus

    os.nice(10)
    return threads or max(1, usable_cpus() // 2)
