"""``edgeclip index``: keep an index true to a folder of pictures."""

from __future__ import annotations

import contextlib
import os
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgeclip.cli import indexes, options, output
from edgeclip.cli.stopping import stopping
from edgeclip.errors import EdgeclipError, ModelNotFound, StoreDamaged, StoreNotFound

if TYPE_CHECKING:
    from edgeclip.index.folder import Entry
    from edgeclip.index.index import Index
    from edgeclip.model.model import Model
    from edgeclip.vectors import Vector

_STATUSES = ("added", "updated", "renamed", "unchanged", "removed", "failed")


@click.command("index")
@click.argument("folder", required=False, metavar="[DIR]", type=click.Path(path_type=Path))
@indexes.index_option
@click.option("--watch", is_flag=True, help="Go on, and follow what happens in DIR.")
@click.option("--exclude", multiple=True, metavar="PATTERN", help="Leave out, as in .gitignore.")
@click.option("--hidden", is_flag=True, help="Take names that begin with a dot, too.")
@click.option("--follow-symlinks", is_flag=True, help="Follow links, also out of DIR.")
@click.option("--allow-empty", is_flag=True, help="Empty the index if DIR has no pictures.")
@click.option("--nice", is_flag=True, help="Low priority and half of the threads.")
@click.option("--dump", type=click.Choice(["jsonl", "npy"]), help="Write out all items.")
@click.option("--output", "target", type=click.Path(path_type=Path), help="File of --dump.")
@click.option("--verify", is_flag=True, help="Read the index and compare its checksums.")
@click.option("--compact", is_flag=True, help="Give unused space back.")
@click.option("--backup", type=click.Path(path_type=Path), help="Copy the index to a new folder.")
@click.option("--force", is_flag=True, help="Accept a network or FAT file system for the index.")
@options.as_json
@options.model_options
def index_command(
    folder: Path | None,
    index: Path | None,
    dump: str | None,
    target: Path | None,
    verify: bool,
    compact: bool,
    backup: Path | None,
    **chosen: Any,
) -> None:
    """Keep an index true to a folder of pictures.

    New and changed pictures of DIR are embedded, renamed and copied ones are recognised by their
    content, vanished ones are removed.  Without DIR it is the folder of the last time.  It may be
    interrupted at any moment; run it again and it goes on.  A picture that cannot be embedded is
    not tried again before it changes; the exit code is 1 when one failed that was tried.

    --exclude takes '*.tmp' (a name, at any depth), 'thumbs/' (a folder) and '2019/**' (below DIR);
    it may be given again, and is not remembered.

    --dump, --verify, --compact and --backup do that alone, and look into no folder.
    """
    path = indexes.index_path(index)
    upkeep = [bool(dump), verify, compact, backup is not None]
    if sum(upkeep) > 1 or (any(upkeep) and (folder is not None or chosen["watch"])):
        raise click.UsageError("Give one of DIR, --dump, --verify, --compact and --backup.")
    if target is not None and dump is None:
        raise click.UsageError("--output is for --dump.")
    if not any(upkeep):
        _keep_true(path, folder, **chosen)
        return
    from edgeclip.cli import upkeep as work

    if dump is not None:
        work.dump(path, dump, target, chosen["as_json"])
    elif backup is not None:
        work.backup(path, backup, chosen["as_json"])
    elif verify:
        work.verify(path, chosen["as_json"])
    else:
        work.compact(path, chosen["as_json"])


def _keep_true(
    path: Path,
    folder: Path | None,
    watch: bool,
    exclude: tuple[str, ...],
    hidden: bool,
    follow_symlinks: bool,
    allow_empty: bool,
    nice: bool,
    force: bool,
    as_json: bool,
    **chosen: Any,
) -> None:
    from edgeclip.index.excludes import excluded_by
    from edgeclip.index.scan import Rules

    # What could not work is refused before an index is made.
    if folder is not None and not options.is_folder(folder):
        raise EdgeclipError(f"{folder} is no folder. Give a folder of pictures.")
    if folder is None and not path.exists():
        raise click.UsageError(f"There is no index at {path}. Give DIR, a folder of pictures.")
    excluded_by(exclude)
    if watch:
        from edgeclip.index import watching

        watching.check()
    if nice:
        chosen["threads"] = _gently(chosen["threads"])
    index, model = _opened(path, force, chosen)
    with index:
        job = _Job(index, model, folder, Rules(exclude, hidden, follow_symlinks), as_json)
        try:
            job.once(allow_empty)
            if watch:
                job.follow()
        finally:
            for note in index.notes:
                output.note(output.printable(note))
    job.end()


def _opened(path: Path, force: bool, chosen: dict[str, Any]) -> tuple[Index, Model]:
    """Open an index and load its model; make it with the chosen one where there is none."""
    from edgeclip.index.index import Index

    try:
        index = Index.open(path, force=force)
    except (StoreNotFound, StoreDamaged):  # damaged so badly that its model must be named
        model = options.load(**chosen)
        name = _findable(model, chosen["models"])
        return Index.open(path, model.space, model=name, force=force), model
    try:
        return index, indexes.load_for(index, **chosen)
    except BaseException:
        index.close()
        raise


def _findable(model: Model, models: Path | None) -> str:
    """Return the name by which a model will be found again, else its path."""
    from edgeclip.model import library

    folder = model.manifest.folder.resolve()
    with contextlib.suppress(ModelNotFound):
        if library.find(model.name, models=models).resolve() == folder:
            return model.name
    return str(folder)


class _Job:
    """Keeps one index true to one folder, and tells what happens."""

    def __init__(
        self, index: Index, model: Model, folder: Path | None, rules: Any, as_json: bool
    ) -> None:
        self._index, self._model, self._rules = index, model, rules
        self._as_json = as_json
        self._records = index.records()
        root = folder or self._records.root
        if root is None:
            raise click.UsageError("The index belongs to no folder yet. Give DIR.")
        self._root = root
        self._counts: Counter[str] = Counter()
        self._failed: list[Entry] = []
        self._begun = time.monotonic()

    def once(self, allow_empty: bool) -> None:
        """Make the index equal to the folder."""
        from edgeclip.index.folder import carry_out, plan

        made = plan(
            self._index, self._root, self._records, rules=self._rules, allow_empty=allow_empty
        )
        entries = carry_out(self._index, self._model, made)
        with stopping() as stop, contextlib.closing(entries):
            try:
                for entry in output.progress(entries, total=len(made), lines=self._as_json):
                    self._count(entry)
                    if stop.is_set():
                        break
            finally:
                self._tell()
        stop.act()
        self._learn()

    def _learn(self) -> None:
        """Learn, once, what unrelated words get on these pictures: see `edgeclip search`."""
        if self._model.manifest.text is None or not len(self._index):
            return

        def embedded(texts: Sequence[str]) -> Iterable[Vector]:
            output.remark("learning, once for this index, what unrelated words get")
            found = self._model.embed_texts(texts)
            return output.progress(found, total=len(texts), unit="text", lines=self._as_json)

        self._index.learn(embedded)

    def follow(self) -> None:
        """Follow what happens, until Ctrl-C or SIGTERM."""
        from edgeclip.index.watching import follow

        output.remark(f"watching {output.printable(str(self._root))}; Ctrl-C ends it")
        with stopping() as stop:
            for entry in follow(self._index, self._model, self._root, rules=self._rules, stop=stop):
                self._count(entry)
                self._tell_one(entry)
        self._failed = []  # each was told, and who stops a watcher has no use for a failure

    def end(self) -> None:
        """Fail if a picture did that was tried.

        Raises:
            EdgeclipError: so many failed.
        """
        fresh = sum(entry.tried for entry in self._failed)
        if fresh:
            raise EdgeclipError(
                f"{fresh} of {sum(self._counts.values())} pictures failed; the others are in the "
                "index. Mend or exclude them."
            )

    def _count(self, entry: Entry) -> None:
        self._counts[entry.status] += 1
        if entry.status == "failed":
            self._failed.append(entry)
        if self._as_json:
            output.json_line({"key": entry.key, "status": entry.status, "error": entry.error})

    def _tell(self) -> None:
        """Say to people what was done."""
        if self._as_json:
            return
        for entry in self._failed:
            if entry.tried:
                output.note(f"failed: {output.printable(entry.key)}: {_printable(entry.error)}")
        old = sum(not entry.tried for entry in self._failed)
        if old:
            output.note(f"{old} failed before and have not changed since; --json names them.")
        took = f"{time.monotonic() - self._begun:.1f}"
        row = (*(f"{self._counts[status]}" for status in _STATUSES), took)
        output.table((*_STATUSES, "seconds"), [row])

    def _tell_one(self, entry: Entry) -> None:
        if self._as_json or entry.status == "unchanged":
            return
        if entry.status == "failed":
            output.note(f"failed: {output.printable(entry.key)}: {_printable(entry.error)}")
        else:
            output.say(f"{entry.status:9}  {output.printable(entry.key)}")


def _printable(text: str | None) -> str:
    return output.printable(text or "")


def _gently(threads: int | None) -> int:
    """Lower the priority and return how many threads to use."""
    from edgeclip.model.cpus import usable_cpus

    os.nice(10)
    return threads or max(1, usable_cpus() // 2)
