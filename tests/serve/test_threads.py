"""Threads: bounded also where nobody waits for what they do."""

from __future__ import annotations

import asyncio
import threading

import pytest

from edgeclip.errors import Busy
from edgeclip.serve.threads import HELD, Threads


class Hold:
    def __init__(self):
        self.holders = 1

    def keep(self):
        self.holders += 1

    def let_go(self):
        self.holders -= 1


def test_what_work_returns_and_raises():
    async def ask():
        threads = Threads()
        assert await threads.run(lambda: threading.current_thread().name) == "request"
        with pytest.raises(ZeroDivisionError):
            await threads.run(lambda: 1 // 0)
        return await asyncio.gather(*(threads.run(lambda n=n: n) for n in range(50)))

    assert asyncio.run(ask()) == list(range(50))


def test_what_was_given_up_counts_until_it_has_ended():
    async def ask():
        threads, go, hold = Threads(most=2, waiting=1), threading.Event(), Hold()
        HELD.set(hold)
        asked = [asyncio.ensure_future(threads.run(lambda: go.wait(30))) for _ in range(3)]
        await asyncio.sleep(0.05)
        assert hold.holders == 4
        for each in asked:
            each.cancel()
        await asyncio.gather(*asked, return_exceptions=True)
        await asyncio.sleep(0.05)
        # The one that waited is gone, the two that were begun go on.
        assert hold.holders == 3
        before = threading.active_count()
        more = asyncio.ensure_future(threads.run(lambda: 1))
        await asyncio.sleep(0)
        with pytest.raises(Busy):
            await threads.run(lambda: 2)
        late = asyncio.ensure_future(threads.run(lambda: 3, patient=True))
        await asyncio.sleep(0.05)
        assert threading.active_count() == before and not more.done() and not late.done()
        go.set()
        assert (await more, await late) == (1, 3)
        await asyncio.sleep(0.05)
        assert hold.holders == 1

    asyncio.run(ask())
