"""A word while something takes long, and none while it is quick."""

from __future__ import annotations

import logging
import threading
import time

import pytest

from edgeclip.model.patience import told
from tests.patience import PROMPT_S, until


def alive():
    return [t for t in threading.enumerate() if t.name.endswith("(_tell)")]


def test_a_quick_block_says_nothing(caplog):
    with told("it compiles", first_s=5):
        pass
    assert caplog.records == [] and alive() == []


def test_a_slow_block_is_told_first_soon_and_then_again_and_again(caplog):
    with told("it compiles", first_s=0.3, next_s=0.02):
        time.sleep(0.03)
        early = list(caplog.records)
        until(lambda: len(caplog.records) >= 3)
    assert early == []
    first = caplog.records[0]
    assert (first.name, first.levelno) == ("edgeclip", logging.WARNING)
    assert first.getMessage() == "it compiles (0 s so far)."
    count = len(caplog.records)
    time.sleep(0.06)
    assert len(caplog.records) == count and alive() == []


def test_the_pause_grows_after_the_first_word(caplog):
    with told("it compiles", first_s=0.01, next_s=60):
        time.sleep(0.15)
    assert len(caplog.records) == 1


def test_what_fails_fails_at_once_and_leaves_no_thread(caplog):
    started = time.monotonic()
    with pytest.raises(KeyError), told("it compiles", first_s=30):
        raise KeyError
    assert time.monotonic() - started < PROMPT_S and alive() == [] and caplog.records == []
