"""``edgeclip watch --replay``: figures that can be counted by hand."""

from __future__ import annotations

import re

import numpy as np
import pytest
from PIL import Image

from edgeclip.watch import plot
from tests.cli.films import folder_of, pack_of, video_of

# Red from 20 to 29, 60 to 69 and 100 to 109; the truth knows the first, and two that are not red.
RED = [*range(20, 30), *range(60, 70), *range(100, 110)]
TRUTH = "rule,start,end\nred,18,30\nred,0:01:30,1:40\nred,140,150\n"


@pytest.fixture
def film(here):
    (here / "truth.csv").write_text(TRUTH)
    return folder_of(here / "film", 180, red=RED)


def test_events_alone(cli, door, film):
    done = cli("watch", "--replay", "film", "--rules", door)
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines() == [
        "red",
        "  0:00:20 to 0:00:29",
        "  0:01:00 to 0:01:09",
        "  0:01:40 to 0:01:49",
        "blue",
    ]


def test_figures_that_were_counted_by_hand(cli, door, film):
    """One is found after 2 s and one at its last second, one is missed, and one event is false."""
    done = cli("watch", "--replay", "film", "--rules", door, "--labels", "truth.csv", "--json")
    red, blue = done.lines
    assert (red["rule"], blue["rule"]) == ("red", "blue")
    assert red["events"] == [{"start": s, "end": s + 9} for s in (20, 60, 100)]
    assert (red["found"], red["missed"], red["false"]) == (2, 1, 1)
    assert (red["learnt_s"], red["watched_s"], red["threshold"]) == (0, 179, 0)
    assert red["precision"]["value"] == red["recall"]["value"] == pytest.approx(2 / 3)
    # Wilson's interval of 2 of 3, and Garwood's of 1, as tables have them.
    assert red["recall"]["low"] == pytest.approx(0.2077, abs=1e-4)
    assert red["recall"]["high"] == pytest.approx(0.9385, abs=1e-4)
    rate = red["false_alerts_a_day"]
    assert rate["value"] == pytest.approx(86400 / 179)
    assert rate["low"] == pytest.approx(0.02532 * 86400 / 179, rel=1e-3)
    assert rate["high"] == pytest.approx(5.5716 * 86400 / 179, rel=1e-3)
    assert red["delay_s"] == (2 + 10) / 2
    assert blue["events"] == [] and blue["false"] == 0
    assert blue["recall"]["value"] is None and blue["delay_s"] is None


def test_a_table_for_people(cli, door, film):
    done = cli("watch", "--replay", "film", "--rules", door, "--labels", "truth.csv")
    red = done.out.split("blue\n")[0]
    rows = [re.sub(r"\s+", " ", line).strip() for line in red.splitlines()[4:]]
    assert rows == [
        "from to (95 %)",
        "precision 0.67 0.21 0.94",
        "recall 0.67 0.21 0.94",
        "false alerts a day 482.7 12.2 2689.3",
        "delay in s 6.0",
        "2 of 3 found, 1 false, in 0:02:59 after 0:00:00 of learning",
    ]


def test_the_learning_is_not_counted(cli, here, model):
    rules = pack_of(here / "door.pack", model)
    video_of(here / "long.avi", 1800, red=[*range(600, 610), *range(1500, 1510)])
    (here / "truth.csv").write_text("rule,start,end\nred,600,610\nred,1500,1510\nblue,1600,1610\n")
    done = cli("watch", "--replay", "long.avi", "--rules", rules, "--labels", "truth.csv", "--json")
    red, blue = done.lines
    assert 1190 <= red["learnt_s"] <= 1300
    assert red["watched_s"] == pytest.approx(1799 - red["learnt_s"])
    assert (red["found"], red["missed"], red["false"]) == (1, 0, 0)
    assert red["events"] == [{"start": 1500, "end": 1509}]
    assert (blue["found"], blue["missed"]) == (0, 1)


def test_a_recording_that_is_too_short(cli, here, model, film):
    rules = pack_of(here / "door.pack", model)
    options = ("--replay", "film", "--rules", rules, "--labels", "truth.csv")
    done = cli("watch", *options)
    assert done.code == 0 and "0:02:59 were seen, and learning takes 0:20:00" in done.out
    assert "Give a longer recording" in done.out
    red, _ = cli("watch", *options, "--json").lines
    assert (red["threshold"], red["learnt_s"], red["watched_s"], red["events"]) == (
        None,
        None,
        0,
        [],
    )
    assert red["false_alerts_a_day"] == {"value": None, "low": 0.0, "high": None}


def test_a_plot_of_each_rule(cli, here, door, film):
    options = ("--replay", "film", "--rules", door, "--labels", "truth.csv")
    done = cli("watch", *options, "--plot", "a.png")
    assert (done.code, done.err) == (0, "")
    drawn = np.asarray(Image.open(here / "a.png").convert("RGB")).astype(int)
    assert drawn.shape[0] == 2 * plot._HEIGHT
    red, blue = drawn[: plot._HEIGHT], drawn[plot._HEIGHT :]
    for bar, colour, span in (
        ("truth", plot._TRUTH, (18, 150)),
        ("events", plot._EVENT, (20, 109)),
    ):
        rows = slice(*plot._BARS[bar])
        columns = np.flatnonzero((red[rows] == colour).all(-1).any(0))
        ends = [plot._LEFT + s / 179 * (plot._RIGHT - plot._LEFT) for s in span]
        assert (columns[0], columns[-1]) == pytest.approx(ends, abs=2)
        assert not (blue[rows] == colour).all(-1).any()


def test_schedules_are_judged_by_when_it_was_recorded(cli, here, model, film):
    rules = pack_of(here / "door.pack", model, threshold=0.5, schedule="fri 18:00-18:01")
    options = ("--replay", "film", "--rules", rules, "--json")
    done = cli("watch", *options, "--begin", "2026-05-01T17:59:25")
    assert (done.code, done.err) == (0, "")
    assert done.lines[0]["events"] == [{"start": 60, "end": 69}]  # 18:00:25, a Friday
    assert cli("watch", *options, "--begin", "2026-05-02 17:59:25").lines[0]["events"] == []
    unsaid = cli("watch", *options)
    assert unsaid.code == 0 and "the schedule of red, blue is judged as if the re" in unsaid.line
    assert unsaid.line.endswith("Say with --begin when it did.")
    assert unsaid.lines[0]["events"] == []


def test_a_file_without_rules_is_about_the_only_one(cli, here, film):
    (here / "truth.csv").write_text("start,end\n20,30\n")
    done = cli("watch", "--replay", "film", "--alert", "a cat", "--labels", "truth.csv", "--json")
    assert done.code == 0 and len(done.lines) == 1


@pytest.mark.parametrize(
    ("truth", "more", "words"),
    [
        ("rule,start,end\ncat,1,2\n", [], "name 'cat', which is no rule. There are: red, blue."),
        ("start,end\n1,2\n", [], "do not say which rule they are about"),
        ("rule,start,end\nred,2,1\n", [], "truth.csv, line 2"),
        ("", [], "no columns start and end"),
    ],
)
def test_labels_that_do_not_fit(cli, door, film, here, truth, more, words):
    (here / "truth.csv").write_text(truth)
    done = cli("watch", "--replay", "film", "--rules", door, "--labels", "truth.csv", *more)
    assert done.code == 1 and words in done.line and done.out == ""


def test_a_replay_that_cannot_be_read(cli, door, here):
    assert "gone.mp4 does not exist" in cli("watch", "--replay", "gone.mp4", "--rules", door).line
    assert "0 is no recording" in cli("watch", "--replay", "0", "--rules", door).line
    labels = ("--labels", "gone.csv")
    video_of(here / "film.avi")
    assert "gone.csv" in cli("watch", "--replay", "film.avi", "--rules", door, *labels).line
