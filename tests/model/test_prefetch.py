"""Work ahead: in order, bounded, and gone when the loop is left."""

from __future__ import annotations

import itertools
import random
import threading
import time

import pytest

from edgeclip.model.once import Once
from edgeclip.model.prefetch import prefetched
from tests.patience import PATIENCE_S


def workers() -> list[str]:
    return [t.name for t in threading.enumerate() if t.name.startswith("edgeclip-decode")]


@pytest.mark.parametrize("threads", [1, 4])
@pytest.mark.parametrize("ahead", [1, 3, 50])
def test_results_come_in_order(threads, ahead):
    rng = random.Random(0)
    delays = [rng.random() * 0.003 for _ in range(40)]

    def work(i):
        time.sleep(delays[i])
        return i * i

    found = list(prefetched(work, range(40), workers=threads, ahead=ahead))
    assert found == [i * i for i in range(40)]
    assert workers() == []


def test_nothing_in_nothing_out():
    assert list(prefetched(str, [], workers=2, ahead=4)) == []


def test_it_reads_only_a_little_ahead():
    read = itertools.count()
    results = prefetched(lambda i: i, read, workers=2, ahead=5)
    for i in range(20):
        assert next(results) == i
    results.close()
    assert next(read) <= 20 + 5


def test_results_wait_in_bounded_number():
    alive, most = set(), 0

    def work(i):
        nonlocal most
        alive.add(i)
        most = max(most, len(alive))
        return i

    for i in prefetched(work, range(200), workers=4, ahead=6):
        time.sleep(0.0005)
        alive.discard(i)
    assert most <= 6 + 1


def test_it_does_not_start_before_it_is_asked():
    done = []
    results = prefetched(done.append, range(9), workers=2, ahead=3)
    time.sleep(0.02)
    assert done == [] and workers() == []
    results.close()


def test_work_goes_on_while_the_caller_is_busy():
    begun = [threading.Event() for _ in range(10)]
    results = prefetched(lambda i: begun[i].set(), range(10), workers=2, ahead=4)
    next(results)
    # No result is asked for meanwhile, so these can only have been begun in the background.
    assert all(event.wait(PATIENCE_S) for event in begun[:5])
    assert not begun[6].is_set()
    results.close()


def test_an_error_of_the_work_comes_at_its_turn():
    def work(i):
        if i == 3:
            raise KeyError(i)
        return i

    results = prefetched(work, range(9), workers=4, ahead=9)
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(KeyError):
        next(results)
    assert workers() == []


def test_an_error_of_the_items_comes_after_the_results_before_it():
    def items():
        yield from range(7)
        raise OSError("the camera is gone")

    found = []
    with pytest.raises(OSError, match="camera"):
        for result in prefetched(lambda i: i, items(), workers=2, ahead=4):
            found.append(result)
    assert found == list(range(7)) and workers() == []


@pytest.mark.parametrize("leave", ["break", "close", "error"])
def test_leaving_early_stops_the_work(leave):
    started = []

    def work(i):
        started.append(i)
        time.sleep(0.005)
        return i

    results = prefetched(work, itertools.count(), workers=3, ahead=10)
    if leave == "error":
        with pytest.raises(ZeroDivisionError):
            for _ in results:
                raise ZeroDivisionError
        results.close()
    elif leave == "break":
        for _ in results:
            break
        del results
    else:
        next(results)
        results.close()
    assert workers() == []
    count = len(started)
    time.sleep(0.03)
    assert len(started) == count <= 12


def test_once_opens_once_from_many_threads():
    opened = []

    def open_slowly():
        opened.append(1)
        time.sleep(0.02)
        return object()

    once = Once(open_slowly)
    assert opened == []
    found = []
    threads = [threading.Thread(target=lambda: found.append(once.get())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(opened) == 1 and len(set(map(id, found))) == 1


def test_once_tries_again_after_a_failure():
    answers = iter([OSError("busy"), "part"])

    def open_part():
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    once = Once(open_part)
    with pytest.raises(OSError, match="busy"):
        once.get()
    assert once.get() == once.get() == "part"
