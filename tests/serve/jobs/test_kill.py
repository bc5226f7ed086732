from __future__ import annotations

from tests.serve.jobs.kill import cycles


def test_nothing_acknowledged_is_lost_or_done_twice(tmp_path):
    report = cycles(tmp_path, 2, seed=7)
    assert (report.cycles, report.acknowledged) == (2, 1000)
    assert report.kills >= 2 and report.seen_before_a_kill
