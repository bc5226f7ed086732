"""The tables of the jobs."""

from __future__ import annotations

from edgeclip.index.schema import APPLICATION

FORMAT = 1
"""Stands in ``PRAGMA user_version``; another one is refused."""
STEADY, QUEUE, ROOTS, SPACE = "steady", "queue", "roots", "space"
"""Names of settings."""

# A job that is running is "queued" here: what a process does dies with it, so only its memory need
# know, and the disk is written twice a job and not three times.
TABLES = f"""
PRAGMA application_id={APPLICATION};
PRAGMA user_version={FORMAT};
CREATE TABLE setting (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE job (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    status TEXT NOT NULL,
    priority INTEGER NOT NULL,
    normalize INTEGER NOT NULL,
    inputs TEXT NOT NULL,
    output TEXT,
    error TEXT,
    finished REAL
);
CREATE INDEX waiting ON job (priority DESC, number) WHERE status = 'queued';
CREATE INDEX over ON job (finished, status) WHERE status != 'queued';
"""
