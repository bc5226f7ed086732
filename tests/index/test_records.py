"""Records: kept in step, they equal what is read anew."""

from __future__ import annotations

import random

from edgeclip.index import folder
from edgeclip.index.records import Failure, File, Records


def test_keys_of_a_content_are_kept_in_step():
    rng, records, plain = random.Random(3), Records(), {}
    for step in range(2000):
        key, content = f"{rng.randrange(30)}", bytes([rng.randrange(8)]) * 16
        action = rng.choice(("put", "drop", "fail"))
        plain.pop(key, None)
        if action == "put":
            records.put(key, File("stamp", content))
            plain[key] = content
        elif action == "drop":
            records.drop(key)
        else:
            records.fail(key, Failure(None, "broken"))
        assert (key in records.failed) == (action == "fail")
        if step > 500:  # before, nobody has asked
            assert set(records.keys_of(content)) == {k for k, v in plain.items() if v == content}
    assert {key: file.content_hash for key, file in records.files.items()} == plain


def test_they_equal_what_is_stored(index, counting, album, settled):
    (album.root / "bad.png").write_bytes(b"none")
    kept = index.records()
    for _ in range(4):
        made = folder.plan(index, album.root, kept, allow_empty=True)
        list(folder.carry_out(index, counting, made))
        read = index.records()
        assert (kept.files, kept.failed, kept.root) == (read.files, read.failed, read.root)
        album.change(6)
