"""A camera that is watched while the service serves."""

from __future__ import annotations

import json
import time

import numpy as np
import pytest
from PIL import Image

from edgeclip.model.images import read
from tests.patience import PATIENCE_S, PROMPT_S, until
from tests.serve.serving import serving
from tests.watch import servers

RULES = """
[[rule]]
name = "blue"
prompts = ["a blue picture"]
negatives = ["a red picture"]
threshold = 0.001
min_duration = 1
"""

SHOWN = ("id", "rule", "state", "start", "duration_s", "score", "threshold", "clock_set")


@pytest.fixture
def film(tmp_path):
    """A folder of 20 frames, a second each."""
    folder = tmp_path / "film"
    folder.mkdir()
    noise = np.random.default_rng(0)
    for number in range(20):
        frame = noise.integers(0, 256, (48, 64, 3), np.uint8)
        Image.fromarray(frame).save(folder / f"{number:02}.png")
    (tmp_path / "rules.toml").write_text(RULES)
    return folder


def messages(stream):
    """Yield kind and data of server-sent events."""
    kind = None
    for line in stream.iter_lines():
        if line.startswith("event: "):
            kind = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield kind, json.loads(line.removeprefix("data: "))


def wait_for(ask, found):
    def answer():
        last[:] = [ask()]
        return last[0] if found(last[0]) else None

    last = []
    return until(answer, lambda: last[0].text, pause_s=0.05)


def test_what_the_camera_sees(tmp_path, film, tiny_model):
    log = tmp_path / "events.jsonl"
    asked = ("--camera", str(film), "--rules", str(tmp_path / "rules.toml"), "--log", str(log))
    model = ("--model", str(tiny_model))
    with serving(tmp_path, *model, *asked) as served, served.client() as client:
        wait_for(lambda: client.get("/camera"), lambda told: told.json()["state"] == "ended")
        told = client.get("/camera").json()
        (rule,) = told["rules"]
        assert rule["rule"] == "blue" and rule["threshold"] < -6 and rule["learnt"] == 1
        shown = client.get("/camera/frame")
        assert shown.headers["content-type"] == "image/jpeg"
        assert read(shown.content).size == (64, 48)
        events = client.get("/timeline").json()["events"]
        assert [event["state"] for event in events] == ["ended", "started"]  # newest first
        assert client.get("/timeline", params={"count": 1}).json()["events"] == events[:1]
        written = [json.loads(line) for line in log.read_text().splitlines()]
        assert written == events[::-1]
    # What happened before is still told after a restart.
    (film / "rest").mkdir()
    for path in film.glob("*.png"):
        path.rename(film / "rest" / path.name)
    Image.new("RGB", (64, 48)).save(film / "last.png")
    log.write_text(log.read_text() + '{"torn')
    with serving(tmp_path, *model, *asked) as served, served.client() as client:
        told = client.get("/timeline", params={"count": 1000}).json()["events"]
        assert told[-2:] == events


def test_who_looks_on(tmp_path, tiny_model):
    """What happens is told as it happens; who looks on does not hold up the end."""
    rules = tmp_path / "rules.toml"
    rules.write_text(RULES)
    with (
        servers.serving("mjpeg") as address,
        serving(
            tmp_path,
            *("--model", str(tiny_model), "--camera", address, "--rules", str(rules)),
            *("--fps", "10"),
        ) as served,
        served.client() as client,
        client.stream("GET", "/events") as stream,
    ):
        assert stream.headers["content-type"].startswith("text/event-stream")
        found = messages(stream)
        kind, told = next(found)
        assert kind == "state" and set(told) == {"camera", "state", "reason"}
        readings, events = [], []
        while not events:
            kind, told = next(found)
            if kind == "reading":
                readings.append(told)
            elif kind == "event":
                events.append(told)
        assert readings[0]["rules"][0]["rule"] == "blue" and readings[0]["time"]
        assert events[0]["state"] == "started"
        begun = time.monotonic()
        served.process.terminate()
        assert all(kind in ("reading", "event", "state") for kind, _ in found)
        assert served.process.wait(PATIENCE_S) == 143 and time.monotonic() - begun < PROMPT_S


def test_a_camera_that_is_not_reached_has_its_rules(tmp_path, tiny_model):
    """And a log is read whatever stands in it: what has no end there is not going on."""
    (tmp_path / "rules.toml").write_text(RULES)
    event = {
        **{"id": "1", "camera": "door", "rule": "blue", "state": "started", "duration_s": 0.0},
        **{"start": "2026-05-01T10:00:00.000+00:00", "score": 2.5, "threshold": 1, "box": None},
        "clock_set": True,
    }
    over = [{**event, "id": "0"}, {**event, "id": "0", "state": "ended"}]
    odd = [
        *({name: value for name, value in event.items() if name != lacking} for lacking in SHOWN),
        *({**event, name: [1]} for name in SHOWN),
        {**event, "start": "yesterday"},
        {**event, "score": float("nan")},
        {**event, "box": [float("inf")]},
        {**event, "score": True},
    ]
    lines = [json.dumps(each) for each in [*odd, *over, event]]
    log = tmp_path / "events.jsonl"
    log.write_text("\n".join([*lines, "[" * 100_000, "5", "", '{"torn']))
    rules = ("--rules", str(tmp_path / "rules.toml"), "--log", str(log))
    camera = ("--camera", "http://127.0.0.1:9/none")
    with (
        serving(tmp_path, "--model", str(tiny_model), *rules, *camera) as served,
        served.client() as client,
    ):
        (rule,) = client.get("/camera").json()["rules"]
        assert rule["rule"] == "blue" and rule["score"] is None and rule["threshold"] < -6
        told = client.get("/timeline").json()["events"]
        assert told == [{**event, "state": "unknown"}, *over[::-1]]
        until = time.monotonic() + 30
        while not any("is lost" in line for line in served.said):
            assert time.monotonic() < until, served.said
            time.sleep(0.05)
        assert "edgeclip_camera_open 0.0" in client.get("/metrics").text


def test_no_camera(client):
    for path in ("/camera", "/camera/frame", "/timeline", "/events"):
        answer = client.get(path)
        assert answer.status_code == 404 and "--camera" in answer.json()["detail"]


def test_browsing(client):
    told = client.get("/folders").json()["folders"]
    assert {each["folder"]: each["count"] for each in told} == {"": 3, "more": 1}
    told = client.get("/groups").json()
    keys = {key for group in told["groups"] for key in group["keys"]}
    assert len(keys) == 4 and told["threshold"] == 0.82
    assert client.get("/duplicates").json() == {"groups": [], "total": 0}
