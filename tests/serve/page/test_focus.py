"""Where the focus goes when what had it is gone, and what a screen reader is told."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.serve.page.browsing import (
    answered,
    chips,
    focused,
    give,
    keys_of,
    opened,
    searched,
    shows,
    until,
)

SETTLED = "!document.querySelector('[aria-busy]') && document.activeElement !== document.body"
PROBLEM = {"status": 503, "title": "Service Unavailable", "detail": "too much waits. Try again."}


def press(page, button):
    """Press a button as a keyboard does, and wait until what comes of it is shown."""
    button.focus()
    page.keyboard.press("Enter")
    page.wait_for_load_state("networkidle")
    until(page, SETTLED)


def test_more_like_a_picture_of_the_dialog(page):
    opened(page)
    searched(page, "a cat")
    press(page, page.get_by_role("button", name="Open coffee.png"))
    press(page, page.get_by_role("dialog").get_by_role("button", name="More like this"))
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(chips(page)).to_contain_text("coffee.png")
    assert focused(page) == "What is found"


def test_a_picture_that_is_added_and_removed(page):
    opened(page)
    searched(page, "a cat")
    for name in ("coffee.png", "coins.png"):
        press(page, page.get_by_role("button", name=f"Open {name}"))
        press(page, page.get_by_role("button", name="Add to the search"))
        assert focused(page) == "What is found"
    expect(chips(page)).to_have_count(2)
    press(page, page.get_by_role("button", name="Remove coffee.png"))
    assert focused(page) == "Remove coins.png"
    page.keyboard.press("Enter")
    expect(page.get_by_role("searchbox")).to_be_focused()


def test_filters_that_are_taken_back(page):
    opened(page)
    page.get_by_label("From").fill("2020-01-01")
    press(page, page.get_by_role("button", name="No filters"))
    expect(page.get_by_label("From")).to_be_focused()


def test_what_the_coach_advises(page):
    opened(page)
    page.get_by_role("searchbox").fill("a cat without a dog")
    press(page, page.locator("#hint button"))
    expect(page.locator("#hint button")).to_have_count(0)
    assert focused(page) == "What is found"


@pytest.mark.parametrize("view", ["search", "groups"])
def test_trying_again(page, view):
    path = {"search": "**/search", "groups": "**/groups"}[view]
    answered(page, path, PROBLEM, status=503)
    opened(page, f"{view}?q=a+cat")
    button = page.get_by_role("button", name="Try again")
    expect(page.get_by_role("alert")).to_contain_text("Too much waits.")
    page.unroute(path)
    press(page, button)
    expect(page.locator(".grid li").first).to_be_visible()
    assert focused(page) == {"search": "What is found", "groups": "main"}[view]


def test_more_like_a_duplicate(page):
    opened(page, "duplicates")
    press(page, page.get_by_role("button", name="More like this: coffee.png"))
    expect(chips(page)).to_contain_text("coffee.png")
    assert focused(page) == "main"


def test_more_pictures_than_are_shown(page):
    opened(page, "search?count=4&q=a+cat")
    expect(page.locator(".grid li")).to_have_count(4)
    press(page, page.get_by_role("button", name="Show more than 4"))
    expect(page.locator(".grid li")).to_have_count(8)
    expect(page.locator(".grid .picture").nth(4)).to_be_focused()


def test_steps_to_the_ends(page):
    opened(page)
    keys = keys_of(searched(page, "a cat"))
    shows(page, keys)
    press(page, page.get_by_role("button", name=f"Open {keys[-2]}"))
    dialog = page.get_by_role("dialog")
    step = dialog.get_by_role("button", name="Next")
    step.focus()
    page.keyboard.press("Enter")
    expect(dialog.locator("h2")).to_have_text(keys[-1])
    expect(step).to_be_focused()
    expect(step).to_have_attribute("aria-disabled", "true")
    page.keyboard.press("Enter")
    expect(dialog.locator("h2")).to_have_text(keys[-1])
    expect(dialog.get_by_role("status").first).to_have_text(f"{keys[-1]}, 9 of 9")
    page.keyboard.press("ArrowLeft")
    expect(dialog.get_by_role("status").first).to_have_text(f"{keys[-2]}, 8 of 9")
    page.evaluate("document.activeElement.blur()")  # as a click on the paper does
    page.keyboard.press("ArrowLeft")
    expect(dialog.locator("h2")).to_have_text(keys[-3])
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name=f"Open {keys[-2]}")).to_be_focused()


def test_no_good_match_is_told_first_where_it_is_heard(page, api):
    """A live region that comes with its text is often not read: it is there before."""
    words = ["a cat", "a dog", "big king", "big king size", "snow"]
    told = {each: api.post("/search", json={"query": each}).json() for each in words}
    bad = next(each for each in words if told[each]["good_match"] is False)
    opened(page)
    region = page.get_by_role("region", name="What is found").get_by_role("status").first
    expect(region).to_contain_text("nothing is asked yet")
    page.evaluate("document.querySelector('.plain [role=status]').isTheSame = true")
    searched(page, bad)
    expect(region).to_contain_text("No good match.")
    assert region.inner_text().startswith("No good match.")
    assert page.evaluate("document.querySelector('.plain [role=status]').isTheSame")


def test_a_view_that_is_left_with_the_focus_in_it(page, album):
    opened(page, "groups")
    page.get_by_role("button", name="Show all").first.focus()
    give(page, album / "coffee.png")
    expect(chips(page)).to_have_count(1)
    until(page, SETTLED)
    assert focused(page) == "main"
