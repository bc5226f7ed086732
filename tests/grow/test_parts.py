"""Parts: a folder of Parquet files in which each key stands once."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from edgeclip.errors import EdgeclipError, SpaceMismatch
from edgeclip.grow import parquet, places, tables
from edgeclip.grow.parts import Parts, files_of
from edgeclip.grow.tables import Head, Row
from tests.index.some import DIM, SPACE, vector_of

HEAD = Head(SPACE, DIM, "tiny")


def rows_in(out: Path | str) -> list[Row]:
    """All rows of a folder, in the order of its files."""
    place, names = files_of(out)
    found: list[Row] = []
    for name in names:
        with place.open(name) as file:
            found += [row for rows in parquet.read(file, name) for row in rows]
    return found


def rows(keys: str, stamp: str | None = "1") -> list[Row]:
    return [Row(key, vector_of(f"{key}{stamp}"), stamp=stamp) for key in keys]


@pytest.fixture(params=["here", "afar"])
def out(request, tmp_path):
    """A folder here, and one at an address."""
    if request.param == "here":
        return str(tmp_path / "out")
    return f"memory://{tmp_path.name}/out"


def told(parts: Parts, entries: dict[str, str | None], decoders: str = "d-1") -> set[str]:
    return {key for key, stamp in entries.items() if parts.lacks((key, stamp), decoders)}


def test_what_was_embedded_is_known_again(out):
    parts = Parts(out, HEAD)
    parts.add(rows("ab"))
    parts.add(rows("c", stamp=None))
    parts.close()
    again = Parts(out, HEAD)
    assert told(again, dict.fromkeys("abcd", "1")) == {"c", "d"}
    assert told(again, {"a": "2", "b": None, "c": None}) == {"a"}
    again.close()
    assert [row.key for row in rows_in(out)] == list("abc")


def test_failures_are_tried_again_when_that_may_help(out):
    parts = Parts(out, HEAD)
    bad = [Row("settled", None, stamp="1 d-1", error="x."), Row("passing", None, error="x.")]
    parts.add(bad)
    entries = {"settled": "1", "passing": "1"}
    assert told(parts, entries) == {"passing"}
    assert told(parts, entries, "d-2") == {"settled", "passing"}
    assert told(parts, {"settled": "2"}) == {"settled"}
    assert told(parts, {"settled": None}) == {"settled"}
    parts.close()


def test_a_younger_row_replaces_the_older(out):
    parts = Parts(out, HEAD)
    parts.add(rows("ab"))
    parts.add(rows("c"))
    parts.add(rows("ca", stamp="2"))
    # Killed here: both are there, and the next run takes the older out.
    assert Counter(row.key for row in rows_in(out)) == Counter("abcca")
    parts.close()
    parts = Parts(out, HEAD)
    assert [(row.key, row.stamp) for row in rows_in(out)] == [("c", "2"), ("a", "2"), ("b", "1")]
    parts.add(rows("b", stamp="3"))
    parts.tidy()
    assert {row.key: row.stamp for row in rows_in(out)} == {"a": "2", "b": "3", "c": "2"}
    parts.close()


def test_what_cannot_be_read_now_keeps_its_vector(out):
    parts = Parts(out, HEAD)
    parts.add(rows("ab"))
    parts.add([Row("a", None, error="it cannot be read: timeout."), *rows("c")])
    parts.tidy()
    parts.close()
    found = rows_in(out)
    assert [row.key for row in found] == list("abc") and not any(row.error for row in found)
    assert all(row.vector is not None for row in found)


def test_errors_of_what_is_gone_are_forgotten(out):
    parts = Parts(out, HEAD)
    parts.add([*rows("a"), Row("gone", None, error="x."), Row("there", None, error="x.")])
    parts.forget_failed({"there"}.__contains__)
    parts.tidy()
    assert {row.key for row in rows_in(out)} == {"a", "there"}
    parts.close()


def test_other_vectors_are_refused(out):
    parts = Parts(out, HEAD)
    parts.add(rows("a"))
    parts.close()
    with pytest.raises(SpaceMismatch) as caught:
        Parts(out, Head("8" * 64, DIM, "other"))
    assert all(each in str(caught.value) for each in (SPACE[:12], "8" * 12, "tiny", "other"))


def test_one_process_writes(tmp_path):
    parts = Parts(tmp_path / "out", HEAD)
    with pytest.raises(EdgeclipError, match="another process embeds into"):
        Parts(tmp_path / "out", HEAD)
    parts.close()
    Parts(tmp_path / "out", HEAD).close()


def test_a_part_is_whole_or_absent(tmp_path, monkeypatch):
    parts = Parts(tmp_path / "out", HEAD)

    def broken(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tables, "table", broken)
    with pytest.raises(EdgeclipError, match="No space left"):
        parts.add(rows("a"))
    assert [path.name for path in (tmp_path / "out").iterdir()] == [".lock"]
    parts.close()


def test_a_part_at_the_address_of_a_file_is_written_beside(tmp_path):
    for name in ("with space", "a#1/out", "a?b", "%20"):
        out = places.place(f"file://{tmp_path}/{name}")
        assert isinstance(out, places.Local) and out.folder == tmp_path / name


def test_a_part_on_a_file_system_is_written_beside(tmp_path, monkeypatch):
    """As over sftp; only what stores objects takes a whole file in one request."""
    out = f"local://{tmp_path}/out"
    place = places.place(out)
    assert isinstance(place, places.Remote)
    parts = Parts(out, HEAD)
    parts.add(rows("ab"))
    parts.add(rows("b", stamp="2"))
    parts.tidy()
    assert [row.key for row in rows_in(out)] == ["b", "a"]
    before = place.files(".parquet")

    def cut(*_: object) -> None:
        raise OSError("the connection was lost")

    monkeypatch.setattr(place.files_system, "mv", cut)
    with pytest.raises(EdgeclipError, match="the connection was lost"):
        parts.add(rows("c"))
    assert place.files(".parquet") == before, "half of a part has its name"
    parts.close()


def test_no_part_is_ever_replaced(out, monkeypatch):
    """Some of what keeps files refuses to, and some would leave half of one."""
    kept, kinds = [], (places.Local, places.Remote)
    for kind in kinds:
        keep = kind.keep
        monkeypatch.setattr(
            kind, "keep", lambda *given, keep=keep: kept.append(given[1]) or keep(*given)
        )
    for _ in range(3):
        parts = Parts(out, HEAD)
        parts.add(rows("abc"))
        parts.add(rows("cd"))
        parts.tidy()
        parts.close()
    assert len(kept) == len(set(kept)) >= 9
    assert sorted(row.key for row in rows_in(out)) == list("abcd")


def test_a_run_that_is_killed_while_it_tidies(out, monkeypatch):
    parts = Parts(out, HEAD)
    parts.add(rows("ab"))
    parts.add(rows("bc", stamp="2"))

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(type(parts._place), "remove", killed)
        parts.tidy()
    parts.close()
    Parts(out, HEAD).close()
    assert {row.key: row.stamp for row in rows_in(out)} == {"a": "1", "b": "2", "c": "2"}
    assert len(rows_in(out)) == 3


def test_what_stores_objects_gets_each_part_at_once():
    from fsspec.asyn import AsyncFileSystem
    from fsspec.implementations.memory import MemoryFileSystem

    class Cloud(AsyncFileSystem):
        async def _pipe_file(self, path, value, mode="overwrite", **options):
            pass

    assert places._takes_whole_files(MemoryFileSystem())
    assert places._takes_whole_files(Cloud(asynchronous=False, skip_instance_cache=True))


def test_an_address_that_nothing_serves_is_one_sentence():
    with pytest.raises(EdgeclipError, match=r"nowhere://x cannot be reached: .*nowhere"):
        places.place("nowhere://x")
    with pytest.raises(EdgeclipError, match=r"s3://bucket/x cannot be opened: .*s3fs"):
        places.place("s3://bucket/x")
