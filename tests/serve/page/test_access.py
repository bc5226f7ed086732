"""Keyboard, screen readers, narrow and dark screens."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.serve.page.browsing import faults, give, opened, searched, shows, until

VIEWS = ["search", "duplicates", "groups", "camera"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_serious_fault(open_page, shown, album, scheme):
    page = open_page(shown, color_scheme=scheme)
    for view in VIEWS:
        opened(page, view)
        page.wait_for_load_state("networkidle")
        assert faults(page) == [], view
    opened(page)
    searched(page, "three cats without a dog")
    give(page, album / "coffee.png")
    expect(page.locator("#hint")).to_contain_text("CLIP")
    expect(page.locator(".grid li")).to_have_count(9)
    until(page, "!document.querySelector('[aria-busy]')")
    page.wait_for_timeout(400)  # what fades in has other colours meanwhile
    assert faults(page) == []
    page.get_by_role("button", name="Open coffee.png").click()
    assert faults(page) == []


def test_dark_and_light_are_what_the_system_says(open_page, shown):
    papers = []
    for scheme in ("light", "dark"):
        page = open_page(shown, color_scheme=scheme)
        opened(page)
        papers.append(page.evaluate("getComputedStyle(document.body).backgroundColor"))
    light, dark = ([int(part) for part in each[4:-1].split(",")] for each in papers)
    assert min(light) > 200 and max(dark) < 60


@pytest.mark.parametrize("size", [(320, 640), (1920, 1080)])
def test_nothing_stands_out_at_the_side(open_page, shown, album, size):
    page = open_page(shown, size=size)

    def fits():
        page.wait_for_load_state("networkidle")
        wide = "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
        content, window = page.evaluate(wide)
        assert content <= window

    for view in VIEWS:
        opened(page, view)
        fits()
    opened(page)
    searched(page, "three cats without a dog")
    give(page, album / "coffee.png")
    fits()
    page.get_by_role("button", name="Open coffee.png").click()
    fits()
    box = page.get_by_role("dialog").bounding_box()
    assert box["x"] >= 0 and box["x"] + box["width"] <= size[0]


def test_what_is_found_is_in_sight_on_a_phone(open_page, shown):
    page = open_page(shown, size=(360, 640), has_touch=True, is_mobile=True)
    opened(page)
    first = page.locator(".grid .picture").first
    expect(first).to_be_visible()
    assert first.bounding_box()["y"] < 460
    page.get_by_role("searchbox").fill("three cats left of a dog")
    expect(page.locator("#hint")).to_contain_text("CLIP")
    page.get_by_role("button", name="Search", exact=True).tap()
    expect(page.get_by_text("the nearest first")).to_be_visible()
    until(page, "!document.querySelector('[aria-busy]')")
    assert 0 <= first.bounding_box()["y"] < 320
    expect(page.get_by_label("From")).to_be_hidden()
    page.get_by_text("Filters").tap()
    page.get_by_label("From").fill("2020-05-02")
    expect(page.get_by_text("Filters (1 set)")).to_be_visible()
    assert faults(page) == []


def test_with_the_keyboard_alone(page, api):
    opened(page)
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to the content")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.keyboard.type("a cat")
    page.keyboard.press("Enter")
    told = api.post("/search", json={"query": "a cat"}).json()
    keys = [match["key"] for match in told["matches"]]
    shows(page, keys)
    reached = []
    for _ in range(40):
        page.keyboard.press("Tab")
        name = page.evaluate(
            "document.activeElement.ariaLabel || document.activeElement.closest('label, button')"
            "?.innerText.trim() || ''"
        )
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        chosen = page.evaluate("document.activeElement.type === 'file'")
        assert outline != "none" or chosen, f"nothing shows that {name} has the focus"
        reached.append(name)
        if name == f"More like this: {keys[0]}":
            break
    for part in ("Search", "Add a picture", "From", "To", f"Open {keys[0]}"):
        assert any(name.startswith(part) for name in reached), (part, reached)
    page.keyboard.press("Enter")
    similar = api.get(f"/items/{keys[0]}/similar").json()["matches"]
    shows(page, [match["key"] for match in similar])
    # The focus is at what was found: the next Tab is the first picture.
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name=f"Open {similar[0]['key']}")).to_be_focused()
