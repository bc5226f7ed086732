"""``edgeclip watch --begin``: a recording has the times of when it was made."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from tests.cli.films import folder_of, pack_of, video_of


@pytest.mark.parametrize("make", [folder_of, video_of])
def test_a_recording_has_the_times_of_when_it_was_made(cli, door, here, make):
    source = make(here / "film.avi")
    options = ("--rules", door, "--json", "--camera", "door")
    started, ended = cli("watch", source, *options, "--begin", "2019-05-01T18:00").lines
    assert started["start"][:23] == "2019-05-01T18:00:05.000" and started["clock_set"]
    assert ended["end"][:23] == "2019-05-01T18:00:11.000" and ended["duration_s"] == 6.0
    again = cli("watch", source, *options, "--begin", "2h").lines
    ago = datetime.now().astimezone() - datetime.fromisoformat(again[0]["start"])
    assert timedelta(hours=1.9) < ago < timedelta(hours=2)


def test_a_schedule_is_judged_by_when_it_was_recorded(cli, here, film, model):
    rules = pack_of(here / "door.pack", model, threshold=0.5, schedule="fri 18:00-19:00")
    for begin, events in (("2026-05-01T18:10", 2), ("2026-05-01T17:10", 0)):
        done = cli("watch", "film", "--rules", rules, "--begin", begin)
        assert len(done.out.splitlines()) == events


def test_what_is_seen_is_found_at_the_time_when_it_was_recorded(cli, door, film):
    cli("watch", "film", "--rules", door, "--timeline", "t", "--begin", "2026-05-01T18:00")
    for day, found in (("2026-05-01", True), ("2026-05-02", False)):
        done = cli("search", "a cat", "--index", "t", "--since", day, "--json")
        assert bool(done.json["queries"][0]["matches"]) is found
