"""Many that ask, one that works."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from edgeclip.errors import Busy
from edgeclip.serve.gather import Gather
from tests.patience import PATIENCE_S, PROMPT_S


class Slow:
    """Doubles numbers once it is let go; 13 is bad luck."""

    def __init__(self):
        self.batches, self.go, self.busy = [], threading.Event(), threading.Event()

    def __call__(self, numbers):
        self.batches.append(list(numbers))
        self.busy.set()
        assert self.go.wait(PATIENCE_S)
        if 13 in numbers:
            raise ValueError("13")
        return [2 * number for number in numbers]


@pytest.fixture
def slow():
    return Slow()


def test_what_gathers_meanwhile_is_one_batch(slow):
    gather = Gather(slow, most=3)
    first = gather.ask(1)
    assert slow.busy.wait(PATIENCE_S)
    others = [gather.ask(number) for number in range(2, 8)]
    assert len(gather) == 6
    slow.go.set()
    assert [answer.result(PATIENCE_S) for answer in (first, *others)] == [2, 4, 6, 8, 10, 12, 14]
    assert slow.batches == [[1], [2, 3, 4], [5, 6, 7]]
    gather.close()


def test_one_to_blame(slow):
    gather = Gather(slow)
    gather.ask(1)
    assert slow.busy.wait(PATIENCE_S)
    answers = [gather.ask(number) for number in (2, 13, 4)]
    slow.go.set()
    assert answers[0].result(PATIENCE_S) == 4 and answers[2].result(PATIENCE_S) == 8
    with pytest.raises(ValueError, match="13"):
        answers[1].result(PATIENCE_S)
    gather.close()


def test_no_more_than_may_wait(slow):
    gather = Gather(slow, waiting=2)
    answers = [gather.ask(1)]
    assert slow.busy.wait(PATIENCE_S)
    answers += [gather.ask(2), gather.ask(3)]
    with pytest.raises(Busy, match="Try again"):
        gather.ask(4)
    slow.go.set()
    assert [answer.result(PATIENCE_S) for answer in answers] == [2, 4, 6]
    gather.close()


def test_who_has_gone_is_not_worked_for(slow):
    gather = Gather(slow)
    gather.ask(1)
    assert slow.busy.wait(PATIENCE_S)
    gone, here = gather.ask(2), gather.ask(3)
    assert gone.cancel()
    slow.go.set()
    assert here.result(PATIENCE_S) == 6 and slow.batches == [[1], [3]]
    gather.close()


def test_what_waits_is_answered_before_the_end(slow):
    gather = Gather(slow)
    answers = [gather.ask(number) for number in range(10)]
    slow.go.set()
    gather.close()
    gather.close()
    assert [answer.result(0) for answer in answers] == list(range(0, 20, 2))
    with pytest.raises(Busy, match="ending"):
        gather.ask(1)


def test_many_threads_get_their_own_answers():
    gather = Gather(lambda numbers: [2 * number for number in numbers], waiting=1000)
    with ThreadPoolExecutor(8) as pool:
        found = pool.map(lambda number: gather.ask(number).result(PATIENCE_S), range(2000))
        assert list(found) == list(range(0, 4000, 2))
    gather.close()


def test_who_hangs_does_not_keep_it_from_ending():
    go = threading.Event()
    gather = Gather[int, int](lambda batch: [go.wait(PATIENCE_S) for _ in batch])
    asked = gather.ask(1)
    time.sleep(0.05)
    begun = time.monotonic()
    gather.close(begun + 0.2)
    assert 0.1 < time.monotonic() - begun < PROMPT_S and not asked.done()
    go.set()
    assert asked.result(PATIENCE_S)
