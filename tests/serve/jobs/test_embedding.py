"""How the pictures of jobs are embedded beside those that somebody waits for."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from edgeclip.errors import Busy, EdgeclipError
from edgeclip.serve.decoding import Decoders, Preparing
from edgeclip.serve.limits import Limits
from edgeclip.serve.service import Service
from tests.patience import PATIENCE_S, until
from tests.pictures import encoded, photo

GOOD = encoded(photo(), "PNG")


class Counted(Decoders):
    """Decoders that count what they are asked for."""

    asked = 0

    def tensor(self, data, **options):
        self.asked += 1
        return super().tensor(data, **options)


@pytest.fixture
def service(model):
    """A service whose model does nothing until it is let go on; one picture may wait for it."""
    decoders = Counted(Preparing.of(model), workers=1)
    made = Service(model, None, decoders, Limits(waiting=1))
    made.begun, made.goes_on = threading.Event(), threading.Event()

    def held(tower, count):
        made.begun.set()
        assert made.goes_on.wait(PATIENCE_S)

    made.noted = held
    yield made
    made.goes_on.set()
    made.close()


def test_a_picture_is_decoded_once_however_often_the_model_is_busy(service, model):
    with ThreadPoolExecutor(3) as threads:
        first = threads.submit(service.picture, GOOD)
        assert service.begun.wait(PATIENCE_S)
        second = threads.submit(service.picture, GOOD)
        until(lambda: service.waiting == 1)
        with pytest.raises(Busy, match="too many wait for the model"):
            service.picture(GOOD)
        before = service.decoders.asked
        job = threads.submit(service.job, GOOD, True)
        with pytest.raises(TimeoutError):
            job.result(1)  # ten times refused
        service.goes_on.set()
        for each in (first, second, job):
            assert np.allclose(each.result(), model.embed_image(GOOD), atol=1e-6)
    assert service.decoders.asked == before + 1


def test_a_job_that_waits_ends_with_the_service(service):
    with ThreadPoolExecutor(4) as threads:
        first = threads.submit(service.picture, GOOD)
        assert service.begun.wait(PATIENCE_S)
        second = threads.submit(service.picture, GOOD)
        until(lambda: service.waiting == 1)
        job = threads.submit(service.job, GOOD, True)
        until(lambda: service.decoders.asked == 3)
        closing = threads.submit(service.close)
        until(lambda: service._pictures[True]._closed)
        service.goes_on.set()
        for each in (first, second, closing):
            each.result(PATIENCE_S)
        with pytest.raises(EdgeclipError):
            job.result(PATIENCE_S)
