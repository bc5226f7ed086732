"""Small indexes and saved graphs for the tests of the approximate search."""

from __future__ import annotations

import secrets
from pathlib import Path

import numpy as np

from edgeclip.index import cache, hnsw
from edgeclip.index.build import capacity_for
from edgeclip.index.exact import Exact
from edgeclip.index.saved import Manifest
from edgeclip.index.store import Identity
from edgeclip.vectors import unit

SPACE = "ab" * 32


def clustered(count, dim=16, clusters=20, seed=0):
    """Return unit vectors that survive 16 bits a number, and the cluster of each."""
    random = np.random.default_rng(seed)
    centres = unit(random.standard_normal((clusters, dim)))
    which = random.integers(0, clusters, count)
    noise = 0.5 * random.standard_normal((count, dim)) / np.sqrt(dim)
    return unit(centres[which] + noise).astype(np.float16).astype(np.float32), which


def identity(dim=16, **changes):
    known = {
        "uuid": "11111111-2222-3333-4444-555555555555",
        "secret": bytes(range(32)),
        "space": SPACE,
        "dim": dim,
        "model": "",
        "generation": 1,
    }
    return Identity(**{**known, **changes})


def graph_of(vectors, first=1, capacity=None):
    graph = hnsw.Graph.empty(vectors.shape[1], capacity or capacity_for(len(vectors)))
    graph.add(np.arange(first, first + len(vectors)), vectors)
    return graph


def exact_of(vectors, first=1):
    exact = Exact(vectors.shape[1], "fp32")
    exact.add(np.arange(first, first + len(vectors)), vectors)
    return exact


def manifest_of(graph, who, **changes):
    told = {
        "uuid": who.uuid,
        "space": who.space,
        "dim": who.dim,
        "generation": who.generation,
        "number": 0,
        "count": len(graph),
        "last_id": int(graph.ids().max()),
        "capacity": graph.capacity,
        "m": hnsw.M,
        "ef_construction": hnsw.EF_CONSTRUCTION,
        "hnswlib": hnsw.version(),
    }
    return Manifest(**{**told, **changes})


def published(folder: Path, graph, who, **changes) -> Path:
    """Publish a graph and return the path of its manifest."""
    (folder / "cache").mkdir(parents=True, exist_ok=True)
    manifest = manifest_of(graph, who, **changes)
    with cache.building(folder):
        done = cache.publish(folder, manifest, who.secret, save=graph.save, probe=lambda path: None)
    return folder / "cache" / f"{done.stem}.json"


def made_index(folder: Path, vectors) -> Path:
    """Make an index without a graph; the ids are 1, 2, …"""
    from edgeclip.index.index import Index

    with Index.open(folder, SPACE, hnsw=False) as index:
        index.add_many((key(i), vector) for i, vector in enumerate(vectors))
    return folder


def key(number):
    return f"{number:06}"


def recall(exact, found):
    right = sum(
        len(set(a[0].tolist()) & set(b[0].tolist())) for a, b in zip(exact, found, strict=True)
    )
    return right / sum(len(ids) for ids, _ in exact)


def garbage(size):
    return secrets.token_bytes(size)
