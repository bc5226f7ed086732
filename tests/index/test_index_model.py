import os
import shutil
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from edgeclip.index import failpoints
from edgeclip.index.items import Item
from tests.index.some import DIM, check, check_search, opened, units, vector_of

ODD = [
    b"caf\xe9.jpg".decode("utf-8", "surrogateescape"),
    "x" * 4096,
    "‮gpj.exe",
    "new\nline",
    "תמונה",
    "a'; DROP TABLE item; --",
    "%_",
    "..",
]
KEYS = st.sampled_from([*(f"{n}" for n in range(12)), *ODD])
VERSIONS = st.integers(0, 30)
METADATA = st.none() | st.fixed_dictionaries(
    {}, optional={"n": st.integers(0, 5), "camera": st.sampled_from(["door", "yard"])}
)


class Model(RuleBasedStateMachine):
    """An index, and readers of it, against a dict."""

    @initialize(precision=st.sampled_from(["fp32", "int8"]))
    def make(self, precision):
        ram = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        self.folder, self.precision = Path(tempfile.mkdtemp(dir=ram)), precision
        self.vectors, self.metadata = {}, {}
        self.index = opened(self.folder, precision=precision)
        self.reader = opened(self.folder, read_only=True)

    def teardown(self):
        if hasattr(self, "folder"):
            self.index.close()
            self.reader.close()
            shutil.rmtree(self.folder)

    def keep(self, key, version, metadata):
        self.vectors.pop(key, None)
        self.vectors[key] = vector_of(version)
        self.metadata[key] = metadata

    @rule(key=KEYS, version=VERSIONS, metadata=METADATA)
    def add(self, key, version, metadata):
        old = self.vectors.get(key)
        same_vector = old is not None and np.array_equal(old, vector_of(version))
        wanted = "added" if old is None else "updated"
        if same_vector and self.metadata[key] == metadata:
            wanted = "unchanged"
        assert self.index.add(key, vector_of(version), metadata) == wanted
        if not same_vector:
            self.keep(key, version, metadata)
        self.metadata[key] = metadata

    @rule(items=st.lists(st.tuples(KEYS, VERSIONS, METADATA), max_size=8))
    def add_many(self, items):
        rows = [Item(key, vector_of(version), metadata) for key, version, metadata in items]
        assert self.index.add_many(rows) == len(items)
        for key, version, metadata in items:
            self.keep(key, version, metadata)

    @rule(key=KEYS, metadata=METADATA)
    def update(self, key, metadata):
        if key not in self.vectors:
            with pytest.raises(KeyError):
                self.index.update(key, metadata)
            return
        self.index.update(key, metadata)
        self.metadata[key] = self.metadata[key] if metadata is None else metadata

    @rule(key=KEYS, new_key=KEYS)
    def rename(self, key, new_key):
        if key not in self.vectors:
            with pytest.raises(KeyError):
                self.index.update(key, new_key=new_key)
            return
        outcome = self.index.update(key, new_key=new_key)
        assert outcome == ("unchanged" if key == new_key else "updated")
        for held in (self.vectors, self.metadata):
            held[new_key] = held.pop(key)

    @rule(keys=st.lists(KEYS, max_size=5))
    def remove(self, keys):
        gone = set(keys) & self.vectors.keys()
        assert self.index.remove_many(keys) == len(gone)
        for key in gone:
            del self.vectors[key], self.metadata[key]

    @rule()
    def reopen(self):
        self.index.close()
        self.index = opened(self.folder, None, precision=self.precision)
        assert not self.index.notes

    @rule()
    def reopen_reader(self):
        self.reader.close()
        self.reader = opened(self.folder, None, read_only=True)

    @rule()
    def compact(self):
        self.index.compact()

    @rule(step=st.sampled_from(["write.before-commit", "write.committed", "write.acknowledged"]))
    def interrupt(self, step):
        """Ctrl-C around a commit: the item is there or not, and what is searched is what is."""

        def hook(name):
            if name == step:
                failpoints.hook = None
                raise KeyboardInterrupt

        self.index.add("interrupted", vector_of(0))
        failpoints.hook = hook
        with pytest.raises(KeyboardInterrupt):
            self.index.remove("interrupted")
        there = step == "write.before-commit"
        assert ("interrupted" in self.index) == there
        assert len(self.index) == len(self.vectors) + there
        assert self.index.remove("interrupted") == there

    @precondition(lambda self: self.vectors)
    @rule(version=VERSIONS, count=st.integers(1, 8), which=st.sampled_from(["index", "reader"]))
    def search(self, version, count, which):
        query = units(1, DIM, 1000 + version)[0]
        check_search(getattr(self, which), self.vectors, query, count)

    @rule(n=st.integers(0, 5), camera=st.sampled_from(["door", "yard"]))
    def where(self, n, camera):
        where = {"n": {">=": n}, "camera": camera}
        known = {key: metadata or {} for key, metadata in self.metadata.items()}
        wanted = {
            key for key, m in known.items() if m.get("n", -1) >= n and m.get("camera") == camera
        }
        for index in (self.index, self.reader):
            assert index.count(where) == len(wanted)
            found = index.search(vector_of("q"), count=30, where=where)
            assert {match.key for match in found} == wanted

    @precondition(lambda self: self.vectors)
    @rule(data=st.data())
    def similar(self, data):
        key = data.draw(st.sampled_from(sorted(self.vectors)))
        found = self.index.similar(key, count=3)
        assert key not in {match.key for match in found}
        others = {k: v for k, v in self.vectors.items() if k != key}
        assert len(found) == min(3, len(others))
        if found:
            best = max(float(v @ self.vectors[key]) for v in others.values())
            assert abs(found[0].score - min(1, best)) < 0.01

    @invariant()
    def counts(self):
        if hasattr(self, "index"):
            assert len(self.index) == len(self.vectors) == len(self.reader)
            assert set(self.reader) == set(self.vectors)

    @rule(which=st.sampled_from(["index", "reader"]))
    def everything(self, which):
        index = getattr(self, which)
        check(index, self.vectors)
        for key, metadata in self.metadata.items():
            assert index.get(key).metadata == metadata
        assert index.verify().ok


class TestModel(Model.TestCase):
    settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
