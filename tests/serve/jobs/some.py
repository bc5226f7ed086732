"""What the tests of jobs share: pictures that are no pictures, and an embedding that is cheap."""

from __future__ import annotations

import hashlib
import threading
import time

import numpy as np

from edgeclip.errors import ImageRejected
from edgeclip.serve.jobs.job import Upload
from tests.patience import PATIENCE_S

DIM = 8


def embed(data: bytes, normalize: bool) -> np.ndarray:
    """Bytes → the vector that belongs to them; ``bad…`` is refused, ``slow…`` takes its time."""
    if data.startswith(b"bad"):
        raise ImageRejected("the picture is bad. Send a good one.")
    if data.startswith(b"broken"):
        raise RuntimeError("the model is broken")
    if data.startswith(b"slow"):
        time.sleep(0.02)
    numbers = np.frombuffer(hashlib.sha256(data).digest()[: 2 * DIM], dtype=np.uint16)
    vector = numbers.astype(np.float32)
    return vector / np.float32(np.linalg.norm(vector)) if normalize else vector


class Gate:
    """An embedding that waits to be let through, and tells what it has begun."""

    def __init__(self):
        self.begun, self.opened = [], threading.Event()

    def __call__(self, data, normalize):
        self.begun.append(data)
        assert self.opened.wait(PATIENCE_S)
        return embed(data, normalize)


def uploads(*contents: bytes) -> list[Upload]:
    return [Upload(f"{content.decode()}.jpg", content) for content in contents]


def result(content: bytes, normalize: bool = True) -> dict:
    """What a job with this one picture comes to."""
    return {
        "files": [
            {
                "file_path": f"{content.decode()}.jpg",
                "embedding": {
                    "embedding": [float(each) for each in embed(content, normalize)],
                    "embedding_dim": DIM,
                    "normalized": normalize,
                },
                "status": "success",
                "error": None,
            }
        ],
        "total_files": 1,
        "normalize": normalize,
    }


def is_over(jobs, job_id: str) -> bool:
    return jobs.job(job_id).status in ("ok", "error")
