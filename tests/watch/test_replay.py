"""Events against truth, and the intervals against scipy's."""

from __future__ import annotations

import math

import pytest
from scipy import stats

from edgeclip.errors import EdgeclipError
from edgeclip.watch.replay import DAY_S, Truth, evaluate, poisson, read_truth, wilson


def truth(*spans: tuple[float, float]) -> list[Truth]:
    return [Truth("cat", *span) for span in spans]


def counts(truths, events, **kwargs) -> tuple[int, int, int, int, int]:
    found = evaluate(truths, events, watched_s=DAY_S, **kwargs)
    return found.found, found.missed, found.right, found.false, found.doubled


def test_found_missed_right_and_false_are_counted():
    truths = truth((10, 20), (100, 120), (200, 210))
    assert counts(truths, [(12, 18), (101, 119), (300, 310)]) == (2, 1, 2, 1, 0)


def test_a_second_event_for_one_truth_is_a_double_and_not_false():
    assert counts(truth((10, 60)), [(12, 20), (40, 50)]) == (1, 0, 1, 0, 1)


def test_one_event_may_find_two():
    assert counts(truth((10, 20), (30, 40)), [(11, 39)]) == (2, 0, 1, 0, 0)


def test_an_event_that_finds_one_more_is_right_again():
    assert counts(truth((10, 20), (30, 40)), [(11, 19), (15, 39)]) == (2, 0, 2, 0, 0)


@pytest.mark.parametrize(("event", "found"), [((22, 30), 1), ((22.5, 30), 0), ((0, 8), 1)])
def test_the_tolerance_reaches_to_both_sides(event, found):
    assert counts(truth((10, 20)), [event])[0] == found


def test_what_began_while_learning_is_not_counted():
    truths = truth((10, 60), (100, 110))
    # The event at 55 belongs to a truth of the learning: neither right nor false.
    assert counts(truths, [(20, 30), (55, 58), (101, 109)], since=50) == (1, 0, 1, 0, 0)


def test_order_does_not_matter():
    truths, events = truth((100, 120), (10, 20)), [(101, 102), (500, 501), (11, 12)]
    assert counts(truths, events) == counts(truths[::-1], events[::-1]) == (2, 0, 2, 1, 0)


def test_delays_are_from_the_true_start_and_never_negative():
    truths = truth(*((100 * i, 100 * i + 50) for i in range(10)))
    events = [(t.start + i - 1, t.end) for i, t in enumerate(truths)]
    found = evaluate(truths, events, watched_s=1, since=-1)
    assert found.delays == (0, 0, 1, 2, 3, 4, 5, 6, 7, 8)
    assert found.delay_s == 3.5


def test_rates_come_with_their_intervals():
    found = evaluate(truth((10, 20), (100, 120)), [(11, 12), (300, 310)], watched_s=2 * DAY_S)
    assert found.recall == found.precision == wilson(1, 2)
    assert found.false_a_day == pytest.approx((0.5, poisson(1).low / 2, poisson(1).high / 2))


def test_nothing_seen_is_no_figure():
    found = evaluate([], [], watched_s=0)
    for rate in (found.recall, found.precision):
        assert math.isnan(rate.value) and rate[1:] == (0, 1)
    assert math.isnan(found.false_a_day.value) and found.false_a_day.high == math.inf
    assert math.isnan(found.delay_s)


@pytest.mark.parametrize("count", [0, 1, 2, 7, 30, 500, 20_000])
def test_garwoods_interval_is_scipys(count):
    low = stats.chi2.ppf(0.025, 2 * count) / 2 if count else 0.0
    high = stats.chi2.ppf(0.975, 2 * count + 2) / 2
    assert poisson(count) == pytest.approx((count, low, high), rel=1e-9)


@pytest.mark.parametrize(("count", "of"), [(0, 5), (1, 1), (3, 10), (61, 64), (64, 64)])
def test_wilsons_interval_is_scipys(count, of):
    exact = stats.binomtest(count, of).proportion_ci(method="wilson")
    assert wilson(count, of) == pytest.approx((count / of, exact.low, exact.high))


def test_truth_is_read_in_each_form_of_time(tmp_path):
    path = tmp_path / "truth.csv"
    path.write_text(
        "\ufeffRule, start ,end\ncat,5,7.5\n\ndog,01:05,1:10\n cat ,1:00:00.250,26:00:00\n", "utf-8"
    )
    assert read_truth(path) == [
        Truth("cat", 5, 7.5),
        Truth("dog", 65, 70),
        Truth("cat", 3600.25, 93_600),
    ]


def test_the_rule_may_be_left_out(tmp_path):
    path = tmp_path / "truth.csv"
    path.write_text("end,start\n7,5\n")
    assert read_truth(str(path)) == [Truth("", 5, 7)]


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "line 1: no columns"),
        ("cat,1,2\n", "line 1: no columns"),
        ("start,end\n1,2\nsoon,3\n", "line 3: start is 'soon'"),
        ("start,end\n1\n", "line 2: end is ''"),
        ("start,end\n\n1,0:75\n", "line 3: end is '0:75'"),
        ("start,end\n1,1:60:00\n", "line 2: end is '1:60:00'"),
        ("start,end\n-1,2\n", "line 2: start is '-1'"),
        ("start,end\n5,2\n", "line 2: the end 2 is before the start 5"),
        ("rule,start,end\n,1,2\n", "line 2: no rule"),
    ],
)
def test_a_wrong_file_is_named_with_its_line(tmp_path, text, named):
    path = tmp_path / "truth.csv"
    path.write_text(text)
    with pytest.raises(EdgeclipError, match=rf"truth\.csv, {named}") as caught:
        read_truth(path)
    assert str(caught.value).count(". ") >= 1  # a next step


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(EdgeclipError, match=r"none\.csv cannot be read: No such file"):
        read_truth(tmp_path / "none.csv")
    binary = tmp_path / "video.mp4"
    binary.write_bytes(b"\xff\xfe\x00\x81")
    with pytest.raises(EdgeclipError, match="no UTF-8"):
        read_truth(binary)
