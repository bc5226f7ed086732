from __future__ import annotations

from tests.serve.jobs.kill import KILLS, WAITING, cycles


def test_nothing_acknowledged_is_lost_or_done_twice(tmp_path):
    report = cycles(tmp_path, 2, seed=7)
    assert (report.cycles, report.kills) == (2, 2 * KILLS)
    assert report.acknowledged >= report.fewest_waiting >= WAITING and report.seen_before_a_kill
