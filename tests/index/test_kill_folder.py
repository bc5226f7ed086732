"""kill -9 of ``edgeclip index``, 20 times; `make soak` does it 200 times."""

from __future__ import annotations

from tests.index.kill_folder import cycles


def test_nothing_that_was_told_is_lost(tmp_path, tiny_model):
    found = cycles(20, tmp_path, tiny_model)
    assert found["told"] > 100 and found["killed at work"] >= 8
