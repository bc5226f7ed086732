"""Who may come in, and a service that goes away."""

from __future__ import annotations

import signal
import time

import pytest
from playwright.sync_api import expect

from edgeclip.serve.doors import Doors, cookie_of
from edgeclip.serve.problems import Refused
from tests.serve.page.browsing import focused, opened, searched, shows
from tests.serve.serving import Serving, serving

TOKEN = "0123456789abcdef-right"


@pytest.fixture
def locked(tmp_path, shown, tiny_model):
    """A service that wants a token; without an index."""
    arguments = ("--model", str(tiny_model))
    with serving(tmp_path, *arguments, EDGECLIP_TOKEN=TOKEN) as running:
        yield running


def test_a_wrong_token_then_the_right_one(open_page, locked):
    page = open_page(locked)
    page.goto("/")
    dialog = page.get_by_role("dialog", name="This service wants its token")
    expect(dialog).to_be_visible()
    dialog.get_by_role("textbox", name="Token").fill("wrong")
    page.keyboard.press("Enter")
    expect(dialog.get_by_role("alert")).to_contain_text("not the token")
    dialog.get_by_role("textbox", name="Token").fill(TOKEN)
    page.keyboard.press("Enter")
    expect(dialog).to_have_count(0)
    expect(page.get_by_text("This service has no index")).to_be_visible()
    assert TOKEN not in page.evaluate("document.cookie + JSON.stringify(localStorage)")
    page.reload()
    expect(page.get_by_text("This service has no index")).to_be_visible()
    page.get_by_role("link", name="Camera").click()
    expect(page.get_by_text("No camera is watched")).to_be_visible()
    page.get_by_role("button", name="Forget the token").click()
    expect(dialog).to_be_visible()
    for _ in range(3):  # a browser lets the page prevent only the first of two
        page.keyboard.press("Escape")
        page.wait_for_timeout(100)
        expect(dialog).to_be_visible()
    dialog.get_by_role("textbox", name="Token").fill("wrong")
    dialog.get_by_role("button", name="Enter").click()
    expect(dialog.get_by_role("alert")).to_contain_text("not the token")
    expect(dialog.get_by_role("textbox", name="Token")).to_be_focused()
    dialog.get_by_role("textbox", name="Token").fill(TOKEN)
    page.keyboard.press("Enter")
    expect(dialog).to_have_count(0)
    assert focused(page) == "main"


def test_the_service_goes_and_comes_back(open_page, tmp_path, shown, api):
    index = shown.process.args[shown.process.args.index("--index") + 1]
    arguments = ("--jobs", str(tmp_path / "jobs"), "--index", index)
    first = Serving(list(arguments), {})
    page = open_page(first)
    opened(page)
    before = searched(page, "a cat")
    first.stop(signal.SIGKILL)
    first.process.stderr.close()
    page.get_by_role("searchbox").fill("a dog")
    page.keyboard.press("Enter")
    gone = page.get_by_text("The service is gone")
    expect(gone).to_be_visible()
    shows(page, [match["key"] for match in before["matches"]])
    page.evaluate("window.isTheSame = true")
    with serving(tmp_path, *arguments[2:], "--port", str(first.port)):
        expect(gone).to_have_count(0)
        told = api.post("/search", json={"query": "a dog"}).json()
        shows(page, [match["key"] for match in told["matches"]])
        assert page.evaluate("window.isTheSame")


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("kiosk:8000", "edgeclip_session_8000"),
        ("[::1]:8001", "edgeclip_session_8001"),
        ("kiosk", "edgeclip_session"),
    ],
)
def test_each_service_of_a_board_has_a_cookie_of_its_own(host, name):
    """A browser sends the cookies of a name to all of its ports."""
    doors = Doors(TOKEN, ["kiosk"])
    session = doors.session(TOKEN)
    assert cookie_of(host) == name
    others = f'edgeclip_session_9=other; odd={{"a":1}}; {name}={session}; {name}x=1'
    doors.check("/model", {"host": [host], "cookie": [others]})
    for wrong in (f"{name}=other", f"x{name}={session}", f"edgeclip_session_9={session}", ""):
        with pytest.raises(Refused, match="wants its token"):
            doors.check("/model", {"host": [host], "cookie": [wrong]})


def test_who_is_let_in_stays_in_beside_another_service(open_page, locked, tmp_path, tiny_model):
    arguments = ("--model", str(tiny_model))
    with serving(tmp_path / "other", *arguments, EDGECLIP_TOKEN=TOKEN[::-1]) as other:
        page = open_page(locked)
        second = page.context.new_page()
        for window, service, token in ((page, locked, TOKEN), (second, other, TOKEN[::-1])):
            window.goto(service.url)
            window.get_by_role("textbox", name="Token").fill(token)
            window.keyboard.press("Enter")
            expect(window.get_by_text("This service has no index")).to_be_visible()
        page.reload()
        expect(page.get_by_text("This service has no index")).to_be_visible()
        kept = {each["name"]: each for each in page.context.cookies()}
        assert set(kept) == {f"edgeclip_session_{each.port}" for each in (locked, other)}
        for each in kept.values():
            assert each["httpOnly"] and each["sameSite"] == "Strict"
            assert each["expires"] > time.time() + 300 * 24 * 3600
