"""A picture that is opened: what is shown of it while it comes, when it does not, and around it."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.serve.page.browsing import (
    answered,
    focused,
    keys_of,
    opened,
    searched,
    shows,
    until,
)

BUSY = {"status": 503, "title": "Service Unavailable", "detail": "too much waits. Try again."}


def test_back_closes_it(page):
    opened(page)
    first, second = (keys_of(searched(page, words)) for words in ("a cat", "a dog"))
    shows(page, second)
    page.get_by_role("button", name=f"Open {second[1]}").click()
    expect(page.get_by_role("dialog", name=second[1])).to_be_visible()
    page.go_back()
    expect(page.get_by_role("dialog")).to_have_count(0)
    shows(page, first)
    assert focused(page) != "nothing"


def test_one_that_is_opened_as_soon_as_another_is_closed_stays(page):
    opened(page)
    page.locator(".grid .picture").first.click()
    expect(page.get_by_role("dialog")).to_be_visible()
    # In one moment: a browser tells afterwards that something was closed.
    again = "document.querySelector('.grid .picture').click()"
    page.evaluate(f"document.querySelector('dialog').close(); {again}")
    page.wait_for_timeout(300)
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Escape")
    expect(page.locator("dialog.item")).to_have_count(0)


def test_it_is_the_same_one_when_the_list_changes(page, api):
    """The index grows while a picture is open: it stays that picture, wherever it is now."""
    listed = api.get("/items", params={"count": 24}).json()
    fewer = {**listed, "items": listed["items"][3:]}
    model = api.get("/model").json()
    answered(page, "**/model", model, {**model, "items": model["items"] + 1})
    answered(page, "**/items?*", fewer, listed)
    page.clock.install()
    opened(page)
    key = fewer["items"][1]["key"]
    page.get_by_role("button", name=f"Open {key}").click()
    expect(page.locator(".grid li")).to_have_count(6)
    page.clock.fast_forward(11_000)
    expect(page.locator(".grid li")).to_have_count(9)
    expect(page.get_by_role("dialog", name=key)).to_be_visible()


def test_the_picture_before_is_not_shown_under_another_name(page):
    opened(page)
    keys = keys_of(searched(page, "a cat"))
    shows(page, keys)
    page.get_by_role("button", name=f"Open {keys[0]}").click()
    until(page, "document.querySelector('dialog img').naturalWidth > 256")
    held = []
    page.route("**/thumbnail?size=1024", lambda route: held.append(route))
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("dialog", name=keys[1])).to_be_visible()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("Loading …")).to_be_visible()
    assert page.evaluate("document.querySelector('dialog img').naturalWidth") == 0
    while not held:
        page.wait_for_timeout(20)
    held[0].continue_()
    until(page, "document.querySelector('dialog img').naturalWidth > 256")
    expect(dialog.get_by_text("Loading …")).to_have_count(0)


def test_a_small_picture_that_does_not_come_at_once(page):
    tries = []

    def busy_once(route):
        tries.append(route.request.url)
        if tries.count(route.request.url) == 1:
            route.fulfill(status=503, json=BUSY)
        else:
            route.continue_()

    page.route("**/thumbnail?size=256", busy_once)
    opened(page)
    expect(page.locator(".grid li")).to_have_count(9)
    until(
        page,
        "[...document.querySelectorAll('.grid li')]"
        ".every((each) => each.querySelector('img')?.naturalWidth > 0)",
    )
    assert page.get_by_text("no picture").count() == 0


def test_a_picture_that_was_gone_with_the_service(page):
    page.route("**/thumbnail?size=1024", lambda route: route.abort())
    page.route("**/health", lambda route: route.abort())
    opened(page)
    page.get_by_role("button", name="Open coffee.png").click()
    gone = page.get_by_text("The service is gone")
    expect(gone).to_be_visible()
    page.unroute("**/thumbnail?size=1024")
    page.unroute("**/health")
    expect(gone).to_have_count(0)
    until(page, "document.querySelector('dialog img')?.naturalWidth > 256")


def test_what_a_list_did_not_bring_is_asked_for(page, api):
    opened(page, "duplicates")
    page.get_by_role("button", name="Open coffee.png").first.click()
    width = api.get("/items/coffee.png").json()["metadata"]["width"]
    dialog = page.get_by_role("dialog")
    told = dialog.locator("dt").get_by_text("width", exact=True).locator("+ dd")
    expect(told).to_have_text(f"{width}")
    page.keyboard.press("ArrowRight")
    expect(dialog.locator("h2")).not_to_have_text("coffee.png")
    name = dialog.locator("h2").inner_text()
    width = api.get(f"/items/{name}").json()["metadata"]["width"]
    expect(told).to_have_text(f"{width}")


def test_the_file_itself_is_shown_in_the_same_window(page, api):
    opened(page)
    page.get_by_role("button", name="Open astronaut.png").click()
    dialog = page.get_by_role("dialog")
    button = dialog.get_by_role("button", name="Full size")
    expect(button).not_to_have_attribute("aria-disabled", "true")
    button.click()
    until(page, "document.querySelector('.whole img')?.naturalWidth === 512")
    expect(button).to_have_attribute("aria-pressed", "true")
    assert len(page.context.pages) == 1 and dialog.get_by_role("link").count() == 0
    button.click()
    expect(dialog.locator(".whole")).to_have_count(0)


def test_a_file_that_the_browser_does_not_know(page):
    page.route("**/picture", lambda route: route.fulfill(body="ftypheic"))
    opened(page)
    page.get_by_role("button", name="Open coins.png").click()
    page.get_by_role("dialog").get_by_role("button", name="Full size").click()
    expect(page.get_by_text("This browser cannot show the file itself")).to_be_visible()
    until(page, "document.querySelector('.large img').naturalWidth > 256")


@pytest.mark.parametrize("view", ["", "groups"])
def test_an_item_without_a_file(open_page, many, view):
    page = open_page(many)
    opened(page, view)
    page.locator(".grid .picture").first.click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("no picture")).to_be_visible()
    expect(dialog.get_by_role("button", name="Full size")).to_have_count(0)
    expect(dialog.get_by_role("link")).to_have_count(0)
    assert focused(page) != "nothing"
