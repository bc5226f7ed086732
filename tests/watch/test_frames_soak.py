"""Two thousand frames from a source to the sinks; ``make soak`` takes a hundred thousand."""

from __future__ import annotations

import json

from tests.watch.frames_soak import soak


def test_many_frames_leave_nothing_behind(tmp_path):
    report = soak(tmp_path, 2000, warm_up=500, after_a_week=False)
    assert report.events["red started"] == report.events["red ended"] == 4
    # The other rule learns for twenty minutes before.
    assert report.events["blue started"] == report.events["blue ended"] == 2
    lines = (tmp_path / "events.jsonl").read_text().splitlines()
    assert len(lines) == report.events.total()
    assert all(json.loads(line)["rule"] in ("red", "blue") for line in lines)
    assert (tmp_path / "state.json").is_file()
    assert 200 < report.inferred < 600  # the visits, and one in ten seconds
    assert report.kept >= 6
    first, last = report.held[0], report.held[-1]
    assert max(held.files for held in report.held) == first.files
    assert max(report.threads) == report.threads[0]
    assert last.memory_kb - first.memory_kb < 20_000  # the slope is for the long run
