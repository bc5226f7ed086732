"""The tables of a store."""

from __future__ import annotations

FORMAT = 1
"""Stands in ``PRAGMA user_version``; another one is refused."""
APPLICATION = 0x65636C70
"""Stands in ``PRAGMA application_id``: "eclp", for file(1)."""

# `key` is bytes: names of files need not be text.  `content_hash` has no index of its own: hashes
# come in no order, so each would rewrite another page; its map is built in RAM.
TABLES = f"""
PRAGMA application_id={APPLICATION};
PRAGMA user_version={FORMAT};
CREATE TABLE setting (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE item (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    key BLOB NOT NULL UNIQUE,
    vector BLOB NOT NULL,
    content_hash BLOB,
    stamp TEXT,
    metadata TEXT NOT NULL,
    crc INTEGER NOT NULL
);
CREATE TABLE change (seq INTEGER PRIMARY KEY AUTOINCREMENT, id INTEGER NOT NULL, key BLOB NOT NULL);
CREATE TABLE failed (key BLOB PRIMARY KEY, stamp TEXT, reason TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE member (id INTEGER PRIMARY KEY, cluster INTEGER NOT NULL);
"""
STATEMENTS = {each.strip() for each in TABLES.split(";") if "CREATE" in each} | {
    "CREATE TABLE sqlite_sequence(name,seq)"
}
"""What SQLite keeps of it, word for word."""
COLUMNS = "id, key, vector, content_hash, stamp, metadata, crc"
KEYS = "SELECT key, id FROM item INDEXED BY sqlite_autoindex_item_1 ORDER BY key"
"""Reads the index on ``key``, in its order, without the table."""
REACHED = """
SELECT count(*) FROM (SELECT id FROM item ORDER BY id DESC LIMIT -1) AS each
CROSS JOIN item AS found WHERE found.id = each.id
"""
"""Counts the rows that are found by their id; downwards, so that each search begins at the root."""
BESIDE = tuple(f"SELECT count(*) FROM {name}" for name in ("change", "failed", "member"))
"""Reads the tables that are not read when an index is opened."""
