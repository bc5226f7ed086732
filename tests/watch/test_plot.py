"""The plot of a replay: what its pixels show."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from edgeclip.errors import EdgeclipError
from edgeclip.watch import plot
from edgeclip.watch.plot import Panel, time_ticks, write_plot


def drawn(path, **changes) -> np.ndarray:
    """Plot 1,000 s, whose first 250 are learning, with one event and one truth."""
    times = np.arange(1000.0)
    given = {
        "times": times,
        "scores": np.where(times == 700, 5.0, 0.0),
        "thresholds": np.where(times < 250, np.nan, np.where(times < 600, 2.0, 3.0)),
        "events": [(500, 600)],
        "truth": [(480, 620)],
        "title": "cat",
    } | changes
    write_plot(path, [Panel(**given)])
    return pixels(path)


def pixels(path) -> np.ndarray:
    return np.asarray(Image.open(path).convert("RGB")).astype(int)


def columns(picture: np.ndarray, colour: tuple[int, int, int], top: int, bottom: int) -> np.ndarray:
    """Return which columns show a colour between two rows."""
    return np.flatnonzero((picture[top:bottom] == colour).all(-1).any(0))


def at(second: float) -> float:
    return plot._LEFT + second / 999 * (plot._RIGHT - plot._LEFT)


@pytest.mark.parametrize(
    ("bar", "colour", "span"), [("events", "_EVENT", (500, 600)), ("truth", "_TRUTH", (480, 620))]
)
def test_bars_stand_where_the_spans_are(tmp_path, bar, colour, span):
    found = columns(drawn(tmp_path / "a.png"), getattr(plot, colour), *plot._BARS[bar])
    assert (found[0], found[-1]) == pytest.approx((at(span[0]), at(span[1])), abs=1)


def test_a_peak_of_one_sample_is_seen(tmp_path):
    times = np.arange(100_000.0)  # 78 samples to a column
    scores = np.where(times == 70_000, 5.0, 0.0)
    picture = drawn(
        tmp_path / "a.png", times=times, scores=scores, thresholds=1.0, events=[], truth=[]
    )
    rows = slice(plot._TOP + 1, plot._TOP + 60)  # the top of the frame
    high = columns(picture, plot._SCORE, rows.start, rows.stop)
    assert len(high) and high == pytest.approx(plot._LEFT + 0.7 * (plot._RIGHT - plot._LEFT), abs=2)


def test_learning_is_shaded_and_the_threshold_moves(tmp_path):
    picture = drawn(tmp_path / "a.png")
    shaded = columns(picture, plot._LEARNING, plot._TOP, plot._BOTTOM)
    assert (shaded[0], shaded[-1]) == pytest.approx((at(0), at(250)), abs=2)
    red = (picture[plot._TOP : plot._BOTTOM] == plot._THRESHOLD).all(-1)
    early, late = (int(np.argmax(red[:, round(at(second))])) for second in (400, 900))
    assert late < early  # 3 stands above 2
    assert not red[:, : round(at(245))].any()


def test_nothing_outside_the_recording_is_drawn(tmp_path):
    picture = drawn(tmp_path / "a.png", events=[(-50, -10), (2000, 2010)], truth=[])
    assert not len(columns(picture, plot._EVENT, *plot._BARS["events"]))


@pytest.mark.parametrize("scores", [[0.3], [np.nan], [-np.inf]])
def test_one_sample_and_no_score_can_be_drawn(tmp_path, scores):
    write_plot(tmp_path / "a.png", [Panel("löwe 獅子 \udcff", [5.0], scores, [np.nan])])
    assert (tmp_path / "a.png").stat().st_size > 1000


def test_each_rule_has_a_panel_as_if_it_were_alone(tmp_path):
    panels = [
        Panel("cat", np.arange(1000.0), np.zeros(1000), 2.0, [(500, 600)]),
        Panel("dog", [0.0, 60.0], [1.0, np.nan], 0.5, truth=[(10, 20)]),
    ]
    write_plot(tmp_path / "both.png", panels)
    for number, panel in enumerate(panels):
        write_plot(tmp_path / f"{number}.png", [panel])
    alone = [pixels(tmp_path / f"{number}.png") for number in (0, 1)]
    assert np.array_equal(pixels(tmp_path / "both.png"), np.concatenate(alone))
    assert not np.array_equal(*alone)


def test_nothing_to_draw_is_said(tmp_path):
    for panels, message in (
        ([], "0 panels"),
        ([Panel("", [1], [1], 0.5)] * 51, "51 panels"),
        ([Panel("", [], [], [])], "0 times"),
        ([Panel("", [1, 2], [1], 0.5)], "2 times and 1 scores"),
    ):
        with pytest.raises(ValueError, match=message):
            write_plot(tmp_path / "a.png", panels)
    assert not list(tmp_path.iterdir())


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    with pytest.raises(EdgeclipError, match=r"nowhere/a\.png cannot be written"):
        drawn(tmp_path / "nowhere" / "a.png")


@pytest.mark.parametrize(
    ("end", "first", "second"),
    [
        (8, "0 s", "1 s"),
        (100, "0 s", "10 s"),
        (240, "0 s", "30 s"),
        (3600, "0 min", "5 min"),
        (6 * 3600, "0 min", "30 min"),
        (86_400, "0 h", "2 h"),
        (7 * 86_400, "0 d", "1 d"),
        (400 * 86_400, "0 d", "31 d"),
    ],
)
def test_time_is_marked_in_round_steps(end, first, second):
    marks = time_ticks(0, end)
    assert [label for _, label in marks[:2]] == [first, second]
    assert 4 <= len(marks) <= 15


def test_marks_of_a_part_stand_on_round_times():
    assert time_ticks(3599, 3720)[:2] == [(3600, "3600 s"), (3610, "3610 s")]
