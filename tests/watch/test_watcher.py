"""Frames in, events out: with the tiny model, and backgrounds and subjects made of colours."""

from __future__ import annotations

import json
import time
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from edgeclip.errors import PromptError, SpaceMismatch
from edgeclip.model.pack import PromptPack
from edgeclip.model.packed import PackedLabel
from edgeclip.watch.clock import Clock, RecordedClock
from edgeclip.watch.frame import Frame
from edgeclip.watch.frames import frames
from edgeclip.watch.gate import ChangeGate
from edgeclip.watch.watcher import Watcher

BEGIN = datetime(2026, 5, 4, 9).timestamp()


def picture(colour, seed: int, part=(0.0, 0.0, 1.0, 1.0)) -> np.ndarray:
    """Return noisy grey, with a colour in a part of it."""
    random = np.random.default_rng(seed)
    shown = np.full((48, 64, 3), 120.0)
    left, top, right, bottom = part
    shown[round(top * 48) : round(bottom * 48), round(left * 64) : round(right * 64)] = colour
    return np.clip(shown + random.normal(0, 4, shown.shape), 0, 255).astype(np.uint8)


RED, GREY = (220, 20, 20), (120, 120, 120)


@pytest.fixture
def pack(model) -> PromptPack:
    """Two rules whose prompts are pictures: red, and blue; the background is grey."""
    return made(model)


def made(model, **settings) -> PromptPack:
    def seen(colour) -> np.ndarray:
        return np.stack([model.embed_image(picture(colour, seed)) for seed in (1, 2)])

    nothing = np.zeros((0, model.dim), np.float32)
    settings = {"min_duration": 2, "cooldown": 10, "false_alerts": 72, **settings}
    labels = tuple(
        PackedLabel(name, (name,), seen(colour), (), nothing, settings)
        for name, colour in {"red": RED, "blue": (20, 20, 220)}.items()
    )
    grey = seen(GREY)
    return PromptPack(model.name, model.space, 20.0, labels, ("grey",) * 2, grey, None, nothing)


def film(seconds: int, red: set[int] = frozenset(), part=(0.0, 0.0, 1.0, 1.0), begin: int = 0):
    for second in range(begin, begin + seconds):
        yield Frame(float(second), picture(RED if second in red else GREY, second, part))


def watched(watcher: Watcher, frames) -> list:
    return [event for frame in frames for event in watcher(frame)]


def test_it_learns_and_then_tells_one_beginning_and_one_end(model, pack):
    watcher = Watcher(model, pack, camera="door", clock=RecordedClock(BEGIN))
    assert watched(watcher, film(600, red=set(range(300, 310)))) == []
    assert {reading.threshold for reading in watcher.readings} == {None}
    assert {reading.warm_up_s for reading in watcher.readings} == {1200}
    assert all(0.4 < reading.learnt < 0.55 for reading in watcher.readings)
    events = watched(watcher, film(1300, red=set(range(1800, 1820)), begin=600))
    started, ended = events
    assert (started.rule, started.state, ended.state) == ("red", "started", "ended")
    assert started.id == ended.id and started.camera == "door"
    assert started.start.timestamp() == BEGIN + 1800
    assert started.end is None and started.duration_s == 2.0
    assert ended.end.timestamp() == BEGIN + 1819 and ended.duration_s == 19.0
    assert ended.picture.shape == (48, 64, 3) and ended.picture[..., 0].mean() > 150
    assert ended.vector @ model.embed_image(ended.picture) == pytest.approx(1, abs=1e-5)
    assert ended.box is None and ended.score > ended.threshold
    assert json.loads(json.dumps(ended.record()))["rule"] == "red"


def test_the_best_tile_is_reported(model):
    watcher = Watcher(model, made(model, threshold=0.5, tiles="2x1"), clock=RecordedClock())
    events = watched(watcher, film(20, red=set(range(5, 12)), part=(0.5, 0.0, 1.0, 1.0)))
    assert [event.state for event in events] == ["started", "ended"]
    assert events[-1].box == (0.5, 0.0, 1.0, 1.0)
    assert watcher.inferences == 60  # the whole frame and two tiles


def test_a_region_is_all_that_is_looked_at(model):
    pack = made(model, threshold=0.5, region=[0, 0, 0.5, 1])
    elsewhere = film(20, red=set(range(5, 12)), part=(0.5, 0.0, 1.0, 1.0))
    assert watched(Watcher(model, pack, clock=RecordedClock()), elsewhere) == []
    there = film(20, red=set(range(5, 12)), part=(0.0, 0.0, 0.5, 1.0))
    assert len(watched(Watcher(model, pack, clock=RecordedClock()), there)) == 2


def test_privacy_gives_no_picture(model):
    watcher = Watcher(model, made(model, threshold=0.5), clock=RecordedClock(), pictures=False)
    events = watched(watcher, film(20, red=set(range(5, 12))))
    assert events and all(event.picture is None for event in events)


def test_a_schedule_is_kept(model):
    pack = made(model, threshold=0.5, schedule="10:00-11:00")
    red = set(range(5, 12))
    assert watched(Watcher(model, pack, clock=RecordedClock(BEGIN)), film(20, red)) == []
    assert watched(Watcher(model, pack, clock=RecordedClock(BEGIN + 3600)), film(20, red))


def test_a_still_scene_costs_almost_nothing_and_alerts_all_the_same(model):
    pack = made(model, threshold=0.5)
    watcher = Watcher(model, pack, gate=ChangeGate(floor_s=10), clock=RecordedClock())
    still = [Frame(float(i), picture(RED if 100 <= i < 130 else GREY, 0)) for i in range(200)]
    events = watched(watcher, still)
    assert watcher.inferences < 30
    assert [event.state for event in events] == ["started", "ended"]
    assert events[-1].duration_s == 29.0


def test_frames_that_were_prepared_ahead_give_the_same(model):
    pack = made(model, threshold=0.5, tiles="2x1")
    shown = list(film(40, red=set(range(5, 15)), part=(0.5, 0.0, 1.0, 1.0)))
    plain, ahead = (
        Watcher(model, pack, gate=ChangeGate(), clock=RecordedClock()) for _ in range(2)
    )
    expected = [event.record() for event in watched(plain, shown)]
    prepared = [ahead.prepare(frame) for frame in shown]  # long before they are looked at
    found = [event.record() for event in watched(ahead, prepared)]
    assert [event["state"] for event in found] == ["started", "ended"]
    for name in ("state", "duration_s", "score", "box"):
        assert [event[name] for event in found] == [event[name] for event in expected]
    assert ahead.inferences == plain.inferences < 3 * 40
    assert {len(each.tensors) for each in prepared} == {0, 3}


def test_a_lost_camera_ends_what_goes_on(model):
    watcher = Watcher(model, made(model, threshold=0.5), clock=RecordedClock())
    watched(watcher, film(10, red=set(range(5, 20))))
    assert [event.state for event in watcher.lost()] == ["ended"]
    assert watcher.lost() == [] and watcher.readings == []


def test_a_clock_that_jumps_moves_names_and_nothing_else(model):
    wall = [1000.0]  # 1970
    now = [50.0]
    clock = Clock(monotonic=lambda: now[0], wall=lambda: wall[0])
    watcher = Watcher(model, made(model, threshold=0.5), clock=clock)
    events = []
    for second in range(20):
        now[0] = 50.0 + second
        wall[0] = (1000.0 if second < 10 else BEGIN) + second  # a time server answers in the middle
        shown = picture(RED if 5 <= second < 15 else GREY, second)
        events += watcher(Frame(now[0], shown))
    started, ended = events
    assert not started.clock_set and started.start.year == 1970
    assert ended.clock_set and ended.start.timestamp() == BEGIN + 5
    assert ended.duration_s == 9.0 and ended.id == started.id


def test_the_first_frame_tells_whether_it_is_a_recording(model, tmp_path):
    before = datetime.now().astimezone()
    watcher = Watcher(model, made(model, threshold=0.5), keep=tmp_path / "door.json")
    shown = [picture(RED if 5 <= i < 15 else GREY, i) for i in range(20)]
    started, ended = watched(watcher, frames(shown))
    assert 5 <= (started.start - before).total_seconds() < 15
    watcher.save()
    watcher.close()
    live = Watcher(model, made(model, threshold=0.5), keep=tmp_path / "door.json")
    now = time.monotonic()
    events = watched(live, [Frame(now + i, shown[i]) for i in range(20)])
    assert abs((events[0].start - datetime.now().astimezone()).total_seconds()) < 15
    assert ended.id == started.id


def test_one_text_is_no_list_of_words(model):
    for rules in ("a cat", Path("cat.toml")):
        with pytest.raises(TypeError, match="a list of words"):
            Watcher(model, rules)


def test_words_are_embedded_with_a_background(model):
    watcher = Watcher(model, ["a cat", "a dog"], clock=RecordedClock())
    watched(watcher, film(2))
    assert [reading.rule for reading in watcher.readings] == ["a cat", "a dog"]


def test_another_model_s_pack_is_refused(model, pack):
    other = PromptPack(
        "other",
        "0" * 64,
        20.0,
        pack.labels,
        (),
        pack.negative_vectors[:0],
        None,
        pack.negative_vectors,
    )
    with pytest.raises(SpaceMismatch, match="other"):
        Watcher(model, other)


def test_a_pack_without_anything_else_to_compare_with_is_refused(model, pack):
    nothing = pack.negative_vectors[:0]
    bare = PromptPack(model.name, model.space, 20.0, pack.labels, (), nothing, None, nothing)
    with pytest.raises(PromptError, match="nothing to compare"):
        Watcher(model, bare)
