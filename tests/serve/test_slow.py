"""Slow clients are cut at the deadline, and a good one is answered beside them."""

from __future__ import annotations

from tests.serve import slow


def test_slow_clients(tmp_path):
    outcome = slow.run(tmp_path, clients=50, deadline=2.0)
    for kind in slow.CUT:
        assert len(outcome.ends[kind]) == 10
        assert 2.0 <= min(outcome.ends[kind]) <= max(outcome.ends[kind]) < 2 + slow.LATE_S
    assert len(outcome.ends["reader"]) == 10  # `slow` itself looks what they got
    assert outcome.answers > 10
    before, after = outcome.files
    assert after <= before + 2
