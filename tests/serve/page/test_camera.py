"""The live view of a camera: a real stream, watched by a real service."""

from __future__ import annotations

import contextlib
import json
import re

import pytest
from playwright.sync_api import Error, expect

from tests.serve.page.browsing import COUNTED, answered, faults, until
from tests.serve.serving import serving
from tests.watch import servers

RULES = """
[[rule]]
name = "blue"
prompts = ["a blue picture"]
negatives = ["a red picture"]
threshold = 0.001
min_duration = 0.2
cooldown = 0

[[rule]]
name = "never"
prompts = ["a blue picture"]
negatives = ["a red picture"]
threshold = 0.999999

[[rule]]
name = "person"
"""


def test_the_camera_live(open_page, tmp_path, tiny_model):
    (tmp_path / "rules.toml").write_text(RULES)
    arguments = ("--model", str(tiny_model), "--rules", str(tmp_path / "rules.toml"))
    with contextlib.ExitStack() as stack:
        camera = contextlib.ExitStack()
        address = camera.enter_context(servers.serving("mjpeg"))
        stack.callback(camera.close)
        served = stack.enter_context(
            serving(tmp_path, *arguments, "--camera", address, "--fps", "5")
        )
        page = open_page(served)
        page.goto("/#/camera")
        picture = page.get_by_role("img", name="What the camera")
        expect(picture).to_be_visible()
        first = picture.get_attribute("src")
        expect(picture).not_to_have_attribute("src", first)
        until(page, "document.querySelector('.frame img')?.naturalWidth > 0")
        above = page.get_by_role("meter", name="blue")
        expect(above).to_have_attribute(
            "aria-valuetext", re.compile(r"^-?\d+\.\d\d, above -6\.91$")
        )
        expect(page.get_by_role("meter", name="never")).to_have_attribute(
            "aria-valuetext", re.compile(r", below 13\.8")
        )
        expect(page.get_by_role("progressbar", name="Learning person")).to_be_visible()
        expect(page.get_by_text(re.compile(r"learning \d+ %"))).to_be_visible()
        events = page.locator(".timeline li")
        event = events.first
        expect(event).to_contain_text(re.compile(r"blue\s*now, score"))
        count = events.count()  # a busy machine loses the camera for a moment
        assert faults(page) == []
        camera.close()
        expect(page.get_by_text("The camera is lost")).to_be_visible()
        expect(event).to_contain_text(re.compile(r"for \d+ s, score"))
        expect(events).to_have_count(count)
        page.reload()
        expect(event).to_contain_text("blue")
        served.process.kill()
        expect(page.get_by_text("The service is gone")).to_be_visible()
        expect(event).to_contain_text("blue")


@pytest.fixture
def unreachable(tmp_path, tiny_model):
    """A service whose camera was never reached, with 80 events in its log; one has no end."""
    (tmp_path / "rules.toml").write_text(RULES)
    log = tmp_path / "events.jsonl"
    event = {
        **{"camera": "door", "rule": "blue", "state": "ended", "duration_s": 5.0, "score": 2.5},
        **{"threshold": 1.0, "box": None, "clock_set": True, "end": None, "peak": None},
    }
    events = [
        {**event, "id": f"{number}", "start": f"2026-05-01T10:{number:02}:00.000+00:00"}
        for number in range(59)
    ] * 2
    events = [{**each, "id": f"{number}"} for number, each in enumerate(events[:79])]
    last = {**event, "id": "last", "state": "started", "start": "2026-05-02T10:00:00.000+00:00"}
    odd = [
        {"rule": "blue", "id": "x"},
        {**event, "id": 1, "start": 5},
        {**event, "id": "y", "score": {"toFixed": 1}},
        {**event, "id": "z", "box": [float("nan")]},
        [],
    ]
    lines = [json.dumps(each) for each in [*odd, *events, last]]
    log.write_text("\n".join([*lines, "[" * 5000, '{"torn']))
    rules = ("--rules", str(tmp_path / "rules.toml"), "--log", str(log))
    camera = ("--camera", "http://127.0.0.1:9/none")
    with serving(tmp_path, "--model", str(tiny_model), *rules, *camera) as running:
        yield running


def test_a_camera_that_was_never_reached(open_page, unreachable):
    page = open_page(unreachable)
    page.goto("/#/camera")
    events = page.locator(".timeline li")
    expect(events).to_have_count(80)
    expect(events.first).to_contain_text("end not known")
    expect(events.nth(1)).to_contain_text("for 5 s")
    expect(page.locator(".meters li")).to_have_count(3)
    for name in ("blue", "never", "person"):
        rule = page.locator(".meters li").filter(has_text=name)
        expect(rule).to_contain_text("no frame yet")
    expect(page.get_by_role("list", name="Events")).to_have_css("overflow-y", "auto")
    assert faults(page) == []


def test_the_events_are_on_their_way(open_page, unreachable):
    page = open_page(unreachable)
    held = []
    page.route("**/timeline?*", lambda route: held.append(route))
    page.goto("/#/camera")
    expect(page.get_by_role("heading", name="Events")).to_be_visible()
    expect(page.get_by_text("Loading …")).to_be_visible()
    expect(page.get_by_text("Nothing has happened yet.")).to_have_count(0)
    page.unroute("**/timeline?*")  # which lets it go
    expect(page.locator(".timeline li")).to_have_count(80)


def breaking(page):
    """Let the first stream break off at once; returns the streams, which grow."""
    streams = []

    def stream(route):
        streams.append(route)
        if len(streams) > 1:
            route.continue_()
        else:
            text = 'event: state\ndata: {"camera": "door", "state": "open", "reason": ""}\n\n'
            route.fulfill(content_type="text/event-stream", body=text)

    page.route("**/events", stream)
    return streams


def test_a_stream_that_broke_off(open_page, unreachable):
    """What ended between two streams has ended."""
    with unreachable.client() as client:
        timeline = client.get("/timeline").json()
    ended = {**timeline["events"][0], "state": "ended", "duration_s": 7.0}
    page = open_page(unreachable)
    streams = breaking(page)

    def since(route):
        told = timeline if len(streams) < 2 else {"events": [ended, *timeline["events"][1:]]}
        route.fulfill(json=told)

    page.route("**/timeline?*", since)
    page.goto("/#/camera")
    expect(page.locator(".timeline li").first).to_contain_text("for 7 s")


def test_an_old_answer_does_not_hide_how_the_camera_is(open_page, unreachable):
    page = open_page(unreachable)
    breaking(page)
    held = []
    old = {"camera": "door", "state": "frozen", "reason": "", "rules": []}

    def slow(route):
        held.append(route)
        if len(held) == 1:
            route.fulfill(json=old)

    page.route("**/camera", slow)
    page.goto("/#/camera")
    now = page.get_by_text(re.compile("The camera is (lost|being opened)"))
    expect(now).to_be_visible()
    assert len(held) > 1
    for route in held[1:]:
        with contextlib.suppress(Error):  # nobody waits for it any more
            route.fulfill(json=old)
    page.wait_for_timeout(500)
    expect(now).to_be_visible()


def test_who_is_gone_is_asked_by_one_only(open_page, unreachable):
    page = open_page(unreachable)
    page.goto("/#/camera")
    expect(page.locator(".timeline li")).to_have_count(80)
    unreachable.process.kill()
    expect(page.get_by_text("The service is gone")).to_be_visible()
    asked = []
    page.on("request", lambda request: asked.append(request.url.rpartition("/")[2]))
    page.wait_for_timeout(2500)
    others = [each for each in asked if each != "health"]
    assert asked.count("health") in range(1, 5) and len(others) <= 1  # what was on its way


def test_a_frame_that_comes_too_late_is_given_back(open_page, shown):
    page = open_page(shown)
    page.add_init_script(COUNTED)
    look = {"camera": "door", "state": "open", "reason": "", "rules": []}
    answered(page, "**/camera", look)
    answered(page, "**/timeline?*", {"events": []})
    frames = []
    page.route("**/camera/frame", lambda route: frames.append(route))
    page.goto("/#/camera")
    while not frames:
        page.wait_for_timeout(20)
    page.get_by_role("link", name="Groups").click()
    expect(page.locator(".grid li").first).to_be_visible()
    frames[0].fulfill(content_type="image/svg+xml", body="<svg/>")
    page.wait_for_timeout(300)
    assert page.evaluate("made === revoked")
