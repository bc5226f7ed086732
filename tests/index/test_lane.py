"""Lane: vectors in order, nothing waits for a picture that does not come, and it ends at once."""

from __future__ import annotations

import threading
import time
from contextlib import closing

import numpy as np
import pytest

from edgeclip.errors import ModelError
from edgeclip.index.lane import Lane
from tests.index.albums import picture
from tests.patience import PATIENCE_S, PROMPT_S


def taken(lane, count):
    found, end = [], time.monotonic() + PATIENCE_S
    while len(found) < count and time.monotonic() < end:
        found += lane.take(wait=0.05)
    return found


def test_vectors_in_order_and_no_picture_waits_for_the_next(model):
    done = []
    pictures = [picture(seed) for seed in range(30)]
    with closing(Lane(lambda flow: model.embed_images(flow), done.append)) as lane:
        for number, data in enumerate(pictures[:2]):
            lane.put(number, data)
        found = taken(lane, 2)  # embed_images would read four before it yields
        for number, data in enumerate(pictures[2:], 2):
            lane.put(number, data)
        found += taken(lane, 28)
        assert lane.pending == 0 and list(lane.take()) == []
    assert [number for number, _ in found] == done == list(range(30))
    for number, vector in found:
        assert np.array_equal(vector, model.embed_image(pictures[number]))


def test_an_error_arrives(model):
    def broken(flow):
        next(iter(flow))
        raise ModelError("image.onnx is damaged. Install it anew.")
        yield

    with closing(Lane(broken, lambda _: None)) as lane:
        lane.put(1, b"")
        with pytest.raises(ModelError):
            taken(lane, 1)


def test_closing_drops_what_waits(model):
    before = threading.active_count()

    def slow(flow):
        for _ in flow:
            time.sleep(0.05)
            yield np.zeros(1, np.float32)

    lane = Lane(slow, lambda _: None)
    for number in range(1000):
        lane.put(number, b"")
    time.sleep(0.1)
    begun = time.monotonic()
    lane.close()
    assert time.monotonic() - begun < PROMPT_S and threading.active_count() <= before
