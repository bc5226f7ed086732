from __future__ import annotations

import numpy as np
import pytest

from edgeclip.errors import PromptError
from edgeclip.model.pack import PromptPack
from edgeclip.model.packed import PackedLabel
from edgeclip.watch.rules import rules_of

NOTHING = np.zeros((0, 4), np.float32)


def rule(lesson=None, **settings):
    label = PackedLabel(
        "cat", ("cat",), np.eye(1, 4, dtype=np.float32), (), NOTHING, settings, lesson
    )
    grey = np.eye(1, 4, 1, dtype=np.float32)
    pack = PromptPack("m", "s", 10.0, (label,), ("grey",), grey, None, NOTHING)
    return rules_of(pack)[0]


def test_what_is_not_set():
    made = rule()
    assert (made.name, made.false_alerts, made.min_duration, made.cooldown) == ("cat", 1, 2, 60)
    assert made.boxes == ((0, 0, 1, 1),) and made.threshold is None and not made.novelty


@pytest.mark.parametrize(
    ("value", "per_day"),
    [
        ("1 a day", 1),
        ("at most 1 a day", 1),
        ("2 per hour", 48),
        ("3 a week", 3 / 7),
        ("1 an hour", 24),
        ("0.5/day", 0.5),
        ("24", 24),
        (4, 4),
    ],
)
def test_rates(value, per_day):
    assert rule(false_alerts=value).false_alerts == pytest.approx(per_day)


def test_a_region_and_its_tiles():
    made = rule(region=[0.5, 0, 1, 1], tiles="2x1")
    assert made.boxes == ((0.5, 0, 1, 1), (0.5, 0, 0.75, 1), (0.75, 0, 1, 1))


def test_a_threshold_that_was_taught_is_not_this_camera_s():
    taught = {"thresholds": {"cat": 0.6}}
    assert rule(lesson=taught).threshold is None
    assert rule(lesson=taught, threshold=0.7).threshold == 0.7


@pytest.mark.parametrize(
    "settings",
    [
        {"false_alerts": "never"},
        {"false_alerts": 0},
        {"false_alerts": True},
        {"false_alerts": float("nan")},
        {"min_duration": -1},
        {"min_duration": "2 s"},
        {"cooldown": 1e9},
        {"schedule": "noon"},
        {"schedule": 12},
        {"region": [0, 0, 1]},
        {"region": [0.5, 0, 0.5, 1]},
        {"region": "left"},
        {"tiles": "9x9"},
        {"tiles": "0x1"},
        {"tiles": 4},
        {"threshold": 1},
        {"novelty": "yes"},
    ],
)
def test_a_setting_that_makes_no_sense_names_the_rule_and_the_setting(settings):
    with pytest.raises(PromptError, match=r"the rule 'cat'.*(schedule|has \w+ = )"):
        rule(**settings)


def test_what_is_new_is_told_of_the_whole_frame():
    assert rule(novelty=True, region=[0, 0, 1, 1], tiles="1x1").novelty
    for part in ({"region": [0, 0, 0.5, 1]}, {"tiles": "2x1"}):
        with pytest.raises(PromptError, match=r"'cat' .* whole frame. Leave region and tiles out"):
            rule(novelty=True, **part)


def test_a_setting_that_no_rule_has():
    with pytest.raises(PromptError, match=r"'cooldwn', which no rule has. Did you mean cooldown"):
        rule(cooldwn=3)
    with pytest.raises(PromptError, match="Rules have false_alerts"):
        rule(xyz=3)
