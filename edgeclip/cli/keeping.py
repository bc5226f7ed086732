"""What ``edgeclip index`` does with a folder: it makes the index equal, and tells what happens."""

from __future__ import annotations

import contextlib
import shlex
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgeclip.cli import output
from edgeclip.cli.alive import Alive
from edgeclip.cli.stopping import stopping
from edgeclip.errors import EdgeclipError, StoreError, StoreFull

if TYPE_CHECKING:
    from edgeclip.index.folder import Entry, Plan
    from edgeclip.index.index import Index
    from edgeclip.index.scan import Rules
    from edgeclip.model.model import Model
    from edgeclip.vectors import Vector

_GRAPH_S = 300.0
_STATUSES = ("added", "updated", "renamed", "unchanged", "removed", "failed")


class Job:
    """Keeps one index true to one folder, and tells what happens."""

    def __init__(
        self, index: Index, model: Model, folder: Path | None, rules: Rules | None, as_json: bool
    ) -> None:
        """Take what belongs together.

        Args:
            index: open for writing.
            model: of its space.
            folder: None: that of the last time.
            rules: None: those of the last time.
            as_json: whether programs are told.
        """
        self._index, self._model, self._rules = index, model, rules
        self._as_json = as_json
        self._alive = Alive()
        self._records = index.records()
        root = self._records.root if folder is None else folder
        if root is None:
            lost = ", or has lost its settings: give --exclude and the like, too"
            raise click.UsageError(
                f"The index belongs to no folder yet{lost if len(index) else ''}. Give DIR."
            )
        self._root = root
        self._counts: Counter[str] = Counter()
        self._failed: list[Entry] = []
        self._begun = time.monotonic()

    def once(self, allow_empty: bool) -> None:
        """Make the index equal to the folder."""
        from edgeclip.index.folder import carry_out

        made = self._plan(allow_empty)
        if self._alive.is_waited_for:
            # Minutes, the first time on a board; from "ready" on no silence may be that long.
            self._model.open("image")
        self._alive.ready()
        with stopping() as stop:
            entries = carry_out(self._index, self._model, made, stop)
            try:
                # To its end also when it is stopped: what has been kept is told.
                for entry in output.progress(entries, total=len(made), lines=self._as_json):
                    self._alive.step()
                    self._count(entry)
            finally:
                entries.close()
                self._tell()
        stop.act()
        self._learn()

    def _plan(self, allow_empty: bool) -> Plan:
        from edgeclip.index.folder import plan
        from edgeclip.index.scan import Rules

        kept = self._records.rules
        if self._rules is None and kept != Rules():
            output.remark(f"rules of the last time: {_shown(kept)} (--default-rules forgets them)")
        try:
            return plan(
                self._index, self._root, self._records, rules=self._rules, allow_empty=allow_empty
            )
        except StoreError as error:
            raise StoreError(str(error).replace("allow_empty=True", "--allow-empty")) from error

    def _learn(self) -> None:
        """Learn, once, what unrelated words get on these pictures: see `edgeclip search`."""
        if self._model.manifest.text is None or not len(self._index):
            return

        def embedded(texts: Sequence[str]) -> Iterable[Vector]:
            output.remark("learning, once for this index, what unrelated words get")
            found = self._model.embed_texts(texts)
            shown = output.progress(found, total=len(texts), unit="text", lines=self._as_json)
            return self._alive.each(shown)

        try:
            self._index.learn(embedded)
        except StoreFull as error:  # all pictures are kept, and it is learned the next time
            output.note(f"what unrelated words get was not kept: {error}")

    def build_graph(self) -> None:
        """Build the graph that programs search by, where it is worth it and none will do."""
        if not self._index.needs_graph():
            return
        output.remark("building the graph for programs that search here; Ctrl-C does no harm")
        with stopping() as stop:
            self._index.build_graph(stop.is_set)
        stop.act()

    def follow(self) -> None:
        """Follow what happens, until Ctrl-C or SIGTERM."""
        from edgeclip.index.watching import follow

        output.remark(f"watching {output.printable(str(self._root))}; Ctrl-C ends it")
        with stopping() as stop, self._graph_kept(stop):
            entries = follow(self._index, self._model, self._root, stop=stop, step=self._alive.step)
            for entry in self._alive.each(entries):
                self._count(entry)
                self._tell_one(entry)
        self._failed = []  # each was told, and who stops a watcher has no use for a failure

    @contextlib.contextmanager
    def _graph_kept(self, stop: threading.Event) -> Iterator[None]:
        """Build the graph that programs search by now and then, beside the watch."""

        def work() -> None:
            looked = -1
            while not done.is_set():
                changes = self._counts.total()
                with contextlib.suppress(EdgeclipError):  # the watch meets it, too
                    # To look reads a saved graph to its end.
                    if changes != looked and self._index.needs_graph():
                        self._index.build_graph(lambda: done.is_set() or stop.is_set())
                looked = changes
                done.wait(_GRAPH_S)

        done = threading.Event()
        thread = threading.Thread(target=work, name="edgeclip-graph")
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    def end(self) -> None:
        """Fail if a picture did that was tried, or a folder.

        Raises:
            EdgeclipError: so many failed.
        """
        fresh = sum(entry.tried for entry in self._failed)
        if fresh:
            raise EdgeclipError(
                f"{fresh} failed, each of them named; all other pictures are in the index. Mend or "
                "exclude what failed."
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


def _shown(rules: Rules) -> str:
    """Return the options that say the same."""
    options = [f"--exclude {shlex.quote(output.printable(each))}" for each in rules.exclude]
    options += ["--hidden"] if rules.hidden else []
    options += ["--follow-symlinks"] if rules.follow_symlinks else []
    return " ".join(options)


def _printable(text: str | None) -> str:
    return output.printable(text or "")
